"""Two queued experiments on this machine's cores: at once, and one after the other."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Row, alternately, clone, environment, ratio, run

DEADLINE = 900  # seconds


def rows() -> list[Row]:
    seeds = iter(range(1, 1000))
    with clone("plot", train={"epochs": 5}) as folder:
        run("git", "commit", "-qam", "five epochs", folder=folder)

        def two(jobs: int) -> float:
            names = [f"seed-{next(seeds)}" for _ in range(2)]
            for name in names:
                change = f"train.seed={name.removeprefix('seed-')}"
                run("dvc", "exp", "run", "--queue", "-n", name, "-S", change, folder=folder)
            started = time.perf_counter()
            run("dvc", "queue", "start", "--jobs", str(jobs), folder=folder)
            # Git is asked, as `dvc queue status` would take half of a core from the two.
            wait_until(lambda: set(names) <= set(experiments(folder)), folder)
            seconds = time.perf_counter() - started
            # A worker that were told to stop would leave the next round's one to obey that.
            wait_until(
                lambda: "0 active, 0 idle" in output("dvc", "queue", "status", folder=folder),
                folder,
            )
            run("dvc", "queue", "remove", "--all", folder=folder)
            return seconds

        took = alternately({"at once": lambda: two(2), "in turn": lambda: two(1)})
    return [
        Row(
            "two queued experiments of five epochs, `--jobs 2`",
            "s",
            took["at once"],
            peers={"`--jobs 1`": took["in turn"]},
            note=f"{ratio(took['at once'], took['in turn']):.2f} of the time in turn",
        )
    ]


def wait_until(true: Callable[[], bool], folder: Path) -> None:
    """Raises RuntimeError, with the queue's state, where that takes longer than DEADLINE."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > DEADLINE:
            raise RuntimeError(output("dvc", "queue", "status", folder=folder))
        time.sleep(0.5)


def experiments(folder: Path) -> list[str]:
    """The names of those that have been completed."""
    refs = output("git", "for-each-ref", "--format=%(refname)", "refs/exps", folder=folder)
    return [Path(ref).name for ref in refs.split()]


def output(*command: str, folder: Path) -> str:
    return subprocess.run(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True, check=True
    ).stdout
