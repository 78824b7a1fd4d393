"""Runs commands side by side, and keeps what they took as rows of one table."""

import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.params_file import set_params

ROUNDS = 5
PROJECT = Path(__file__).parent.parent
CSVS = "data/raw/train.csv", "data/raw/test.csv"

Values = list[float]


@dataclasses.dataclass
class Row:
    """One line of the table; each list holds a value a round, in this unit."""

    work: str
    unit: str
    here: Values
    guide: Values = dataclasses.field(default_factory=list)
    peers: dict[str, Values] = dataclasses.field(default_factory=dict)
    limit: Values = dataclasses.field(default_factory=list)
    note: str = ""


class Run(NamedTuple):
    """What a command took: wall-clock seconds, and the most memory (MB) that it held at once."""

    seconds: float
    peak: float


def run(*command: str, folder: Path) -> Run:
    """Runs a command, which has to succeed; `python` is the one that runs this.

    The peak is the kernel's `ru_maxrss`, as `/usr/bin/time` reports it.
    """
    with tempfile.TemporaryFile("w+") as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            words(*command),
            cwd=folder,
            env=environment(),
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed:\n{printed.read()}")
    return Run(seconds, usage.ru_maxrss / 1024)


def words(*command: str) -> list[str]:
    return [sys.executable if word == "python" else word for word in command]


def environment() -> dict[str, str]:
    """Has commands find these programs first, import this project's modules, and commit."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    modules = f"{PROJECT}:{os.environ.get('PYTHONPATH', '')}"
    names = {f"GIT_{who}_NAME": "benchmark" for who in ("AUTHOR", "COMMITTER")}
    emails = {f"GIT_{who}_EMAIL": "benchmark@example.org" for who in ("AUTHOR", "COMMITTER")}
    return os.environ | {"PATH": path, "PYTHONPATH": modules} | names | emails


def alternately(contenders: Mapping[str, Callable[[], float]]) -> dict[str, Values]:
    """Lets each contender work once a round, one after the other, so that all see one machine."""
    values: dict[str, Values] = {name: [] for name in contenders}
    for number in range(ROUNDS):
        for name, work in contenders.items():
            values[name].append(work())
            print(f"  round {number + 1}: {name} {values[name][-1]:.4g}", file=sys.stderr)
    return values


@contextlib.contextmanager
def clone(*stages: str, **sections: dict[str, Any]) -> Iterator[Path]:
    """A fresh clone of the last commit, with other parameters, in which these stages have run."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "clone")
        run("git", "clone", "--quiet", str(PROJECT), str(folder), folder=PROJECT)
        set_params(folder, **sections)
        if stages:
            run("dvc", "repro", *stages, folder=folder)
        yield folder


def cell(values: Values) -> str:
    """The median, and between which values it lies."""
    if not values:
        return ""
    spread = min(values), statistics.median(values), max(values)
    low, middle, high = (
        f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}" for value in spread
    )
    return f"{middle} ({low}–{high})" if len(values) > 1 else middle


def ratio(values: Values, others: Values) -> float:
    """The median of the first, divided by that of the second."""
    return statistics.median(values) / statistics.median(others)


def table(rows: list[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| work | the guide's code | peers | limit | here | |", "|" + " --- |" * 6]
    for row in rows:
        peers = "; ".join(f"{name} {cell(values)}" for name, values in row.peers.items())
        work = f"{row.work} ({row.unit})" if row.unit else row.work
        cells = work, cell(row.guide), peers, cell(row.limit), cell(row.here), row.note
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def save(rows: list[Row], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")


def load(path: Path) -> list[Row]:
    return [Row(**row) for row in json.loads(path.read_text())]
