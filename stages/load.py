"""Stage 2: parses the two CSVs, checks them, and keeps them as arrays of bytes."""

import gzip
import itertools
import zlib
from pathlib import Path
from typing import Annotated, BinaryIO, cast

from pydantic import Field

from stages import files, params
from stages.errors import StageError
from stages.process import run


class Load(params.Section):
    """The section `load`."""

    train_csv: Annotated[str, Field(min_length=1)]
    test_csv: Annotated[str, Field(min_length=1)]
    limit: Annotated[int, Field(ge=1)] | None


def main() -> None:
    load = params.read("load", Load)
    with files.replacing("data/images") as folder:
        folder.mkdir()
        train_pixels = convert(load.train_csv, folder, "train", load.limit)
        test_pixels = convert(load.test_csv, folder, "test", load.limit)
        if train_pixels != test_pixels:
            raise StageError(
                f"{load.train_csv} has images of {train_pixels} pixels, "
                f"but {load.test_csv} of {test_pixels}: both must be of one size"
            )


def convert(path: str, folder: Path, split: str, limit: int | None) -> int:
    """Writes the first `limit` rows of a CSV as {split}_images.npy and {split}_labels.npy.

    Returns how many pixels an image has. Raises StageError, which names the file, for a bad one.
    """
    from denoiser import image_csv  # pyarrow, which `check` does not need

    try:
        with open_csv(path) as file:
            blocks = image_csv.read(file)
            first = next(blocks)
            shape = first[1].shape[1:]
            with (
                files.NpyWriter(folder / f"{split}_images.npy", "u1", shape) as x,
                files.NpyWriter(folder / f"{split}_labels.npy", "u1", ()) as y,
            ):
                for labels, images in itertools.chain([first], blocks):
                    room = len(labels) if limit is None else limit - x.rows
                    x.append(images[:room])
                    y.append(labels[:room])
                    if x.rows == limit:
                        break
            return int(shape[0])
    except FileNotFoundError:
        raise StageError(f"{path}: there is no such file (load.{split}_csv)") from None
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StageError(f"{path}: {error}") from error


def open_csv(path: str) -> BinaryIO:
    """Opens a CSV for reading, decompressing it if it is gzip, whatever its name."""
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if compressed else open(path, "rb")


if __name__ == "__main__":
    run(main)
