"""Parses and checks the two CSVs, and stores images and labels as arrays of bytes."""

import gzip
import itertools
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from denoiser import image_csv
from pipeline.base import files, params
from pipeline.base.errors import InputError
from pipeline.base.process import run_stage
from pipeline.schema.load_params import Load


def main() -> None:
    load = params.read("load", Load)
    with files.atomic_write("data/images") as folder:
        folder.mkdir()
        train_pixels = convert(load.train_csv, folder, "train", load.limit)
        test_pixels = convert(load.test_csv, folder, "test", load.limit)
        if train_pixels != test_pixels:
            raise InputError(
                f"{load.train_csv} has images of {train_pixels} pixels, "
                f"but {load.test_csv} of {test_pixels}: both must have the same size"
            )


def convert(path: str, folder: Path, split: str, limit: int | None) -> int:
    """Writes the first `limit` rows of a CSV to {split}_images.npy and {split}_labels.npy.

    Returns the number of pixels per image. Raises InputError, with the file's name, if the CSV is
    missing or invalid.
    """
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
        raise InputError(f"{path}: the file does not exist (load.{split}_csv)") from None
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: {error}") from error


def open_csv(path: str) -> BinaryIO:
    """Opens a CSV for reading; decompresses gzip, whatever the file's name."""
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if compressed else open(path, "rb")


if __name__ == "__main__":
    run_stage(main)
