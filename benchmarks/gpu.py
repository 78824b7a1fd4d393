"""Training on a GPU: a step, and the first epoch and the whole process of the stage `train`."""

import subprocess
import time
from functools import partial
from pathlib import Path

from benchmarks.measure import alternately, clone, ratio, seconds
from benchmarks.training_step import JAX, WORK, compare_trainers
from denoiser.base.devices import query_gpus
from tools.experiment import overrides
from tools.measurements import Row

STAGE = "python", "-m", "stages", "train"


def training_on_gpu() -> list[Row]:
    """Three rows; none on a machine without a GPU."""
    if not query_gpus("name"):
        return []
    steps = compare_trainers("guide", "here", "jax")
    with clone("add_noise", changes=["train.epochs=100", "train.patience=null"]) as folder:
        process = alternately({"here": partial(seconds, folder, *STAGE)})
    with clone("add_noise", changes=[*overrides("unet"), "train.epochs=1"]) as folder:
        first = alternately({"here": partial(first_epoch_seconds, folder)})
    note = f"{ratio(steps['guide'], steps['here']):.1f} times the guide's speed"
    return [
        Row(WORK, "ms", steps["here"], steps["guide"], {JAX: steps["jax"]}, note=note),
        Row("100 epochs of the guide's network, whole process", "s", process["here"]),
        Row("first epoch of `unet`, with validation", "s", first["here"]),
    ]


def first_epoch_seconds(folder: Path) -> float:
    """The time between two lines that the stage prints: "training on …" and "epoch   1/1 …"."""
    times: dict[str, float] = {}
    with subprocess.Popen(STAGE, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if line.startswith(("training on ", "epoch ")):
                times[line.split()[0]] = time.perf_counter()
    return times["epoch"] - times["training"]
