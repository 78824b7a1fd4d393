"""Two queued experiments: at the same time, and one after the other."""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import ALL_STAGES, alternately, clone, ratio, run
from tools.measurements import Row

TIMEOUT = 900  # seconds


def rows() -> list[Row]:
    seeds = iter(range(1, 1000))
    with clone(*ALL_STAGES, changes=["train.epochs=5"]) as folder:
        run("git", "commit", "-qam", "five epochs", folder=folder)

        def run_two(jobs: int) -> float:
            names = set()
            for seed in (next(seeds), next(seeds)):
                name, change = f"seed-{seed}", f"train.seed={seed}"
                run("dvc", "exp", "run", "--queue", "-n", name, "-S", change, folder=folder)
                names.add(name)
            started = time.perf_counter()
            run("dvc", "queue", "start", "--jobs", str(jobs), folder=folder)
            # Poll Git: `dvc queue status` would take half a core from the experiments.
            wait_until(lambda: names <= completed_experiments(folder), folder)
            seconds = time.perf_counter() - started
            # Let the workers end; a request to stop would also reach those of the next round.
            wait_until(lambda: "0 active, 0 idle" in queue_status(folder), folder)
            run("dvc", "queue", "remove", "--all", folder=folder)
            return seconds

        seconds = alternately({"--jobs 2": lambda: run_two(2), "--jobs 1": lambda: run_two(1)})
    two, one = seconds["--jobs 2"], seconds["--jobs 1"]
    work = "two queued experiments of five epochs, `--jobs 2`"
    note = f"{ratio(two, one):.2f} of the time of `--jobs 1`"
    return [Row(work, "s", two, peers={"`--jobs 1`": one}, note=note)]


def wait_until(condition: Callable[[], bool], folder: Path) -> None:
    """Raises RuntimeError, with the state of the queue, after TIMEOUT seconds."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > TIMEOUT:
            raise RuntimeError(queue_status(folder))
        time.sleep(0.5)


def completed_experiments(folder: Path) -> set[str]:
    """The names of all completed experiments."""
    refs = run("git", "for-each-ref", "--format=%(refname)", "refs/exps", folder=folder).output
    return {Path(ref).name for ref in refs.split()}


def queue_status(folder: Path) -> str:
    return run("dvc", "queue", "status", folder=folder).output
