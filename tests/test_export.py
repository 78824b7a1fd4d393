"""training/export.py."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.tiny_networks import PARAMS, build
from training.export import export_network
from training.networks import ACTIVATIONS

RNG = np.random.default_rng(0)
METADATA = {"noise": "uniform 0.9", "data": "digits"}


def export(network: Any, path: Path, kind: str, **params: Any) -> onnxruntime.InferenceSession:
    export_network(network, PARAMS | params | {"kind": kind}, path, METADATA)
    return onnxruntime.InferenceSession(path)


def run(session: onnxruntime.InferenceSession, images: np.ndarray) -> np.ndarray:
    return np.asarray(session.run(["denoised"], {"noisy": images})[0])


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_dense_network_gives_the_same_results_in_float32(tmp_path: Path, precision: str) -> None:
    session = export(build("dense", (7, 7, 3), precision), tmp_path / "model.onnx", "dense")
    images = RNG.random((5, 7, 7, 3), np.float32)
    expected = build("dense", (7, 7, 3))(images)
    np.testing.assert_allclose(run(session, images), expected, atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata == METADATA | {"channels": "3", "side": "7"}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_exported(tmp_path: Path, activation: str) -> None:
    trained = build("dense", (4, 4, 1), activation=activation)
    for variable in trained.variables:  # larger values than initially
        variable.assign(RNG.normal(0, 1, variable.shape))
    session = export(trained, tmp_path / "model.onnx", "dense", activation=activation)
    images = RNG.random((5, 4, 4, 1), np.float32)
    np.testing.assert_allclose(run(session, images), trained(images), atol=1e-5)


@pytest.mark.parametrize(("kind", "params"), [("conv", {}), ("unet", {"residual": True})])
def test_a_convolutional_network_accepts_images_of_any_size(
    tmp_path: Path, kind: str, params: dict[str, Any]
) -> None:
    """Its sides are multiples of the scale, 2, and those of the training images are odd."""
    trained = build(kind, (7, 9, 1), **params)
    session = export(trained, tmp_path / "model.onnx", kind, **params)
    images = RNG.random((3, 7, 9, 1), np.float32)
    padded = np.pad(images, [(0, 0), (0, 1), (0, 1), (0, 0)])
    np.testing.assert_allclose(run(session, padded)[:, :7, :9], trained(images), atol=1e-5)
    images = RNG.random((2, 14, 30, 1), np.float32)
    expected = build(kind, (None, None, 1), **params)(images)
    np.testing.assert_allclose(run(session, images), expected, atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata == METADATA | {"channels": "1", "scale": "2", "radius": "6"}


EXPORTS = """
import sys
from training import backend
backend.start("tensorflow", "cpu")
from tests.tiny_networks import PARAMS, build
from training.export import export_network
for kind in sys.argv[1:]:
    export_network(build(kind, (8, 8, 1)), PARAMS | {"kind": kind}, f"{kind}.onnx", {"data": "x"})
"""


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """In the other order, Keras and tf2onnx give other names to the same parts."""
    root = Path(__file__).parent.parent
    exports = []
    for seed, kinds in enumerate([("dense", "unet"), ("unet", "dense")]):
        env = os.environ | {"PYTHONPATH": str(root), "PYTHONHASHSEED": str(seed)}
        command = [sys.executable, "-c", EXPORTS, *kinds]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not done.stdout
        assert "tf2onnx" not in done.stderr
        exports.append([(tmp_path / f"{kind}.onnx").read_bytes() for kind in ("dense", "unet")])
    assert exports[0] == exports[1]
