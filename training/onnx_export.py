"""Exports a trained network to ONNX, the format that `denoiser.model` runs without Keras."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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

    Keras must run with TensorFlow, and its global dtype policy must be float32, the default.
    """
    import onnx

    _, height, width, channels = trained.input_shape
    metadata = metadata | {"channels": str(channels)}
    if reach := networks.NETWORKS[params["kind"]].reach:
        scale, radius = reach(**params)
        metadata |= {"scale": str(scale), "radius": str(radius)}
        height = width = None
    else:
        metadata["side"] = str(height)
    network = networks.build((height, width, channels), **params)
    network.set_weights(trained.get_weights())
    network(network.inputs[0])  # Keras does not export a network that was never called
    with files.atomic_write(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of NumPy, about code in Keras
            network.export(temporary, format="onnx", verbose=False)
        model = onnx.load(temporary)
        normalize(model)
        onnx.helper.set_model_props(model, dict(sorted(metadata.items())))
        onnx.checker.check_model(model)
        onnx.save(model, temporary)


def normalize(model: Any) -> None:
    """Replaces everything that differs between two exports of an `onnx.ModelProto`, in place.

    The input and the output are named "noisy" and "denoised"; the nodes and the other values are
    numbered in the order of the computation.
    """
    graph = model.graph
    names = {graph.input[0].name: "noisy", graph.output[0].name: "denoised", "": ""}
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type} {number}"
        for values in (node.input, node.output):
            values[:] = [names.setdefault(name, f"value {len(names)}") for name in values]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names[value.name]
    graph.initializer.sort(key=lambda tensor: int(tensor.name.split()[1]))
    axes = "n", "height", "width", "channels"
    for value in (*graph.input, *graph.output):
        for axis, size in zip(axes, value.type.tensor_type.shape.dim, strict=True):
            if not size.dim_value:
                size.dim_param = axis
    del graph.value_info[:]
    graph.name = "denoiser"
    graph.ClearField("doc_string")
    for field in ("producer_name", "producer_version", "doc_string"):
        model.ClearField(field)
    model.opset_import.sort(key=lambda opset: opset.domain)
