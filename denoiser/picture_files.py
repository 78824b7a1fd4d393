"""Reads picture files with Pillow, whatever their format.

Pillow reads 16 bits per channel only of gray pictures without an alpha channel, otherwise 8 bits.
"""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from denoiser.errors import InputError

logging.getLogger("PIL").addHandler(logging.NullHandler())  # `read` raises all errors

UInt8 = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.unsignedinteger[Any]]  # uint8 or uint16, (height, width, 1 or 3)
Float32 = npt.NDArray[np.float32]

COLORS = {"gray": 1, "rgb": 3}  # the number of channels
WHITE_8, WHITE_16 = 255, 65535
GRAY = ("1", "L", "LA", "La")  # the modes of Pillow that become gray; the others become RGB
PHOTOMETRIC, BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 262, 258, 281  # tags of TIFF
# The tags of EXIF that describe the picture. TIFF stores them among those of the file's structure.
DESCRIPTIVE = {
    *(ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo),
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model),
    *(ExifTags.Base.XResolution, ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit),
    *(ExifTags.Base.Software, ExifTags.Base.DateTime, ExifTags.Base.Artist),
    *(ExifTags.Base.HostComputer, ExifTags.Base.Copyright, ExifTags.Base.Rating),
}


class Picture(NamedTuple):
    """A picture, upright, without its alpha channel."""

    pixels: Pixels
    white: float  # the value of white in `pixels`
    alpha: Image.Image | None  # of mode L
    profile: bytes | None  # the ICC color profile
    exif: bytes | None
    frames: int  # the number of frames in the file, of which this is the first

    def image(self) -> Float32:
        """The pixels as float32, shape (height, width, 1 or 3), in [0, 1]."""
        image = self.pixels.astype(np.float32)
        image /= np.float32(self.white)
        return np.minimum(image, 1, out=image)


