"""Reads picture files with Pillow, whatever their format.

Pillow reads 16 bits per channel only of gray pictures without an alpha channel, otherwise 8 bits.
Other PNG and TIFF files of 16 bits are read with imagecodecs and tifffile. See also extra_formats.
"""

import contextlib
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from denoiser import extra_formats
from denoiser.base.errors import InputError
from denoiser.base.images import COLORS, Float32, UInt8

for library in ("PIL", "tifffile"):
    logging.getLogger(library).addHandler(logging.NullHandler())  # `read` raises all errors

Pixels = npt.NDArray[np.unsignedinteger[Any]]  # uint8 or uint16, (height, width, 1 or 3)

WHITE_8, WHITE_16 = 255, 65535
GRAY = ("1", "L", "LA", "La")  # the modes of Pillow that become gray; the others become RGB
CONVERTED = ("CMYK", "LAB", "YCbCr", "HSV")  # the modes whose colors are not those of RGB
BITS_PER_SAMPLE, PHOTOMETRIC, MAX_SAMPLE_VALUE = 258, 262, 281  # tags of TIFF
STRIP_BYTE_COUNTS, SAMPLE_FORMAT, IPTC = 279, 339, 33723
STRUCTURES = ("ImageJ=", "<?xml", "<OME", '{"shape"')  # how descriptions of a stack's axes start
# The tags of EXIF that describe the picture. TIFF stores them among those of the file's structure.
DESCRIPTIVE = {
    *(ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo),
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model),
    *(ExifTags.Base.XResolution, ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit),
    *(ExifTags.Base.Software, ExifTags.Base.DateTime, ExifTags.Base.Artist),
    *(ExifTags.Base.HostComputer, ExifTags.Base.Copyright, ExifTags.Base.UserComment),
    *(ExifTags.Base.Rating, ExifTags.Base.RatingPercent),
    *(ExifTags.Base.DocumentName, ExifTags.Base.PageName, ExifTags.Base.PageNumber),
    *(ExifTags.Base.UniqueCameraModel, ExifTags.Base.CameraSerialNumber),
    *range(ExifTags.Base.XPTitle, ExifTags.Base.XPSubject + 1),
    *(33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113),  # of GeoTIFF and GDAL
}
# The chunks of a PNG that state its colors beside a profile, and what Pillow says of them for sRGB.
COLOR_CHUNKS = (b"cICP", b"mDCV", b"cLLI", b"gAMA", b"cHRM")
SRGB = (0.45455, (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06))
TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt"}
NO_TEXTS = (b"XML:com.adobe.xmp\0", b"Raw profile type ")  # how some of them start
# How SGI, JPEG 2000 and AVIF state more than 8 bits per channel, which Pillow reduces.
DEEP = rb"\A\x01\xda.\x02|\xff\x4f\xff\x51.{38}[\x08-\x7f\x88-\xff]|av1C..[\x40-\x7f\xc0-\xff]"
HEADER_BYTES = 1 << 20  # a color profile can precede that
SCALED = "its values from 0 to {:g} become 16 bits, from 0 to 65535"


class Picture(NamedTuple):
    """A picture, upright."""

    pixels: Pixels  # without the alpha channel
    white: float  # the value of white in `pixels`
    alpha: Pixels | None  # of the dtype of `pixels`, (height, width)
    metadata: Mapping[str, Any]  # what else the file says; see `read_metadata`
    frames: int  # the number of frames or pages in the file, without those that are left out
    losses: list[str]  # what was not read from the file so far, as clauses for the user

    def image(self) -> Float32:
        """The pixels as float32, shape (height, width, 1 or 3), in [0, 1]."""
        image = self.pixels.astype(np.float32)
        image /= np.float32(self.white)
        return np.minimum(image, 1, out=image)


