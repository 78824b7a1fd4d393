"""Scales the images to [0, 1] and holds out a part of the training CSV for validation."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split

from pipeline.base import files, params
from pipeline.base.errors import InputError
from pipeline.base.process import run_stage
from pipeline.schema.split_params import Split

BLOCK_SIZE = 2000  # rows in memory at once


def main() -> None:
    split = params.read("split", Split)
    with files.NpyReader("data/images/train_labels.npy") as labels:
        count = len(labels)
    try:
        train, val = train_test_split(
            np.arange(count), test_size=split.validation_fraction, random_state=split.seed
        )
    except ValueError as error:
        raise InputError(
            f"params.yaml: split.validation_fraction is {split.validation_fraction}, "
            f"which leaves no images for one part of {count} rows: {error}"
        ) from error
    with files.atomic_write("data/split") as folder:
        folder.mkdir()
        write_split("train", train, folder, "train")
        write_split("train", val, folder, "val")
        write_split("test", None, folder, "test")


def write_split(csv: str, rows: npt.NDArray[np.intp] | None, folder: Path, split: str) -> None:
    """Writes rows of a CSV, or all of them, to x_{split}.npy (scaled images) and y_{split}.npy."""
    labels = files.load_npy(f"data/images/{csv}_labels.npy")
    rows = np.arange(len(labels)) if rows is None else rows
    with files.NpyWriter(folder / f"y_{split}.npy", labels.dtype, ()) as y:
        y.append(labels[rows])
    with (
        files.NpyReader(f"data/images/{csv}_images.npy") as images,
        files.NpyWriter(folder / f"x_{split}.npy", np.float32, images.shape[1:]) as x,
    ):
        for start in range(0, len(rows), BLOCK_SIZE):
            x.append(images[rows[start : start + BLOCK_SIZE]] / np.float32(255))


if __name__ == "__main__":
    run_stage(main)
