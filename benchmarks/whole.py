"""The guide's literal run, from the CSVs to the pictures."""

import shutil
from typing import Any

from benchmarks.measure import CSVS, Row, alternately, clone, ratio, run

# The guide trains on Kaggle's test CSV, takes the other for testing, and knows no patience.
GUIDE: dict[str, dict[str, Any]] = {
    "fetch": {"source": "none"},
    "load": {"train_csv": "csv/test.csv", "test_csv": "csv/train.csv"},
    "train": {"patience": None},
}


def rows() -> list[Row]:
    train, test = CSVS
    script = ("python", "-m", "benchmarks.guide_script", test, train)
    with clone("fetch") as csvs, clone(**GUIDE) as folder:
        shutil.copytree(csvs / "data/raw", folder / "csv")
        took = alternately(
            {
                "guide": lambda: run(*script, folder=csvs).seconds,
                "here": lambda: run("dvc", "repro", "--force", folder=folder).seconds,
            }
        )
    note = f"{ratio(took['here'], took['guide']):.2f} of the guide's time"
    return [Row("the guide's literal run, whole", "s", took["here"], took["guide"], note=note)]
