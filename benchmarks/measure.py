"""Runs commands in clones of the last commit, and contenders alternately."""

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tools.command import clone_head
from tools.measurements import Values, median

ROUNDS = 5


def seconds(folder: Path, *command: str) -> float:
    """The wall-clock time of a command in a folder; its output goes to standard error."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=sys.stderr, check=True)
    return time.perf_counter() - started


@contextlib.contextmanager
def clone(*stages: str) -> Iterator[Path]:
    """A clone of the last commit, in which the given stages have run."""
    with tempfile.TemporaryDirectory() as parent:
        clone_head(folder := Path(parent, "clone"))
        if stages:
            seconds(folder, "dvc", "repro", *stages)
        yield folder


def alternately(contenders: Mapping[str, Callable[[], float]]) -> dict[str, Values]:
    """Calls each contender once per round, so that changes of the machine's speed affect all."""
    values: dict[str, Values] = {name: [] for name in contenders}
    for number in range(ROUNDS):
        for name, work in contenders.items():
            values[name].append(work())
            print(f"  round {number + 1}: {name} {values[name][-1]:.4g}", file=sys.stderr)
    return values


def ratio(values: Values, others: Values) -> float:
    """The median of `values` divided by the median of `others`."""
    return statistics.median(values) / statistics.median(others)


def cell(values: Values) -> str:
    """The median, followed by the lowest and the highest value if there are several."""
    if len(values) < 2:
        return median(values)
    return f"{median(values)} ({median([min(values)])}–{median([max(values)])})"
