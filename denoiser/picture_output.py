"""Writes picture files with Pillow, in the format of the file's suffix."""

import io
import itertools
import os
import shutil
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from denoiser.base import files
from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from denoiser.picture_files import WHITE_8, WHITE_16, Picture, Pixels, chunks_of, recode, to_pillow

Page = tuple[Pixels, Picture]  # the new pixels, and the original

COMMON = ("icc_profile", "exif", "dpi")


class Format(NamedTuple):
    """A format of output files, by its name in Pillow, and what it can store."""

    name: str
    bits: int = 8  # per channel, at most
    alpha: bool = False
    pages: bool = False
    metadata: tuple[str, ...] = COMMON  # see `read_metadata`
    options: Mapping[str, Any] = {}  # of Pillow


PNG = Format("PNG", bits=16, alpha=True, metadata=(*COMMON, "chunks"))
JPEG = Format(
    "JPEG",
    metadata=(*COMMON, "comment", "subsampling", "qtables"),
    options={"subsampling": 0},  # 4:4:4, unless the input is a JPEG with another one
)
TIFF = Format("TIFF", bits=16, alpha=True, pages=True)
FORMATS = {
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".bmp": Format("BMP", metadata=("dpi",)),
    ".webp": Format("WEBP", alpha=True, metadata=("icc_profile", "exif")),
}
QUALITY = 95  # of JPEG and WebP
STDOUT = 1  # the file descriptor
NAMES = {  # of the metadata whose loss is reported
    "icc_profile": "color profile",
    "exif": "EXIF data",
    "dpi": "resolution",
    "chunks": "gamma and color space",
    "comment": "comment",
    "xmp": "XMP data",
    "iptc": "IPTC data",
    "texts": "texts",
}
STRIP_ROWS = 64  # of a TIFF
AFTER_IHDR = 8 + 25  # bytes of a PNG: its signature and its first chunk


def format_of(path: str) -> Format:
    """The format of a path; PNG for -, standard output. Raises InputError if it is unknown."""
    suffix = Path(path).suffix.lower()
    if path != "-" and suffix not in FORMATS:
        raise InputError(f"{path}: the name must end with {', '.join(FORMATS)}")
    return PNG if path == "-" else FORMATS[suffix]


def to_pixels(image: Float32, dtype: npt.DTypeLike) -> Pixels:
    """An image in [0, 1] as pixels of uint8 or uint16, of the same shape."""
    white = np.float32(WHITE_16 if np.dtype(dtype).itemsize == 2 else WHITE_8)
    pixels: Pixels = np.rint(image * white).astype(dtype)
    return pixels


def write(
    path: str, file_format: Format, pages: Sequence[Page], quality: int | None = None
) -> list[str]:
    """Writes a picture file atomically, or to standard output if `path` is -.

    Each page has the alpha channel and the metadata of its original, as far as the format supports
    them; the pixels of the original only say how many bits it has. Only a TIFF can have several
    pages. `quality`, from 1 to 100, is that of JPEG and WebP; the default is QUALITY, or that of a
    better JPEG that was read. A file that is replaced keeps its mode. Returns what was not written,
    as clauses for the user. Raises InputError if the file cannot be written.
    """
    encoded, losses = encode(path, file_format, pages, quality)
    if path != "-" and Path(path).is_dir():  # `atomic_write` would remove it
        raise InputError(f"{path} is a folder: remove it, or choose another output")
    try:
        if path == "-":
            with open(STDOUT, "wb", closefd=False) as stdout:  # sys.stdout is None if it is closed
                stdout.write(encoded)
        else:
            replaces = Path(path).is_file() and not Path(path).is_symlink()
            with files.atomic_write(path) as temporary:
                temporary.touch(0o600 if replaces else 0o666)  # private until it has its mode
                temporary.write_bytes(encoded)
                if replaces:
                    shutil.copymode(path, temporary)
    except OSError as error:
        name = "standard output" if path == "-" else path
        raise InputError(
            f"{name} cannot be written: {os.strerror(error.errno or 0).lower()}; "
            "choose another output"
        ) from error
    return losses


def encode(
    path: str, file_format: Format, pages: Sequence[Page], quality: int | None
) -> tuple[bytes, list[str]]:
    """The content of the file, and what it lacks."""
    losses = list[str]()
    if any(page.pixels.dtype != pixels.dtype for pixels, page in pages):
        losses.append(
            f"its 16 bits per channel are reduced to 8, because {file_format.name} has no more"
        )
    if any(page.alpha is not None for _, page in pages) and not file_format.alpha:
        losses.append(f"its transparency is left out, because {file_format.name} has none")
    stated = dict.fromkeys(name for _, page in pages for name in page.metadata)
    for without in ((), ("exif",), ("icc_profile",), file_format.metadata):
        kept = {*file_format.metadata} - {*without}
        try:
            encoded = encode_with(kept, file_format, pages, quality)
        except Exception as error:  # encoders raise many types
            reason: Exception = error
            continue
        if left_out := [NAMES[name] for name in stated if name in NAMES and name not in kept]:
            losses.append(f"its {', '.join(left_out)} cannot be stored in {file_format.name}")
        return encoded, losses
    raise InputError(f"{path} cannot be written ({reason}): choose another format") from reason


