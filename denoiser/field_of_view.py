"""The field of view of a convolutional network: the input pixels on which an output depends."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import keras

# Layers whose output at a position depends on the inputs at the same position alone.
POINTWISE = (
    "Activation", "Add", "Average", "BatchNormalization", "Concatenate", "Dropout", "ELU",
    "LeakyReLU", "Maximum", "Multiply", "PReLU", "ReLU", "Rescaling", "Subtract",
)  # fmt: skip


class Reach(NamedTuple):
    """Along one axis, element i depends on pixels stride·i - before to stride·i + after."""

    stride: int
    before: int
    after: int


def field_of_view(network: "keras.Model") -> tuple[int, int]:
    """The scale and the radius of a network of images, in pixels.

    Without its padding, the network commutes with shifts of the image by multiples of `scale`, and
    an output pixel depends on no input pixel that is more than `radius` rows or columns away.
    Raises ValueError if a layer is not supported.
    """
    reaches: dict[int, Reach] = {}
    for layer in network.layers:
        if type(layer).__name__ == "InputLayer":
            reach = Reach(1, 0, 0)
        else:
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            reach = through(layer, [reaches[id(tensor)] for tensor in inputs])
        reaches[id(layer.output)] = reach
    last = reaches[id(network.outputs[0])]
    return max(reach.stride for reach in reaches.values()), max(last.before, last.after)


def through(layer: Any, inputs: list[Reach]) -> Reach:
    """The reach of the output of a layer, given those of its inputs."""
    stride = inputs[0].stride
    before, after = max(reach.before for reach in inputs), max(reach.after for reach in inputs)
    match type(layer).__name__:
        case "Conv2D" | "DepthwiseConv2D" | "SeparableConv2D" if max(layer.strides) == 1:
            size = max(layer.kernel_size) - 1
            left = size * max(layer.dilation_rate) // 2
            right = size * max(layer.dilation_rate) - left
            return Reach(stride, before + stride * left, after + stride * right)
        case "MaxPooling2D" | "AveragePooling2D" if layer.pool_size == layer.strides:
            size = max(layer.pool_size)
            return Reach(stride * size, before, after + stride * (size - 1))
        case "UpSampling2D" if layer.interpolation == "nearest":
            size = max(layer.size)
            return Reach(stride // size, before + stride // size * (size - 1), after)
        case "Conv2DTranspose" if max(layer.dilation_rate) == 1:
            step, size = max(layer.strides), max(layer.kernel_size)
            left = max(0, size - step) // 2
            small = stride // step
            return Reach(small, before + small * (size - 1 - left), after + small * left)
        case name if name in POINTWISE:
            return Reach(stride, before, after)
    raise ValueError(
        f"its layer {layer.name} ({type(layer).__name__}) is not supported for pictures of any size"
    )
