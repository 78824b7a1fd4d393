"""training/onnx_export.py, training/base/keras_files.py."""

import time
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from denoiser import tiles
from denoiser.model import Denoiser
from tests.tiny_networks import PARAMS, build
from training.base import keras_files, networks
from training.base.networks import ACTIVATIONS
from training.onnx_export import export_network

RNG = np.random.default_rng(0)
METADATA = {"noise": "uniform 0.9", "data": "digits"}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_dense_network_gives_the_same_results(tmp_path: Path, activation: str) -> None:
    precision = "mixed_bfloat16" if activation == "relu" else "float32"
    trained, expected = (
        build("dense", (7, 7, 3), dtype, activation=activation) for dtype in (precision, "float32")
    )
    weights = [RNG.normal(0, 0.5, weight.shape) for weight in trained.get_weights()]
    for network in (trained, expected):
        network.set_weights(weights)  # larger than initially
    path = f"{tmp_path}/model.onnx"
    export_network(trained, PARAMS | {"kind": "dense", "activation": activation}, path, METADATA)
    denoiser, images = Denoiser(path), RNG.random((5, 7, 7, 3), np.float32)
    denoised = [denoiser(image) for image in images]
    np.testing.assert_allclose(denoised, np.clip(expected(images), 0, 1), atol=1e-5)
    assert denoiser.metadata == METADATA | {"channels": "3", "side": "7"}


@pytest.mark.parametrize(
    ("kind", "params"),
    [("conv", {"convolutions": 2}), ("unet", {"residual": True})],
)
def test_tiles_of_an_exported_network_give_the_results_of_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, params: dict[str, Any]
) -> None:
    """Its sides are multiples of the scale, 2 or 4, and those of the training images are odd."""
    monkeypatch.setattr(tiles, "TILE", 16)
    path, image = f"{tmp_path}/model.onnx", RNG.random((136, 72, 3), np.float32)
    trained = build(kind, (7, 9, 3), **params)
    export_network(trained, PARAMS | params | {"kind": kind}, path, METADATA)
    denoiser, expected = Denoiser(path), build(kind, image.shape, **params)(image[None])[0]
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(denoiser(image), np.clip(expected, 0, 1), atol=1e-5)
    scale, radius = map(str, networks.unet_reach(**PARAMS | params))
    reach = {"scale": scale, "radius": radius}
    assert denoiser.metadata == METADATA | {"channels": "3"} | reach


def test_an_export_with_other_names_of_layers_has_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    for path in (first, second):
        export_network(build("unet", (8, 8, 1)), PARAMS | {"kind": "unet"}, path, METADATA)
    assert first.read_bytes() == second.read_bytes()


def test_a_keras_file_keeps_the_weights_and_no_trace_of_time_and_addresses(tmp_path: Path) -> None:
    networks, archives = [], []
    for name in "ab":
        keras.utils.clear_session()  # the same names of layers as in a new process
        networks.append(build("conv", (4, 4, 1)))  # the first one keeps its addresses
        networks[-1].save(tmp_path / f"{name}.keras")
        archives.append((tmp_path / f"{name}.keras").read_bytes())
        time.sleep(1)
    assert b"shared_object_id" in zipfile.ZipFile(tmp_path / "a.keras").read("config.json")
    assert archives[0] != archives[1]
    assert keras_files.strip_traces(archives[0]) == keras_files.strip_traces(archives[1])
    path = str(tmp_path / "models/model.keras")
    keras_files.save_model(networks[0], path)
    assert zipfile.ZipFile(path).testzip() is None
    x = np.random.default_rng(0).random((2, 4, 4, 1), np.float32)
    for loaded in (keras_files.load_model(path), keras.saving.load_model(path)):
        np.testing.assert_array_equal(loaded(x), networks[0](x))
