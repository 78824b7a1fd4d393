"""Builds the denoising networks, uncompiled.

Each maps noisy images in the layout of layout.py to denoised images of the same shape.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import layers

from denoiser.layout import side_and_channels

ModelKind = Literal["dense", "conv", "unet"]


def build(
    pixels: int,
    kind: ModelKind,
    encoder: Sequence[int],
    decoder: Sequence[int],
    filters: Sequence[int],
    convolutions: int,
    activation: str,
    residual: bool = False,
    standardize: bool = False,
) -> keras.Model:
    """The network of this kind; see `dense`, `conv` and `unet` for the arguments that each uses."""
    if kind == "dense":
        return dense(pixels, encoder, decoder, activation)
    network = {"conv": conv, "unet": unet}[kind]
    return network(pixels, filters, convolutions, activation, residual, standardize)


def dense(
    pixels: int, encoder: Sequence[int], decoder: Sequence[int], activation: str
) -> keras.Model:
    """A fully connected autoencoder; its bottleneck is the last layer of the encoder.

    `encoder` and `decoder` are the units of their layers; the output layer uses sigmoid. With
    512, 512, 256, 256, 64 and 512 units and ReLU it is the network of the guide "Use Autoencoders
    to Denoise Images".
    """
    noisy = x = keras.Input((pixels,), name="noisy")
    for number, units in enumerate(encoder, start=1):
        x = layers.Dense(units, activation, name=f"encoder_{number}")(x)
    for number, units in enumerate(decoder, start=1):
        x = layers.Dense(units, activation, name=f"decoder_{number}")(x)
    # float32 even in mixed precision, as the Keras guide on mixed precision recommends.
    denoised = layers.Dense(pixels, "sigmoid", name="denoised", dtype="float32")(x)
    return keras.Model(noisy, denoised, name="autoencoder")


def conv(
    pixels: int,
    filters: Sequence[int],
    convolutions: int,
    activation: str,
    residual: bool = False,
    standardize: bool = False,
) -> keras.Model:
    """A convolutional autoencoder.

    `filters` lists the filters per resolution; each resolution is half the previous one.
    `convolutions` is the number of 3x3 convolutions per resolution. With filters 32 and 32 and one
    convolution it is the denoising example of F. Chollet, "Building autoencoders in Keras", 2016.

    The output layer uses sigmoid. With `residual`, the network predicts the noise and subtracts it
    from the image (Zhang et al., "Beyond a Gaussian denoiser", 2017); the result may then lie
    outside of [0, 1].

    With `standardize`, `standardized` is applied to the kernels of the 3x3 convolutions after each
    training step, except to that of the output layer.
    """
    image = x = keras.Input((None, None, side_and_channels(pixels)[1]))
    for width in filters:
        x = layers.MaxPooling2D(2)(_convolve(x, width, convolutions, activation, standardize))
    for width in reversed(filters):
        x = layers.UpSampling2D(2)(_convolve(x, width, convolutions, activation, standardize))
    return _wrap_flattened(keras.Model(image, _output(image, x, residual), name="network"), pixels)


def unet(
    pixels: int,
    filters: Sequence[int],
    convolutions: int,
    activation: str,
    residual: bool = False,
    standardize: bool = False,
) -> keras.Model:
    """A U-Net (Ronneberger et al., 2015): like `conv`, with skip connections at each resolution.

    Takes the same arguments as `conv`. With one entry in `filters` it is a plain convolutional
    network.
    """
    image = x = keras.Input((None, None, side_and_channels(pixels)[1]))
    skips = []
    for width in filters[:-1]:
        skips.append(_convolve(x, width, convolutions, activation, standardize))
        x = layers.AveragePooling2D(2)(skips[-1])
    x = _convolve(x, filters[-1], convolutions, activation, standardize)
    for skip in reversed(skips):
        width = skip.shape[-1]
        x = layers.Concatenate()([layers.Conv2DTranspose(width, 2, strides=2)(x), skip])
        x = _convolve(x, width, convolutions, activation, standardize)
    return _wrap_flattened(keras.Model(image, _output(image, x, residual), name="network"), pixels)


def standardized(kernel: Any) -> Any:
    """Shifts and scales the n weights of each filter to mean 0 and variance 2 / n.

    `kernel` has the shape (height, width, channels, filters). This is the weight standardization of
    Qiao et al. ("Micro-batch training with batch-channel normalization and weight standardization",
    2019), with the variance of He et al. (2015).
    """
    kernel = keras.ops.convert_to_tensor(kernel)  # with JAX, a variable is not a tensor
    mean, variance = keras.ops.moments(kernel, (0, 1, 2), keepdims=True)
    scale = math.sqrt(2 / math.prod(kernel.shape[:3]))
    return (kernel - mean) * scale * keras.ops.rsqrt(variance + 1e-12)


def _convolve(x: Any, filters: int, count: int, activation: str, standardize: bool) -> Any:
    for _ in range(count):
        layer = layers.Conv2D(
            filters, 3, padding="same", activation=activation, kernel_initializer="he_normal"
        )
        x = layer(x)
        if standardize:
            layer.kernel.constraint = standardized  # not an argument, which the model would save
    return x


def _output(image: Any, x: Any, residual: bool) -> Any:
    activation = None if residual else "sigmoid"
    # float32 even in mixed precision, as in `dense`.
    x = layers.Conv2D(image.shape[-1], 3, padding="same", activation=activation, dtype="float32")(x)
    return layers.Subtract(dtype="float32")([image, x]) if residual else x


def _wrap_flattened(network: keras.Model, pixels: int) -> keras.Model:
    """A model of flattened images around a network of images (n, height, width, channels).

    Images are padded with zeros to a size that the network's pooling layers divide evenly.
    """
    side, channels = side_and_channels(pixels)
    pools = (layers.MaxPooling2D, layers.AveragePooling2D)
    depth = sum(isinstance(layer, pools) for layer in network.layers)
    margin = -side % 2**depth
    border = margin // 2, margin - margin // 2
    noisy = keras.Input((pixels,), name="noisy")
    x = layers.Reshape((side, side, channels), dtype="float32")(noisy)
    x = layers.ZeroPadding2D((border, border), dtype="float32")(x)
    x = layers.Cropping2D((border, border), dtype="float32")(network(x))
    denoised = layers.Reshape((pixels,), dtype="float32", name="denoised")(x)
    return keras.Model(noisy, denoised, name="autoencoder")
