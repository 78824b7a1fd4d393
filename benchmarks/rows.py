"""The benchmarks: each function measures the rows of one of them."""

import subprocess
from functools import partial
from pathlib import Path

from benchmarks.measure import alternately, clone, ratio, seconds
from denoiser.base.devices import query_gpus
from tools.measurements import Row


def training_step() -> list[Row]:
    """One row: a training step of the guide's code and of this project."""
    # On a GPU, `portable` has no effect.
    peers = {} if query_gpus("name") else {"`runtime.portable: false`": "fastest"}
    peers["`runtime.backend: jax`"] = "jax"
    with clone("add_noise") as folder:
        kinds = "guide", "here", *peers.values()
        times = alternately({kind: partial(step, folder, kind) for kind in kinds})
    work = "training step, batch 128, float32, Adam"
    compared = {name: times[kind] for name, kind in peers.items()}
    note = f"{ratio(times['guide'], times['here']):.2f} times the guide's speed"
    return [Row(work, "ms", times["here"], times["guide"], compared, note)]


def step(folder: Path, kind: str) -> float:
    """The milliseconds per step of a trainer in its second epoch."""
    command = ["python", "-m", "benchmarks.trainers", kind]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def commands() -> list[Row]:
    """The minutes of each command of the README in a fresh clone, with the installation."""
    rows = []
    for name in ("repro", "test"):
        with clone() as folder:
            minutes = seconds(folder, "make", name) / 60
        rows.append(Row(f"`make {name}` in a fresh clone, with set-up", "min", [minutes]))
    return rows
