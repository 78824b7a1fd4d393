"""Runs contenders alternately and formats their measurements as a table."""

import contextlib
import functools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.measurements import Row, Values, median

ROUNDS = 5
PROJECT = Path(__file__).parent.parent
CSVS = "data/raw/train.csv", "data/raw/test.csv"
ALL_STAGES = ("plot", "robustness", "classify")  # with the stages that they depend on

# Starts a command. The kernel counts the memory of a parent process toward the peak of its child,
# so the launcher is a small process.
LAUNCHER = """
import os, sys, time
started = time.perf_counter()
stderr_to_stdout = [(os.POSIX_SPAWN_DUP2, 1, 2)]
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=stderr_to_stdout)
_, status, usage = os.wait4(child, 0)
if os.waitstatus_to_exitcode(status):
    sys.exit(1)
print(time.perf_counter() - started, usage.ru_maxrss / 1024, file=sys.stderr)
"""


class Run(NamedTuple):
    """Wall-clock time in seconds, peak memory in MB, and all output of a command."""

    seconds: float
    peak: float
    output: str


def run(*command: str, folder: Path) -> Run:
    """Runs a command in a folder; `python` stands for the interpreter of this process.

    The peak memory is the kernel's `ru_maxrss`, as in `/usr/bin/time`. Raises RuntimeError, with
    the output of the command, if it fails.
    """
    with tempfile.TemporaryFile("w+") as file:
        launcher = subprocess.run(
            [sys.executable, "-S", "-c", LAUNCHER, *with_interpreter(*command)],
            cwd=folder,
            env=environment(),
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
        )
        file.seek(0)
        output = file.read()
    if launcher.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output}{launcher.stderr}")
    seconds, peak = map(float, launcher.stderr.split())
    return Run(seconds, peak, output)


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


def run_alternately(
    contenders: Mapping[str, Callable[[], Run]],
) -> tuple[dict[str, Values], dict[str, Values]]:
    """The seconds and the peak memory (MB) of contenders that run commands."""
    peaks: dict[str, Values] = {name: [] for name in contenders}

    def seconds(name: str) -> float:
        result = contenders[name]()
        peaks[name].append(result.peak)
        return result.seconds

    return alternately({name: functools.partial(seconds, name) for name in contenders}), peaks


@contextlib.contextmanager
def clone(*stages: str, changes: Sequence[str] = ()) -> Iterator[Path]:
    """A clone of the last commit with changes as of `-S`, in which the given stages have run."""
    from dvc.utils.hydra import apply_overrides  # takes a second

    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "clone")
        run("git", "clone", "--quiet", str(PROJECT), str(folder), folder=PROJECT)
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
