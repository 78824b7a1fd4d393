"""The time and the peak memory of stages with ten times more rows."""

import functools
import shutil
from pathlib import Path

import numpy as np

from benchmarks.measure import CSVS, Row, clone, ratio, run, run_alternately
from pipeline.base import files
from stages.fetch import write_csv

STAGES = ("load", "split", "add_noise", "baselines", "predict", "evaluate")
BASELINES = {"methods": ["mean", "pca", "ridge"]}  # filters process images one by one
TIMES = 10


def rows() -> list[Row]:
    with (
        clone("predict", baselines=BASELINES, train={"epochs": 1}) as small,
        clone(baselines=BASELINES) as large,
    ):
        (large / "models").mkdir(exist_ok=True)
        shutil.copy(small / "models/autoencoder.keras", large / "models")
        write_csvs(small, large)
        seconds, peaks = run_alternately(
            {
                f"{stage} {size}": functools.partial(
                    run, "python", "-m", f"stages.{stage}", folder=folder
                )
                for stage in STAGES
                for size, folder in (("small", small), ("large", large))
            }
        )
    result = []
    for stage in STAGES:
        large_name, small_name = f"{stage} large", f"{stage} small"
        growth = ratio(seconds[large_name], seconds[small_name])
        note = f"{growth:.1f} times the time of 60,000 rows (limit)"
        for work, unit, values, remark in (
            (f"`{stage}` of 600,000 rows", "s", seconds, note),
            (f"peak memory of `{stage}`, 600,000 rows", "MB", peaks, "limit: 60,000 rows"),
        ):
            here, limit = values[large_name], values[small_name]
            result.append(Row(work, unit, here, limit=limit, note=remark))
    return result


def write_csvs(small: Path, large: Path) -> None:
    """Writes ten times the images of a clone, each time shifted by one more pixel, as CSVs."""
    for csv in CSVS:
        images, labels = (
            files.load_npy(f"{small}/data/images/{Path(csv).stem}_{kind}.npy")
            for kind in ("images", "labels")
        )
        shifted = [np.roll(images, shift, axis=1) for shift in range(TIMES)]
        (large / csv).parent.mkdir(exist_ok=True, parents=True)
        write_csv(large / csv, np.concatenate(shifted), np.tile(labels, TIMES))
