"""A small convolutional classifier, which shows whether denoised images remain recognizable."""

import keras
from keras import layers

from denoiser.layout import side_and_channels


def build(pixels: int, classes: int) -> keras.Model:
    """The uncompiled network from images, as in layout.py, to class probabilities (n, classes)."""
    side, channels = side_and_channels(pixels)
    image = keras.Input((pixels,), name="image")
    x = layers.Reshape((side, side, channels))(image)
    # Strides instead of max pooling, whose gradient is slow on a CPU.
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(128, "relu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(classes, "softmax")(x), name="classifier")
