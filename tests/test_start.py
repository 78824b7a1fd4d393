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
def test_a_training_starts_from_the_strongest_filters_of_an_onnx_file(
    tmp_path: Path, kind: str
) -> None:
    """Filters whose output is zero are not missed."""
    params = PARAMS | {"kind": kind, "filters": [6, 9], "convolutions": 2}
    trained = build(**params, shape=IMAGES.shape[1:])
    rng = np.random.default_rng(1)
    for layer in filter(lambda layer: layer.weights, trained.layers):
        kernel, bias = (rng.normal(0, 0.2, weight.shape) for weight in layer.get_weights())
        if len(bias) > 3:
            dead = rng.choice(len(bias), 2, replace=False)
            bias[dead] = 0
            np.moveaxis(kernel, 2 if "transpose" in layer.name else 3, 0)[dead] = 0
        layer.set_weights([kernel, bias])
    path = str(tmp_path / "a.onnx")
    onnx_export.export_network(trained, params, path, {})
    for filters in ([6, 9], [4, 7]):
        narrow = params | {"filters": filters}
        network = build(**narrow, shape=IMAGES.shape[1:])
        start.set_weights(network, narrow, path, IMAGES)
        np.testing.assert_allclose(network(IMAGES), trained(IMAGES), atol=1e-6)
    for change in ({"filters": [6, 10]}, {"convolutions": 1}):
        other = params | change
        with pytest.raises(InputError, match="a.onnx, a network with weights of other shapes"):
            start.set_weights(build(**other, shape=IMAGES.shape[1:]), other, path, IMAGES)
    onnx_models.save_half(path)
    with pytest.raises(InputError, match="a.onnx, a network with weights of other shapes"):
        start.set_weights(network, narrow, path, IMAGES)
