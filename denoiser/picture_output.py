"""Writes picture files with Pillow, in the format of the file's suffix."""

import io
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from denoiser.base import files
from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from denoiser.picture_files import WHITE_8, WHITE_16, Picture, Pixels, to_pillow

Page = tuple[Pixels, Picture]  # the new pixels, and the original


class Format(NamedTuple):
    """A format of output files, by its name in Pillow, and what it can store."""

    name: str
    bits: int = 8  # per channel, at most
    alpha: bool = False
    dpi: bool = True
    pages: bool = False
    options: Mapping[str, Any] = {}  # of Pillow


PNG = Format("PNG", bits=16, alpha=True)
JPEG = Format("JPEG", options={"quality": 95})
TIFF = Format("TIFF", bits=16, alpha=True, pages=True)
FORMATS = {
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".bmp": Format("BMP"),
    ".webp": Format("WEBP", alpha=True, dpi=False, options={"quality": 95}),
}
STDOUT = 1  # the file descriptor
NAMES = {"icc_profile": "color profile", "exif": "EXIF data", "dpi": "resolution"}


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


def write(path: str, file_format: Format, pages: Sequence[Page]) -> list[str]:
    """Writes a picture file atomically, or to standard output if `path` is -.

    Each page has the alpha channel of its original; the file has the color profile, EXIF and
    resolution of the first, as far as the format supports them. Only a TIFF can have several pages.
    Returns what was not written, as clauses for the user. Raises InputError if the file cannot be
    written.
    """
    encoded, losses = encode(path, file_format, pages)
    if Path(path).is_dir():  # `atomic_write` would remove it
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


def encode(path: str, file_format: Format, pages: Sequence[Page]) -> tuple[bytes, list[str]]:
    """The content of the file, and what it lacks."""
    original, losses = pages[0][1], list[str]()
    if any(page.pixels.dtype != pixels.dtype for pixels, page in pages):
        losses.append(
            f"its 16 bits per channel are reduced to 8, because {file_format.name} has no more"
        )
    if original.alpha is not None and not file_format.alpha:
        losses.append(f"its transparency is left out, because {file_format.name} has none")
        pages = [(pixels, page._replace(alpha=None)) for pixels, page in pages]
    profile, exif = {"icc_profile": original.profile}, {"exif": original.exif or b""}
    dpi = {"dpi": original.dpi} if original.dpi and file_format.dpi else {}
    everything = profile | exif | dpi
    for metadata in (everything, profile | dpi, exif | dpi, {}):
        try:
            encoded = encode_with(metadata, file_format, pages)
        except Exception as error:  # encoders raise many types
            reason: Exception = error
            continue
        left_out = [NAMES[key] for key in everything if everything[key] and key not in metadata]
        if file_format is TIFF and needs_16_bits(pages) and ExifTags.IFD.Exif in exif_of(exif):
            left_out.append("camera settings in EXIF")
        if left_out:
            losses.append(f"its {' and '.join(left_out)} cannot be stored")
        return encoded, losses
    raise InputError(f"{path} cannot be written ({reason}): choose another format") from reason


def encode_with(metadata: Mapping[str, Any], file_format: Format, pages: Sequence[Page]) -> bytes:
    """The content of the file. Pillow writes 16 bits per channel only of gray without alpha."""
    if needs_16_bits(pages):
        encode_16 = encode_tiff_16 if file_format is TIFF else encode_png_16
        return encode_16(metadata, pages)
    images = []
    for pixels, page in pages:
        images.append(to_pillow(pixels))
        if page.alpha is not None:
            alpha = page.alpha if page.alpha.dtype == np.uint8 else page.alpha >> 8
            images[-1].putalpha(Image.fromarray(alpha.astype(np.uint8)))
    more = {"save_all": True, "append_images": images[1:]} if images[1:] else {}
    buffer = io.BytesIO()
    images[0].save(buffer, file_format.name, **file_format.options, **metadata, **more)
    return buffer.getvalue()


def needs_16_bits(pages: Sequence[Page]) -> bool:
    """Whether a page has 16 bits per channel in color or with alpha, which Pillow cannot write."""
    return any(
        pixels.dtype == np.uint16 and (pixels.shape[2] == 3 or page.alpha is not None)
        for pixels, page in pages
    )


def encode_png_16(metadata: Mapping[str, Any], pages: Sequence[Page]) -> bytes:
    """A PNG of imagecodecs, in which the metadata of a PNG of Pillow are inserted."""
    import imagecodecs  # takes 0.1 s; rarely needed

    ((pixels, picture),) = pages
    alpha = [] if picture.alpha is None else [picture.alpha]
    encoded = bytes(imagecodecs.png_encode(np.dstack([pixels, *alpha])))
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG", **metadata)
    small, start, chunks = buffer.getvalue(), 8, b""
    while start < len(small):
        stop = start + 12 + int.from_bytes(small[start : start + 4])
        if small[start + 4 : start + 8] not in (b"IHDR", b"IDAT", b"IEND"):
            chunks += small[start:stop]
        start = stop
    header = 8 + 25  # bytes of the signature and of IHDR
    return encoded[:header] + chunks + encoded[header:]


def encode_tiff_16(metadata: Mapping[str, Any], pages: Sequence[Page]) -> bytes:
    """A TIFF of tifffile, with the texts of EXIF, but not the settings of the camera.

    Gray with alpha becomes RGB with alpha, because few programs read the former.
    """
    import tifffile  # takes 0.1 s; rarely needed

    tags = exif_of(metadata).items()
    texts = [(tag, 2, 0, text, True) for tag, text in tags if isinstance(text, str)]
    options: dict[str, Any] = {"software": False, "metadata": None, "extratags": texts}
    options |= {"compression": "adobe_deflate", "predictor": True}
    options |= {"iccprofile": metadata.get("icc_profile")}
    if "dpi" in metadata:
        options |= {"resolution": metadata["dpi"], "resolutionunit": "INCH"}
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as tiff:
        for pixels, picture in pages:
            channels, extra = pixels, dict[str, Any]()
            if picture.alpha is not None:
                rgb = np.broadcast_to(pixels, (*picture.alpha.shape, 3))
                channels, extra = np.dstack([rgb, picture.alpha]), {"extrasamples": ["unassalpha"]}
            gray = channels.shape[2] == 1
            array, color = (channels[:, :, 0], "minisblack") if gray else (channels, "rgb")
            tiff.write(array, photometric=color, **options, **extra)
    return buffer.getvalue()


def exif_of(metadata: Mapping[str, Any]) -> Image.Exif:
    """The tags of EXIF among the metadata."""
    exif = Image.Exif()
    exif.load(metadata.get("exif") or b"")
    return exif