def list_files(folder: str, follow: bool = False) -> list[str]:
    """The sorted paths of all files below a folder, relative to it, with / as the separator.

    Hidden files and folders, whose names start with a dot, and special files are left out. With
    `follow`, links to folders are followed, except to a folder that contains the link. Raises
    InputError if a folder cannot be read, or without `follow` if it is a link.
    """

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename}: {os.strerror(error.errno or 0).lower()}")

    paths = []
    for root, folders, names in os.walk(folder, onerror=fail, followlinks=follow):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for link in filter(Path.is_symlink, [Path(root, name) for name in folders]):
            if not follow:
                raise InputError(
                    f"{link} is a link to a folder, which DVC does not follow: replace it by the "
                    "folder, or remove it"
                )
            if link.resolve() in [parent.resolve() for parent in link.parents]:
                folders.remove(link.name)
        for name in names:
            path = Path(root, name)
            if not name.startswith(".") and (path.is_file() or not path.exists()):
                paths.append(path.relative_to(folder).as_posix())
    return sorted(paths)


def read_pixels(path: str, color: str) -> UInt8:
    """The pixels of a picture, upright, without its alpha channel: (height, width, 1 or 3), uint8.

    `color` is one of COLORS; colors become gray by the weights of ITU-R 601. Prints what was not
    read. Raises InputError.
    """
    picture = read(path)
    pixels, losses = picture.pixels, picture.losses
    if picture.frames > 1:
        losses.append(f"only the first of its {picture.frames} pages or frames is read")
    if pixels.dtype == np.uint16:
        losses.append("its 16 bits per channel are reduced to 8")
        pixels = np.rint(picture.image() * WHITE_8).astype(np.uint8)
    for loss in losses:
        print(f"{path}: {loss}", flush=True)
    image = to_pillow(pixels).convert("L" if COLORS[color] == 1 else "RGB")
    return np.asarray(image).reshape(*pixels.shape[:2], -1)


