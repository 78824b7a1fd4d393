"""A small convolutional classifier, which shows whether denoised images remain recognizable."""

import math

import keras
from keras import layers


def build(pixels: int, classes: int) -> keras.Model:
    """The uncompiled network: (n, side*side) in [0, 1] to class probabilities (n, classes)."""
    side = math.isqrt(pixels)
    image = keras.Input((pixels,), name="image")
    x = layers.Reshape((side, side, 1))(image)
    # Strides instead of max pooling, whose gradient is slow on a CPU.
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(128, "relu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(classes, "softmax")(x), name="classifier")
