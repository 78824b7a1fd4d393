"""Training with three times as much data as memory, against training with data that fit into it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import alternately, clone, ratio
from benchmarks.trainers import CLEAN, NOISY
from benchmarks.training_step import start_trainer
from pipeline.base import npy
from tools.measurements import Row

TIMES = 20  # copies of the 48,000 training images: 6.0 GB, noisy and clean
LIMIT = 2000  # MB, including the system's cache of the files
CGROUPS = Path("/sys/fs/cgroup/memory")


def data_larger_than_memory() -> list[Row]:
    with clone("add_noise") as folder, clone() as large:
        for path in (NOISY, CLEAN):
            write_copies(folder / path, large / path)
        with (
            start_trainer("here", folder) as fitting,
            limited_memory() as prefix,
            start_trainer("here", large, prefix) as larger,
        ):
            times = alternately({"fitting": fitting, "larger": larger})
    work = f"training step, 6.0 GB of data, {LIMIT / 1000:.0f} GB of memory"
    note = f"{ratio(times['fitting'], times['larger']):.0%} of the limit's speed"
    return [Row(work, "ms", times["larger"], limit=times["fitting"], note=note)]


def write_copies(source: Path, target: Path) -> None:
    """Writes the images twenty times, each time shifted by one more row, and empties the cache."""
    images = npy.open_npy(str(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    with npy.NpyWriter(target, images.dtype, images.shape[1:]) as writer:
        for shift in range(TIMES):
            writer.append(np.roll(images, shift, axis=1))
    with open(target, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextlib.contextmanager
def limited_memory() -> Iterator[list[str]]:
    """The words to put before a command to limit its memory to LIMIT."""
    if not os.access(CGROUPS, os.W_OK):
        limits = f"--property=MemoryMax={LIMIT}M", "--property=MemorySwapMax=0"
        yield ["systemd-run", "--user", "--scope", "--quiet", *limits]
        return
    group = CGROUPS / f"benchmark-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(f"{LIMIT}M")
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$0" "$@"']
    finally:
        group.rmdir()
