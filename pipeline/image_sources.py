"""Reads images of one size from a CSV or a folder of pictures, and stores them as arrays."""

import csv
import gzip
import itertools
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from denoiser.base.errors import InputError
from denoiser.base.images import UInt8, starts
from denoiser.picture_files import list_files, read_pixels
from pipeline import image_csv
from pipeline.base import npy
from pipeline.base.params import Load

ARCHIVES = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zX": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class Block(NamedTuple):
    """Images, shape (n, height, width, channels), and their labels, shape (n,), or None."""

    images: UInt8
    labels: UInt8 | None
    picture: tuple[str, int, int] | None = None  # the file, width and height; None for a CSV


def convert(parameter: str, load: Load, stem: Path) -> int:
    """Stores the first `load.limit` images of the CSV or folder that load.PARAMETER names.

    Writes {stem}_images.npy, uint8; {stem}_labels.npy, uint8, or int8 with -1 for each image if
    there are no labels; and for a folder {stem}_pictures.csv, with the size of each picture and the
    number of its images. Returns the side of the images in pixels. Raises InputError if the CSV or
    folder is missing or invalid.
    """
    path = getattr(load, parameter)
    folder = Path(path).is_dir()
    blocks = read_folder(path, load) if folder else read_csv(path, parameter, load)
    first, limit = next(blocks), load.limit or sys.maxsize
    counts, all_labels = Counter[tuple[str, int, int]](), []
    with npy.NpyWriter(Path(f"{stem}_images.npy"), "u1", first.images.shape[1:]) as writer:
        for images, labels, picture in itertools.chain([first], blocks):
            count = min(len(images), limit - writer.rows)
            writer.append(images[:count])
            all_labels.append(np.full(count, -1, np.int8) if labels is None else labels[:count])
            if picture is not None:
                counts[picture] += count
            if writer.rows == limit:
                break
    np.save(f"{stem}_labels.npy", np.concatenate(all_labels))
    if folder:
        path = f"{stem}_pictures.csv"
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["picture", "width", "height", "images"])
            table.writerows((*picture, count) for picture, count in counts.items())
    return writer.shape[0]


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
    labels = label_files(path, names) if load.label is not None else {}
    side, empty = load.side, True
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
            label = np.full(len(images), labels[name], np.uint8) if labels else None
            yield Block(images, label, (name, width, height))
            empty = False
    if empty:
        least = f" of at least {side}x{side} pixels (load.side)" if load.side else ""
        raise InputError(f"{path}: the folder has no pictures{least}")


def cut(image: UInt8, side: int, stride: int) -> Iterator[UInt8]:
    """Yields each row of squares of an image of at least that size: (n, side, side, channels).

    Squares start every `stride` pixels, and the last one of a row or column ends at the edge.
    """
    height, width, _ = image.shape
    for y in starts(height, side, stride):
        band = image[y : y + side]
        yield np.stack([band[:, x : x + side] for x in starts(width, side, stride)])


def label_files(path: str, names: list[str]) -> dict[str, int]:
    """The index of the class of each file; empty if there are no classes."""
    folders = classes(names)
    loose = [name for name in names if "/" not in name]
    if folders and loose:
        raise InputError(
            f"{path}: the sub-folders are the classes, but {loose[0]} is in none of them: "
            "move it, or set load.label to null"
        )
    if len(folders) > 256:
        raise InputError(f"{path} has {len(folders)} sub-folders, but 256 classes are the maximum")
    return {name: folders.index(name.split("/")[0]) for name in names if folders}


def classes(names: list[str]) -> list[str]:
    """The sub-folders of a folder with these files, in alphabetical order."""
    return sorted({name.split("/")[0] for name in names if "/" in name})
