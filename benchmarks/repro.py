"""The first `dvc repro` of a new user: the default parameters in a fresh clone."""

import itertools
import re
import subprocess
import time

from benchmarks.measure import clone, environment
from tools.measurements import Row


def rows() -> list[Row]:
    starts: dict[str, float] = {}
    with clone() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            ["dvc", "repro"],
            cwd=folder,
            env=environment() | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if stage := re.match(r"Running stage '(\w+)'", line):
                starts[stage[1]] = time.perf_counter()
        if process.wait():
            raise RuntimeError(f"`dvc repro` failed: {process.returncode}")
        ended = time.perf_counter()
    times = [*starts.values(), ended]
    seconds = dict(zip(starts, (b - a for a, b in itertools.pairwise(times)), strict=True))
    work = "first `dvc repro`, without installing packages"
    return [
        Row(work, "min", [(ended - started) / 60]),
        *(Row(f"its stage `{name}`", "s", [value]) for name, value in seconds.items()),
    ]
