"""What an experiment adds to DVC's cache that changes a parameter of `train` alone."""

from pathlib import Path

from benchmarks.measure import Row, alternately, clone, run

RESULTS = ("models/autoencoder.keras", "data/denoised", "data/scores")


def rows() -> list[Row]:
    rates = iter(range(1, 100))
    with clone("plot", train={"epochs": 1}) as folder:

        def experiment() -> float:
            before = size(folder / ".dvc/cache")
            change = f"train.learning_rate={next(rates) / 1e4}"
            run("dvc", "exp", "run", "-S", change, folder=folder)
            return size(folder / ".dvc/cache") - before

        took = alternately({"here": experiment})
        results = sum(size(folder / name) for name in RESULTS)
        data = size(folder / "data") - size(folder / "data/denoised") - size(folder / "data/scores")
    note = f"model, denoised images and scores (limit); what is shared, the data: {data:.0f} MB"
    work = "cache grown by an experiment that changes `train` alone"
    return [Row(work, "MB", took["here"], limit=[results], note=note)]


def size(path: Path) -> float:
    """Megabytes of this file, or of all in this folder."""
    found = [path, *path.rglob("*")]
    return sum(file.stat().st_size for file in found if file.is_file()) / 1e6
