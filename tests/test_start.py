"""The weights that a training starts from."""

from pathlib import Path

import numpy as np
import pytest

from denoiser.base.errors import InputError
from tests import onnx_models
from tests.tiny_networks import PARAMS, build
from training import onnx_export, start

IMAGES = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)


@pytest.mark.parametrize("kind", ["unet", "conv"])
def test_a_training_starts_from_the_weights_of_an_onnx_file(tmp_path: Path, kind: str) -> None:
    params = PARAMS | {"kind": kind, "filters": [6, 9], "convolutions": 2}
    trained = build(**params, shape=IMAGES.shape[1:])
    rng = np.random.default_rng(1)
    trained.set_weights([rng.normal(0, 0.2, array.shape) for array in trained.get_weights()])
    path = str(tmp_path / "a.onnx")
    network = build(**params, shape=IMAGES.shape[1:])
    for exported in (network, trained):  # the biases of the first one are zero
        onnx_export.export_network(exported, params, path, {})
        start.set_weights(network, path)
    np.testing.assert_allclose(network(IMAGES), trained(IMAGES), atol=1e-6)
    rejected = pytest.raises(InputError, match="a.onnx, a network with weights of other shapes")
    for change in ({"filters": [6, 10]}, {"convolutions": 1}):
        with rejected:
            start.set_weights(build(**params | change, shape=IMAGES.shape[1:]), path)
    for save in (onnx_models.save_half, onnx_models.save_filter):  # no weights, and no biases
        save(path, 2, channels=3)
        with rejected:
            start.set_weights(network, path)
