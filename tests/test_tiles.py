"""denoiser/tiles.py and denoiser/model.py: images of any size, ONNX models and ensembles."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from denoiser import tiles
from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from denoiser.ensemble import ensemble, predictor
from denoiser.model import Denoiser
from tests import onnx_models

RNG = np.random.default_rng(0)


class Recorder:
    """An identity network; `inputs` are those of its calls."""

    def __init__(self) -> None:
        self.inputs: list[Float32] = []

    def __call__(self, images: Float32) -> Float32:
        self.inputs.append(images)
        return images


def random(*shape: int) -> Float32:
    return RNG.random(shape, np.float32)


def join(bands: Iterator[Float32]) -> Float32:
    return np.concatenate(list(bands))


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
    assert [start for start, _, _ in spans] == [0, 292, 584, 876, 1152]


@pytest.mark.parametrize("size", [(199, 383), (3000, 2), (2, 3000)])
def test_tiles_are_small_and_their_progress_adds_up(size: tuple[int, int]) -> None:
    """An image that fits in one tile is denoised in one call."""
    image, network, done = random(*size, 1), Recorder(), list[int]()
    bands = tiles.convolve(image, network, 8, 50, done.append)
    np.testing.assert_array_equal(join(bands), image)
    shapes = [images.shape for images in network.inputs]
    assert shapes == [(1, 200, 384, 1)] or size != (199, 383)
    longest = max(map(max, shapes))
    assert 0.5 * tiles.TILE < longest <= tiles.TILE or size == (199, 383)
    assert sum(done) == image.size


def load_filter(folder: Path, scale: int, channels: int) -> Denoiser:
    onnx_models.save_filter(f"{folder}/model.onnx", scale, channels)
    return Denoiser(f"{folder}/model.onnx")


def whole(denoiser: Denoiser, image: Float32, average: bool = False) -> Float32:
    """The result for the whole image at once, padded to a multiple of the scale."""
    height, width, _ = image.shape
    padding = (0, -height % denoiser.scale), (0, -width % denoiser.scale), (0, 0)
    padded = np.pad(image, padding, "symmetric")[None]

    def network(images: Float32) -> Float32:
        result: Float32 = denoiser.session.run(None, {"noisy": images})[0]
        return result

    result = ensemble(padded, network) if average else network(padded)
    return np.clip(result[0, :height, :width], 0, 1)


@pytest.mark.parametrize(("channels", "scale"), [(1, 1), (1, 4), (3, 1), (3, 2)])
def test_convolve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int, scale: int
) -> None:
    monkeypatch.setattr(tiles, "TILE", 16)
    denoiser = load_filter(tmp_path, scale, channels)
    for size in ((1, 1), (1, 9), (61, 97), (98, 230), (5, 301)):
        image = random(*size, channels)
        for average in (False, True):
            actual = join(denoiser.bands(image, ensemble=average))
            np.testing.assert_allclose(actual, whole(denoiser, image, average), atol=1e-6)


def test_models_of_gray_and_color_images_denoise_both(tmp_path: Path) -> None:
    color, gray = random(10, 14, 3), random(10, 14, 1)
    denoiser = load_filter(tmp_path, 2, channels=1)
    planes = [whole(denoiser, color[:, :, [number]]) for number in range(3)]
    np.testing.assert_allclose(denoiser(color), np.concatenate(planes, 2), atol=1e-6)
    denoiser = load_filter(tmp_path, 2, channels=3)
    mean = whole(denoiser, np.repeat(gray, 3, axis=2)).mean(axis=2, keepdims=True)
    np.testing.assert_allclose(denoiser(gray), mean, atol=1e-6)


def refused(path: str, message: str, device: str = "auto") -> None:
    with pytest.raises(InputError, match=message):
        Denoiser(path, device)


def test_refuses_other_files_and_a_missing_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{tmp_path}/model.onnx"
    refused(path, "model.onnx: no such model; pass photo, photo-gaussian, document or")
    refused(f"{tmp_path}/gone.keras", "`dvc repro export`.* pass models/denoiser.onnx")
    for content in (b"", b"\x08\x08 no model", bytes(1000)):
        Path(path).write_bytes(content)
        refused(path, "model.onnx cannot be loaded")
    complete = {"channels": 1, "scale": 2}  # but for the radius
    for metadata in ({}, {"channels": 1}, complete, {"channels": 1, "side": "x"}):
        onnx_models.save_half(path, **metadata)
        refused(path, "model.onnx is not a denoiser of this project")
    onnx_models.save_half(path, side=6, channels=1)
    with pytest.raises(InputError, match="model.onnx denoises only images of 6x6 pixels: train a"):
        Denoiser(path)(random(6, 9, 1))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert Denoiser(path, "auto").session.get_providers() == ["CPUExecutionProvider"]
    refused(path, "the GPU cannot be used: the package onnxruntime is inst", "gpu")
    refused(path, "the device is 'cuda', but it must be auto, cpu, gpu", "cuda")


def test_an_ensemble_is_the_mean_over_flips_and_turns_that_are_turned_back() -> None:
    """A network that returns the top left pixel everywhere gives the mean of the four corners."""
    image = np.array([[[1], [2], [3]], [[4], [5], [6]]], np.float32)[None]
    averaged = ensemble(image, lambda images: np.full_like(images, images[0, 0, 0, 0]))
    np.testing.assert_allclose(averaged, np.full_like(image, (1 + 3 + 4 + 6) / 4))
    image = random(2, 5, 7, 3)
    np.testing.assert_allclose(ensemble(image, Recorder()), image, atol=1e-6)


def test_a_predictor_clips_its_result() -> None:
    images = np.array([0, 0.5, 0.625, 1], np.float32).reshape(4, 1, 1, 1)
    for average in (False, True):
        predict = predictor(lambda images: images * 2 - np.float32(0.5), average, "m")
        np.testing.assert_allclose(predict(images).ravel(), [0, 0.5, 0.75, 1])
