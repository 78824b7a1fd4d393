"""Reads picture files with Pillow, whatever their format, as 8 or 16 bits per channel.

Pillow reads 16 bits per channel only for gray pictures. It reduces color pictures of 16 bits, and
gray pictures with an alpha channel, to 8 bits.
"""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from pipeline.base.errors import InputError

logging.getLogger("PIL").addHandler(logging.NullHandler())  # `read` raises all errors

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

WHITE_8, WHITE_16 = 255, 65535
GRAY = ("1", "L", "LA", "La")  # the modes of Pillow that become gray; the others become RGB
PHOTOMETRIC, BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 262, 258, 281  # tags of TIFF
# The tags of EXIF that describe the picture. TIFF stores them among those of the file's structure.
DESCRIPTIVE = {
    *(ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.Base.Orientation),
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model),
    *(ExifTags.Base.XResolution, ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit),
    *(ExifTags.Base.Software, ExifTags.Base.DateTime, ExifTags.Base.Artist),
    *(ExifTags.Base.HostComputer, ExifTags.Base.Copyright, ExifTags.Base.Rating),
}
ORIENTATIONS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Picture(NamedTuple):
    """A picture, upright, without its alpha channel."""

    image: Image.Image  # of mode L, RGB or I;16
    white: float  # the value of white in `image`
    alpha: Image.Image | None  # of mode L
    profile: bytes | None  # the ICC color profile
    exif: bytes | None
    frames: int  # the number of frames in the file, of which this is the first

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and number of channels."""
        return self.image.height, self.image.width, len(self.image.getbands())

    def rows(self, first: int, stop: int) -> Float32:
        """Rows `first` to `stop` - 1, shape (stop - first, width, channels), in [0, 1]."""
        _, width, channels = self.shape
        band = np.array(self.image.crop((0, first, width, stop)), np.float32)
        band /= np.float32(self.white)
        return np.minimum(band, 1, out=band).reshape(-1, width, channels)


def list_files(folder: str) -> list[str]:
    """The sorted paths of all files below a folder, relative to it, with / as the separator.

    Hidden files and folders, whose names start with a dot, are left out, and so are special files.
    Raises InputError if a folder cannot be read.
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


def read_pixels(path: str, color: Literal["gray", "rgb"]) -> UInt8:
    """The pixels of a picture, upright, shape (height, width, 1 or 3), without its alpha channel.

    Colors become gray by the weights of ITU-R 601. 16 bits are scaled to 8. Raises InputError if
    the file cannot be read.
    """
    picture = read(path)
    if picture.frames > 1:
        print(f"{path}: only the first of its {picture.frames} pages or frames is read", flush=True)
    image = picture.image
    if image.mode == "I;16":
        image = Image.fromarray(np.rint(picture.rows(0, image.height)[:, :, 0] * 255).astype("u1"))
    pixels = np.asarray(image.convert("L" if color == "gray" else "RGB"))
    return pixels.reshape(image.height, image.width, -1)


