"""Whole runs: the first `dvc repro` of a new user, and the guide against the pipeline."""

import shutil
from functools import partial

from benchmarks.measure import alternately, clone, ratio, seconds
from tools.measurements import Row

# The guide trains on Kaggle's test CSV and tests on the other one. It has no early stopping and no
# baselines.
GUIDE = [
    "fetch.source=none",
    "load.train=csv/test.csv",
    "load.test=csv/train.csv",
    "baselines.methods=[]",
    "train.patience=null",
]


def first_repro() -> list[Row]:
    """The default parameters in a fresh clone."""
    with clone() as folder:
        minutes = seconds(folder, "dvc", "repro") / 60
    return [Row("first `dvc repro`, without installing packages", "min", [minutes])]


def whole_guide() -> list[Row]:
    """The guide's script against the pipeline with the guide's parameters."""
    csvs = "data/raw/test.csv", "data/raw/train.csv"
    script = "python", "-m", "benchmarks.guide_script", *csvs
    with clone("fetch") as fetched, clone(changes=GUIDE) as folder:
        shutil.copytree(fetched / "data/raw", folder / "csv")
        times = alternately(
            {
                "guide": partial(seconds, fetched, *script),
                "here": partial(seconds, folder, "dvc", "repro", "--force", "plot"),
            }
        )
    note = f"{ratio(times['here'], times['guide']):.2f} of the guide's time"
    work = "whole run of the guide, from CSVs to pictures"
    return [Row(work, "s", times["here"], times["guide"], note=note)]
