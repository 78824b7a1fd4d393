"""What a training writes for TensorBoard, if it is asked to; it is no part of the result."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages import files

if TYPE_CHECKING:
    import keras

    from denoiser.training import Images


def folder() -> Path:
    """Where: one folder a run, in the workspace also for one that runs in a folder of its own.

    DVC says in these variables which experiment it runs, and for which workspace.
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
    goes_on: bool,
) -> list["keras.callbacks.Callback"]:
    """Keras's callbacks: the losses, the parameters, and what the model makes of these images.

    Images have shape (n, side*side). Unless the run goes on with an earlier one, what that left
    is removed.
    """
    import keras
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hparams

    if not goes_on:
        files.remove(folder())
    path = str(folder())
    writer = tf.summary.create_file_writer(f"{path}/images")

    def draw(epoch: int, _logs: object) -> None:
        denoised = keras.ops.convert_to_numpy(model(noisy, training=False))
        with writer.as_default():
            tf.summary.image("clean, noisy, denoised", grid(clean, noisy, denoised), epoch)
        writer.flush()  # to be seen while training goes on

    return [
        keras.callbacks.TensorBoard(path, write_graph=False),
        hparams.KerasCallback(path, flat(params)),
        keras.callbacks.LambdaCallback(on_epoch_end=draw),
    ]


def flat(params: dict[str, dict[str, Any]]) -> dict[str, bool | int | float | str]:
    """Each parameter by its dotted name; lists and nulls, which TensorBoard lacks, in words."""
    found: dict[str, bool | int | float | str] = {}
    for name, value in params.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": each for key, each in flat(value).items()}
        else:
            found[name] = value if isinstance(value, bool | int | float | str) else str(value)
    return found


def grid(*rows: "Images") -> "Images":
    """One picture with a row of images for each of these; shape (1, height, width, 1)."""
    side = round(rows[0].shape[1] ** 0.5)
    tiles = np.stack(rows).reshape(len(rows), -1, side, side).transpose(0, 2, 1, 3)
    return 1 - tiles.reshape(1, len(rows) * side, -1, 1)  # ink on paper, as the plots have it
