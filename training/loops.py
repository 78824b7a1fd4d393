"""Trains or tests a compiled Keras model on the batches of an epoch, within compiled functions."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from denoiser.base.images import Array
from training.batches import WINDOW, Batches, Order

Prepare = Callable[..., tuple[Any, ...]]


def arrays_only(_: Any, *arrays: Any) -> tuple[Any, ...]:
    """The arrays of a batch without its counter."""
    return arrays


class Loop:
    """Trains a compiled model on all batches of an epoch, or with `training=False` tests it.

    `arrays` have one row per image. Arrays of at most `memory` bytes, or of one window, are copied
    to the device once; an epoch is then one call of a compiled function, which gets the numbers of
    the rows. Larger arrays are copied window by window, see `Order`; the next window is read while
    the device works on the current one.

    `prepare` maps the counter and the arrays of a batch to the input and the target of the network,
    on the device. With `xla`, TensorFlow compiles the function with XLA; JAX always does.
    """

    def __init__(
        self,
        model: keras.Model,
        *arrays: Array,
        batch_size: int,
        seed: int | None = None,
        multiple: int = 1,
        training: bool = True,
        prepare: Prepare | None = None,
        xla: bool = True,
        memory: int = 0,
    ) -> None:
        row_bytes = sum(array[:1].nbytes for array in arrays)
        self.model, self.arrays = model, arrays
        self.order = Order(len(arrays[0]), row_bytes, batch_size, seed, multiple)
        self.resident: tuple[Any, ...] | None = None
        if len(arrays[0]) * row_bytes <= max(memory, WINDOW):
            self.resident = self.read(np.arange(self.order.count))
        step = model.train_step if training else model.test_step
        if keras.backend.backend() == "jax":
            self.run_batches = jax_function(model, step, prepare or arrays_only, training)
        else:
            self.run_batches = tensorflow_function(model, step, prepare or arrays_only, xla)

    def __call__(self, epoch: int) -> float:
        """Trains or tests one epoch, counted from 0; returns the mean loss of the images."""
        self.model.reset_metrics()
        for arrays, batches in self.calls(epoch):
            loss = self.run_batches(arrays, batches)  # of all batches so far
        return float(loss)

    def calls(self, epoch: int) -> Iterator[tuple[tuple[Any, ...], Batches]]:
        """Yields the arguments of each call of `run_batches`: arrays on the device, and rows."""
        windows = list(self.order.windows(epoch))
        if self.resident is not None:
            rows = np.concatenate([window[order] for window, order in windows])
            yield self.resident, self.order.batches(rows, epoch)
            return
        with ThreadPoolExecutor(1) as pool:
            reads = [window for window, _ in windows[1:]]
            following = pool.submit(self.read, windows[0][0])
            for number, (_, order) in enumerate(windows):
                arrays = following.result()
                if number < len(reads):
                    following = pool.submit(self.read, reads[number])
                yield arrays, self.order.batches(order, epoch, number * self.order.window)

    def read(self, rows: Array) -> tuple[Any, ...]:
        """Copies rows of each array to the device."""
        return tuple(to_device(read_runs(array, rows)) for array in self.arrays)


def read_runs(array: Array, rows: Array) -> Array:
    """The rows with these numbers; consecutive rows are read at once.

    On a CPU, TensorFlow and JAX use the result without a copy, because it is aligned to 64 bytes.
    """
    shape = len(rows), *array.shape[1:]
    size = math.prod(shape) * array.itemsize
    memory = np.empty(size + 64, np.uint8)
    first = -memory.ctypes.data % 64
    result = memory[first : first + size].view(array.dtype).reshape(shape)
    starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1).tolist()
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        read_rows(array, rows[start], result[start:stop])
    return result


def read_rows(array: Array, start: int, result: Array) -> None:
    """Copies consecutive rows to `result`; those of a memory map are read from its file.

    To use a memory map, the system may read 8 MB around each page, more than a run of rows.
    """
    file: Any = array if array.flags.c_contiguous else None
    while file is not None and not isinstance(file, np.memmap):
        file = getattr(file, "base", None)
    if file is None:
        result[:] = array[start : start + len(result)]
        return
    with open(str(file.filename), "rb") as source:
        source.seek(file.offset + array[start:].ctypes.data - file.ctypes.data)
        source.readinto(result.data)


def tensorflow_function(
    model: keras.Model, step: Callable[..., Any], prepare: Prepare, xla: bool
) -> Any:
    import tensorflow as tf

    @tf.function(jit_compile=xla, autograph=False)  # type: ignore[untyped-decorator]
    def run_batches(arrays: tuple[Any, ...], batches: Batches) -> Any:
        rows, remainder, counters = batches

        def run_step(rows: Any, counter: Any) -> None:
            step(prepare(counter, *(tf.gather(array, rows) for array in arrays)))

        def body(index: Any) -> tuple[Any]:
            run_step(rows[index], counters[index])
            return (index + 1,)

        steps = rows.shape[0]  # a constant, so that a GPU runs the loop without the host
        if steps:
            tf.while_loop(lambda index: index < steps, body, [0], parallel_iterations=1)
        if remainder.shape[0]:
            run_step(remainder, counters[-1])
        return model.get_metrics_result()["loss"]

    return run_batches


def jax_function(
    model: keras.Model, step: Callable[..., Any], prepare: Prepare, training: bool
) -> Any:
    import jax

    groups = [model.trainable_variables, model.non_trainable_variables, model.metrics_variables]
    if training:
        groups.insert(2, model.optimizer.variables)

    def run_step(state: Any, arrays: tuple[Any, ...], rows: Any, counter: Any) -> Any:
        batch = prepare(counter, *(jax.numpy.take(a, rows, axis=0, mode="clip") for a in arrays))
        return step(state, batch)[1]

    def run_steps(state: Any, arrays: tuple[Any, ...], batches: Batches) -> Any:
        rows, remainder, counters = batches

        def body(state: Any, batch: tuple[Any, Any]) -> tuple[Any, None]:
            return run_step(state, arrays, *batch), None

        state, _ = jax.lax.scan(body, state, (rows, counters[:-1]))
        return run_step(state, arrays, remainder, counters[-1]) if remainder.shape[0] else state

    state = tuple([variable.value for variable in group] for group in groups)
    shardings = jax.tree.map(lambda array: array.sharding, state)
    compiled = jax.jit(run_steps, donate_argnums=0, out_shardings=shardings)

    def run_batches(arrays: tuple[Any, ...], batches: Batches) -> Any:
        batches = Batches(
            to_device(batches.rows, None, "batch"),
            to_device(batches.remainder, "batch"),
            to_device(batches.counters),
        )
        state = tuple([variable.value for variable in group] for group in groups)
        for group, values in zip(groups, compiled(state, arrays, batches), strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return model.get_metrics_result()["loss"]

    return run_batches


def to_device(array: Array, *axes: str | None) -> Any:
    """A tensor on the device, or on all devices of JAX, with these axes split among them."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.identity(tf.experimental.dlpack.from_dlpack(array.__dlpack__()))
    import jax

    distribution = keras.distribution.distribution()
    if distribution is None:
        return jax.numpy.asarray(array)
    spec = jax.sharding.PartitionSpec(*axes)
    sharding = jax.sharding.NamedSharding(distribution.device_mesh.backend_mesh, spec)
    # Each process has the whole array, and copies what its devices need.
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
