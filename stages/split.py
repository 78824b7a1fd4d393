"""Scales the images to [0, 1] and holds out a part of the training images for validation."""

import csv
import fnmatch
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split

from denoiser.base.errors import InputError
from denoiser.base.files import atomic_write
from pipeline.base import npy, params

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
    """The indices of the images for training and for validation, by name or at random.

    All squares of a picture are in the same part, because squares of one picture resemble each
    other, and may overlap. Raises InputError if a part would be empty.
    """
    rows = np.arange(len(npy.open_npy("data/images/train_labels.npy")))
    groups: Indices | list[Indices] = rows[:, None]
    names = list[str]()
    if PICTURES.exists():
        with open(PICTURES, encoding="utf-8", errors="surrogateescape", newline="") as file:
            names, counts = zip(
                *((row["picture"], int(row["images"])) for row in csv.DictReader(file)), strict=True
            )
        groups = np.split(rows, np.cumsum(counts)[:-1])
    if patterns := split.validation_pictures:
        held = [any(fnmatch.fnmatchcase(name, each) for each in patterns) for name in names]
        if not 0 < sum(held) < len(held):
            raise InputError(
                f"params.yaml: split.validation_pictures is {patterns}, which holds out "
                f"{sum(held)} of {len(held)} pictures: choose other patterns"
            )
        held_rows = np.repeat(held, counts)
        return rows[~held_rows], rows[held_rows]
    try:
        train, val = train_test_split(
            groups, test_size=split.validation_fraction, random_state=split.seed
        )
    except ValueError as error:
        raise InputError(
            f"params.yaml: split.validation_fraction is {split.validation_fraction}, which leaves "
            f"no images for one part of {len(groups)} rows or pictures: add some, or change it"
        ) from error
    return np.concatenate(train), np.concatenate(val)


def write_split(source: str, rows: Indices | None, folder: Path, split: str) -> None:
    """Writes x_{split}.npy, scaled, and y_{split}.npy: all rows, or those of rows_{split}.npy."""
    npy.write_scaled(Path(f"data/images/{source}_images.npy"), rows, folder / f"x_{split}.npy")
    y = npy.open_npy(f"data/images/{source}_labels.npy")
    if rows is not None:
        y = y[rows]
        np.save(folder / f"rows_{split}.npy", rows.astype(np.int32))
    np.save(folder / f"y_{split}.npy", y)
