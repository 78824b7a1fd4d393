"""What an experiment adds to DVC's cache."""

import functools
from pathlib import Path

from benchmarks.measure import Row, alternately, clone, run

# What each parameter changes; a change of `train` alone must not add anything else.
RESULTS = ("models/autoencoder.keras", "data/denoised", "data/scores")
CHANGED = {"train.learning_rate": RESULTS, "noise.amount": ("data/noisy", *RESULTS)}


def rows() -> list[Row]:
    values = (number / 1e4 for number in range(1, 100))
    with clone("plot", train={"epochs": 1}) as folder:

        def experiment(parameter: str) -> float:
            before = size(folder / ".dvc/cache")
            run("dvc", "exp", "run", "-S", f"{parameter}={next(values)}", folder=folder)
            return size(folder / ".dvc/cache") - before

        took = alternately(
            {parameter: functools.partial(experiment, parameter) for parameter in CHANGED}
        )
        limits = {
            parameter: sum(size(folder / name) for name in names)
            for parameter, names in CHANGED.items()
        }
        data = size(folder / "data") - size(folder / "data/denoised") - size(folder / "data/scores")
    return [
        Row(
            f"cache grown by an experiment that changes `{parameter}`",
            "MB",
            took[parameter],
            limit=[limits[parameter]],
            note=f"of {data:.0f} MB of data; limit: {', '.join(f'`{name}`' for name in names)}",
        )
        for parameter, names in CHANGED.items()
    ]


def size(path: Path) -> float:
    """Megabytes of this file, or of all in this folder."""
    found = [path, *path.rglob("*")]
    return sum(file.stat().st_size for file in found if file.is_file()) / 1e6
