"""Builds the networks, uncompiled; pixels in, pixels out, both in [0, 1], shape (n, side*side)."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import layers

Kind = Literal["dense", "conv", "unet"]


def build(
    pixels: int,
    kind: Kind,
    encoder: Sequence[int],
    decoder: Sequence[int],
    filters: Sequence[int],
    convolutions: int,
    activation: str,
) -> keras.Model:
    """The network of this kind, of the sizes that are its own: see `dense`, `conv` and `unet`."""
    if kind == "dense":
        return dense(pixels, encoder, decoder, activation)
    return {"conv": conv, "unet": unet}[kind](pixels, filters, convolutions, activation)


def dense(
    pixels: int, encoder: Sequence[int], decoder: Sequence[int], activation: str
) -> keras.Model:
    """Fully connected layers of these many units, from (n, pixels) to (n, pixels); sigmoid last.

    The last of the encoder is the bottleneck. With 512, 512, 256, 256, 64 and 512 units and
    ReLU it is the network of the guide "Use Autoencoders to Denoise Images".
    """
    noisy = x = keras.Input((pixels,), name="noisy")
    for number, units in enumerate(encoder, start=1):
        x = layers.Dense(units, activation, name=f"encoder_{number}")(x)
    for number, units in enumerate(decoder, start=1):
        x = layers.Dense(units, activation, name=f"decoder_{number}")(x)
    # In mixed precision, too, the pixels and the loss are float32: Keras's own advice.
    denoised = layers.Dense(pixels, "sigmoid", name="denoised", dtype="float32")(x)
    return keras.Model(noisy, denoised, name="autoencoder")


def conv(pixels: int, filters: Sequence[int], convolutions: int, activation: str) -> keras.Model:
    """A convolutional autoencoder: each of `filters` is a resolution's, half the one before it.

    So many 3x3 convolutions at each, max pooling down to the bottleneck, upsampling back. With
    32 and 32 filters and one convolution it is the denoising example of F. Chollet, "Building
    autoencoders in Keras", 2016.
    """
    image = x = keras.Input((None, None, 1))
    for number in filters:
        x = layers.MaxPooling2D(2)(_convolve(x, number, convolutions, activation))
    for number in reversed(filters):
        x = layers.UpSampling2D(2)(_convolve(x, number, convolutions, activation))
    return _of_rows(keras.Model(image, _pixels(x), name="network"), pixels)


def unet(pixels: int, filters: Sequence[int], convolutions: int, activation: str) -> keras.Model:
    """A U-Net (Ronneberger et al., 2015): each of `filters` is a resolution's, as in `conv`.

    So many 3x3 convolutions at each, on the way down and on the way up, where the layer sees
    what the way down saw at that resolution, too. One of `filters` is a plain network.
    """
    image = x = keras.Input((None, None, 1))
    seen = []
    for number in filters[:-1]:
        seen.append(_convolve(x, number, convolutions, activation))
        x = layers.AveragePooling2D(2)(seen[-1])
    x = _convolve(x, filters[-1], convolutions, activation)
    for skip in reversed(seen):
        number = skip.shape[-1]
        x = layers.Concatenate()([layers.Conv2DTranspose(number, 2, strides=2)(x), skip])
        x = _convolve(x, number, convolutions, activation)
    return _of_rows(keras.Model(image, _pixels(x), name="network"), pixels)


def for_side(model: keras.Model, side: int) -> keras.Model:
    """A `conv` or `unet` for images of side x side pixels, of any side, with the same weights.

    Raises ValueError for another model.
    """
    network = next((layer for layer in model.layers if layer.name == "network"), None)
    if network is None:
        raise ValueError("only conv and unet take images of another size")
    return _of_rows(network, side**2)


def _convolve(x: Any, filters: int, count: int, activation: str) -> Any:
    for _ in range(count):
        x = layers.Conv2D(
            filters, 3, padding="same", activation=activation, kernel_initializer="he_normal"
        )(x)
    return x


def _pixels(x: Any) -> Any:
    return layers.Conv2D(1, 3, padding="same", activation="sigmoid", dtype="float32")(x)


def _of_rows(network: keras.Model, pixels: int) -> keras.Model:
    """From (n, pixels) to (n, pixels), by a network of images of any size that halves evenly."""
    side = math.isqrt(pixels)
    pools = (layers.MaxPooling2D, layers.AveragePooling2D)
    depth = sum(isinstance(layer, pools) for layer in network.layers)
    margin = -side % 2**depth
    border = margin // 2, margin - margin // 2
    noisy = keras.Input((pixels,), name="noisy")
    x = layers.Reshape((side, side, 1), dtype="float32")(noisy)
    x = layers.ZeroPadding2D((border, border), dtype="float32")(x)
    x = layers.Cropping2D((border, border), dtype="float32")(network(x))
    denoised = layers.Reshape((pixels,), dtype="float32", name="denoised")(x)
    return keras.Model(noisy, denoised, name="autoencoder")
