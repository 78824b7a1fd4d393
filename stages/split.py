"""Scales the images to [0, 1] and holds out a part of the training images for validation."""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split

from pipeline.base import files, params
from pipeline.base.errors import InputError
from pipeline.base.process import run_stage
from pipeline.schema.split_params import Split

BLOCK_SIZE = 2000  # rows in memory at once
PICTURES = Path("data/images/train_pictures.csv")  # of a folder

Rows = npt.NDArray[np.intp]


def main() -> None:
    train, val = holdout(params.read("split", Split))
    with files.atomic_write("data/split") as folder:
        folder.mkdir()
        write_split("train", train, folder, "train")
        write_split("train", val, folder, "val")
        write_split("test", None, folder, "test")


def holdout(split: Split) -> tuple[Rows, Rows]:
    """The indices of the images for training and for validation, at random.

    All squares of a picture are in the same part, because squares of one picture resemble each
    other, and may overlap. Raises InputError if a part would be empty.
    """
    counts = None
    if PICTURES.exists():
        with open(PICTURES, encoding="utf-8", errors="surrogateescape", newline="") as file:
            counts = [int(row["images"]) for row in csv.DictReader(file)]
    with files.NpyReader("data/images/train_labels.npy") as labels:
        groups, name = (len(labels), "rows") if counts is None else (len(counts), "pictures")
    try:
        train, val = train_test_split(
            np.arange(groups), test_size=split.validation_fraction, random_state=split.seed
        )
    except ValueError as error:
        raise InputError(
            f"params.yaml: split.validation_fraction is {split.validation_fraction}, "
            f"which leaves no images for one part of {groups} {name}: {error}"
        ) from error
    if counts is None:
        return train, val
    rows = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])
    return np.concatenate([rows[i] for i in train]), np.concatenate([rows[i] for i in val])


def write_split(source: str, rows: Rows | None, folder: Path, split: str) -> None:
    """Writes rows of a set of images, or all of them, as x_{split}.npy (scaled) and y_{split}.npy.

    The indices of the rows are written to rows_{split}.npy.
    """
    labels = files.load_npy(f"data/images/{source}_labels.npy")
    if rows is None:
        rows = np.arange(len(labels))
    else:
        with files.NpyWriter(folder / f"rows_{split}.npy", np.int32, ()) as indices:
            indices.append(rows)
    with files.NpyWriter(folder / f"y_{split}.npy", labels.dtype, ()) as y:
        y.append(labels[rows])
    with (
        files.NpyReader(f"data/images/{source}_images.npy") as images,
        files.NpyWriter(folder / f"x_{split}.npy", np.float32, images.shape[1:]) as x,
    ):
        for start in range(0, len(rows), BLOCK_SIZE):
            x.append(images[rows[start : start + BLOCK_SIZE]] / np.float32(255))


if __name__ == "__main__":
    run_stage(main)
