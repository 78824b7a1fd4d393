"""training/base/networks.py."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.conftest import run_python
from tests.tiny_networks import build
from training import fit
from training.base import networks
from training.loops import Loop

RNG = np.random.default_rng(0)
GRAY = 28, 28, 1

each_convolutional = pytest.mark.parametrize("kind", ["conv", "unet"])


def test_names_are_known_without_keras() -> None:
    code = "from stages import check; import sys; sys.exit('keras' in sys.modules)"
    assert run_python("-c", code).returncode == 0


@pytest.mark.parametrize("shape", [(8, 8, 1), (13, 7, 3), (1, 1, 1)], ids=str)
def test_a_classifier_gives_probabilities(shape: tuple[int, int, int]) -> None:
    probabilities = np.asarray(networks.classifier(shape, 5)(np.ones((3, *shape))))
    np.testing.assert_allclose(probabilities.sum(axis=1), np.ones(3), rtol=1e-5)


def test_dense_is_the_network_of_the_guide() -> None:
    units = [512, 512, 256, 256, 64, 512]
    model = build("dense", GRAY, encoder=units[:5], decoder=units[5:])
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    names = [(layer.units, layer.activation.__name__) for layer in layers]
    assert names == [*((n, "relu") for n in units), (784, "linear")]
    assert model.layers[-1].activation is keras.activations.sigmoid  # from which Keras takes logits
    assert model.count_params() == 1_313_616  # computed by hand


@pytest.mark.parametrize(("kind", "inputs"), [("conv", 4), ("unet", 8)])
def test_skip_connections_add_weights_and_nothing_else(kind: str, inputs: int) -> None:
    model = build(kind, GRAY, convolutions=2)
    down = (9 * 1 * 4 + 4) + (9 * 4 * 4 + 4)
    bottom = (9 * 4 * 8 + 8) + (9 * 8 * 8 + 8)
    up = (4 * 8 * 4 + 4) + (9 * inputs * 4 + 4) + (9 * 4 * 4 + 4)
    assert model.count_params() == down + bottom + up + (9 * 4 * 1 + 1)
    types = [type(layer).__name__ for layer in model.layers]
    assert [name for name in types if name != "Concatenate"] == [
        *("InputLayer", "Conv2D", "Conv2D", "AveragePooling2D", "Conv2D", "Conv2D"),
        *("Conv2DTranspose", "Conv2D", "Conv2D", "Conv2D"),
    ]
    assert ("Concatenate" in types) == (kind == "unet")


@each_convolutional
@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 16, 3), (25, 6, 3)], ids=str)
def test_a_network_of_any_size_pads_with_zeros(kind: str, shape: tuple[int, int, int]) -> None:
    height, width, channels = shape
    fixed, free = (build(kind, size, filters=[3, 4, 5]) for size in (shape, (None, None, channels)))
    images = RNG.random((2, *shape), np.float32)
    top, left = -height % 4 // 2, -width % 4 // 2
    border = (0, 0), (top, -height % 4 - top), (left, -width % 4 - left), (0, 0)
    expected = np.asarray(free(np.pad(images, border)))[:, top:, left:][:, :height, :width]
    denoised = np.asarray(fixed(images))
    np.testing.assert_allclose(denoised, expected, atol=1e-6)
    assert 0 < denoised.min() <= denoised.max() < 1


@each_convolutional
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 2)])
def test_reach_is_that_of_the_farthest_pixel_with_an_effect(
    kind: str, size: tuple[int, int, int]
) -> None:
    filters, convolutions = [2] * size[0], size[1]
    scale, radius = networks.unet_reach(filters, convolutions)
    settings: Any = {"filters": filters, "convolutions": convolutions, "residual": True}
    model = build(kind, (None, None, 1), **settings)
    for variable in model.variables:  # no two effects cancel, and none is rounded to zero
        variable.assign(RNG.random(variable.shape, np.float32) * (len(variable.shape) > 1))
    first = (radius // scale + 2) * scale
    pixels = np.arange(first, first + 2 * scale)
    spots = np.zeros((2 * scale, 2 * first, scale, 1), np.float32)
    spots[pixels - first, pixels] = 1
    affected = np.any(model(spots), axis=(2, 3))
    spot, row = np.nonzero(affected)
    assert abs(row - pixels[spot]).max() == radius
    same = [np.array_equal(np.roll(rows, -n), affected[0]) for n, rows in enumerate(affected)]
    assert np.flatnonzero(same).tolist() == [0, scale]


@each_convolutional
def test_a_residual_network_subtracts_from_the_noisy_image(kind: str) -> None:
    model = build(kind, (7, 7, 3), "mixed_bfloat16", filters=[4, 4], residual=True)
    images = RNG.normal(0.5, 1, (2, 7, 7, 3)).astype(np.float32)  # not limited to [0, 1]
    np.testing.assert_array_equal(model(images), images)  # it starts as the identity
    model.variables[-1].assign(np.array([0.1, 0.2, 0.3]))  # the bias of the output layer
    noise = images - np.asarray(model(images))
    np.testing.assert_allclose(noise, np.broadcast_to([0.1, 0.2, 0.3], noise.shape), atol=1e-6)


def test_mixed_precision_keeps_weights_and_output_in_float32() -> None:
    model = build("dense", (2, 2, 1), "mixed_bfloat16")
    assert {weight.dtype for weight in model.weights} == {"float32"}
    dtypes = [layer.output.dtype for layer in model.layers]
    assert dtypes == ["float32", *["bfloat16"] * 4, *["float32"] * 3]


def test_training_standardizes_the_kernels_of_3x3_convolutions(tmp_path: Path) -> None:
    network = build("unet", (8, 8, 1), convolutions=2, standardize=True)
    model = fit.compile_model(network, "adam", 0.01, "mse")
    images = RNG.random((16, 8, 8, 1), np.float32)
    loop = Loop(model, images, images, batch_size=8, xla=False)
    for epoch in range(3):
        loop(epoch)
    layers = [layer for layer in network.layers if type(layer) is keras.layers.Conv2D]
    *hidden, output = [np.asarray(layer.kernel) for layer in layers]
    for kernel in hidden:
        np.testing.assert_allclose(kernel.mean((0, 1, 2)), 0, atol=1e-6)
        np.testing.assert_allclose(kernel.var((0, 1, 2)), 2 / kernel[..., 0].size, rtol=1e-4)
    assert abs(output.mean()) > 1e-4
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(images), network(images))
    kernel = np.array([[[[1.0, 0.0], [3.0, 0.0]]]])  # two filters of two weights
    np.testing.assert_allclose(networks.standardized(kernel), [[[[-1, 0], [1, 0]]]], atol=1e-6)
