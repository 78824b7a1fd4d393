"""The whole run of the guide, from the CSVs to the pictures."""

import shutil

from benchmarks.measure import CSVS, alternately, clone, ratio, run
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


def rows() -> list[Row]:
    train, test = CSVS
    script = ("python", "-m", "benchmarks.guide_script", test, train)
    with clone("fetch") as csvs, clone(changes=GUIDE) as folder:
        shutil.copytree(csvs / "data/raw", folder / "csv")
        times = alternately(
            {
                "guide": lambda: run(*script, folder=csvs).seconds,
                "here": lambda: run("dvc", "repro", "--force", "plot", folder=folder).seconds,
            }
        )
    work = "whole run of the guide, from CSVs to pictures"
    note = f"{ratio(times['here'], times['guide']):.2f} of the guide's time"
    return [Row(work, "s", times["here"], times["guide"], note=note)]
