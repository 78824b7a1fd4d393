"""denoiser/models.py."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from denoiser import models, training
from denoiser.blocks import Blocks

RNG = np.random.default_rng(0)

each_convolutional = pytest.mark.parametrize("build", [models.conv, models.unet])
Build = Callable[[int, list[int], int, str], keras.Model]


def test_dense_is_the_network_of_the_guide() -> None:
    model = models.dense(784, [512, 512, 256, 256, 64], [512], "relu")
    layers = model.layers[1:]
    assert [layer.units for layer in layers] == [512, 512, 256, 256, 64, 512, 784]
    assert [layer.activation.__name__ for layer in layers] == ["relu"] * 6 + ["sigmoid"]
    assert model.count_params() == 1_313_616  # computed by hand


def test_conv_is_the_network_of_the_keras_blog() -> None:
    model = models.conv(784, [32, 32], 1, "relu")
    network = model.get_layer("network")
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [32, 32, 32, 32, 1]
    assert model.count_params() == 28_353  # in the blog: 320 + 3 * 9248 + 289
    pools = [layer for layer in network.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    encoder = keras.Model(network.input, pools[-1].output)
    assert encoder(np.zeros((1, 28, 28, 1))).shape == (1, 7, 7, 32)


def test_unet_has_the_expected_number_of_weights() -> None:
    model = models.unet(784, [4, 8], 2, "relu")
    down = (9 * 1 * 4 + 4) + (9 * 4 * 4 + 4)
    bottom = (9 * 4 * 8 + 8) + (9 * 8 * 8 + 8)
    up = (4 * 8 * 4 + 4) + (9 * 8 * 4 + 4) + (9 * 4 * 4 + 4)
    assert model.count_params() == down + bottom + up + (9 * 4 * 1 + 1)


def test_unet_has_skip_connections() -> None:
    """Without a signal from the lower resolution, a pixel affects its 7x7 neighborhood."""
    keras.utils.set_random_seed(1)
    model = models.unet(784, [8, 8], 1, "gelu")
    for layer in model.get_layer("network").layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    gray, spot = np.full((2, 1, 784), 0.5, np.float32)
    spot[0, 14 * 28 + 14] = 1
    changed = (np.asarray(model(gray)) != np.asarray(model(spot))).reshape(28, 28)
    expected = np.zeros((28, 28), bool)
    expected[11:18, 11:18] = True  # three convolutions of 3x3
    np.testing.assert_array_equal(changed, expected)


@pytest.mark.parametrize("decoder", [[], [2], [2, 3]])
def test_dense_accepts_any_layer_sizes(decoder: list[int]) -> None:
    assert models.dense(9, [5, 2], decoder, "relu")(np.zeros((4, 9), "f4")).shape == (4, 9)


@each_convolutional
@pytest.mark.parametrize("side", [1, 3, 8, 25])
def test_convolutional_models_accept_images_of_any_size(build: Build, side: int) -> None:
    model = build(side**2, [3, 4, 5], 1, "relu")
    denoised = np.asarray(model(RNG.random((2, side**2), np.float32)))
    assert denoised.shape == (2, side**2)
    assert 0 < denoised.min() <= denoised.max() < 1


@each_convolutional
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_residual_network_subtracts_its_output_from_the_noisy_image(
    build: Callable[..., keras.Model], precision: str
) -> None:
    keras.config.set_dtype_policy(precision)
    try:
        model = build(7 * 7 * 3, [4, 4], 1, "relu", residual=True)
    finally:
        keras.config.set_dtype_policy("float32")
    for variable in model.variables:
        variable.assign(np.zeros(variable.shape))
    images = RNG.normal(0.5, 1, (2, 147)).astype(np.float32)  # not limited to [0, 1]
    np.testing.assert_array_equal(np.asarray(model(images)), images)
    model.variables[-1].assign(np.array([0.1, 0.2, 0.3]))  # the bias of the output layer
    noise = (images - np.asarray(model(images))).reshape(2, 49, 3)
    np.testing.assert_allclose(noise, np.broadcast_to([0.1, 0.2, 0.3], noise.shape), atol=1e-6)


def test_a_standardized_kernel() -> None:
    kernel = np.array([[[[1.0, 0.0], [3.0, 0.0]]]])  # two filters of two weights
    np.testing.assert_allclose(models.standardized(kernel), [[[[-1, 0], [1, 0]]]], atol=1e-6)


@each_convolutional
def test_training_standardizes_the_kernels_of_3x3_convolutions(
    build: Callable[..., keras.Model], tmp_path: Path
) -> None:
    network = build(8 * 8, [4, 8], 2, "relu", standardize=True)
    model = training.compile_model(network, "adam", 0.01, "mse", xla=False)
    images = RNG.random((16, 64), np.float32)
    blocks, validation = (Blocks(images, images, batch_size=8) for _ in range(2))
    training.fit(model, blocks, validation, 3, None, lambda _: None)
    *hidden, output = [
        layer.kernel.numpy()
        for layer in network.get_layer("network").layers
        if type(layer) is keras.layers.Conv2D
    ]
    for kernel in hidden:
        np.testing.assert_allclose(kernel.mean((0, 1, 2)), 0, atol=1e-6)
        np.testing.assert_allclose(kernel.var((0, 1, 2)), 2 / kernel[..., 0].size, rtol=1e-4)
    assert abs(output.mean()) > 1e-4
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(images), network(images))
