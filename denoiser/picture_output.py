"""Writes picture files with Pillow, in the format of the file's suffix."""

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from denoiser import files
from denoiser.errors import InputError
from denoiser.picture_files import WHITE_8, WHITE_16, Float32, Picture, Pixels, to_pillow

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".webp": "WEBP",
}
OPTIONS: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95}}
WITH_16_BITS = ("PNG", "TIFF")
WITH_ALPHA = ("PNG", "TIFF", "WEBP")


def format_of(path: str) -> str:
    """The name of the format; PNG for -, standard output. Raises InputError if it is unknown."""
    suffix = Path(path).suffix.lower()
    if path != "-" and suffix not in FORMATS:
        raise InputError(f"{path}: the name must end with {', '.join(FORMATS)}")
    return "PNG" if path == "-" else FORMATS[suffix]


def to_pixels(image: Float32, dtype: npt.DTypeLike) -> Pixels:
    """An image in [0, 1] as pixels of uint8 or uint16, of the same shape."""
    white = np.float32(WHITE_16 if np.dtype(dtype) == np.uint16 else WHITE_8)
    pixels: Pixels = np.rint(image * white).astype(dtype)
    return pixels


def dtype_for(picture: Picture, path: str) -> npt.DTypeLike:
    """The dtype of `picture`, or uint8 if the format of `path` does not support 16 bits."""
    return picture.pixels.dtype if format_of(path) in WITH_16_BITS else np.uint8


def write(path: str, pixels: Pixels, original: Picture) -> None:
    """Writes a picture file atomically, or a PNG to standard output if `path` is -.

    The alpha channel, the color profile and EXIF are those of `original`, as far as the format
    supports them. Raises InputError if the file cannot be written.
    """
    encoded = encode(path, pixels, original)
    if path == "-":
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
        return
    if Path(path).is_dir():  # `atomic_write` would remove it
        raise InputError(f"{path} is a folder: remove it, or choose another output")
    try:
        with files.atomic_write(path) as temporary:
            temporary.write_bytes(encoded)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {os.strerror(error.errno or 0).lower()}; "
            "choose another output"
        ) from error


def encode(path: str, pixels: Pixels, original: Picture) -> memoryview:
    """The content of the file. Metadata that the format cannot store are left out."""
    file_format, image = format_of(path), to_pillow(pixels)
    if original.alpha is not None and file_format in WITH_ALPHA:
        image.putalpha(original.alpha)
    options = OPTIONS.get(file_format, {})
    profile, exif = {"icc_profile": original.profile}, {"exif": original.exif or b""}
    for metadata in (profile | exif, profile, exif, {}):
        encoded = io.BytesIO()
        try:
            image.save(encoded, file_format, **options, **metadata)
            return encoded.getbuffer()
        except Exception as error:  # encoders raise many types
            reason: Exception = error
    raise InputError(f"{path} cannot be written ({reason}): choose another format") from reason
