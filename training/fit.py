"""Deterministic, resumable training with Keras."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from training import optimizers
from training.batches import Blocks, to_tf_dataset
from training.losses import LOSSES
from training.multi_step import MultiStepModel, Prepare
from training.optimizers import Rate

Checkpoint = dict[str, npt.NDArray[Any]]
AfterEpoch = Callable[[Checkpoint], None]


def compile_model(
    network: keras.Model,
    optimizer: str,
    learning_rate: Rate,
    loss: str,
    weight_decay: float | None = None,
    prepare: Prepare | None = None,
    xla: bool = True,
) -> MultiStepModel:
    """A model that trains `network`, with an optimizer by name and a loss of LOSSES or Keras.

    A `weight_decay` of None is the default of the optimizer. See `MultiStepModel` for `prepare` and
    `xla`, which speeds up dense layers, but not convolutions on a CPU.
    """
    model = MultiStepModel(network, prepare, xla)
    model.compile(
        optimizer=optimizers.optimizer(optimizer, learning_rate, weight_decay),
        loss=LOSSES.get(loss, loss),
        # The model itself tells TensorFlow to compile its loop.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    # Otherwise Keras would call the network with a block in order to create these variables.
    model.optimizer.build(model.trainable_variables)
    batch = keras.ops.zeros((1, *model.output_shape[1:]))
    model.compute_loss(y=batch, y_pred=batch)
    return model


def fit(
    model: MultiStepModel,
    train: Blocks,
    validation: Blocks,
    epochs: int,
    patience: int | None,
    after_epoch: AfterEpoch,
    checkpoint: Checkpoint | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> None:
    """Trains a compiled model; a resumed training ends with the same bits as an uninterrupted one.

    With a `patience`, training stops after that many epochs without a lower val_loss and restores
    the best weights; with None, it runs for all epochs and keeps the last weights. `after_epoch`
    gets a checkpoint, whose array "losses" has shape (epochs, 2), for loss and val_loss. Raises
    FloatingPointError if the loss of an epoch is not finite.
    """
    first_epoch = 0
    if checkpoint is not None:
        for variable, value in zip(variables(model), group(checkpoint, "state"), strict=True):
            variable.assign(value)
        first_epoch = epochs if checkpoint["stopped"] else len(checkpoint["losses"])
    train.epoch = first_epoch - 1
    model.fit(
        to_tf_dataset(train),
        validation_data=to_tf_dataset(validation),
        initial_epoch=first_epoch,
        epochs=epochs,
        callbacks=[ResumableEarlyStopping(patience, after_epoch, checkpoint), *callbacks],
        shuffle=False,  # Blocks shuffles
        verbose=0,
    )


class ResumableEarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that creates a checkpoint after each epoch and can resume from one.

    Keras's BackupAndRestore saves neither the best weights nor the epochs without improvement.
    """

    def __init__(
        self, patience: int | None, after_epoch: AfterEpoch, checkpoint: Checkpoint | None
    ) -> None:
        super().__init__(patience=patience or 0, restore_best_weights=patience is not None)
        self.after_epoch, self.checkpoint = after_epoch, checkpoint
        self.losses = [] if checkpoint is None else checkpoint["losses"].tolist()

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        if self.checkpoint is not None and self.restore_best_weights:
            self.best, self.wait = self.checkpoint["stopping"].tolist()
            self.best_weights = group(self.checkpoint, "best")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.losses.append([logs["loss"], logs["val_loss"]])
        if not np.isfinite(self.losses[-1]).all():
            raise FloatingPointError(f"the loss is no longer finite in epoch {epoch + 1}")
        checkpoint = {"losses": np.array(self.losses)}
        if self.restore_best_weights:
            super().on_epoch_end(epoch, logs)
            checkpoint["stopping"] = np.array([self.best, self.wait])
            checkpoint |= {f"best {n}": array for n, array in enumerate(self.best_weights)}
        checkpoint["stopped"] = np.array(self.model.stop_training)
        for n, variable in enumerate(variables(self.model)):
            checkpoint[f"state {n}"] = keras.ops.convert_to_numpy(variable)
        self.after_epoch(checkpoint)


def variables(model: keras.Model) -> list[keras.Variable]:
    """The variables that training changes: the weights and the state of the optimizer."""
    return [*model.variables, *model.optimizer.variables]


def group(checkpoint: Checkpoint, name: str) -> list[npt.NDArray[Any]]:
    """The arrays "{name} 0", "{name} 1", … of a checkpoint, in order."""
    count = sum(key.startswith(f"{name} ") for key in checkpoint)
    return [checkpoint[f"{name} {n}"] for n in range(count)]
