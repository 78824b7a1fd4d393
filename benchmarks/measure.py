"""Runs contenders alternately and formats their measurements as a table."""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools.command import clone_head
from tools.measurements import Row, Values, median

ROUNDS = 5
PROJECT = Path(__file__).parent.parent
CSVS = "data/raw/train.csv", "data/raw/test.csv"


class Run(NamedTuple):
    """Wall-clock time in seconds, and all output of a command."""

    seconds: float
    output: str


def run(*command: str, folder: Path) -> Run:
    """Runs a command in a folder; `python` stands for the interpreter of this process.

    Raises RuntimeError, with the output of the command, if it fails.
    """
    words, started = with_interpreter(*command), time.perf_counter()
    streams: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(words, cwd=folder, env=environment(), **streams)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}")
    return Run(time.perf_counter() - started, done.stdout)


def with_interpreter(*command: str) -> list[str]:
    """The command with the path of this process's interpreter in place of `python`."""
    return [sys.executable if word == "python" else word for word in command]


def environment() -> dict[str, str]:
    """Environment variables with this project's programs and modules, and an author for Git."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    modules = f"{PROJECT}:{os.environ.get('PYTHONPATH', '')}"
    keys = [f"GIT_{role}_{key}" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")]
    author = dict.fromkeys(keys, "benchmark@example.org")
    return os.environ | {"PATH": path, "PYTHONPATH": modules} | author


def alternately(contenders: Mapping[str, Callable[[], float]]) -> dict[str, Values]:
    """Calls each contender once per round, so that changes of the machine's speed affect all."""
    values: dict[str, Values] = {name: [] for name in contenders}
    for number in range(ROUNDS):
        for name, work in contenders.items():
            values[name].append(work())
            print(f"  round {number + 1}: {name} {values[name][-1]:.4g}", file=sys.stderr)
    return values


@contextlib.contextmanager
def clone(*stages: str, changes: Sequence[str] = ()) -> Iterator[Path]:
    """A clone of the last commit with changes as of `-S`, in which the given stages have run."""
    from dvc.utils.hydra import apply_overrides  # takes a second

    with tempfile.TemporaryDirectory() as parent:
        folder = clone_head(Path(parent, "clone"))
        apply_overrides(folder / "params.yaml", list(changes))
        if stages:
            run("dvc", "repro", *stages, folder=folder)
        yield folder


def cell(values: Values) -> str:
    """The median, followed by the lowest and the highest value if there are several."""
    if len(values) < 2:
        return median(values)
    return f"{median(values)} ({median([min(values)])}–{median([max(values)])})"


def ratio(values: Values, others: Values) -> float:
    """The median of `values` divided by the median of `others`."""
    return statistics.median(values) / statistics.median(others)


def table(rows: list[Row]) -> str:
    """The rows in Markdown: one table per processor."""
    lines: list[str] = []
    for name in dict.fromkeys(row.processor for row in rows):
        lines += ["", f"Measured on {name}:", ""]
        lines += ["| work | guide's code | compared with | limit | this project | note |"]
        lines += ["|" + " --- |" * 6]
        for row in rows:
            if row.processor == name:
                peers = "; ".join(f"{peer} {cell(values)}" for peer, values in row.peers.items())
                work = f"{row.work} ({row.unit})" if row.unit else row.work
                cells = work, cell(row.guide), peers, cell(row.limit), cell(row.here), row.note
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines[1:])
