"""Reads images of one size from a CSV or a folder of pictures, and stores them as arrays."""

import csv
import gzip
import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from denoiser import tiles
from denoiser.errors import InputError
from denoiser.picture_files import list_files, read_pixels
from pipeline import image_csv
from pipeline.npy import NpyWriter
from pipeline.params import Load

UInt8 = npt.NDArray[np.uint8]

ARCHIVES = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zX": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class Block(NamedTuple):
    """Images, shape (n, height, width, channels), and their labels, shape (n,), or None."""

    images: UInt8
    labels: UInt8 | None
    picture: tuple[str, int, int] | None = None  # the file, width and height; None for a CSV


def convert(parameter: str, load: Load, stem: Path) -> tuple[int, ...]:
    """Stores the first `load.limit` images of the CSV or folder that load.PARAMETER names.

    Writes {stem}_images.npy, uint8; {stem}_labels.npy, uint8, or int8 with -1 for each image if
    there are no labels; and for a folder {stem}_pictures.csv, with the size of each picture and the
    number of its images. Returns the height, width and channels of the images. Raises InputError if
    the CSV or folder is missing or invalid.
    """
    path = getattr(load, parameter)
    folder = Path(path).is_dir()
    blocks = read_folder(path, load) if folder else read_csv(path, parameter, load)
    first = next(blocks)
    shape, label_type = first.images.shape[1:], "i1" if first.labels is None else "u1"
    counts: dict[tuple[str, int, int], int] = {}
    with (
        NpyWriter(Path(f"{stem}_images.npy"), "u1", shape) as x,
        NpyWriter(Path(f"{stem}_labels.npy"), label_type, ()) as y,
    ):
        for images, labels, picture in itertools.chain([first], blocks):
            room = len(images) if load.limit is None else load.limit - x.rows
            x.append(images[:room])
            y.append((np.full(len(images), -1) if labels is None else labels)[:room])
            if picture is not None:
                counts[picture] = counts.get(picture, 0) + len(images[:room])
            if x.rows == load.limit:
                break
    if folder:
        with open(
            f"{stem}_pictures.csv", "w", encoding="utf-8", errors="surrogateescape", newline=""
        ) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["picture", "width", "height", "images"])
            writer.writerows((*picture, count) for picture, count in counts.items())
    return shape


def read_csv(path: str, parameter: str, load: Load) -> Iterator[Block]:
    """Yields blocks of rows of a CSV, which may be compressed by gzip."""
    try:
        with open_csv(path) as file:
            for labels, images in image_csv.read(file, load.label, load.color):
                yield Block(images, labels)
    except FileNotFoundError:
        raise InputError(f"{path}: the file does not exist (load.{parameter})") from None
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: {error}") from error


def open_csv(path: str) -> BinaryIO:
    """Opens a CSV for reading; decompresses gzip, whatever the file's name."""
    with open(path, "rb") as file:
        start = file.read(4)
    for signature, name in ARCHIVES.items():
        if start.startswith(signature):
            raise InputError(
                f"{path} is compressed with {name}: extract the CSV, or compress it with gzip"
            )
    return cast(BinaryIO, gzip.open(path)) if start[:2] == b"\x1f\x8b" else open(path, "rb")


def read_folder(path: str, load: Load) -> Iterator[Block]:
    """Yields the squares of each picture, in the order of the file names."""
    names = list_files(path)
    labels = label_files(path, names) if load.label is not None else None
    side = load.side
    empty = True
    for name in names:
        pixels = read_pixels(f"{path}/{name}", load.color)
        height, width, _ = pixels.shape
        if load.side is None and (height != width or side not in (None, width)):
            raise InputError(
                f"{path}/{name} has {width}x{height} pixels, but all pictures must be squares of "
                "one size: set load.side to cut them into squares"
            )
        side = side or width
        if min(height, width) < side:
            shown = f"{path}/{ascii(name)[1:-1]}"
            print(f"{shown} is left out: {width}x{height} pixels are too few", flush=True)
            continue
        for images in cut(pixels, side, load.stride or side):
            label = None if labels is None else np.full(len(images), labels[name], np.uint8)
            yield Block(images, label, (name, width, height))
            empty = False
    if empty:
        least = f" of at least {side}x{side} pixels (load.side)" if load.side else ""
        raise InputError(f"{path}: the folder has no pictures{least}")


def cut(image: UInt8, side: int, stride: int) -> Iterator[UInt8]:
    """Yields each row of squares of an image, shape (n, side, side, channels).

    The image has shape (height, width, channels); height and width are at least `side`. Squares
    start every `stride` pixels. The last square of a row or column ends at the edge of the image,
    so that no pixel is left out if `stride` is at most `side`.
    """
    height, width, _ = image.shape
    for y in tiles.starts(height, side, stride):
        band = image[y : y + side]
        yield np.stack([band[:, x : x + side] for x in tiles.starts(width, side, stride)])


def label_files(path: str, names: list[str]) -> dict[str, int] | None:
    """The index of the class of each file, or None if there are no classes."""
    folders = classes(names)
    if not folders:
        return None
    if loose := [name for name in names if "/" not in name]:
        raise InputError(
            f"{path}: the sub-folders are the classes, but {loose[0]} is in none of them: "
            "move it, or set load.label to null"
        )
    if len(folders) > 256:
        raise InputError(f"{path} has {len(folders)} sub-folders, but 256 classes are the maximum")
    return {name: folders.index(name.split("/")[0]) for name in names}


def classes(names: list[str]) -> list[str]:
    """The sub-folders of a folder with these files, in alphabetical order."""
    return sorted({name.split("/")[0] for name in names if "/" in name})
