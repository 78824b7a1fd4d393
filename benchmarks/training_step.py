"""One training step: the guide's code, this project, and matrix products alone."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.measure import alternately, clone, environment, ratio, with_interpreter
from tools.measurements import Row


@contextlib.contextmanager
def trainer(kind: str, folder: Path, prefix: Sequence[str] = ()) -> Iterator[Callable[[], float]]:
    """Starts `benchmarks.trainers KIND`; each call of the result is a turn.

    A turn returns the milliseconds per step. `prefix` is put before the command.
    """
    process = subprocess.Popen(
        with_interpreter(*prefix, "python", "-m", "benchmarks.trainers", kind),
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    requests, answers = process.stdin, process.stdout

    def turn() -> float:
        requests.write("go\n")
        requests.flush()
        return float(answers.readline())

    try:
        if answers.readline() != "ready\n":
            raise RuntimeError(f"the trainer {kind} did not start: {process.wait()}")
        yield turn
    finally:
        process.kill()
        process.wait()


def rows() -> list[Row]:
    kinds = ["guide", "here", "fastest", "jax", "matrices"]
    with clone("add_noise") as folder, contextlib.ExitStack() as stack:
        times = alternately({kind: stack.enter_context(trainer(kind, folder)) for kind in kinds})
    note = f"{ratio(times['guide'], times['here']):.2f} times the guide's throughput, "
    note += f"{ratio(times['matrices'], times['here']):.0%} of the speed of matrix products (limit)"
    work = "training step, batch 128, float32, Adam"
    names = {"fastest": "`runtime.portable: false`", "jax": "`runtime.backend: jax`"}
    others = {name: times[kind] for kind, name in names.items()}
    return [Row(work, "ms", times["here"], times["guide"], others, times["matrices"], note)]
