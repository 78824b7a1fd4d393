"""The batches of an epoch: numbers of rows, in an order that depends on the seed and the epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from denoiser.base.images import Array

WINDOW = 400_000_000  # bytes of data that are shuffled together
RUN = 1_000_000  # bytes of consecutive rows that enter a window together


class Batches(NamedTuple):
    """Batches that one call of a compiled function trains on, as int32 numbers of rows."""

    rows: Array  # shape (steps, batch_size)
    remainder: Array  # shape (n,): a smaller batch after the others; empty if there is none
    counters: Array  # shape (steps + 1,): see `DeviceGenerator`


class Order:
    """The order in which `count` rows are trained on, in batches and windows.

    Data of at most WINDOW bytes are a single window, whose rows are shuffled. In larger data, runs
    of consecutive rows are shuffled first, and then the rows of each window: the data are read from
    a disk in long pieces, and a window fits into memory. `tf.data` and WebDataset shuffle so, too.

    The order depends only on the seed and the epoch; without a seed, the rows keep their order. The
    size of the last, smaller batch is a multiple of `multiple`: rows that remain are left out.
    """

    def __init__(
        self, count: int, row_bytes: int, batch_size: int, seed: int | None, multiple: int = 1
    ) -> None:
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.window = max(1, WINDOW // (row_bytes * batch_size)) * batch_size  # rows
        self.run_rows = max(1, RUN // row_bytes)
        steps, rest = divmod(count, batch_size)
        self.used = steps * batch_size + rest - rest % multiple  # rows

    def windows(self, epoch: int) -> Iterator[tuple[Array, Array]]:
        """Yields the rows of each window: their numbers, and a permutation of these numbers.

        The numbers are in the order in which the rows are read, as runs of consecutive numbers.
        """
        rows = np.arange(self.count, dtype=np.int32)
        rng = None if self.seed is None else np.random.default_rng([self.seed, epoch])
        if rng is not None and self.count > self.window:
            runs = np.split(rows, range(self.run_rows, self.count, self.run_rows))
            rows = np.concatenate([runs[number] for number in rng.permutation(len(runs))])
        for start in range(0, self.used, self.window):
            window = rows[start : start + self.window]
            order = np.arange(len(window), dtype=np.int32)
            if rng is not None:
                rng.shuffle(order)
            yield window, order[: self.used - start]

    def batches(self, rows: Array, epoch: int, start: int = 0) -> Batches:
        """Divides rows into batches; `start` is the number of rows before them in the epoch."""
        steps = len(rows) // self.batch_size
        positions = epoch * self.count + start + np.arange(steps + 1) * self.batch_size
        full, last = np.split(rows, [steps * self.batch_size])
        counters = (positions % 2**31).astype(np.int32)
        return Batches(full.reshape(steps, self.batch_size), last, counters)
