"""One training step: the guide's code, this project."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import alternately, clone, ratio
from denoiser.base.devices import query_gpus
from tools.measurements import Row, Values

WORK = "training step, batch 128, float32, Adam"
JAX = "`runtime.backend: jax`"


@contextlib.contextmanager
def start_trainer(kind: str, folder: Path) -> Iterator[Callable[[], float]]:
    """Starts `benchmarks.trainers KIND`; a call of the result returns milliseconds per step."""
    command = ["python", "-m", "benchmarks.trainers", kind]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        answers = process.stdout
        if answers is None or answers.readline() != "ready\n":
            raise RuntimeError(f"the trainer {kind} did not start")

        def take_turn() -> float:
            print("go", file=process.stdin, flush=True)
            return float(answers.readline())

        yield take_turn


def compare_trainers(*kinds: str) -> dict[str, Values]:
    """The milliseconds per step of each kind of trainer."""
    with clone("add_noise") as folder, contextlib.ExitStack() as stack:
        turns = {kind: stack.enter_context(start_trainer(kind, folder)) for kind in kinds}
        return alternately(turns)


def training_step() -> list[Row]:
    """One row; none on a machine with a GPU, see gpu.py."""
    if query_gpus("name"):
        return []
    times = compare_trainers("guide", "here", "fastest", "jax")
    here, guide = times["here"], times["guide"]
    peers = {"`runtime.portable: false`": times["fastest"], JAX: times["jax"]}
    note = f"{ratio(guide, here):.2f} times the guide's speed"
    return [Row(WORK, "ms", here, guide, peers, note)]