def list_files(folder: str) -> list[str]:
    """The sorted paths of all files below a folder, relative to it, with / as the separator.

    Hidden files and folders, whose names start with a dot, and special files are left out. Raises
    InputError if a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename}: {os.strerror(error.errno or 0).lower()}")

    paths = []
    for root, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(root, name)
            if not name.startswith(".") and (path.is_file() or not path.exists()):
                paths.append(path.relative_to(folder).as_posix())
    return sorted(paths)


def read_pixels(path: str, color: str) -> UInt8:
    """The pixels of a picture, upright, without its alpha channel: (height, width, 1 or 3), uint8.

    `color` is one of COLORS; colors become gray by the weights of ITU-R 601. Raises InputError.
    """
    picture = read(path)
    if picture.frames > 1:
        print(f"{path}: only the first of its {picture.frames} pages or frames is read", flush=True)
    pixels = picture.pixels
    if pixels.dtype == np.uint16:
        pixels = np.rint(picture.image() * WHITE_8).astype(np.uint8)
    image = to_pillow(pixels).convert("L" if COLORS[color] == 1 else "RGB")
    return np.asarray(image).reshape(*pixels.shape[:2], -1)


def to_pillow(pixels: Pixels) -> Image.Image:
    """Pixels as a picture of Pillow, of mode L, RGB or I;16."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def read(path: str, white: float | None = None) -> Picture:
    """Reads the first picture of a file, or of standard input if `path` is -.

    `white` is the value of white in pictures of 16 or 32 bits or of floating point, by default the
    value that the file states. Raises InputError if the picture cannot be read, has more than twice
    PIL.Image.MAX_IMAGE_PIXELS, or does not state the value of white.
    """
    with errors_of(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata, and pictures below twice the limit
        source = io.BytesIO(sys.stdin.buffer.read()) if path == "-" else path
        with Image.open(source) as file:
            if not all(file.size):
                raise ValueError("it has no pixels")
            gray_alpha = bool(file.tile) and file.tile[0].args == "LA;16B"  # opened as RGBA
            file.load()
            try:
                ImageOps.exif_transpose(file, in_place=True)
            except MemoryError:
                raise
            except Exception:  # of broken EXIF, many types
                pass
            if file.mode[0] in "IF":
                pixels, white, alpha = to_16_bits(path, file, white)
            else:
                pixels, white, alpha = to_8_bits(file, gray_alpha)
            profile = file.info.get("icc_profile") or b""
            exif = read_exif(file)
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        space = b"RGB " if pixels.shape[2] == 3 else b"GRAY"
        kept = profile if profile[16:20] == space else None  # a profile of CMYK does not suit RGB
        return Picture(pixels, white, alpha, kept, exif, count_frames(source))


@contextlib.contextmanager
def errors_of(path: str) -> Iterator[None]:
    """Turns every error of a decoder into an InputError that names the file."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # decoders raise SyntaxError, IndexError, struct.error, …
        reason = str(error) or type(error).__name__
        message = f" cannot be read ({reason}): repair, convert or remove the file"
        if isinstance(error, Image.DecompressionBombError):
            message = f": {error} Cut the picture, or raise PIL.Image.MAX_IMAGE_PIXELS"
        elif isinstance(error, UnidentifiedImageError):
            message = " is not a picture that Pillow can read: convert or remove the file"
        elif isinstance(error, MemoryError):
            message = ": the picture does not fit in memory; cut it"
        elif isinstance(error, OSError) and error.errno:
            message = f": {os.strerror(error.errno).lower()}"
        raise InputError(path + message) from error


def read_exif(file: Image.Image) -> bytes | None:
    """The tags that describe the picture, without its orientation; None if they are unreadable."""
    try:
        exif = file.getexif()
        for tag in set(exif) - DESCRIPTIVE:
            del exif[tag]
        return exif.tobytes() if len(exif) else None
    except Exception:  # Pillow raises many types
        return None


def to_16_bits(path: str, file: Image.Image, white: float | None) -> tuple[Pixels, float, None]:
    """The pixels of a gray picture of more than 8 bits as uint16, and their value of white.

    There is no alpha channel: the color that a PNG of 16 bits declares as transparent is not kept.
    """
    white = white or stated_white(file)
    if white is None:
        raise InputError(
            f"{path}: the file does not state the value of white (its pixels have 32 bits or are "
            "signed): pass it to the command line with --white VALUE; for the stage `load`, "
            "convert the file to 8 or 16 bits"
        )
    values = np.asarray(file, np.float32)
    if getattr(file, "tag_v2", {}).get(PHOTOMETRIC) == 0:  # black and white are swapped
        values = np.float32(white) - values
    if file.mode in ("I", "F"):
        values = np.nan_to_num(values / np.float32(white)) * np.float32(WHITE_16)
        white = WHITE_16
    return np.rint(np.clip(values, 0, WHITE_16)).astype(np.uint16), white, None


def stated_white(file: Image.Image) -> float | None:
    """The value of white in a gray picture of more than 8 bits, or None if it is unknown."""
    if file.format == "PPM":  # Pillow scales its values
        return WHITE_16
    if not file.mode.startswith("I;16"):
        return None
    tags = getattr(file, "tag_v2", {})
    most = 2 ** int(tags.get(BITS_PER_SAMPLE, (16,))[0]) - 1
    stated = next(iter(tags.get(MAX_SAMPLE_VALUE) or ()), None)
    return stated if isinstance(stated, int) and 0 < stated < most else most


def to_8_bits(image: Image.Image, gray_alpha: bool) -> tuple[Pixels, float, Image.Image | None]:
    """The pixels of a picture of 8 bits, gray or RGB, their value of white, and its alpha."""
    gray, alpha = gray_alpha or image.mode in GRAY, None
    if image.has_transparency_data:
        image = image.convert("LA" if gray else "RGBA")
        alpha = image.getchannel("A")
    mode = "L" if gray else "RGB"
    return np.asarray(image if image.mode == mode else image.convert(mode)), WHITE_8, alpha


def count_frames(source: str | io.BytesIO) -> int:
    """The number of frames or pages; 1 if they cannot be counted."""
    try:
        with Image.open(source) as file:  # MPO: a JPEG of a camera, with a smaller copy
            return 1 if file.format == "MPO" else int(getattr(file, "n_frames", 1))
    except Exception:  # see `errors_of`
        return 1
