"""The weights that a training starts from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from denoiser.base.errors import InputError
from tests.tiny_networks import PARAMS, build
from training import onnx_export, start

IMAGES = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)


@pytest.mark.parametrize(("kind", "block"), [("unet", 1), ("conv", 2)])
def test_a_training_starts_from_the_weights_of_an_onnx_file(
    tmp_path: Path, kind: str, block: int
) -> None:
    settings: dict[str, Any] = {"kind": kind, "shape": (16, 16, 3), "block": block}
    trained = build(**settings)
    rng = np.random.default_rng(1)
    trained.set_weights([rng.normal(0, 0.2, array.shape) for array in trained.get_weights()])
    params = PARAMS | {"kind": kind, "block": block}
    path = str(tmp_path / "a.onnx")
    onnx_export.export_network(trained, params, path, {})
    network = build(**settings)
    start.set_weights(network, path)
    np.testing.assert_array_equal(network(IMAGES), trained(IMAGES))
    for change in ({"filters": [4, 6]}, {"convolutions": 2}):
        with pytest.raises(InputError, match="a.onnx, a network with weights of other shapes"):
            start.set_weights(build(**settings | change), path)
