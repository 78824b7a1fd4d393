"""Pictures of any size: tiles, fields of view, ensembles, and noise and scores of bands."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import skimage.metrics
from hypothesis import given
from hypothesis import strategies as st

from denoiser import models, scores, tiles
from denoiser.band_noise import noisy_rows
from denoiser.band_scores import BandScores
from denoiser.ensemble import ensemble, predictor
from denoiser.field_of_view import field_of_view
from denoiser.picture_denoiser import picture_denoiser
from denoiser.tiles import Float32, Shape

RNG = np.random.default_rng(0)
SIZES = st.integers(1, 70)


def ignore(pixels: int) -> None:
    """A progress bar that nobody watches."""


def picture(*shape: int) -> Float32:
    return RNG.random(shape, np.float32)


def join(bands: Iterator[Float32]) -> Float32:
    return np.concatenate(list(bands))


def blend(image: Float32, network: tiles.Network, side: int) -> Float32:
    """The image denoised by `tiles.blend`."""
    shape: Shape = image.shape
    return join(tiles.blend(lambda first, stop: image[first:stop], shape, network, side, ignore))


def denoise(model: keras.Model, image: Float32, average: bool = False) -> Float32:
    """The image denoised by `picture_denoiser`."""
    shape: Shape = image.shape
    bands = picture_denoiser(model, average)(lambda first, stop: image[first:stop], shape, ignore)
    return join(bands)


# Tiles of a fixed size


@given(SIZES, SIZES, st.integers(1, 12), st.sampled_from([1, 3]))
def test_tiles_of_an_identity_network_give_the_picture(
    height: int, width: int, side: int, channels: int
) -> None:
    image = picture(height, width, channels)
    np.testing.assert_allclose(blend(image, lambda images: images, side), image, atol=1e-6)


def test_a_single_tile_is_the_output_of_the_network() -> None:
    image = picture(8, 8, 1)
    denoised = blend(image, lambda images: images[:, ::-1] / np.float32(2), 8)
    np.testing.assert_allclose(denoised, image[::-1] / 2, atol=1e-7)


@pytest.mark.parametrize("shape", [(16, 160, 1), (160, 16, 1)])
def test_tiles_show_no_seams(shape: Shape) -> None:
    """Black and white tiles alternate; the denoised picture changes gradually."""
    count = iter(range(1000))

    def network(images: Float32) -> Float32:
        values = np.array([next(count) % 2 for _ in images], np.float32)
        return np.ones_like(images) * values[:, None, None, None]

    denoised = blend(np.zeros(shape, np.float32), network, 16)
    assert denoised.min() == 0
    assert denoised.max() > 0.8
    for axis in (0, 1):
        assert np.abs(np.diff(denoised, axis=axis)).max(initial=0) < 0.2


def test_a_picture_smaller_than_a_tile_is_mirrored() -> None:
    inputs: list[Float32] = []

    def network(images: Float32) -> Float32:
        inputs.append(images)
        return images

    image = np.array([[[0.25], [0.5], [0.75]]], np.float32)
    np.testing.assert_allclose(blend(image, network, 4), image, atol=1e-7)
    np.testing.assert_array_equal(inputs[0][0, :, :, 0] * 4, [[1, 2, 3, 3]] * 4)


def test_a_tall_picture_is_read_in_bands_and_its_progress_adds_up() -> None:
    shape, heights, done = (3000, 2, 1), list[int](), list[int]()

    def rows(first: int, stop: int) -> Float32:
        heights.append(stop - first)
        return np.zeros((stop - first, 2, 1), np.float32)

    for bands in (
        tiles.blend(rows, shape, lambda images: images, 28, done.append),
        tiles.convolve(rows, shape, lambda images: images, 4, 6, done.append),
    ):
        assert join(bands).shape == shape
        assert max(heights) <= tiles.TILE
        assert sum(done) == 6000
        done.clear()


# Convolutional networks


@given(st.integers(1, 3000), st.integers(0, 20), st.sampled_from([1, 2, 4, 8]))
def test_spans_cover_an_axis_and_stay_away_from_edges(length: int, margin: int, scale: int) -> None:
    length, margin = tiles.round_up(length, scale), tiles.round_up(margin, scale)
    limit = max(64, 4 * margin)
    side, spans = tiles.spans(length, limit, margin, scale)
    assert side <= limit
    assert [first for _, first, _ in spans] == [0, *(stop for _, _, stop in spans[:-1])]
    assert spans[-1][2] == length
    for start, first, stop in spans:
        assert start % scale == side % scale == 0
        assert 0 <= start <= length - side
        assert first < stop
        assert start == 0 or first - start >= margin
        assert start + side == length or start + side - stop >= margin


def test_an_axis_is_divided_evenly() -> None:
    """1500 - 2·28 pixels need five steps of at most 384 - 2·28; 292 is the lowest that suffices."""
    side, spans = tiles.spans(1500, limit=384, margin=28, scale=4)
    assert side == 292 + 2 * 28
    assert spans == [
        (0, 0, 320),
        (292, 320, 612),
        (584, 612, 904),
        (876, 904, 1196),
        (1152, 1196, 1500),
    ]


def build(kind: str, filters: list[int], convolutions: int, channels: int = 1) -> keras.Model:
    """A network with random weights, whose output varies."""
    keras.utils.set_random_seed(1)
    return models.build(
        pixels=36 * channels,
        kind=kind,  # type: ignore[arg-type]
        encoder=[],
        decoder=[],
        filters=filters,
        convolutions=convolutions,
        activation="relu",
    )


def whole(model: keras.Model, image: Float32, scale: int) -> Float32:
    """The network's result for the picture in one call, padded to a multiple of `scale`."""
    height, width, _ = image.shape
    network = model.get_layer("network")
    padding = (0, -height % scale), (0, -width % scale), (0, 0)
    padded = np.pad(image, padding, "symmetric")[None]
    return np.asarray(network(padded))[0, :height, :width]


