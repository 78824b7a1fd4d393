"""Logs a training for TensorBoard. The log does not affect the result."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from denoiser.layout import to_squares
from pipeline.base import files

if TYPE_CHECKING:
    import keras

    from denoiser.noise import Images


def log_folder() -> Path:
    """The folder of this run's log: one folder per experiment, in the workspace.

    DVC passes the name of the experiment and the path of the workspace as environment variables,
    also to a run in a temporary folder.
    """
    return Path(
        os.environ.get("DVC_ROOT", "."),
        "tensorboard",
        os.environ.get("DVC_EXP_NAME", "workspace"),
    )


def callbacks(
    model: "keras.Model",
    params: dict[str, dict[str, Any]],
    noisy: "Images",
    clean: "Images",
    resumed: bool,
) -> list["keras.callbacks.Callback"]:
    """Keras callbacks that log losses, parameters, and images that are denoised after each epoch.

    `noisy` and `clean` are the same images, laid out as in layout.py. Unless the training is
    resumed, the log of an earlier run is removed.
    """
    import keras
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hparams

    folder = log_folder()
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


def flatten(params: dict[str, dict[str, Any]]) -> dict[str, bool | int | float | str]:
    """Parameters by dotted name. Lists and nulls, which TensorBoard lacks, become strings."""
    flat: dict[str, bool | int | float | str] = {}
    for name, value in params.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": nested for key, nested in flatten(value).items()}
        else:
            flat[name] = value if isinstance(value, bool | int | float | str) else str(value)
    return flat


def image_grid(*rows: "Images") -> "Images":
    """One picture, shape (1, height, width, channels), with a row for each array of images."""
    lines = [np.concatenate(list(to_squares(images)), axis=1) for images in rows]
    picture: Images = np.concatenate(lines)[None]
    return picture
