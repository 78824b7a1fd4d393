"""The growth of DVC's cache by an experiment."""

import functools
from pathlib import Path

from benchmarks.measure import ALL_STAGES, alternately, clone, run
from tools.measurements import Row

# The outputs in the cache that depend on each parameter. An experiment must not add others.
RESULTS = ("models/autoencoder.keras", "models/denoiser.onnx", "data/denoised", "data/scores")
OUTPUTS = {
    "train.learning_rate": RESULTS,
    "noise.amount": ("data/noisy", "data/baselines", *RESULTS),
}


def rows() -> list[Row]:
    values = (number / 1e4 for number in range(1, 100))
    with clone(*ALL_STAGES, changes=["train.epochs=1"]) as folder:

        def experiment(parameter: str) -> float:
            before = size(folder / ".dvc/cache")
            run("dvc", "exp", "run", "-S", f"{parameter}={next(values)}", folder=folder)
            return size(folder / ".dvc/cache") - before

        growth = alternately({name: functools.partial(experiment, name) for name in OUTPUTS})
        limits = {name: sum(size(folder / path) for path in OUTPUTS[name]) for name in OUTPUTS}
        data = size(folder / "data") - size(folder / "data/denoised") - size(folder / "data/scores")
    result = []
    for name, paths in OUTPUTS.items():
        work = f"cache growth by an experiment that changes `{name}`"
        note = f"of {data:.0f} MB of data; limit: {', '.join(f'`{path}`' for path in paths)}"
        result.append(Row(work, "MB", growth[name], limit=[limits[name]], note=note))
    return result


def size(path: Path) -> float:
    """The size of a file, or of all files in a folder, in MB."""
    return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file()) / 1e6
