"""Logs a training for TensorBoard. The log does not affect the result."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from denoiser.base import files
from denoiser.base.images import Float32


def callbacks(
    model: Any, params: dict[str, Any], noisy: Float32, clean: Float32, resumed: bool
) -> list[Any]:
    """Keras callbacks that log losses, parameters, and images that are denoised after each epoch.

    `noisy` and `clean` are the same images, shape (n, height, width, channels), float32. The log is
    in the folder `tensorboard/<experiment>` of the workspace, which DVC passes as environment
    variables. Unless the training is resumed, the log of an earlier run is removed.
    """
    import keras
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hparams

    root, name = os.environ.get("DVC_ROOT", "."), os.environ.get("DVC_EXP_NAME", "workspace")
    folder = Path(root, "tensorboard", name)
    if not resumed:
        files.remove(folder)
    writer = tf.summary.create_file_writer(f"{folder}/images")

    def log_images(epoch: int, _logs: object) -> None:
        denoised = keras.ops.convert_to_numpy(model(noisy, training=False))
        with writer.as_default():
            tf.summary.image("clean, noisy, denoised", image_grid(clean, noisy, denoised), epoch)
        writer.flush()  # so that TensorBoard shows them during training

    return [
        keras.callbacks.TensorBoard(str(folder), write_graph=False),
        hparams.KerasCallback(str(folder), flatten(params)),
        keras.callbacks.LambdaCallback(on_epoch_end=log_images),
    ]


def flatten(params: dict[str, Any], prefix: str = "") -> dict[str, bool | int | float | str]:
    """Parameters by dotted name. Lists and nulls, which TensorBoard lacks, become strings."""
    flat: dict[str, bool | int | float | str] = {}
    for name, value in params.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, bool | int | float) else str(value)
    return flat


def image_grid(*arrays: Float32) -> Float32:
    """One image, shape (1, height, width, channels), with a row for each array of images."""
    return np.concatenate([np.concatenate(list(images), axis=1) for images in arrays])[None]
