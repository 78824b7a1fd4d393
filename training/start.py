"""Reads the weights that a training starts from."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from training.base import networks


def is_model(path: str) -> bool:
    """Whether `train.start` is an ONNX file, and not the code that draws new weights."""
    return path.endswith(".onnx")


def set_weights(network: Any, params: Mapping[str, Any], path: str, images: Float32) -> None:
    """Gives a convolutional network the weights of an ONNX file of `export_network`.

    `params` is the section `model` with which the network was built. The network in the file may
    have more filters, see `copy_strongest`. Raises InputError if its weights do not fit.
    """
    import onnx

    graph = onnx.load(path).graph
    arrays = {value.name: onnx.numpy_helper.to_array(value) for value in graph.initializer}
    weights = list[Any]()
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            _, kernel, bias = node.input
            weights += [arrays[kernel].transpose(2, 3, 1, 0), arrays[bias]]  # as Keras stores them
    if len(weights) // 2 + params["convolutions"] < len(params["filters"]) * (
        2 * params["convolutions"] + 1
    ):
        return add_level(network, params, path, images)
    biases = weights[1 :: 2 * params["convolutions"]]  # of the first convolution per resolution
    filters = [len(bias) for bias in biases[: len(params["filters"])]]
    same, shape = filters == params["filters"], network.input_shape[1:]
    try:
        source = network if same else networks.build(shape, **{**params, "filters": filters})
        source.set_weights(weights)
        if not same:
            copy_strongest(source, network, images)
    except (IndexError, ValueError) as error:  # IndexError: the file has no convolutions
        raise InputError(
            f"params.yaml: train.start is {path}, a network with weights of other shapes: set the "
            "section model to the parameters with which it was trained; fewer filters are possible"
        ) from error


def add_level(network: Any, params: Mapping[str, Any], path: str, images: Float32) -> None:
    """Starts from a U-Net with one resolution less, without a change of its results.

    The convolutions on the way up pass the result of the way down on, and ignore the new
    resolution at first: Chen et al., "Net2Net: accelerating learning via knowledge transfer", 2016.
    """
    params = {**params, "filters": params["filters"][:-1]}
    former = networks.build(network.input_shape[1:], **params)
    set_weights(former, params, path, images)
    weights, new = former.get_weights(), network.get_weights()
    width, convolutions = params["filters"][-1], params["convolutions"]
    down = 2 * convolutions * len(params["filters"])
    up = down + 2 * convolutions + 2  # the convolutions of the new resolution and the transposed one
    for number in range(up, up + 2 * convolutions):
        new[number] = np.zeros_like(new[number])
        if number % 2 == up % 2:
            new[number][1, 1, -width:] = np.eye(width)
    stop = up + 2 * convolutions
    network.set_weights([*weights[:down], *new[down:stop], *weights[down:]])


def copy_strongest(wide: Any, narrow: Any, images: Float32) -> None:
    """Copies the weights of a network to a network with fewer filters.

    Of each layer, the filters whose output for the images has the largest mean square are kept, a
    criterion of Molchanov et al., "Pruning convolutional neural networks for resource efficient
    inference", 2017. A short training then adapts the weights.
    """
    import keras

    layers = list(zip(wide.layers, narrow.layers, strict=True))[1:]  # without the input
    outputs = keras.Model(wide.input, [layer.output for layer, _ in layers])(images)
    kept = {id(wide.input): np.arange(images.shape[3])}  # the channels of each tensor
    for (layer, target), output in zip(layers, outputs, strict=True):
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        channels = kept[id(inputs[0])]
        if isinstance(layer, keras.layers.Concatenate):
            offset = inputs[0].shape[3]
            channels = np.concatenate([channels, offset + kept[id(inputs[1])]])
        if layer.weights:
            kernel, bias = layer.get_weights()
            strength = np.square(np.asarray(output, np.float32)).mean(axis=(0, 1, 2))
            strongest = np.sort(np.argsort(-strength, kind="stable")[: target.bias.shape[0]])
            axes = (3, 2) if isinstance(layer, keras.layers.Conv2DTranspose) else (2, 3)
            for axis, indices in zip(axes, (channels, strongest), strict=True):
                kernel = kernel.take(indices, axis)
            target.set_weights([kernel, bias[strongest]])
            channels = strongest
        kept[id(layer.output)] = channels
