"""Small networks with reproducible weights."""

from typing import Any

import keras

from training.base import networks

PARAMS: dict[str, Any] = {"encoder": [16, 8], "decoder": [16], "filters": [4, 8], "convolutions": 1}
PARAMS |= {"activation": "relu", "residual": False, "standardize": False}


def build(
    kind: str, shape: networks.Shape, precision: str = "float32", **params: Any
) -> keras.Model:
    """A network with PARAMS and others; the global precision is unchanged afterwards."""
    previous = keras.config.dtype_policy()
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy(precision)
    try:
        return networks.build(shape, kind, **PARAMS | params)
    finally:
        keras.config.set_dtype_policy(previous)
