"""Deterministic, resumable training with Keras."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol

import keras
import numpy as np
import numpy.typing as npt

from denoiser import losses

Images = npt.NDArray[np.float32]
NoiseFunction = Callable[[Images, np.random.Generator], Images]
AugmentFunction = Callable[[tuple[Images, ...], np.random.Generator], tuple[Images, ...]]
Schedule = Literal["constant", "cosine"]
Checkpoint = dict[str, npt.NDArray[Any]]


class Rows(Protocol):
    """Images of shape (n, pixels): an array, or a file of which only a batch is in memory."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: npt.NDArray[np.intp], /) -> Images: ...


class Batches(keras.utils.PyDataset):
    """Batches of (noisy, clean) images, float32, shape (batch, pixels).

    The order of the rows and all random draws depend only on the seed, the epoch and the number
    of the batch; without a seed, the rows keep their order. The last batch may be smaller.
    `noisy` may be a function that adds new noise to the clean images of each batch. `augment` is a
    function that transforms all arrays of a batch in the same way, or None.
    """

    def __init__(
        self,
        noisy: Rows | NoiseFunction,
        clean: Rows,
        batch_size: int,
        seed: int | None = None,
        augment: AugmentFunction | None = None,
    ) -> None:
        super().__init__()
        self.noisy, self.clean, self.batch_size, self.seed = noisy, clean, batch_size, seed
        self.augment = augment
        self.epoch = -1
        self.order = np.arange(len(clean))

    def on_epoch_begin(self) -> None:
        self.epoch += 1
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, self.epoch])
            self.order = rng.permutation(len(self.order))

    @property
    def num_batches(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Images, Images]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        rng = np.random.default_rng([self.seed or 0, *b"batch", self.epoch + 1, index])
        clean = self.clean[rows]
        if callable(self.noisy):
            if self.augment:
                (clean,) = self.augment((clean,), rng)
            return self.noisy(clean, rng), clean
        noisy = self.noisy[rows]
        if self.augment:
            noisy, clean = self.augment((noisy, clean), rng)
        return noisy, clean


def to_tf_dataset(batches: Batches) -> Any:
    """The batches in the form that `fit` reads fastest.

    For TensorFlow it is a `tf.data.Dataset` without autotuning. The dataset that Keras creates from
    a PyDataset uses autotuning, which delays some epochs by a second or more
    (benchmarks/README.md). Other backends get the batches unchanged.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    shape = None, *batches[0][0].shape[1:]

    def read(index: np.int64) -> tuple[Images, Images]:
        if index == 0:
            batches.on_epoch_begin()
        return batches[int(index)]

    def batch(index: Any) -> tuple[Any, Any]:
        noisy, clean = tf.numpy_function(read, [index], [tf.float32, tf.float32])
        return tf.ensure_shape(noisy, shape), tf.ensure_shape(clean, shape)

    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    dataset = tf.data.Dataset.range(batches.num_batches).map(batch)
    return dataset.prefetch(4).with_options(options)


def schedule(
    kind: Schedule, learning_rate: float, warmup: int, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """A learning rate that is constant, or decays along a cosine to 0 at the last of all steps.

    In the first `warmup` steps it rises linearly from 0.
    """
    if kind == "constant" and not warmup:
        return learning_rate
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else learning_rate,
        decay_steps=max(1, steps - warmup),
        alpha=float(kind == "constant"),  # the final fraction of the learning rate
        warmup_target=learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def compile_model(
    model: keras.Model,
    optimizer: str,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    loss: str,
    steps_per_execution: int,
    weight_decay: float | None = None,
    xla: bool = True,
) -> None:
    """Compiles a model with an optimizer of Keras and a loss of losses.py or Keras, by name.

    A `weight_decay` of None is the default of the optimizer. With `xla`, TensorFlow compiles the
    model with XLA. This speeds up dense layers, but not convolutions on a CPU, where XLA also
    computes 16-bit convolutions in 32 bits.
    """
    settings = {"learning_rate": learning_rate, "weight_decay": weight_decay}
    model.compile(
        optimizer=type(keras.optimizers.get(optimizer))(
            **{name: value for name, value in settings.items() if value is not None}
        ),
        loss=losses.get(loss),
        jit_compile=xla if keras.backend.backend() == "tensorflow" else "auto",
        # With PyTorch, Keras accepts only 1.
        steps_per_execution=steps_per_execution if keras.backend.backend() != "torch" else 1,
    )


def fit(
    model: keras.Model,
    train: Batches,
    validation: Batches,
    epochs: int,
    patience: int | None,
    after_epoch: Callable[[Checkpoint], None],
    checkpoint: Checkpoint | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> None:
    """Trains a compiled model; a resumed training ends with the same bits as an uninterrupted one.

    With a `patience`, training stops after that many epochs without a lower val_loss and restores
    the best weights; with None, it runs for all epochs and keeps the last weights. `after_epoch`
    gets a checkpoint, from which training can resume. Its array "losses", shape (epochs, 2), has
    the loss and val_loss of each epoch. `callbacks` must not change the training.

    Raises FloatingPointError if the loss of an epoch is not finite.
    """
    first_epoch = 0
    if checkpoint is not None:
        model.optimizer.build(model.trainable_variables)
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
        shuffle=False,  # Batches shuffles
        verbose=0,
    )


class ResumableEarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that creates a checkpoint after each epoch and can resume from one.

    Keras's BackupAndRestore saves neither the best weights nor the epochs without improvement.
    """

    def __init__(
        self,
        patience: int | None,
        after_epoch: Callable[[Checkpoint], None],
        checkpoint: Checkpoint | None,
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
