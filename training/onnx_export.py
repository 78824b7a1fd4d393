"""Exports a trained network to ONNX, the format that `denoiser.model` runs without Keras."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from denoiser.base import files
from training.base import networks

DENOISER = "models/denoiser.onnx"


def export_network(
    trained: Any, params: Mapping[str, Any], path: str | Path, metadata: dict[str, str]
) -> None:
    """Writes a trained network of any precision as an ONNX file in float32.

    `params` is the section `model` with which the network was built. The file maps "noisy" to
    "denoised", both of shape (n, height, width, channels). Its metadata are `metadata`, `channels`,
    and the `side` of the square images, or the `scale` and the `radius` of a convolutional
    network (see `networks.Network`). The bytes depend only on the arguments and the packages.
    """
    from onnx import TensorProto, checker, helper, save

    _, height, width, channels = trained.input_shape
    metadata = metadata | {"channels": str(channels)}
    if reach := networks.NETWORKS[params["kind"]].reach:
        scale, radius = reach(**params)
        metadata |= {"scale": str(scale), "radius": str(radius)}
        height, width = "height", "width"
    else:
        metadata["side"] = str(height)
    graph = Graph(trained, channels_first=reach is not None)
    images = TensorProto.FLOAT, ("n", height, width, channels)
    ends = [[helper.make_tensor_value_info(name, *images)] for name in ("noisy", "denoised")]
    content = helper.make_graph(graph.nodes, "denoiser", *ends, graph.weights)
    opset = helper.make_opsetid("", 15)  # of 2021, as IR 8
    model = helper.make_model(content, opset_imports=[opset], ir_version=8)
    helper.set_model_props(model, dict(sorted(metadata.items())))
    checker.check_model(model, full_check=True)
    with files.atomic_write(path) as temporary:
        save(model, temporary)


class Graph:
    """The nodes and the weights of a network in ONNX.

    With `channels_first`, they compute with images of shape (n, channels, height, width), as the
    convolutions of ONNX do; those of Keras have their channels last. The export of Keras is not
    used: in tf2onnx 1.17, the result depends on memory addresses and is sometimes wrong.
    """

    def __init__(self, network: Any, channels_first: bool) -> None:
        self.nodes, self.weights = list[Any](), list[Any]()
        start = self.add("Transpose", "noisy", perm=[0, 3, 1, 2]) if channels_first else "noisy"
        names = {id(network.inputs[0]): start}  # of the tensors
        for layer in network.layers[1:]:
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            names[id(layer.output)] = self.add_layer(layer, *(names[id(x)] for x in inputs))
        if channels_first:
            self.add("Transpose", names[id(network.outputs[0])], perm=[0, 2, 3, 1])
        self.nodes[-1].output[:] = ["denoised"]

    def add(self, operation: str, *inputs: Any, **attributes: Any) -> str:
        """Adds a node, whose inputs are names and arrays; returns the name of its output."""
        from onnx import helper, numpy_helper

        names, output = list[str](), f"value {len(self.nodes)}"
        for value in inputs:
            if isinstance(value, str):
                names.append(value)
            else:
                names.append(f"weight {len(self.weights)}")
                self.weights.append(numpy_helper.from_array(value, names[-1]))
        self.nodes.append(helper.make_node(operation, names, [output], output, **attributes))
        return output

    def add_layer(self, layer: Any, x: str, *others: str) -> str:
        """Adds a layer of a network in `networks` with these inputs; returns its output."""
        # In Keras, the axes of kernels are height, width, input and output, or output and input.
        weights = [w.transpose(3, 2, 0, 1) if w.ndim == 4 else w for w in layer.get_weights()]
        match type(layer).__name__:
            case "ZeroPadding2D" | "Cropping2D":
                return x  # the caller pads the images to multiples of the scale
            case "Concatenate":
                return self.add("Concat", x, *others, axis=1)
            case "Subtract":
                return self.add("Sub", x, *others)
            case "Flatten":
                return self.add("Flatten", x)
            case "Reshape":
                return self.add("Reshape", x, np.array([-1, *layer.target_shape]))
            case "AveragePooling2D":
                return self.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
            case "Conv2D":
                x = self.add("Conv", x, *weights, pads=[1] * 4)
            case "Conv2DTranspose":
                x = self.add("ConvTranspose", x, *weights, strides=[2, 2])
            case "Dense":
                x = self.add("Gemm", x, *weights)
            case "Activation":
                pass
            case other:
                raise NotImplementedError(f"add_layer lacks the layer {other}")
        match layer.activation.__name__:
            case "linear":
                return x
            case "silu":
                return self.add("Mul", x, self.add("Sigmoid", x))
            case "leaky_relu":
                return self.add("LeakyRelu", x, alpha=0.2)
            case name:  # relu, elu, selu, tanh, sigmoid
                return self.add(name.capitalize(), x)
