"""Scales the images to [0, 1] and holds out a part of the training images for validation."""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split

from denoiser.errors import InputError
from denoiser.files import atomic_write
from pipeline import npy, params
from pipeline.process import run_stage

PICTURES = Path("data/images/train_pictures.csv")  # of a folder

Indices = npt.NDArray[np.intp]


def main() -> None:
    train, val = holdout(params.read(params.Split))
    with atomic_write("data/split") as folder:
        folder.mkdir()
        write_split("train", train, folder, "train")
        write_split("train", val, folder, "val")
        write_split("test", None, folder, "test")


def holdout(split: params.Split) -> tuple[Indices, Indices]:
    """The indices of the images for training and for validation, at random.

    All squares of a picture are in the same part, because squares of one picture resemble each
    other, and may overlap. Raises InputError if a part would be empty.
    """
    counts = None
    if PICTURES.exists():
        with open(PICTURES, encoding="utf-8", errors="surrogateescape", newline="") as file:
            counts = [int(row["images"]) for row in csv.DictReader(file)]
    with npy.NpyReader("data/images/train_labels.npy") as labels:
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


def write_split(source: str, rows: Indices | None, folder: Path, split: str) -> None:
    """Writes rows of a set of images, or all of them, as x_{split}.npy (scaled) and y_{split}.npy.

    The indices of the rows are written to rows_{split}.npy.
    """
    images, labels = (Path(f"data/images/{source}_{name}.npy") for name in ("images", "labels"))
    npy.write_scaled(images, rows, folder / f"x_{split}.npy")
    y = npy.load_npy(str(labels))
    if rows is not None:
        y = y[rows]
        np.save(folder / f"rows_{split}.npy", rows.astype(np.int32))
    np.save(folder / f"y_{split}.npy", y)


if __name__ == "__main__":
    run_stage(main)
