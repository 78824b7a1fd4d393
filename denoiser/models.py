"""Builds the networks, uncompiled; pixels in, pixels out, both in [0, 1]."""

from collections.abc import Sequence

import keras


def dense(
    pixels: int, encoder: Sequence[int], decoder: Sequence[int], activation: str
) -> keras.Model:
    """Fully connected layers of these many units, from (n, pixels) to (n, pixels); sigmoid last.

    The last of the encoder is the bottleneck. With 512, 512, 256, 256, 64 and 512 units and
    ReLU it is the network of the guide "Use Autoencoders to Denoise Images".
    """
    noisy = x = keras.Input((pixels,), name="noisy")
    for number, units in enumerate(encoder, start=1):
        x = keras.layers.Dense(units, activation, name=f"encoder_{number}")(x)
    for number, units in enumerate(decoder, start=1):
        x = keras.layers.Dense(units, activation, name=f"decoder_{number}")(x)
    # In mixed precision, too, the pixels and the loss are float32: Keras's own advice.
    denoised = keras.layers.Dense(pixels, "sigmoid", name="denoised", dtype="float32")(x)
    return keras.Model(noisy, denoised, name="autoencoder")
