"""One training step: the guide's `fit`, this project's, JAX, PyTorch, and bare matrix products."""

import contextlib
import importlib.util
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.measure import Row, alternately, clone, environment, ratio, words


@contextlib.contextmanager
def trainer(kind: str, folder: Path, within: Sequence[str] = ()) -> Iterator[Callable[[], float]]:
    """A trainer, ready; each call is a turn and returns the milliseconds a step."""
    process = subprocess.Popen(
        words(*within, "python", "-m", "benchmarks.trainers", kind),
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asks, answers = process.stdin, process.stdout

    def epoch() -> float:
        asks.write("go\n")
        asks.flush()
        return float(answers.readline())

    try:
        if answers.readline() != "ready\n":
            raise RuntimeError(f"the trainer {kind} did not start: {process.wait()}")
        yield epoch
    finally:
        process.kill()
        process.wait()


def rows() -> list[Row]:
    peers = {"JAX `lax.scan`": "jax", "PyTorch": "torch"}
    kinds = {"guide": "guide", "here": "here", "matrices": "matrices"} | {
        name: kind for name, kind in peers.items() if importlib.util.find_spec(kind)
    }
    with clone("noise") as folder, contextlib.ExitStack() as stack:
        took = alternately(
            {name: stack.enter_context(trainer(kind, folder)) for name, kind in kinds.items()}
        )
    note = f"{ratio(took['guide'], took['here']):.2f} times the guide's throughput"
    note += f", {ratio(took['matrices'], took['here']):.0%} of the matrix rate"
    return [
        Row(
            "training step, batch 128, float32, Adam",
            "ms",
            took["here"],
            took["guide"],
            {name: took[name] for name in peers if name in took},
            took["matrices"],
            note,
        )
    ]
