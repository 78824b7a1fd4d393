"""Two queued experiments on this machine's cores: at once, and one after the other."""

import subprocess
import time
from pathlib import Path

from benchmarks.measure import Row, alternately, clone, environment, ratio, run


def rows() -> list[Row]:
    seeds = iter(range(1, 1000))
    with clone("plot", train={"epochs": 5}) as folder:
        run("git", "commit", "-qam", "five epochs", folder=folder)

        def two(jobs: int) -> float:
            for _ in range(2):
                seed = f"train.seed={next(seeds)}"
                run("dvc", "exp", "run", "--queue", "-S", seed, folder=folder)
            started = time.perf_counter()
            run("dvc", "queue", "start", "--jobs", str(jobs), folder=folder)
            while unfinished(folder):
                time.sleep(1)
            seconds = time.perf_counter() - started
            run("dvc", "queue", "stop", "--kill", folder=folder)
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


def unfinished(folder: Path) -> bool:
    """Whether an experiment waits or runs. Raises RuntimeError if one has failed."""
    command = ["dvc", "queue", "status"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    if "Failed" in done.stdout:
        raise RuntimeError(done.stdout)
    return "Queued" in done.stdout or "Running" in done.stdout
