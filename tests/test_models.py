"""denoiser/models.py: the networks' layers, worked out by hand, and any size of image."""

import keras
import numpy as np
import pytest

from denoiser import models

RNG = np.random.default_rng(0)


def test_dense_is_the_guides_network() -> None:
    model = models.dense(784, [512, 512, 256, 256, 64], [512], "relu")
    layers = model.layers[1:]
    assert [layer.units for layer in layers] == [512, 512, 256, 256, 64, 512, 784]
    assert [layer.activation.__name__ for layer in layers] == ["relu"] * 6 + ["sigmoid"]
    assert model.count_params() == 1_313_616  # worked out by hand


@pytest.mark.parametrize("decoder", [[], [2], [2, 3]])
def test_dense_takes_any_sizes(decoder: list[int]) -> None:
    model = models.dense(9, [5, 2], decoder, "relu")
    assert model(np.zeros((4, 9), np.float32)).shape == (4, 9)


def test_conv_is_that_of_the_keras_blog() -> None:
    model = models.conv(784, [32, 32], 1, "relu")
    network = model.get_layer("network")
    convolutions = [layer for layer in network.layers if "Conv" in type(layer).__name__]
    assert [layer.filters for layer in convolutions] == [32, 32, 32, 32, 1]
    assert model.count_params() == 28_353  # the blog's: 320 + 3 * 9248 + 289
    shapes = [layer(np.zeros((1, 28, 28, 1))).shape for layer in [_until(network, "max_pooling")]]
    assert shapes == [(1, 7, 7, 32)]


def _until(network: keras.Model, kind: str) -> keras.Model:
    """The network up to the last of its layers of this kind."""
    last = [layer for layer in network.layers if kind in layer.name][-1]
    return keras.Model(network.input, last.output)


def test_unet_has_the_weights_worked_out_by_hand() -> None:
    model = models.unet(784, [4, 8], 2, "relu")
    down = (9 * 1 * 4 + 4) + (9 * 4 * 4 + 4)
    bottom = (9 * 4 * 8 + 8) + (9 * 8 * 8 + 8)
    up = (4 * 8 * 4 + 4) + (9 * 8 * 4 + 4) + (9 * 4 * 4 + 4)
    assert model.count_params() == down + bottom + up + (9 * 4 * 1 + 1)


def test_unet_sees_the_noisy_pixels_beside_what_comes_up() -> None:
    """Where nothing comes up from below, a pixel still moves what is denoised around it."""
    keras.utils.set_random_seed(1)
    model = models.unet(784, [8, 8], 1, "gelu")
    for layer in model.get_layer("network").layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    one, other = np.full((2, 1, 784), 0.5, np.float32)
    other[0, 14 * 28 + 14] = 1
    change = np.abs(np.asarray(model(one)) - np.asarray(model(other))).reshape(28, 28)
    reach = 3  # pixels: three convolutions of 3x3
    around = slice(14 - reach, 14 + reach + 1)
    assert (change[around, around] > 0).all()
    assert (change > 0).sum() == (2 * reach + 1) ** 2


@pytest.mark.parametrize("side", [1, 3, 8, 25])
@pytest.mark.parametrize("build", [models.conv, models.unet])
def test_convolutional_ones_take_images_of_any_side(build: object, side: int) -> None:
    model = build(side**2, [3, 4, 5], 1, "relu")  # type: ignore[operator]
    denoised = np.asarray(model(RNG.random((2, side**2), np.float32)))
    assert denoised.shape == (2, side**2)
    assert 0 < denoised.min() <= denoised.max() < 1


@pytest.mark.parametrize("build", [models.conv, models.unet])
def test_a_larger_image_is_denoised_as_its_parts_are(build: object) -> None:
    """Far enough from the edges, the same pixels come out as for the part alone."""
    model = build(40**2, [3, 4], 1, "relu")  # type: ignore[operator]
    large = RNG.random((1, 60, 60), np.float32)
    part = np.asarray(model(large[:, 12:52, 12:52].reshape(1, -1))).reshape(40, 40)
    whole = np.asarray(models.for_side(model, 60)(large.reshape(1, -1))).reshape(60, 60)
    np.testing.assert_allclose(whole[26:38, 26:38], part[14:26, 14:26], atol=1e-6)


def test_dense_takes_no_larger_image() -> None:
    with pytest.raises(ValueError, match="only conv and unet"):
        models.for_side(models.dense(9, [2], [], "relu"), 4)