def to_pillow(pixels: Pixels) -> Image.Image:
    """Pixels as a picture of Pillow, of mode L, RGB or I;16."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def read(path: str, white: float | None = None) -> Picture:
    """Reads the first picture of a file; see `read_pages`."""
    return next(read_pages(path, white))


def read_pages(path: str, white: float | None = None) -> Generator[Picture, None, None]:
    """Yields each page of a TIFF, or the first picture of another file; - is standard input.

    `white` is the value of white in pictures of more than 8 bits or with a sign, by default the
    value that the file states. A page that cannot be read is left out if there is another one; the
    pages share the list `losses`, which says so. Raises InputError if no picture can be read, or if
    one has more than twice PIL.Image.MAX_IMAGE_PIXELS, or does not state the value of white.
    """
    losses, left_out = list[str](), 0
    with errors_of(path):
        source = io.BytesIO(sys.stdin.buffer.read()) if path == "-" else open(path, "rb")
    with source:
        if extra_formats.is_raw(path):
            yield read_raw(path, source)
            return
        with errors_of(path):
            extra_formats.prepare(path, source)
            frames, slice_bytes = count_frames(source, losses)
            file: Any = Image.open(source)
            pages = frames if file.format == "TIFF" else 1
            tiles = getattr(file, "tile", [])
        for page in range(pages):
            with errors_of(path):
                try:
                    if page and not slice_bytes:
                        file.seek(page)
                    elif skipped := page * slice_bytes:
                        file.fp = source  # Pillow has dropped it
                        file.tile = [tile._replace(offset=tile.offset + skipped) for tile in tiles]
                    picture = read_picture(path, source, file, white, losses)
                except (InputError, MemoryError, Image.DecompressionBombError):
                    raise
                except Exception as error:
                    left_out += 1
                    if left_out == pages:
                        raise
                    losses.append(f"page {page + 1} cannot be read ({error}), and is left out")
                    continue
            yield picture._replace(frames=frames - left_out)


def read_raw(path: str, source: BinaryIO) -> Picture:
    """The developed picture of a RAW file, with its EXIF data if it has the structure of a TIFF."""
    with errors_of(path):
        pixels = extra_formats.develop(path, source)
        source.seek(0)
        exif = read_exif(lambda: exif_of(source.read()), pixels, turned=False)
        losses = [] if exif else ["its EXIF data cannot be read"]
        return Picture(pixels, WHITE_16, None, {"exif": exif} if exif else {}, 1, losses)


def count_frames(source: BinaryIO, losses: list[str]) -> tuple[int, int]:
    """The number of frames or pages, and the bytes of a slice if they are slices of ImageJ, else 0.

    In a file above 4 GB, ImageJ writes only the directory of the first slice. Adds to the losses.
    """
    with Image.open(source) as image:  # counting may leave it in a state without a picture
        file: Any = image
        try:
            frames = getattr(file, "n_frames", 1)
        except Exception:  # see `errors_of`
            frames = 0 if file.format == "TIFF" else 1
        text = str(getattr(file, "tag_v2", {}).get(ExifTags.Base.ImageDescription))
        stack = re.match(r"ImageJ=.*?^images=(\d+)", text, re.DOTALL | re.MULTILINE)
        if frames == 1 and stack and file.tile[0].codec_name == "raw":
            size = sum(file.tag_v2[STRIP_BYTE_COUNTS])
            found = (source.seek(0, os.SEEK_END) - file.tile[0].offset) // size
            if found < int(stack[1]):
                losses.append(f"only {found} of its {stack[1]} slices are in the file")
            return max(1, min(found, int(stack[1]))), size
    if not frames:
        import tifffile  # takes 0.1 s; rarely needed

        source.seek(0)
        with tifffile.TiffFile(source) as tiff:
            frames = len(tiff.pages)
        losses.append(f"there may be more pages than the {frames} that were found")
    return frames, 0


def read_picture(
    path: str, source: BinaryIO, file: Image.Image, white: float | None, losses: list[str]
) -> Picture:
    """The current picture of a file that Pillow has opened. Adds to the losses."""
    if not all(file.size):
        raise ValueError("it has no pixels")
    tile, orientation = getattr(file, "tile", None), read_orientation(file)
    arguments = (tile[0].args or "") if tile else ""  # of Pillow's decoder
    raw = str(arguments if isinstance(arguments, str) else arguments[0])  # the raw mode
    if "X" in raw.partition(";")[0]:
        losses.append("its extra channel is left out")
    if file.mode in CONVERTED:
        losses.append(f"its {file.mode} colors are converted to RGB")
    if file.mode in ("LA", "RGB", "RGBA") and has_16_bits(file, raw):
        pixels, white, alpha = read_16_bits(source, file, white, losses)
    else:
        deep = ";16" in raw or (file.format == "PPM" and white_of_ppm(arguments) > WHITE_8)
        if file.format in ("SGI", "JPEG2000", "AVIF"):
            source.seek(0)
            deep = bool(re.search(DEEP, source.read(HEADER_BYTES), re.DOTALL))
        deep = deep or file.info.get("bit_depth", 8) > 8  # of HEIC
        file.load()
        try:
            ImageOps.exif_transpose(file, in_place=True)
        except MemoryError:
            raise
        except Exception:  # of broken EXIF, many types
            pass
        if file.mode[0] in "IF" or is_signed(file):
            pixels, white, alpha = to_16_bits(path, file, white, losses)
        else:
            pixels, white, alpha = to_8_bits(file)
            losses += ["its bits per channel, more than 8, are reduced to 8"] if deep else []
    pixels = np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))
    metadata = read_metadata(source, file, pixels, turned=orientation in (5, 6, 7, 8))
    return Picture(pixels, white, alpha, metadata, 1, losses)


@contextlib.contextmanager
def errors_of(path: str) -> Iterator[None]:
    """Turns every error of a decoder into an InputError that names the file; hides warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata, and pictures below twice the limit
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


def white_of_ppm(arguments: str | tuple[Any, ...]) -> int:
    """The value of white in a PPM; Pillow passes it to its decoder unless it is 255."""
    return WHITE_8 if isinstance(arguments, str) else int(arguments[1])