NETWORKS = [
    ("conv", [3], 1, 2),
    ("conv", [3, 2], 2, 4),
    ("unet", [3, 4], 1, 2),
    ("unet", [2, 3, 4], 2, 4),
    ("unet", [4], 1, 1),
]


@pytest.mark.parametrize(("kind", "filters", "convolutions", "scale"), NETWORKS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (61, 97), (98, 230), (5, 301)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_equal_the_whole_picture(
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    filters: list[int],
    convolutions: int,
    scale: int,
    size: tuple[int, int],
    channels: int,
) -> None:
    monkeypatch.setattr(tiles, "TILE", 16)
    model = build(kind, filters, convolutions, channels)
    image = picture(*size, channels)
    expected = whole(model, image, scale)
    np.testing.assert_allclose(denoise(model, image), expected, atol=1e-5)


def test_a_picture_that_fits_in_one_tile_is_denoised_in_one_call() -> None:
    shapes = []

    def network(images: Float32) -> Float32:
        shapes.append(images.shape)
        return images

    image = picture(199, 383, 3)
    rows = lambda first, stop: image[first:stop]  # noqa: E731
    np.testing.assert_array_equal(
        join(tiles.convolve(rows, (199, 383, 3), network, 8, 50, ignore)), image
    )
    assert shapes == [(1, 200, 384, 3)]


@pytest.mark.parametrize(("kind", "filters", "convolutions", "scale"), NETWORKS)
def test_the_field_of_view_is_that_of_a_network_of_ones(
    kind: str, filters: list[int], convolutions: int, scale: int
) -> None:
    """A pixel changes outputs as far away as the radius for some position, but no farther."""
    network = build(kind, filters, convolutions).get_layer("network")
    network.set_weights([abs(np.sign(weights)) for weights in network.get_weights()])
    *_, last = network.layers
    last.activation = keras.activations.linear  # a sigmoid would saturate
    scale_found, radius = field_of_view(network)
    assert scale_found == scale
    center = tiles.round_up(radius, scale)
    images = np.zeros((scale, 2 * center + scale, 1, 1), np.float32)
    images[range(scale), range(center, center + scale)] = 1
    images = np.repeat(images, scale, axis=2)
    reached = np.asarray(network(images)).max(axis=(2, 3)) > 0
    distances = [
        np.abs(np.flatnonzero(line) - center - number).max() for number, line in enumerate(reached)
    ]
    assert max(distances) == radius


def test_a_layer_of_unknown_reach_is_rejected() -> None:
    image = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True)(image)
    network = keras.Model(image, keras.layers.Add()([image, pooled]))
    with pytest.raises(ValueError, match="GlobalAveragePooling2D"):
        field_of_view(network)


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_and_color_pictures_suit_any_number_of_channels(channels: int) -> None:
    model = build("unet", [2, 3], 1, channels)
    gray, color = picture(10, 14, 1), picture(10, 14, 3)
    if channels == 1:
        planes = [denoise(model, color[:, :, [number]]) for number in range(3)]
        np.testing.assert_allclose(denoise(model, color), np.concatenate(planes, 2), atol=1e-6)
    else:
        mean = whole(model, np.repeat(gray, 3, axis=2), 2).mean(axis=2, keepdims=True)
        np.testing.assert_allclose(denoise(model, gray), mean, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_dense_model_denoises_tiles_of_its_side(channels: int) -> None:
    keras.utils.set_random_seed(1)
    model = models.dense(pixels=25 * channels, encoder=[8], decoder=[8], activation="relu")
    image = picture(5, 5, channels)
    expected = np.asarray(model(image.reshape(1, -1))).reshape(image.shape)
    np.testing.assert_allclose(denoise(model, image), expected, atol=1e-6)
    assert denoise(model, picture(13, 7, 4 - channels)).shape == (13, 7, 4 - channels)


def test_a_model_whose_output_is_no_image_is_rejected() -> None:
    image = keras.Input((36,))
    with pytest.raises(ValueError, match="differs"):
        picture_denoiser(keras.Model(image, keras.layers.Dense(10)(image)), average=False)


# Ensembles


def test_an_ensemble_is_the_mean_over_flips_and_turns() -> None:
    """A network that returns the top left pixel everywhere gives the mean of the four corners."""
    image = np.array([[[1], [2], [3]], [[4], [5], [6]]], np.float32)[None]
    averaged = ensemble(image, lambda images: np.full_like(images, images[0, 0, 0, 0]))
    np.testing.assert_allclose(averaged, np.full_like(image, (1 + 3 + 4 + 6) / 4))


def test_each_result_of_an_ensemble_is_turned_back() -> None:
    image = picture(2, 5, 7, 3)
    np.testing.assert_allclose(ensemble(image, lambda images: images), image, atol=1e-6)
    shapes = []

    def network(rows: Float32) -> Float32:
        shapes.append(rows.shape)
        return rows

    rows = picture(4, 27)
    np.testing.assert_allclose(ensemble(rows, network), rows, atol=1e-6)
    assert shapes == [(4, 27)] * 8


@pytest.mark.parametrize("average", [False, True])
def test_a_predictor_clips_its_result(average: bool) -> None:
    predict = predictor(lambda rows: rows * 2 - np.float32(0.5), average)
    rows = np.array([[0, 0.5, 0.625, 1]], np.float32)
    np.testing.assert_allclose(predict(rows), [[0, 0.5, 0.75, 1]])


@pytest.mark.parametrize(("kind", "filters", "convolutions", "scale"), NETWORKS[1:4])
def test_the_ensemble_of_tiles_equals_that_of_the_whole_picture(
    monkeypatch: pytest.MonkeyPatch, kind: str, filters: list[int], convolutions: int, scale: int
) -> None:
    monkeypatch.setattr(tiles, "TILE", 16)
    model = build(kind, filters, convolutions)
    image = picture(99, 133, 1)
    padded = np.pad(image, ((0, -99 % scale), (0, -133 % scale), (0, 0)), "symmetric")[None]
    network = model.get_layer("network")
    expected = ensemble(padded, lambda images: np.asarray(network(images)))[0, :99, :133]
    np.testing.assert_allclose(denoise(model, image, average=True), expected, atol=1e-5)


# Noise and scores of bands


@given(st.integers(1, 300), st.data())
def test_noise_does_not_depend_on_the_bands(height: int, data: Any) -> None:
    image = picture(height, 3, 1)
    rows = noisy_rows(lambda first, stop: image[first:stop], height, "gaussian", 0.3, clip=False)
    whole = rows(0, height)
    first = data.draw(st.integers(0, height - 1))
    stop = data.draw(st.integers(first + 1, height))
    np.testing.assert_array_equal(rows(first, stop), whole[first:stop])


@pytest.mark.parametrize("clip", [False, True])
def test_noise_has_its_amount_and_differs_from_row_to_row(clip: bool) -> None:
    image = np.zeros((200, 100, 3), np.float32)
    rows = noisy_rows(lambda first, stop: image[first:stop], 200, "gaussian", 0.1, clip)
    noisy = rows(0, 200)
    assert np.std(noisy) == pytest.approx(0.1 * (np.sqrt((1 - 1 / np.pi) / 2) if clip else 1), 0.02)
    assert len(np.unique(noisy[:, 0, 0])) > 90
    assert (noisy.min() < 0) != clip


@given(st.integers(11, 160), st.integers(11, 40), st.sampled_from([1, 3]), st.data())
def test_scores_of_bands_equal_those_of_the_whole_picture(
    height: int, width: int, channels: int, data: Any
) -> None:
    clean, image = picture(height, width, channels), picture(height, width, channels)
    result, top = BandScores(), 0
    while top < height:
        count = data.draw(st.integers(1, 100))
        result.add(clean[top : top + count], image[top : top + count])
        top += count
    pair = clean.astype(np.float64), image.astype(np.float64)
    psnr = skimage.metrics.peak_signal_noise_ratio(*pair, data_range=1)
    assert result.psnr() == pytest.approx(psnr, abs=1e-9)
    ssim = skimage.metrics.structural_similarity(
        *pair,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
    )
    assert result.ssim() == pytest.approx(ssim, abs=1e-9)
    if height == width:
        rows = clean.reshape(1, -1), image.reshape(1, -1)
        assert scores.score(*rows)["ssim"][0] == pytest.approx(ssim, abs=1e-9)


@pytest.mark.parametrize("size", [(10, 30), (30, 10), (1, 1)])
def test_a_small_picture_has_no_ssim(size: tuple[int, int]) -> None:
    result, image = BandScores(), picture(*size, 1)
    result.add(image, image)
    assert np.isnan(result.ssim())
    assert result.psnr() == scores.MAX_PSNR
