"""Builds the networks, uncompiled: the denoisers of NETWORKS and the classifier.

A denoiser maps noisy images of shape (n, height, width, channels) to denoised images of the same
shape. Keras is imported when a network is built, because the names are needed without it.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Model: TypeAlias = Any  # a keras.Model
Shape = Sequence[int | None]  # height, width, channels

ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "silu", "tanh", "sigmoid")


class Network(NamedTuple):
    """A kind of network, built by `build(shape, **params)`; `params` is the section `model`.

    A convolutional network has `reach(**params)`, which returns its scale and its radius, as
    `unet_reach` does. Its height and width may be None: the sides of the images are then multiples
    of the scale, and the weights fit a network of any size.
    """

    build: Callable[..., Model]
    reach: Callable[..., tuple[int, int]] | None = None


def build(shape: Shape, kind: str, **params: Any) -> Model:
    """The network of this kind for images of this shape, with new weights."""
    return NETWORKS[kind].build(shape, **params)


def dense(
    shape: Shape, encoder: Sequence[int], decoder: Sequence[int], activation: str, **_: Any
) -> Model:
    """A fully connected autoencoder; `encoder` and `decoder` are the units of their layers.

    With 512, 512, 256, 256, 64 and 512 units and ReLU it is the network of the guide "Use
    Autoencoders to Denoise Images".
    """
    import keras
    from keras import layers

    noisy = keras.Input(shape, name="noisy")
    x = layers.Flatten()(noisy)
    values = x.shape[1]
    for number, units in enumerate(encoder, start=1):
        x = layers.Dense(units, activation, name=f"encoder_{number}")(x)
    for number, units in enumerate(decoder, start=1):
        x = layers.Dense(units, activation, name=f"decoder_{number}")(x)
    # float32 even in mixed precision, as the Keras guide on mixed precision recommends.
    x = layers.Dense(values, name="output", dtype="float32")(x)
    x = layers.Reshape(shape, dtype="float32")(x)
    # The last layer, because Keras then computes the cross-entropy from the input of the sigmoid.
    denoised = layers.Activation("sigmoid", name="denoised", dtype="float32")(x)
    return keras.Model(noisy, denoised, name="autoencoder")


def convolutional(
    shape: Shape,
    filters: Sequence[int],
    convolutions: int,
    activation: str,
    residual: bool,
    standardize: bool,
    skips: bool,
    **_: Any,
) -> Model:
    """A convolutional autoencoder; with `skips` a U-Net (Ronneberger et al., 2015).

    `filters` lists the filters per resolution, each half the previous one; `convolutions` is the
    number of 3x3 convolutions per resolution, on the way down and on the way up. With `skips`, the
    convolutions on the way up also get the result of those on the way down.

    With `residual`, the network predicts the noise and subtracts it from the image (Zhang et al.,
    "Beyond a Gaussian denoiser", 2017); the result may lie outside of [0, 1]. With `standardize`,
    the kernels of the 3x3 convolutions are `standardized` after each training step, except that of
    the output layer. Images of a fixed size are padded with zeros to multiples of the scale.
    """
    import keras
    from keras import layers

    def convolve(x: Any, width: int) -> Any:
        for _ in range(convolutions):
            layer = layers.Conv2D(width, 3, **same, activation=activation)
            x = layer(x)
            if standardize:
                layer.kernel.constraint = standardized  # not an argument, which would be saved
        return x

    same = {"padding": "same", "kernel_initializer": "he_normal"}
    scale = unet_reach(filters, convolutions)[0]
    margins = [-(side or 0) % scale for side in shape[:2]]
    borders = [(margin // 2, margin - margin // 2) for margin in margins]
    noisy = image = keras.Input(shape, name="noisy")
    if any(margins):
        image = layers.ZeroPadding2D(borders, dtype="float32")(image)
    x, skip_features = image, []
    for width in filters[:-1]:
        skip_features.append(convolve(x, width))
        x = layers.AveragePooling2D(2)(skip_features[-1])
    x = convolve(x, filters[-1])
    for skip, width in zip(reversed(skip_features), reversed(filters[:-1]), strict=True):
        x = layers.Conv2DTranspose(width, 2, strides=2)(x)
        x = convolve(layers.Concatenate()([x, skip]) if skips else x, width)
    # float32 even in mixed precision, as in `dense`. A residual network starts as the identity:
    # with random noise to unlearn, the first steps can push all activations to zero for good.
    output = {"kernel_initializer": "zeros"} if residual else {"activation": "sigmoid"}
    x = layers.Conv2D(shape[2], 3, padding="same", dtype="float32", **output)(x)
    if residual:
        x = layers.Subtract(dtype="float32")([image, x])
    if any(margins):
        x = layers.Cropping2D(borders, dtype="float32")(x)
    return keras.Model(noisy, x, name="autoencoder")


def unet_reach(filters: Sequence[int], convolutions: int, **_: Any) -> tuple[int, int]:
    """The scale and the radius, in pixels, of a network built by `convolutional`.

    Except at the edges, a shift of the image by a multiple of the scale shifts the result equally.
    An output pixel depends only on input pixels within `radius` rows and columns.
    """
    halvings = len(filters) - 1
    scale = 2**halvings
    output = np.arange(scale)  # pixels of a row; by symmetry, those to the right suffice
    last = output + 1  # the last pixel that affects each of them, at first in the layer before
    for _level in range(halvings):
        last = (last + convolutions) // 2
    last += convolutions
    for _level in range(halvings):
        last = 2 * last + 1 + convolutions
    return scale, int((last - output).max())


NETWORKS = {
    "dense": Network(dense),
    "conv": Network(functools.partial(convolutional, skips=False), unet_reach),
    "unet": Network(functools.partial(convolutional, skips=True), unet_reach),
}


def standardized(kernel: Any) -> Any:
    """Shifts and scales the n weights of each filter, the last axis, to mean 0 and variance 2 / n.

    This is the weight standardization of Qiao et al., "Micro-batch training with batch-channel
    normalization and weight standardization", 2019, with the variance of He et al., 2015.
    """
    from keras import ops

    kernel = ops.convert_to_tensor(kernel)  # with JAX, a variable is not a tensor
    mean, variance = ops.moments(kernel, (0, 1, 2), keepdims=True)
    scale = math.sqrt(2 / math.prod(kernel.shape[:3]))
    return (kernel - mean) * scale * ops.rsqrt(variance + 1e-12)


def classifier(shape: Shape, classes: int) -> Model:
    """A small network from clean images to class probabilities, shape (n, classes)."""
    import keras
    from keras import layers

    image = x = keras.Input(shape, name="image")
    # Strides instead of max pooling, whose gradient is slow on a CPU.
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(128, "relu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(classes, "softmax")(x), name="classifier")
