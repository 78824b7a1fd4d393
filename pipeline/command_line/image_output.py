"""Writes picture files with Pillow, in the format of the file's suffix."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.base import files
from pipeline.base.errors import InputError
from pipeline.image_io.image_files import WHITE_8, WHITE_16, Float32, Picture

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


class Output:
    """A picture that is built from bands of rows, from top to bottom, and written at the end.

    It has the size of `picture`, and 16 bits if the picture has more than 8 and the format supports
    that. The alpha channel, the color profile and EXIF are those of `picture`, as far as the format
    supports them.
    """

    def __init__(self, picture: Picture, path: str) -> None:
        self.picture, self.path, self.format, self.top = picture, path, format_of(path), 0
        mode = picture.image.mode
        if mode == "I;16" and self.format not in WITH_16_BITS:
            mode = "L"
        self.image = Image.new(mode, picture.image.size)
        deep = mode == "I;16"
        self.white = WHITE_16 if deep else WHITE_8
        self.dtype = np.dtype(np.uint16 if deep else np.uint8)

    def append(self, band: Float32) -> None:
        """Appends rows, shape (rows, width, channels), in [0, 1]."""
        values = np.rint(band * np.float32(self.white)).astype(self.dtype)
        rows = Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)
        self.image.paste(rows, (0, self.top))
        self.top += len(band)

    def write(self) -> None:
        """Writes the file atomically, or a PNG to standard output. Raises InputError on failure."""
        if self.picture.alpha is not None and self.format in WITH_ALPHA:
            self.image.putalpha(self.picture.alpha)
        encoded = self._encode()
        if self.path == "-":
            sys.stdout.buffer.write(encoded.getbuffer())
            sys.stdout.buffer.flush()
            return
        if Path(self.path).is_dir():  # `atomic_write` would remove it
            raise InputError(f"{self.path} is a folder: remove it, or choose another output")
        try:
            with files.atomic_write(self.path) as temporary:
                temporary.write_bytes(encoded.getbuffer())
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written: {os.strerror(error.errno or 0).lower()}; "
                "choose another output"
            ) from error

    def _encode(self) -> io.BytesIO:
        """The content of the file. Metadata that the format cannot store is left out."""
        for metadata in self._metadata():
            encoded = io.BytesIO()
            try:
                self.image.save(encoded, self.format, **OPTIONS.get(self.format, {}), **metadata)
                return encoded
            except Exception as error:  # encoders raise many types
                reason: Exception = error
        raise InputError(
            f"{self.path} cannot be written ({reason}): choose another format"
        ) from reason

    def _metadata(self) -> Iterator[dict[str, bytes]]:
        profile, exif = self.picture.profile, self.picture.exif
        if exif and profile:
            yield {"icc_profile": profile, "exif": exif}
        if profile:
            yield {"icc_profile": profile}
        elif exif:
            yield {"exif": exif}
        yield {}