def read_metadata(
    source: BinaryIO, file: Image.Image, pixels: Pixels, turned: bool
) -> dict[str, Any]:
    """What the file says beside the pixels, by the arguments of Pillow's encoders if they have one.

    `turned`: whether the orientation has exchanged the width and the height.
    """
    from PIL import JpegImagePlugin

    info, profile, dpi = file.info, file.info.get("icc_profile") or b"", file.info.get("dpi")
    space = b"RGB " if pixels.shape[2] == 3 else b"GRAY"
    stated = {
        "icc_profile": profile if profile[16:20] == space else None,  # not of CMYK
        "exif": read_exif(file.getexif, pixels, turned),
        "dpi": dpi[::-1] if dpi and turned else dpi,  # horizontally and vertically
        "comment": info.get("comment") if file.format in ("JPEG", "MPO") else None,
        "subsampling": max(0, JpegImagePlugin.get_sampling(file)),  # of colors; -1: of another kind
        "qtables": getattr(file, "quantization", None),  # of JPEG
        "xmp": info.get("xmp"),
        "iptc": getattr(file, "tag_v2", {}).get(IPTC) or info.get("photoshop", {}).get(0x0404),
    }
    if file.format == "PNG":
        source.seek(0)
        chunks = dict(found := list(chunks_of(source.read())))
        srgb = (info.get("gamma", SRGB[0]), info.get("chromaticity", SRGB[1])) == SRGB
        if b"cICP" in chunks or not (srgb or {"srgb", "icc_profile"} & info.keys()):
            stated["chunks"] = b"".join(chunks.get(name, b"") for name in COLOR_CHUNKS)
        texts = [chunk[8:] for name, chunk in found if name in TEXT_CHUNKS]
        stated["texts"] = any(not text.startswith(NO_TEXTS) for text in texts)
    return {name: value for name, value in stated.items() if value}


