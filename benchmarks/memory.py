"""Training from files three times larger than the memory it is allowed, against files that fit."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, alternately, clone, ratio
from benchmarks.training import trainer
from stages import files

TIMES = 10  # as many rows as the 48,000 training images; 3.0 GB, noisy and clean
ALLOWED = 1000  # MB, what the system keeps of the files included
CGROUPS = Path("/sys/fs/cgroup/memory")


def rows() -> list[Row]:
    with clone("noise") as folder, tempfile.TemporaryDirectory() as parent:
        large = Path(parent)
        shutil.copy(folder / "params.yaml", large)
        for kind in ("noisy", "split"):
            repeat(folder / f"data/{kind}/x_train.npy", large / f"data/{kind}/x_train.npy")
        with (
            trainer("here", folder) as fits,
            limit() as within,
            trainer("here", large, within) as larger,
        ):
            took = alternately({"fits": fits, "larger": larger})
    note = f"{ratio(took['fits'], took['larger']):.0%} of the speed on data that fits (limit)"
    work = f"training step, {ALLOWED / 1000:.0f} GB allowed, data of 3.0 GB"
    return [Row(work, "ms", took["larger"], limit=took["fits"], note=note)]


def repeat(source: Path, target: Path) -> None:
    """Writes the rows ten times, shifted a pixel further each time; none stays in memory."""
    images = files.load_npy(str(source))
    target.parent.mkdir(parents=True)
    with files.NpyWriter(target, images.dtype, images.shape[1:]) as writer:
        for shift in range(TIMES):
            writer.append(np.roll(images, shift, axis=1))
    with open(target, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextlib.contextmanager
def limit() -> Iterator[list[str]]:
    """What to put before a command so that it gets no more memory than ALLOWED."""
    if not os.access(CGROUPS, os.W_OK):
        size = f"MemoryMax={ALLOWED}M"
        yield ["systemd-run", "--user", "--scope", "--quiet", "-p", size, "-p", "MemorySwapMax=0"]
        return
    group = CGROUPS / f"benchmark-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(f"{ALLOWED}M")
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$0" "$@"']
    finally:
        group.rmdir()
