"""Small denoisers in ONNX files, which need no training and no TensorFlow."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper


def save_half(path: str, factor: npt.ArrayLike = 0.5, **metadata: str | int) -> None:
    """Writes a model that halves the brightness of images of any number of channels."""
    node = helper.make_node("Mul", ["noisy", "half"], ["denoised"])
    save(path, [node], {"half": np.array(factor, np.float32)}, metadata)


def save_filter(path: str, scale: int, channels: int) -> None:
    """Writes a random filter whose output depends on the position modulo `scale`.

    It is a convolution of 3x3 pixels, followed, if `scale` exceeds 1, by the mean of each square of
    `scale` pixels, which becomes a square of random weights.
    """
    rng, shape, size = np.random.default_rng(0), (channels, channels), [scale, scale]
    weights = {
        name: rng.random((*shape, side, side), np.float32) / 9
        for name, side in (("kernel", 3), ("square", scale))
    }
    nodes = [
        helper.make_node("Transpose", ["noisy"], ["a"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["a", "kernel"], ["b"], pads=[1, 1, 1, 1]),
        helper.make_node("AveragePool", ["b"], ["c"], kernel_shape=size, strides=size),
        helper.make_node("ConvTranspose", ["c", "square"], ["d"], strides=size),
        helper.make_node("Transpose", ["d"], ["denoised"], perm=[0, 2, 3, 1]),
    ]
    save(path, nodes, weights, {"scale": scale, "radius": scale, "channels": channels})


def save(path: str, nodes: list[Any], weights: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Writes a model of images (n, height, width, channels), of any size."""
    images = TensorProto.FLOAT, ("n", "h", "w", "c")
    ends = [[helper.make_tensor_value_info(name, *images)] for name in ("noisy", "denoised")]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "denoiser", *ends, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
