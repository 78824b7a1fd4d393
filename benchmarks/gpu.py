"""100 epochs on Fashion-MNIST on a CUDA GPU: `fit` in the guide's code and in this project."""

import contextlib
import shutil

from benchmarks.measure import PROJECT, Row, alternately, clone, ratio, run
from benchmarks.training_step import trainer

WORK = "100 epochs of 48,000 images on a CUDA GPU"


def rows() -> list[Row]:
    if shutil.which("nvidia-smi") is None:
        return [Row(WORK, "", [], note="not measured: no GPU")]
    gpu = run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader", folder=PROJECT).output
    kinds = ("guide", "here")
    with clone("add_noise") as folder, contextlib.ExitStack() as stack:
        trainers = {kind: stack.enter_context(trainer(kind, folder)) for kind in kinds}
        repetitions = [alternately(trainers) for _ in range(20)]  # of five rounds
    times = {kind: [ms for values in repetitions for ms in values[kind]] for kind in kinds}
    note = f"{ratio(times['guide'], times['here']):.2f} times the guide's throughput; "
    note += gpu.splitlines()[0]
    return [Row(f"training step, {WORK}", "ms", times["here"], times["guide"], note=note)]
