"""Reads the weights that a training starts from."""

from typing import Any

from denoiser.base.errors import InputError


def is_model(path: str) -> bool:
    """Whether `train.start` is an ONNX file, and not the code that draws new weights."""
    return path.endswith(".onnx")


def set_weights(network: Any, path: str) -> None:
    """Gives a convolutional network the weights of an ONNX file of `export_network`.

    Raises InputError if the file has weights of other shapes, or none.
    """
    import onnx

    graph = onnx.load(path).graph
    arrays = {value.name: onnx.numpy_helper.to_array(value) for value in graph.initializer}
    weights = list[Any]()
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            kernel, *bias = (arrays[name] for name in node.input[1:])  # others may have no bias
            weights += [kernel.transpose(2, 3, 1, 0), *bias]  # as Keras stores them
    if [array.shape for array in weights] != [array.shape for array in network.get_weights()]:
        raise InputError(
            f"params.yaml: train.start is {path}, a network with weights of other shapes: set the "
            "section model to the parameters with which it was trained"
        )
    network.set_weights(weights)
