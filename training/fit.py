"""Deterministic, resumable training with Keras."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from training import optimizers
from training.loops import Loop
from training.optimizers import Rate

Checkpoint = dict[str, npt.NDArray[Any]]

CHECKPOINT_SECONDS = 10  # between two checkpoints, at least


def compile_model(
    network: keras.Model,
    optimizer: str,
    learning_rate: Rate,
    loss: str | Callable[[Any, Any], Any],
    weight_decay: float | None = None,
) -> keras.Model:
    """A model that trains `network`; the loss is a name of Keras or a function.

    A `weight_decay` of None is the default of the optimizer. The network itself is not compiled, so
    that its file does not contain the state of the optimizer.
    """
    model = keras.Model(network.inputs, network.outputs, name=network.name)
    model.compile(
        optimizer=optimizers.optimizer(optimizer, learning_rate, weight_decay),
        loss=loss,
    )
    # Keras creates these variables at the first step, but a compiled loop cannot create variables.
    model.optimizer.build(model.trainable_variables)
    batch = keras.ops.zeros((1, *model.output_shape[1:]))
    model.compute_loss(y=batch, y_pred=batch)
    return model


def fit(
    model: keras.Model,
    train: Loop,
    validate: Loop,
    epochs: int,
    patience: int | None,
    after_epoch: Callable[[float, float], None],
    save: Callable[[Checkpoint], None] = lambda _: None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Trains a compiled model; a resumed training ends with the same bits as an uninterrupted one.

    With a `patience`, training stops after that many epochs without a lower val_loss and restores
    the best weights; with None, it runs for all epochs and keeps the last weights. `after_epoch`
    gets loss and val_loss. `save` gets a checkpoint after the first epoch, the last one, and others
    that end CHECKPOINT_SECONDS after it was called; the array "losses" of a checkpoint has shape
    (epochs, 2), for loss and val_loss. Raises FloatingPointError if the loss of an epoch is not
    finite.
    """
    first_epoch = 0
    if checkpoint is not None:
        for variable, value in zip(variables(model), group(checkpoint, "state"), strict=True):
            variable.assign(value)
        first_epoch = epochs if checkpoint["stopped"] else len(checkpoint["losses"])
    stopping = ResumableEarlyStopping(patience, checkpoint)
    events = keras.callbacks.CallbackList([stopping], model=model, epochs=epochs)
    model.stop_training, saved = False, -math.inf
    events.on_train_begin()
    for epoch in range(first_epoch, epochs):
        events.on_epoch_begin(epoch)
        losses = train(epoch), validate(0)
        if not np.isfinite(losses).all():
            raise FloatingPointError(f"the loss is no longer finite in epoch {epoch + 1}")
        events.on_epoch_end(epoch, dict(zip(("loss", "val_loss"), losses, strict=True)))
        last = model.stop_training or epoch + 1 == epochs
        if last or time.monotonic() >= saved + CHECKPOINT_SECONDS:
            save(stopping.checkpoint())
            saved = time.monotonic()
        after_epoch(*losses)
        if last:
            break
    events.on_train_end()


class ResumableEarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that creates checkpoints and can resume from one.

    Keras's BackupAndRestore saves neither the best weights nor the epochs without improvement.
    """

    def __init__(self, patience: int | None, checkpoint: Checkpoint | None) -> None:
        super().__init__(patience=patience or 0, restore_best_weights=patience is not None)
        self.resumed = checkpoint
        self.losses = [] if checkpoint is None else checkpoint["losses"].tolist()

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        if self.resumed is not None and self.restore_best_weights:
            self.best, self.wait = self.resumed["stopping"].tolist()
            self.best_weights = group(self.resumed, "best")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.losses.append([logs["loss"], logs["val_loss"]])
        if self.restore_best_weights:
            super().on_epoch_end(epoch, logs)

    def checkpoint(self) -> Checkpoint:
        """Everything that a resumed training needs."""
        arrays = {"losses": np.array(self.losses), "stopped": np.array(self.model.stop_training)}
        if self.restore_best_weights:
            arrays["stopping"] = np.array([self.best, self.wait])
            arrays |= {f"best {n}": array for n, array in enumerate(self.best_weights)}
        for n, variable in enumerate(variables(self.model)):
            arrays[f"state {n}"] = keras.ops.convert_to_numpy(variable)
        return arrays


def variables(model: keras.Model) -> list[keras.Variable]:
    """The variables that training changes: the weights and the state of the optimizer."""
    return [*model.variables, *model.optimizer.variables]


def group(checkpoint: Checkpoint, name: str) -> list[npt.NDArray[Any]]:
    """The arrays "{name} 0", "{name} 1", … of a checkpoint, in order."""
    count = sum(key.startswith(f"{name} ") for key in checkpoint)
    return [checkpoint[f"{name} {n}"] for n in range(count)]