def read(path: str, white: float | None = None) -> Picture:
    """Reads the first picture of a file, or of standard input if `path` is -.

    `white` is the value of white in pictures of 16 or 32 bits or of floating point, by default the
    value that the file states. Raises InputError if the file is missing or broken, holds no
    picture, has more than twice PIL.Image.MAX_IMAGE_PIXELS, or does not state the value of white.
    """
    with errors_of(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata, and pictures below twice the limit
        source = io.BytesIO(sys.stdin.buffer.read()) if path == "-" else path
        with Image.open(source) as file:
            if not all(file.size):
                raise ValueError("it has no pixels")
            gray_alpha = bool(file.tile) and file.tile[0].args == "LA;16B"  # opened as RGBA
            file.load()
            orientation, exif = read_exif(file)
            method = ORIENTATIONS.get(orientation)
            image: Image.Image = file if method is None else file.transpose(method)
            alpha = None
            if file.mode[0] in "IF":
                image, white = to_16_bits(path, file, image, white)
            else:
                image, alpha = to_8_bits(image, gray_alpha)
                white = WHITE_8
            profile = file.info.get("icc_profile") or b""
        space = b"RGB " if image.mode == "RGB" else b"GRAY"
        kept = profile if profile[16:20] == space else None  # a profile of CMYK does not suit RGB
        return Picture(image, white, alpha, kept, exif, count_frames(source))


@contextlib.contextmanager
def errors_of(path: str) -> Iterator[None]:
    """Turns every error of a decoder into an InputError that names the file."""
    try:
        yield
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path}: {error} Cut the picture into smaller ones, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS"
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path} is not a picture that Pillow can read: convert or remove the file"
        ) from error
    except MemoryError as error:
        raise InputError(f"{path}: the picture does not fit in memory; cut it") from error
    except Exception as error:  # decoders raise SyntaxError, IndexError, struct.error, …
        if isinstance(error, OSError) and error.errno:
            raise InputError(f"{path}: {os.strerror(error.errno).lower()}") from error
        raise InputError(
            f"{path} cannot be read ({error or type(error).__name__}): repair, convert or remove "
            "the file"
        ) from error


def read_exif(file: Image.Image) -> tuple[object, bytes | None]:
    """The orientation, and the tags that describe the picture, with orientation 1.

    The orientation is 1, and the tags are None, if they cannot be read. Pillow turns a TIFF upright
    when it loads the pixels.
    """
    orientation: object = 1
    try:
        exif = file.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        for tag in set(exif) - DESCRIPTIVE:
            del exif[tag]
        if ExifTags.Base.Orientation in exif:
            exif[ExifTags.Base.Orientation] = 1
        return orientation, exif.tobytes() if len(exif) else None
    except Exception:  # Pillow raises many types
        return orientation, None


def to_16_bits(
    path: str, file: Image.Image, image: Image.Image, white: float | None
) -> tuple[Image.Image, float]:
    """A gray picture of more than 8 bits as mode I;16, and its value of white.

    The color that a PNG of 16 bits declares as transparent is not kept.
    """
    white = white or stated_white(file)
    if white is None:
        raise InputError(
            f"{path}: the file does not state the value of white (its pixels have 32 bits or are "
            "signed): pass it to the command line with --white VALUE; for the stage `load`, "
            "convert the file to 8 or 16 bits"
        )
    inverted = getattr(file, "tag_v2", {}).get(PHOTOMETRIC) == 0  # Pillow ignores it here
    if file.mode == "I;16" and not inverted:
        return image, white
    values = np.asarray(image, np.float32)
    if inverted:
        values = np.float32(white) - values
    if file.mode not in ("I", "F"):
        return Image.fromarray(np.maximum(values, 0).astype(np.uint16)), white
    scaled = np.clip(np.nan_to_num(values / np.float32(white)), 0, 1) * np.float32(WHITE_16)
    return Image.fromarray(np.rint(scaled).astype(np.uint16)), WHITE_16


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


def to_8_bits(image: Image.Image, gray_alpha: bool) -> tuple[Image.Image, Image.Image | None]:
    """A picture of 8 bits per channel as mode L or RGB, and its alpha channel or None."""
    gray, alpha = gray_alpha or image.mode in GRAY, None
    if image.has_transparency_data:
        image = image.convert("LA" if gray else "RGBA")
        alpha = image.getchannel("A")
    mode = "L" if gray else "RGB"
    return image if image.mode == mode else image.convert(mode), alpha


def count_frames(source: str | io.BytesIO) -> int:
    """The number of frames or pages; 1 if they cannot be counted.

    The second picture of an MPO file, a JPEG variant of some cameras, is not counted.
    """
    try:
        with Image.open(source) as file:
            return 1 if file.format == "MPO" else int(getattr(file, "n_frames", 1))
    except Exception:  # see `errors_of`
        return 1
