"""Stage 3: scales the images to [0, 1] and splits the training CSV into train and validation."""

from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from stages import files, params
from stages.errors import StageError
from stages.process import run

BLOCK = 2000  # rows in memory at once


class Split(params.Section):
    """The section `split`."""

    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    seed: params.Seed


def main() -> None:
    split = params.read("split", Split)
    from sklearn.model_selection import train_test_split  # takes seconds, and `check` needs none

    with files.NpyReader("data/images/train_labels.npy") as labels:
        count = len(labels)
    try:
        train, val = train_test_split(
            np.arange(count), test_size=split.validation_fraction, random_state=split.seed
        )
    except ValueError as error:
        raise StageError(
            f"split.validation_fraction is {split.validation_fraction}, "
            f"which leaves one side of {count} rows empty: {error}"
        ) from error
    with files.replacing("data/split") as folder:
        folder.mkdir()
        take("train", train, folder, "train")
        take("train", val, folder, "val")
        take("test", None, folder, "test")


def take(source: str, rows: npt.NDArray[np.intp] | None, folder: Path, name: str) -> None:
    """Writes these rows of a CSV's images, scaled, and labels as x_{name}.npy and y_{name}.npy."""
    labels = files.load_npy(f"data/images/{source}_labels.npy")
    rows = np.arange(len(labels)) if rows is None else rows
    with files.NpyWriter(folder / f"y_{name}.npy", labels.dtype, ()) as y:
        y.append(labels[rows])
    with (
        files.NpyReader(f"data/images/{source}_images.npy") as images,
        files.NpyWriter(folder / f"x_{name}.npy", np.float32, images.shape[1:]) as x,
    ):
        for start in range(0, len(rows), BLOCK):
            x.append(images[rows[start : start + BLOCK]] / np.float32(255))


if __name__ == "__main__":
    run(main)
