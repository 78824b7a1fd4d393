"""HEIC files of phones and RAW files of cameras, each of which another package reads."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from denoiser.base.errors import InputError


class Extra(NamedTuple):
    """A kind of files: the module that reads it, its package, and the suffix of denoised copies."""

    module: str
    package: str
    output: str


HEIF = Extra("pillow_heif", "pillow-heif", ".jpg")
RAW = Extra("rawpy", "rawpy", ".tif")
RAW_SUFFIXES = ".arw .cr2 .cr3 .dng .nef .nrw .orf .pef .raf .rw2 .srw".split()
EXTRAS = dict.fromkeys((".heic", ".heif", ".hif"), HEIF) | dict.fromkeys(RAW_SUFFIXES, RAW)
HEIF_BRANDS = b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"  # ISO/IEC 23008-12


def missing_package(path: str) -> str | None:
    """The package without which a file with a suffix of EXTRAS cannot be read; None otherwise."""
    extra = EXTRAS.get(Path(path).suffix.lower())
    return extra.package if extra and not importlib.util.find_spec(extra.module) else None


def load(extra: Extra, path: str) -> Any:
    """The module that reads a file. Raises InputError if it is not installed."""
    try:
        return importlib.import_module(extra.module)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path} needs the package {extra.package}: pip install {extra.package}"
        ) from error


def prepare(path: str, source: BinaryIO) -> None:
    """Lets Pillow open the file if it is HEIC, whatever its name. Raises InputError."""
    start = source.read(12)
    source.seek(0)
    if start[4:8] == b"ftyp" and start[8:] in HEIF_BRANDS:
        load(HEIF, path).register_heif_opener()


def is_raw(path: str) -> bool:
    """Whether the name is that of a RAW file. Pillow would read the small picture in it."""
    return EXTRAS.get(Path(path).suffix.lower()) is RAW


def develop(path: str, source: BinaryIO) -> npt.NDArray[np.uint16]:
    """The pixels of a RAW file in sRGB, upright, shape (height, width, 3).

    LibRaw develops it with the white balance of the camera and without noise reduction.
    """
    with load(RAW, path).imread(source) as raw:
        pixels: npt.NDArray[np.uint16] = raw.postprocess(use_camera_wb=True, output_bps=16)
    return pixels
