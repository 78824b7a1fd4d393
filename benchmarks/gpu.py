"""100 epochs on Fashion-MNIST, on a CUDA GPU: the guide's `fit` and this project's."""

import contextlib
import shutil

from benchmarks.measure import Row, alternately, clone, ratio
from benchmarks.training import trainer

WORK = "100 epochs of 48,000 images on a CUDA GPU"


def rows() -> list[Row]:
    if shutil.which("nvidia-smi") is None:
        return [Row(WORK, "", [], note="not measured: this machine has no GPU")]
    kinds = ("guide", "here")
    with clone("noise") as folder, contextlib.ExitStack() as stack:
        trainers = {kind: stack.enter_context(trainer(kind, folder)) for kind in kinds}
        fives = [alternately(trainers) for _ in range(20)]  # of five epochs that count, each
    took = {kind: [ms for five in fives for ms in five[kind]] for kind in kinds}
    note = f"{ratio(took['guide'], took['here']):.2f} times the guide's throughput"
    return [Row(f"training step, {WORK}", "ms", took["here"], took["guide"], note=note)]
