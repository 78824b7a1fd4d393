"""Blocks of batches: the data that one call of a compiled function trains on."""

import math
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt

Array: TypeAlias = Any  # of NumPy, or a file that is indexed like one, such as an NpyReader
MAX_BYTES = 100_000_000  # in a block; a few blocks are in memory at once


class Blocks(keras.utils.PyDataset):
    """Blocks of up to `steps` batches and MAX_BYTES, for `MultiStepModel`.

    A block is a tuple (counters, *arrays) of arrays of shape (batch, steps, ...); Keras splits the
    first axis among several devices. The last batches of an epoch may form a shorter block, and a
    last, smaller batch forms a block of one step, whose size is a multiple of `multiple`.

    The order of the images depends only on the seed and the epoch; without a seed, they keep their
    order. `counters`, int32, numbers the images across epochs, modulo 2³¹; see `DeviceGenerator`.
    """

    def __init__(
        self,
        *arrays: Array,
        batch_size: int,
        steps: int = 1,
        seed: int | None = None,
        multiple: int = 1,
    ) -> None:
        super().__init__()
        self.arrays, self.batch_size, self.seed = arrays, batch_size, seed
        image = sum(math.prod(array.shape[1:]) * array.dtype.itemsize for array in arrays)
        self.steps = max(1, min(steps, MAX_BYTES // (batch_size * image)))
        self.epoch = -1
        count = len(arrays[0])
        self.order = np.arange(count)
        self.batches, rest = divmod(count, batch_size)
        self.rest = rest - rest % multiple
        self.full_blocks: int = -(-self.batches // self.steps)

    def on_epoch_begin(self) -> None:
        self.epoch += 1
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, self.epoch])
            self.order = rng.permutation(len(self.order))

    @property
    def num_batches(self) -> int:
        """The number of blocks; Keras prescribes the name."""
        return self.full_blocks + (self.rest > 0)

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches."""
        return self.batches + (self.rest > 0)

    def __getitem__(self, number: int) -> tuple[npt.NDArray[Any], ...]:
        first = min(number * self.steps, self.batches)
        if number < self.full_blocks:
            steps, size = min(self.steps, self.batches - first), self.batch_size
        else:
            steps, size = 1, self.rest
        start = first * self.batch_size
        positions = np.arange(start, start + steps * size).reshape(steps, size).T
        counters = (positions + max(self.epoch, 0) * len(self.order)) % 2**31
        index = self.order[positions]
        arrays = (array[index.ravel()] for array in self.arrays)
        return counters.astype(np.int32), *(a.reshape(*index.shape, *a.shape[1:]) for a in arrays)


def to_tf_dataset(blocks: Blocks) -> Any:
    """The blocks in the form that `fit` reads fastest: for JAX, they are unchanged.

    For TensorFlow it is a `tf.data.Dataset` that reads a block while the previous one is in use. It
    has no autotuning, unlike the dataset that Keras creates from a PyDataset, because autotuning
    delays some epochs by a second or more (benchmarks/README.md).
    """
    if keras.backend.backend() != "tensorflow":
        return blocks
    import tensorflow as tf

    dtypes = [tf.int32, *(tf.as_dtype(array.dtype) for array in blocks.arrays)]
    shapes = [(None, None), *((None, None, *array.shape[1:]) for array in blocks.arrays)]

    def read(index: np.int64) -> tuple[npt.NDArray[Any], ...]:
        if index == 0:
            blocks.on_epoch_begin()
        return blocks[int(index)]

    def block(index: Any) -> tuple[Any, ...]:
        arrays = tf.numpy_function(read, [index], dtypes)
        return tuple(map(tf.ensure_shape, arrays, shapes))

    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    dataset = tf.data.Dataset.range(blocks.num_batches).map(block)
    return dataset.prefetch(1).with_options(options)