def chunks_of(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name of each chunk of a PNG, and the whole chunk."""
    start = 8  # after the signature
    while start < len(png):
        stop = start + 12 + int.from_bytes(png[start : start + 4])
        yield png[start + 4 : start + 8], png[start:stop]
        start = stop


def exif_of(tiff: bytes) -> Image.Exif:
    """The tags of a file with the structure of a TIFF."""
    exif = Image.Exif()
    exif.load(tiff)
    return exif


def read_exif(read: Callable[[], Image.Exif], pixels: Pixels, turned: bool) -> bytes | None:
    """The tags that describe the picture as it is now; None if they are unreadable."""
    try:
        exif = read()
        for tag in set(exif) - DESCRIPTIVE:
            del exif[tag]
        if str(exif.get(ExifTags.Base.ImageDescription, "")).startswith(STRUCTURES):
            del exif[ExifTags.Base.ImageDescription]
        recode(exif)
        settings = exif.get_ifd(ExifTags.IFD.Exif) if ExifTags.IFD.Exif in exif else {}
        sizes = (ExifTags.Base.ExifImageHeight, ExifTags.Base.ExifImageWidth)
        settings |= {
            tag: n for tag, n in zip(sizes, pixels.shape[:2], strict=True) if tag in settings
        }
        resolution = ExifTags.Base.XResolution, ExifTags.Base.YResolution
        if turned and all(tag in exif for tag in resolution):
            exif[resolution[0]], exif[resolution[1]] = (exif[tag] for tag in resolution[::-1])
        return exif.tobytes() if len(exif) else None
    except Exception:  # Pillow raises many types
        return None


def recode(exif: Image.Exif) -> None:
    """Lets Pillow write the texts as they were read: it would replace é and © by question marks."""
    for tag, text in exif.items():
        if isinstance(text, str) and not text.isascii():
            exif[tag] = text.encode("latin-1")


def is_signed(file: Image.Image) -> bool:
    """Whether the pixels have 8 bits with a sign, which Pillow ignores."""
    return file.mode == "L" and getattr(file, "tag_v2", {}).get(SAMPLE_FORMAT) == (2,)


def has_16_bits(file: Image.Image, raw: str) -> bool:
    """Whether a color picture, or gray with alpha, has more than 8 bits that Pillow would reduce.

    `raw` is the raw mode of Pillow. A premultiplied alpha channel is left to Pillow.
    """
    if file.format == "TIFF":
        bits = getattr(file, "tag_v2", {}).get(BITS_PER_SAMPLE, (1,))
        return bool(max(bits) > 8 and not raw.startswith("RGBa"))
    return file.format == "PNG" and raw.endswith(";16B")


def read_16_bits(
    source: BinaryIO, file: Image.Image, white: float | None, losses: list[str]
) -> tuple[Pixels, float, Pixels | None]:
    """The pixels of such a picture, upright, their value of white, and its alpha channel."""
    source.seek(0)
    if file.format == "PNG":
        import imagecodecs  # takes 0.1 s; rarely needed

        values = imagecodecs.png_decode(source.read())
    else:
        import tifffile  # takes 0.1 s; rarely needed

        with tifffile.TiffFile(source) as tiff:
            page = tiff.pages[file.tell()]
            values = page.asarray()
            values = np.moveaxis(values, 0, -1) if page.axes == "SYX" else values
    values = upright(values, read_orientation(file))
    with_alpha = values.shape[2] % 2 == 0 and (file.format == "PNG" or "A" in file.mode)
    count = 1 if values.shape[2] == 2 else 3
    alpha = np.ascontiguousarray(values[:, :, -1]) if with_alpha else None
    white = white or stated_white(file) or WHITE_16
    losses += [SCALED.format(white)] if white != WHITE_16 else []
    return values[:, :, :count], white, alpha


def read_orientation(file: Image.Image) -> int:
    """The orientation that EXIF states; 1, upright, if it is unreadable."""
    try:
        return int(file.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow raises many types
        return 1


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """The pixels, turned and mirrored as the orientation of EXIF states."""
    pixels = np.rot90(pixels, {3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}.get(orientation, 0))
    return pixels[:, ::-1] if orientation in (2, 4, 5, 7) else pixels


def to_16_bits(
    path: str, file: Image.Image, white: float | None, losses: list[str]
) -> tuple[Pixels, float, None]:
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
    losses += [SCALED.format(white)] if white != WHITE_16 else []
    values = np.asarray(file)
    values = (values.view(np.int8) if is_signed(file) else values).astype(np.float32)
    if getattr(file, "tag_v2", {}).get(PHOTOMETRIC) == 0:  # black and white are swapped
        values = np.float32(white) - values
    if file.mode in ("I", "F", "L"):
        black = np.count_nonzero(~(values >= 0))
        if black:
            losses.append(f"{black} pixels are negative or not a number, and become black")
        values = np.nan_to_num(values / np.float32(white)) * np.float32(WHITE_16)
        white = WHITE_16
    if clipped := np.count_nonzero(values > white):
        losses.append(f"{clipped} pixels are brighter than white, and become white")
    return np.rint(np.clip(values, 0, WHITE_16)).astype(np.uint16), white, None


def stated_white(file: Image.Image) -> float | None:
    """The value of white in a picture of more than 8 bits, or None if it is unknown."""
    if file.format == "PPM":  # Pillow scales its values
        return WHITE_16
    if file.mode in ("I", "F") or is_signed(file):
        return None
    tags = getattr(file, "tag_v2", {})
    most = 2 ** int(tags.get(BITS_PER_SAMPLE, (16,))[0]) - 1
    stated = next(iter(tags.get(MAX_SAMPLE_VALUE) or ()), None)
    return stated if isinstance(stated, int) and 0 < stated < most else most


def to_8_bits(image: Image.Image) -> tuple[Pixels, float, Pixels | None]:
    """The pixels of a picture of 8 bits, gray or RGB, their value of white, and its alpha."""
    gray, alpha = image.mode in GRAY, None
    if image.has_transparency_data:
        image = image.convert("LA" if gray else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
    mode = "L" if gray else "RGB"
    return np.asarray(image if image.mode == mode else image.convert(mode)), WHITE_8, alpha


def pixels_of(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """The pixels of a picture in memory, gray or RGB, and its alpha channel.

    Raises ValueError for 32 bits per pixel, for which the value of white is unknown.
    """
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16), None
    if image.mode in ("I", "F"):
        raise ValueError(f"the value of white of the mode {image.mode} is unknown: pass an array")
    pixels, _, alpha = to_8_bits(image)
    return pixels, alpha
