"""Applies a trained model to pictures of any size."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from denoiser import tiles
from denoiser.ensemble import ensemble
from denoiser.field_of_view import field_of_view
from denoiser.layout import side_and_channels
from denoiser.tiles import Float32, Network, Progress, Rows, Shape

if TYPE_CHECKING:
    import keras

PictureDenoiser = Callable[[Rows, Shape, Progress], Iterator[Float32]]


def picture_denoiser(model: "keras.Model", average: bool) -> PictureDenoiser:
    """A function that denoises a picture and yields bands of its rows from top to bottom.

    The rows are not clipped. With `average`, each tile is denoised by `ensemble`. Raises ValueError
    if the model is not a denoiser of models.py.
    """
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape != model.output_shape:
        raise ValueError("the shape of its output differs from that of its input")
    inner = next((layer for layer in model.layers if layer.name == "network"), None)
    if inner is None:
        side, channels = side_and_channels(shape[1])
        network = adapt(on_rows(without_xla(model)), channels, average)
        return lambda rows, shape, progress: tiles.blend(rows, shape, network, side, progress)
    scale, radius = field_of_view(inner)
    network = adapt(without_xla(inner), inner.input_shape[-1], average)
    return lambda rows, shape, progress: tiles.convolve(
        rows, shape, network, scale, radius, progress
    )


def adapt(network: Network, channels: int, average: bool) -> Network:
    """The network for pictures of any number of channels; with `average`, their ensemble."""
    any_channels = tiles.for_channels(network, channels)
    return (lambda images: ensemble(images, any_channels)) if average else any_channels


def without_xla(model: "keras.Model") -> Network:
    """The function of a model, compiled without XLA, which compiles for seconds for each shape."""
    model.jit_compile = False
    return model.predict_on_batch  # type: ignore[no-any-return]


def on_rows(network: Network) -> Network:
    """A network of images (n, side, side, channels), from a network of flattened images."""
    return lambda images: network(images.reshape(len(images), -1)).reshape(images.shape)