def encode_with(
    kept: set[str], file_format: Format, pages: Sequence[Page], quality: int | None
) -> bytes:
    """The content of the file, with the metadata that are to be kept."""
    stored = list[tuple[Pixels, dict[str, Any]]]()
    for pixels, page in pages:
        channels = pixels
        if page.alpha is not None and file_format.alpha:
            shift = 8 * (page.alpha.itemsize - pixels.itemsize)
            channels = np.dstack([pixels, (page.alpha >> shift).astype(pixels.dtype)])
        stored.append((channels, {name: page.metadata[name] for name in kept & {*page.metadata}}))
    if file_format is TIFF:
        return encode_tiff(stored)
    channels, metadata = stored[0]
    chunks = metadata.pop("chunks", b"")  # only of a PNG
    tables = metadata.pop("qtables", None)  # only of a JPEG
    if tables and not quality:
        metadata |= {"qtables": finer_tables(tables), "quality": -1}  # a quality would scale them
    by_pillow = channels.dtype == np.uint8 or channels.shape[2] == 1
    image = to_pillow(channels) if by_pillow else Image.new("L", (1, 1))
    options = {"quality": quality or QUALITY, **file_format.options, **metadata}
    image.save(buffer := io.BytesIO(), file_format.name, **options)
    encoded = buffer.getvalue()
    if not by_pillow:  # adds the metadata of the PNG of Pillow to one of 16 bits
        import imagecodecs  # takes 0.1 s; rarely needed

        pixels_of_pillow = (b"IHDR", b"IDAT", b"IEND")
        chunks += b"".join(c for name, c in chunks_of(encoded) if name not in pixels_of_pillow)
        encoded = bytes(imagecodecs.png_encode(channels))
    return b"".join([encoded[:AFTER_IHDR], chunks, encoded[AFTER_IHDR:]])


def finer_tables(tables: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """Quantization tables of JPEG, each step at most as coarse as in `tables` and with QUALITY."""
    Image.new("RGB", (1, 1)).save(buffer := io.BytesIO(), "JPEG", quality=QUALITY)
    standard = getattr(Image.open(buffer), "quantization")  # noqa: B009  # not in the type stubs
    given = [*tables.values(), *[tables[max(tables)]] * 2]
    return [np.minimum(given[number], standard[number]).tolist() for number in (0, 1)]


def encode_tiff(pages: Sequence[tuple[Pixels, Mapping[str, Any]]]) -> bytes:
    """A compressed TIFF, because Pillow does not write 16 bits per channel of color pictures.

    Gray with alpha becomes RGB with alpha, because few programs read the former.
    """
    content, link = bytearray(b"II*\0" + bytes(4)), 4  # `link`: where a page's position is stored
    for stored, metadata in pages:
        channels = stored[:, :, [0, 0, 0, 1]] if stored.shape[2] == 2 else stored
        differences = channels.astype(channels.dtype.newbyteorder("<"))
        differences[:, 1:] -= channels[:, :-1]
        tops = range(0, len(channels), STRIP_ROWS)
        strips = [zlib.compress(differences[top : top + STRIP_ROWS].tobytes()) for top in tops]
        directory = tiff_directory(channels, metadata, [len(strip) for strip in strips])
        content += bytes(len(content) % 2)
        content[link : link + 4] = struct.pack("<I", len(content))
        link = len(content) + 2 + 12 * len(directory)
        content += directory.tobytes(len(content)) + b"".join(strips)
    return bytes(content)


def tiff_directory(channels: Pixels, metadata: Mapping[str, Any], sizes: Sequence[int]) -> Any:
    """The directory of a page whose strips have these sizes: that of a small TIFF of Pillow.

    The strips follow it; their positions are relative to its end.
    """
    from PIL import TiffImagePlugin as Tiff

    height, width, count = channels.shape
    small = to_pillow(np.zeros((1, 1, count), np.uint8))
    others = {name: value for name, value in metadata.items() if name != "exif"}
    small.save(buffer := io.BytesIO(), "TIFF", **others)
    file: Any = Image.open(buffer)
    exif = Image.Exif()
    exif.load(metadata.get("exif", b""))
    recode(exif)
    tags = {**exif, **file.tag_v2, Tiff.IMAGEWIDTH: width, Tiff.IMAGELENGTH: height}
    tags[Tiff.BITSPERSAMPLE] = (8 * channels.itemsize,) * count
    tags |= {Tiff.COMPRESSION: 8, Tiff.PREDICTOR: 2}  # Deflate of the differences of neighbors
    tags |= {Tiff.ROWSPERSTRIP: STRIP_ROWS, Tiff.STRIPBYTECOUNTS: tuple(sizes)}
    tags[Tiff.STRIPOFFSETS] = tuple(itertools.accumulate([0, *sizes[:-1]]))
    for tag in {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo} & {*exif}:
        tags[tag] = exif.get_ifd(tag)
        if ExifTags.IFD.Interop in tags[tag]:
            tags[tag][ExifTags.IFD.Interop] = exif.get_ifd(ExifTags.IFD.Interop)
    directory = Tiff.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    return directory
