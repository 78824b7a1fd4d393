"""What Keras lacks for training that repeats to the bit, and goes on where it was cut off."""

import io
import json
import zipfile
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol

import keras
import numpy as np
import numpy.typing as npt

from denoiser import losses

Images = npt.NDArray[np.float32]
Corrupt = Callable[[Images, np.random.Generator], Images]
Augment = Callable[[tuple[Images, ...], np.random.Generator], tuple[Images, ...]]
Schedule = Literal["constant", "cosine"]
Snapshot = dict[str, npt.NDArray[Any]]


class Rows(Protocol):
    """Images of shape (n, pixels): an array, or a file that is read a batch at a time."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: npt.NDArray[np.intp], /) -> Images: ...


class Batches(keras.utils.PyDataset):
    """Batches of (noisy, clean), in an order drawn from the seed and the epoch alone.

    Without a seed, the batches come in the order of the rows. The last batch may be smaller.
    `noisy` may be a function instead, which corrupts the clean images of each batch anew, and
    `augment` one that varies each pair of a batch; both draw from the seed, the epoch and the
    number of the batch alone.
    """

    def __init__(
        self,
        noisy: Rows | Corrupt,
        clean: Rows,
        batch_size: int,
        seed: int | None = None,
        augment: Augment | None = None,
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


def feed(batches: Batches) -> Any:
    """The batches as Keras's `fit` takes them.

    For TensorFlow a tf.data.Dataset: the one that Keras makes of a PyDataset has tf.data tune
    itself, for which some epochs wait a second or more (benchmarks/README.md).
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
    """The learning rate: constant, or along a half cosine to 0 after all these steps.

    It first rises in a straight line from 0, for the `warmup` of the steps.
    """
    if kind == "constant" and not warmup:
        return learning_rate
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else learning_rate,
        decay_steps=max(1, steps - warmup),
        alpha=float(kind == "constant"),  # the share of the rate at which it ends
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
    """Compiles a model; a loss is one of Keras's or of `losses`, weight decay None Keras's own.

    With TensorFlow, XLA does the same mathematics of dense layers in less time. It computes
    16-bit convolutions in 32 bits on a CPU, and 32-bit ones no faster: not for those.
    """
    settings = {"learning_rate": learning_rate, "weight_decay": weight_decay}
    model.compile(
        optimizer=type(keras.optimizers.get(optimizer))(
            **{name: value for name, value in settings.items() if value is not None}
        ),
        loss=losses.get(loss),
        jit_compile=xla if keras.backend.backend() == "tensorflow" else "auto",
        # Keras takes nothing but 1 with PyTorch.
        steps_per_execution=steps_per_execution if keras.backend.backend() != "torch" else 1,
    )


def fit(
    model: keras.Model,
    train: Batches,
    validation: Batches,
    epochs: int,
    patience: int | None,
    after_epoch: Callable[[Snapshot], None],
    snapshot: Snapshot | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> None:
    """Fits a compiled model; from a snapshot of an earlier fit on, to the same bits as in one go.

    With a `patience` it stops after that many epochs without a better val_loss and keeps the best
    weights; without, it runs all epochs and keeps the last. `after_epoch` gets a snapshot: all
    that the rest depends on, and as "losses" each epoch's loss and val_loss, shape (epochs, 2).
    Other callbacks of Keras's may watch.

    Raises FloatingPointError after an epoch with a loss that is not finite.
    """
    done = 0
    if snapshot is not None:
        model.optimizer.build(model.trainable_variables)
        for variable, value in zip(state(model), group(snapshot, "state"), strict=True):
            variable.assign(value)
        done = epochs if snapshot["stopped"] else len(snapshot["losses"])
    train.epoch = done - 1
    model.fit(
        feed(train),
        validation_data=feed(validation),
        initial_epoch=done,
        epochs=epochs,
        callbacks=[Resumable(patience, after_epoch, snapshot), *callbacks],
        shuffle=False,  # Batches does it
        verbose=0,
    )


class Resumable(keras.callbacks.EarlyStopping):
    """Early stopping that goes on from a snapshot, and takes one after each epoch.

    Keras's BackupAndRestore keeps neither the best weights nor the patience that is used up.
    """

    def __init__(
        self,
        patience: int | None,
        after_epoch: Callable[[Snapshot], None],
        snapshot: Snapshot | None,
    ) -> None:
        super().__init__(patience=patience or 0, restore_best_weights=patience is not None)
        self.after_epoch, self.snapshot = after_epoch, snapshot
        self.losses = [] if snapshot is None else snapshot["losses"].tolist()

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        if self.snapshot is not None and self.restore_best_weights:
            self.best, self.wait = self.snapshot["stopping"].tolist()
            self.best_weights = group(self.snapshot, "best")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.losses.append([logs["loss"], logs["val_loss"]])
        if not np.isfinite(self.losses[-1]).all():
            raise FloatingPointError(f"the loss is no longer finite in epoch {epoch + 1}")
        snapshot = {"losses": np.array(self.losses)}
        if self.restore_best_weights:
            super().on_epoch_end(epoch, logs)
            snapshot["stopping"] = np.array([self.best, self.wait])
            snapshot |= {f"best {n}": array for n, array in enumerate(self.best_weights)}
        snapshot["stopped"] = np.array(self.model.stop_training)
        for number, variable in enumerate(state(self.model)):
            snapshot[f"state {number}"] = keras.ops.convert_to_numpy(variable)
        self.after_epoch(snapshot)


def state(model: keras.Model) -> list[keras.Variable]:
    """What a fit changes: the weights, and what the optimizer remembers."""
    return [*model.variables, *model.optimizer.variables]


def group(snapshot: Snapshot, name: str) -> list[npt.NDArray[Any]]:
    """The arrays of a snapshot that are numbered under this name, in their order."""
    count = sum(key.startswith(f"{name} ") for key in snapshot)
    return [snapshot[f"{name} {number}"] for number in range(count)]


def strip_traces(archive: bytes) -> bytes:
    """A .keras archive without what the process that made it left there.

    Keras writes the date, and as `shared_object_id` the memory addresses of objects, which are
    numbered here in the order of their first appearance instead.
    """
    numbers: dict[int, int] = {}

    def strip(node: dict[str, Any]) -> dict[str, Any]:
        node.pop("date_saved", None)
        if (address := node.get("shared_object_id")) is not None:
            node["shared_object_id"] = numbers.setdefault(address, len(numbers) + 1)
        return node

    stripped = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(stripped, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".json"):
                content = json.dumps(json.loads(content, object_hook=strip)).encode()
            new.writestr(zipfile.ZipInfo(name), content)  # ZipInfo's own date is fixed: 1980
    return stripped.getvalue()
