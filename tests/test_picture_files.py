"""Picture files: reading, writing, and the paths of the command line."""

import io
import itertools
import os
import re
import struct
import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin, features

from denoiser import denoise_file, picture_files, picture_output
from denoiser.base.errors import InputError
from denoiser.picture_files import read, read_pages, read_pixels
from denoiser.picture_output import NAMES
from denoiser.picture_paths import Job, find_jobs
from tests.conftest import ROOT

RNG = np.random.default_rng(0)
ORIENTATION, SOFTWARE, TAKEN = 0x0112, 0x0131, 0x9003  # tags of EXIF and TIFF
PHOTOMETRIC, MAX_SAMPLE_VALUE = 262, 281
SOI = b"\xff\xd8"  # the start of a JPEG
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

RGB = RNG.integers(0, 256, (7, 9, 3), np.uint8)
GRAY = RGB[:, :, 0]
DEEP = RNG.integers(0, 65536, (7, 9), np.uint16)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder."""
    monkeypatch.chdir(tmp_path)


def save(name: str, pixels: Any, dtype: Any = None, **options: Any) -> None:
    """Writes a picture of these pixels."""
    Image.fromarray(np.asarray(pixels, dtype)).save(name, **options)


def floats(path: str, **options: Any) -> np.ndarray:
    """The pixels of a gray picture as float32 in [0, 1]."""
    return read(path, **options).image()[:, :, 0]


def copy(source: str, target: str) -> list[str]:
    """Reads a picture and writes it; returns what was not written."""
    picture = read(source)
    target_format = picture_output.format_of(target)
    dtype = picture.pixels.dtype if target_format.bits == 16 else np.uint8
    pixels = picture_output.to_pixels(picture.image(), dtype)
    return picture_output.write(target, target_format, [(pixels, picture)])


def touch(*names: str) -> None:
    """Creates empty files, with their folders."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def message(path: str) -> str:
    """The message of the InputError that reading this file raises."""
    with pytest.raises(InputError, match=rf"^{re.escape(path)}.*\Z") as error:
        read(path)
    return str(error.value)


def test_lists_files_below_a_folder_without_hidden_and_special_ones() -> None:
    touch("in/b.png", "in/a b/é.jpg", "in/a b/c/-d.png", "in/.h", "in/.git/e.png", "in/c/.f/g.png")
    os.mkfifo("in/pipe.png")
    Path("in/link.png").symlink_to("gone")
    assert picture_files.list_files("in") == ["a b/c/-d.png", "a b/é.jpg", "b.png", "link.png"]
    assert picture_files.list_files("in/c") == []
    with pytest.raises(InputError, match="gone: no such file"):
        picture_files.list_files("gone")


def test_gray_and_color_are_converted_into_each_other() -> None:
    save("a.png", [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    # ITU-R 601: 0.299, 0.587 and 0.114 of 255
    assert read_pixels("a.png", "gray").tolist() == [[[76], [150], [29], [255]]]
    save("b.png", [[7, 200]], np.uint8)
    assert read_pixels("b.png", "rgb").tolist() == [[[7, 7, 7], [200, 200, 200]]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "LA", "RGBA", "P with alpha"])
def test_any_mode_becomes_gray_or_rgb_without_alpha(mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode.split()[0])
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(GRAY))
    elif mode == "P with alpha":
        image.info["transparency"] = bytes(range(0, 256, 2))  # of each color
    image.save("a", "TIFF" if mode == "CMYK" else "PNG")
    image.info.clear()
    plain = image.convert("L" if mode in ("1", "L", "LA") else "RGB")
    picture = read("a")
    np.testing.assert_array_equal(picture.pixels.squeeze(), plain)
    np.testing.assert_allclose(picture.image(), picture.pixels / 255, atol=1e-7)
    assert (picture.alpha is not None) == (mode in ("LA", "RGBA", "P with alpha"))


def test_16_bits_of_gray_are_kept() -> None:
    for name in ("a.png", "a.tif", "a.ppm"):
        save(name, DEEP)
        np.testing.assert_array_equal(read(name).pixels[..., 0], DEEP)
        np.testing.assert_array_equal(read_pixels(name, "rgb")[..., 2], np.rint(DEEP / 65535 * 255))


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_16_bits_of_colors_and_alpha_are_kept(channels: int) -> None:
    pixels = RNG.integers(0, 65536, (7, 9, channels), np.uint16)
    Path("a.png").write_bytes(imagecodecs.png_encode(pixels))
    color = 2 * (channels > 2) + 1
    for name in ("a.png", "b.png", "b.tif"):
        assert copy("a.png", name) == []
        picture = read(name)
        np.testing.assert_array_equal(picture.pixels[:, :, :color], pixels[:, :, :color])
        np.testing.assert_allclose(picture.image(), picture.pixels / 65535, atol=1e-7)
        np.testing.assert_array_equal(picture.alpha, pixels[:, :, -1] if channels != 3 else None)
    losses = ["its 16 bits per channel are reduced to 8, because JPEG has no more"]
    losses += ["its transparency is left out, because JPEG has none"] if channels != 3 else []
    assert copy("a.png", "c.jpg") == losses
    Path("half.png").write_bytes(Path("a.png").read_bytes()[:-60])
    message("half.png")


def test_kinds_of_tiff_of_16_bits_and_what_is_not_read() -> None:
    pixels = RNG.integers(0, 65536, (7, 9, 4), np.uint16)
    rgb, extra = pixels[:, :, :3], ["its extra channel is left out"]
    kinds: list[tuple[np.ndarray, list[str], Any]] = [
        (np.moveaxis(rgb, 2, 0), [], {"planarconfig": "separate"}),
        (rgb, [], {"compression": "lzw"}),
        (pixels, extra, {"extrasamples": ["unspecified"]}),
    ]
    for stored, losses, options in kinds:
        tifffile.imwrite("a.tif", stored, photometric="rgb", metadata=None, **options)
        np.testing.assert_array_equal(read("a.tif").pixels, rgb)
        assert read("a.tif").losses == losses
    tifffile.imwrite("a.tif", pixels, photometric="rgb", extrasamples=["assocalpha"])
    Path("a.ppm").write_bytes(b"P6 9 7 65535\n" + rgb.astype(">u2").tobytes())
    for name in ("a.tif", "a.ppm"):
        assert read(name).pixels.dtype == np.uint8
        assert read(name).losses == ["its bits per channel, more than 8, are reduced to 8"]
    gray = (pixels[:, :, :2] >> 8).astype(np.uint8)
    tifffile.imwrite("b.tif", gray, photometric="minisblack", extrasamples=["unspecified"])
    assert read("b.tif").losses == extra
    Image.fromarray(RGB).convert("LAB").save("c.tif")
    assert read("c.tif").losses == ["its LAB colors are converted to RGB"]


def test_more_than_8_bits_of_other_formats_are_reported() -> None:
    pixels = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    codecs: dict[str, Any] = {
        "jpg_2000": imagecodecs.jpeg2k_encode,
        "avif": imagecodecs.avif_encode,
    }
    for name, encode in codecs.items():
        for bits in (8, 10) if features.check(name) else ():
            values = pixels if bits == 8 else pixels.astype(np.uint16) * 4
            Path(f"{bits}.{name}").write_bytes(encode(values, bitspersample=bits))
    for bits in (8, 16):
        Image.fromarray(pixels).save(f"{bits}.sgi", bpc=bits // 8)
    for path in Path().iterdir():
        lost = [] if path.stem == "8" else ["its bits per channel, more than 8, are reduced to 8"]
        assert read(str(path)).losses == lost, path


def test_frames_are_counted_and_the_first_is_read() -> None:
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 20, 30)]
    for name in ("a.gif", "a.tif", "a.png", "a.webp"):
        frames[0].save(name, save_all=True, append_images=frames[1:], lossless=True)
        assert read(name).frames == 3
        assert read_pixels(name, "gray").tolist() == [[[10]] * 4] * 4
    Path("b.gif").write_bytes(Path("a.gif").read_bytes()[:-20])
    assert read_pixels("b.gif", "gray")[0, 0, 0] == 10


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_pictures_are_turned_upright(orientation: int, suffix: str) -> None:
    """For each value of the tag, the stored picture is made from the upright one."""
    stored = [
        *(RGB, RGB[:, ::-1], RGB[::-1, ::-1], RGB[::-1], RGB.transpose(1, 0, 2)),
        *(np.rot90(RGB), np.rot90(RGB, 2).transpose(1, 0, 2), np.rot90(RGB, -1)),
    ][orientation - 1]
    exif = Image.Exif()
    exif[ORIENTATION], exif[SOFTWARE] = orientation, "camera"
    tag = ORIENTATION, 3, 1, orientation, True
    deep = stored.astype(np.uint16) * 257
    tifffile.imwrite("deep.tif", deep, photometric="rgb", metadata=None, extratags=[tag])
    np.testing.assert_array_equal(read("deep.tif").pixels, RGB.astype(np.uint16) * 257)
    save(f"a.{suffix}", np.ascontiguousarray(stored), exif=exif, lossless=True)
    np.testing.assert_array_equal(read_pixels(f"a.{suffix}", "rgb"), RGB)
    copy(f"a.{suffix}", "b.png")
    with Image.open("b.png") as written:
        assert written.getexif()[SOFTWARE] == "camera"
        assert written.getexif().get(ORIENTATION, 1) == 1


def test_unreadable_exif_does_not_cost_the_picture() -> None:
    save("a.tif", RGB, tiffinfo={34665: 99_999_999})  # the position of a directory
    save("a.png", RGB, exif=b"Exif\0\0garbage that is no TIFF")
    entry = struct.pack("<HHI4s", ORIENTATION, 2, 4, b"abc")  # of type ASCII
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    save("a.webp", RGB, exif=exif, lossless=True)
    with Image.open("a.webp") as image:
        assert image.getexif()[ORIENTATION] == "abc"
    for name in ("a.tif", "a.png", "a.webp"):
        np.testing.assert_array_equal(read_pixels(name, "rgb"), RGB)
        copy(name, "c.jpg")
        assert read("c.jpg").pixels.shape == RGB.shape


class Copier:
    """A denoiser that does nothing."""

    def bands(self, noisy: np.ndarray, *_: Any) -> list[np.ndarray]:
        return [noisy]


def denoise(source: str, target: str) -> list[str]:
    """What denoising without a change reports."""
    denoiser: Any = Copier()
    return denoise_file.denoise_file(Job(source, target), denoiser, denoise_file.Options())


def tags_of(exif: bytes) -> dict[int, Any]:
    """The tags of EXIF, with those of the camera and GPS."""
    tags = Image.Exif()
    tags.load(exif)
    settings = {key: tags.get_ifd(key) for key in (0x8769, 0x8825, 0xA005)}
    settings[0x8769].pop(0xA005, None)  # the position of the third of them
    return {tag: tags[tag] for tag in tags} | settings


def save_pictures_with_everything() -> None:
    """Writes all.jpg, all.png (16 bits per channel) and all.tif (16 bits, two pages)."""
    exif, xmp, deep = Image.Exif(), b"<x:xmpmeta/>", np.dstack([RGB, GRAY]).astype(np.uint16) * 257
    exif[SOFTWARE], exif[269], exif[18246], exif[18249] = "camera", "document", 4, 75
    exif[33432], exif[40091] = "© Müller".encode(), "Tïtle".encode("utf-16-le")
    exif[33550], exif[34735], exif[34737] = (0.5, 0.5, 0.0), (1, 1, 0, 0), "WGS 84|"
    exif.get_ifd(0x8769).update({TAKEN: "2024:05:06 07:08:09", 0xA005: {1: "R03"}})
    exif.get_ifd(0x8825)[1] = "N"
    metadata: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": PROFILE, "dpi": (300, 150)}
    save("all.jpg", RGB, **metadata, comment=b"comment", xmp=xmp, subsampling=1)
    iptc = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x04\x1c\x02\x05\0"
    segment = b"\xff\xed" + struct.pack(">H", 2 + len(iptc)) + iptc
    Path("all.jpg").write_bytes(Path("all.jpg").read_bytes().replace(SOI, SOI + segment, 1))
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "text")
    texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
    texts.add(b"cICP", bytes([9, 16, 0, 1]))
    save("small.png", GRAY, **metadata, pnginfo=texts)
    chunks = picture_files.chunks_of(Path("small.png").read_bytes())
    more = [chunk for name, chunk in chunks if name not in (b"IHDR", b"IDAT", b"IEND")]
    png = bytes(imagecodecs.png_encode(deep))
    Path("all.png").write_bytes(png[:33] + b"".join(more) + png[33:])
    tags: list[Any] = [(700, 1, len(xmp), xmp, True), (33723, 7, 4, iptc[-4:], True)]
    tags += [(33550, 12, 3, (0.5, 0.5, 0.0), True), (34737, 2, 0, "WGS 84|", True)]
    options: dict[str, Any] = {"resolution": (300, 150), "resolutionunit": "INCH"}
    options |= {"photometric": "rgb", "extrasamples": ["unassalpha"], "iccprofile": PROFILE}
    tifffile.imwrite("all.tif", np.stack([deep] * 2), metadata=None, extratags=tags, **options)


def test_the_table_of_the_docs_says_what_is_kept_and_what_is_reported() -> None:
    section = (ROOT / "docs/denoise.md").read_text().split("\n## ")[2]
    rows = [re.split(r" *\| *", line)[1:-1] for line in section.splitlines() if line[:2] == "| "]
    save_pictures_with_everything()
    has: dict[str, Any] = {NAMES[key]: lambda p, key=key: key in p.metadata for key in NAMES}
    has |= {"16 bits per channel": lambda p: p.pixels.dtype == np.uint16}
    has |= {"transparency": lambda p: p.alpha is not None, "pages": lambda p: p.frames > 1}
    assert len(rows) == 2 + len(has)
    seen, suffixes = set(), enumerate(("png", "tif", "jpg", "webp", "bmp"), 1)
    for source, (column, suffix) in itertools.product(("all.jpg", "all.png", "all.tif"), suffixes):
        losses = "; ".join(denoise(source, f"b.{suffix}"))
        before, after = read(source), read(f"b.{suffix}")
        for row in rows[2:]:
            name = next(name for name in has if row[0].startswith(name))
            if has[name](before):
                seen.add(name)
                assert has[name](after) == (row[column] == "kept"), (source, suffix, name)
                reported = ("frames" if name == "pages" else name) in losses
                assert reported == (row[column] == "reported"), (source, suffix, name)
        if "exif" in after.metadata:
            tags = tags_of(after.metadata["exif"])
            assert tags | tags_of(before.metadata["exif"]) == tags
        assert after.metadata.get("dpi", (300, 150)) == pytest.approx((300, 150), abs=0.1)
        assert after.metadata.get("icc_profile", PROFILE) == PROFILE
    assert seen == {*has}


def test_metadata_that_do_not_suit_are_left_out() -> None:
    cmyk = PROFILE[:16] + b"CMYK" + PROFILE[20:]
    Image.fromarray(RGB).convert("CMYK").save("a.jpg", icc_profile=cmyk)
    assert "icc_profile" not in read("a.jpg").metadata
    exif = Image.Exif()
    exif[SOFTWARE] = "x" * 70_000  # too long for JPEG
    save("b.png", RGB, exif=exif, icc_profile=PROFILE)
    assert copy("b.png", "c.jpg") == ["its EXIF data cannot be stored in JPEG"]
    assert read("c.jpg").metadata["icc_profile"] == PROFILE


def test_the_subsampling_and_the_comment_of_a_jpeg_are_kept() -> None:
    for sampling in (0, 1, 2):
        save("a.jpg", RGB, subsampling=sampling, comment=b"comment")
        assert copy("a.jpg", "b.jpg") == []
        with Image.open("b.jpg") as image:
            assert JpegImagePlugin.get_sampling(image) == sampling
            assert image.info["comment"] == b"comment"
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    save("a.png", RGB, pnginfo=info)
    assert copy("a.png", "b.jpg") == ["its XMP data cannot be stored in JPEG"]
    with Image.open("b.jpg") as image:
        assert JpegImagePlugin.get_sampling(image) == 0


def test_the_resolution_and_the_size_in_exif_are_turned_with_the_picture() -> None:
    exif = Image.Exif()
    exif.update({ORIENTATION: 6, 282: 300.0, 283: 100.0, 296: 2})
    exif.get_ifd(0x8769).update({40962: 9, 40963: 7})
    save("a.jpg", RGB, exif=exif, dpi=(300, 100))
    copy("a.jpg", "b.jpg")
    with Image.open("b.jpg") as image:
        assert (image.size, image.info["dpi"]) == ((7, 9), (100, 300))
        assert [image.getexif()[tag] for tag in (282, 283)] == [100, 300]
        assert [image.getexif().get_ifd(0x8769)[tag] for tag in (40962, 40963)] == [7, 9]


def test_chunks_of_colors_stay_in_a_png_unless_they_mean_srgb() -> None:
    srgb = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    cases: list[tuple[dict[bytes, bytes], bool]] = [
        ({b"gAMA": struct.pack(">I", 100_000)}, True),
        ({b"cICP": bytes([9, 16, 0, 1]), b"sRGB": b"\0"}, True),
        ({b"gAMA": struct.pack(">I", 45455), b"cHRM": srgb}, False),
        ({b"gAMA": struct.pack(">I", 45455), b"cHRM": srgb[::-1]}, True),
        ({b"gAMA": struct.pack(">I", 45000), b"sRGB": b"\0"}, False),
    ]
    for chunks, kept in cases:
        info = PngImagePlugin.PngInfo()
        for name, content in chunks.items():
            info.add(name, content)
        save("a.png", RGB, pnginfo=info)
        assert copy("a.png", "b.png") == []
        assert ("chunks" in read("b.png").metadata) == kept
        lost = ["its gamma and color space cannot be stored in WEBP"] if kept else []
        assert copy("a.png", "b.webp") == lost


def test_a_replaced_file_keeps_its_mode() -> None:
    save("a.png", RGB)
    for mode in (0o600, 0o444, 0o664):
        Path("b.png").touch()
        Path("b.png").chmod(mode)
        copy("a.png", "b.png")
        assert Path("b.png").stat().st_mode & 0o777 == mode
    Path("link.png").symlink_to("b.png")
    for name in ("link.png", "new.png"):  # not the mode of DVC's cache
        copy("a.png", name)
        assert Path(name).lstat().st_mode == Path("a.png").stat().st_mode


def test_a_tiff_is_compressed_and_other_programs_can_read_it() -> None:
    flat = np.zeros((150, 200), np.uint8)
    kinds = [(flat, "L"), (np.dstack([flat] * 3), "RGB"), (np.dstack([flat] * 4), "RGBA")]
    for values, mode in kinds:
        values[100:] = RNG.integers(0, 256, (50, 1), np.uint8)[..., *[None] * (values.ndim - 2)]
        save("a.png", values)
        copy("a.png", "a.tif")
        assert Path("a.tif").stat().st_size < 2000
        with Image.open("a.tif") as image:
            assert image.mode == mode
            np.testing.assert_array_equal(image, values)
        np.testing.assert_array_equal(tifffile.imread("a.tif"), values)


def test_pages_that_are_missing_or_unreadable_are_reported() -> None:
    stack = RNG.integers(0, 256, (4, 32, 32), np.uint8)
    with tifffile.TiffWriter("a.tif") as tiff:
        for page in stack:
            tiff.write(page, contiguous=False, metadata=None)
    with tifffile.TiffFile("a.tif") as tiff:
        offsets = [page.offset for page in tiff.pages]
    whole = Path("a.tif").read_bytes()
    start = b"ImageJ=1.53t\nimages=4\nslices=4\n"
    tifffile.imwrite("b.tif", stack[0], description=start, metadata=None)
    slices = Path("b.tif").read_bytes() + stack[1:].tobytes()
    counted, failed = "there may be more pages than the {} that were", "page {} cannot be read ("
    unknown = bytearray(whole)
    unknown[unknown.index(struct.pack("<HHIH", 258, 3, 1, 8), offsets[1]) + 8] = 7  # bits
    cases: list[tuple[bytes, list[int], list[str]]] = [
        (whole, [0, 1, 2, 3], []),
        (whole[: offsets[2] + 10], [0, 1], [counted.format(3), failed.format(3)]),
        (whole[: offsets[2]], [0, 1], [counted.format(2)]),
        (whole[:-1], [0, 1, 2], [failed.format(4)]),
        (bytes(unknown), [0, 2, 3], [counted.format(4), failed.format(2)]),
        (slices, [0, 1, 2, 3], []),
        (slices[:-1100], [0, 1], ["only 2 of its 4 slices are in the file"]),
    ]
    for content, indices, losses in cases:
        Path("c.tif").write_bytes(content)
        pages = list(read_pages("c.tif"))
        np.testing.assert_array_equal([page.pixels[:, :, 0] for page in pages], stack[indices])
        reported = denoise("c.tif", "d.tif")
        assert len(reported) == len(losses)
        assert all(map(str.startswith, reported, losses))
        np.testing.assert_array_equal(np.squeeze(tifffile.imread("d.tif")), stack[indices])
    one, two = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    one.save("a.mpo", save_all=True, append_images=[two])
    assert denoise("a.mpo", "d.png") == ["only the first of its 2 frames is denoised"]


def test_white_in_a_tiff() -> None:
    """Packed 12 bits state their number; in 16 bits, MaxSampleValue states the value of white."""
    entries = [(256, 4, 2), (257, 4, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8)]
    entries += [(277, 3, 1), (278, 4, 1), (279, 4, 3)]  # 2x1 pixels in one strip of three bytes
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    start = struct.pack("<2sHI3sH", b"II", 42, 11, b"\xff\xf8\x00", len(entries))
    Path("a.tif").write_bytes(start + directory + bytes(4))
    np.testing.assert_allclose(floats("a.tif"), [[1, 2048 / 4095]])
    values = np.array([[0, 2048, 4095, 5000]], np.uint16)
    save("b.tif", values, tiffinfo={MAX_SAMPLE_VALUE: 4095})
    np.testing.assert_allclose(floats("b.tif"), [[0, 2048 / 4095, 1, 1]])
    assert read_pixels("b.tif", "gray").ravel().tolist() == [0, 128, 255, 255]
    copy("b.tif", "c.png")
    assert np.asarray(Image.open("c.png")).tolist() == [[0, 32776, 65535, 65535]]
    save("d.tif", values, tiffinfo={MAX_SAMPLE_VALUE: 0})
    np.testing.assert_allclose(floats("d.tif"), values / 65535)
    save("e.tif", values // 16, tiffinfo={MAX_SAMPLE_VALUE: 255})
    assert read_pixels("e.tif", "gray").ravel().tolist() == [0, 128, 255, 255]
    save("f.tif", DEEP, tiffinfo={PHOTOMETRIC: 0})  # white is zero
    np.testing.assert_allclose(floats("f.tif"), 1 - DEEP / 65535, atol=1e-6)


def test_white_must_be_given_for_32_bits_and_signed_ones() -> None:
    for dtype in (np.float32, np.int32, np.int16, np.int8):
        tifffile.imwrite("a.tif", np.array([[0, 1, 3, 4, 9, -1]], dtype))
        assert re.search(
            "--white VALUE.*`load`, convert the file to 8 or 16 bits", message("a.tif")
        )
        np.testing.assert_allclose(floats("a.tif", white=4), [[0, 0.25, 0.75, 1, 1, 0]], atol=1e-5)
    save("b.png", [[4]], np.uint16)
    assert floats("b.png", white=8) == 0.5
    scaled = "its values from 0 to 8 become 16 bits, from 0 to 65535"
    assert [read(name, white=8).losses[0] for name in ("a.tif", "b.png")] == [scaled, scaled]
    save("c.png", [[51]], np.uint8)
    assert floats("c.png", white=8) == pytest.approx(0.2)  # 8 bits: ignored
    save("d.tif", [[np.nan, np.inf, 1]], np.float32)
    assert floats("d.tif", white=1).tolist() == [[0, 1, 1]]


FORMATS = ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM"]
FORMATS += ["JPEG2000"] if features.check("jpg_2000") else []


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FORMATS), st.data())
def test_a_damaged_file_is_read_or_raises_an_input_error(name: str, data: Any) -> None:
    """Whatever the decoder raises: bytes are changed, or the end is missing."""
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION], exif[SOFTWARE] = 6, "camera"
    Image.fromarray(RGB.repeat(5, axis=0)).save(buffer, name, exif=exif)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(0, 4))):
        position = data.draw(st.integers(0, min(len(content) - 1, 600)))
        content[position] = data.draw(st.integers(0, 255))
    Path("damaged").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert read_pixels("damaged", "gray").ndim == 3
    except InputError as error:
        assert "damaged" in str(error)


def test_errors_name_the_file_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("empty.png")
    Path("text.png").write_text("not a picture")
    for name in ("empty.png", "text.png"):
        assert "is not a picture that Pillow can read: convert or remove" in message(name)
    assert message("gone.png") == "gone.png: no such file or directory"
    assert message(".") == ".: is a directory"
    save("a.png", RGB)
    content = Path("a.png").read_bytes()
    Path("half.png").write_bytes(content[: len(content) // 2])
    assert "half.png cannot be read (" in message("half.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 31)  # 63 pixels are more than twice as many
    assert "raise PIL.Image.MAX_IMAGE_PIXELS" in message("a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read("a.png").pixels.shape == (7, 9, 3)
    for error in (MemoryError(), struct.error(), OSError(5, "x")):  # of decoders
        with pytest.raises(InputError, match="^a.png"), picture_files.errors_of("a.png"):
            raise error


@pytest.mark.parametrize("suffix", ["png", "PNG", "tif", "TIFF", "webp", "bmp", "jpeg"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_writes_each_format(channels: int, suffix: str) -> None:
    smooth = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8) * 3
    with_alpha = channels in (2, 4)
    colors = [smooth] * (channels - with_alpha)
    pixels = np.dstack([*colors, smooth[::-1]] if with_alpha else colors)
    Path("a.png").write_bytes(imagecodecs.png_encode(pixels))
    copy("a.png", f"b.{suffix}")
    name = {"TIF": "TIFF"}.get(suffix.upper(), suffix.upper())
    with Image.open(f"b.{suffix}") as written:
        assert (written.format, written.size) == (name, (48, 32))
    picture = read(f"b.{suffix}")
    kept = with_alpha and name in ("PNG", "TIFF", "WEBP")
    np.testing.assert_array_equal(picture.alpha, smooth[::-1] if kept else None)
    difference = picture.pixels.astype(int) - smooth[:, :, None]
    assert abs(difference).max() <= (6 if name in ("JPEG", "WEBP") else 0)
    assert {path.name for path in Path().iterdir()} == {"a.png", f"b.{suffix}"}


def test_writing_fails_with_one_line_and_no_file() -> None:
    save("a.png", np.zeros((1, 17_000), np.uint8))
    with pytest.raises(InputError, match="b.webp cannot be written .*choose another format"):
        copy("a.png", "b.webp")  # WebP is limited to 16383 pixels
    Path("c.png").mkdir()
    with pytest.raises(InputError, match="c.png is a folder"):
        copy("a.png", "c.png")
    assert sorted(path.name for path in Path().iterdir()) == ["a.png", "c.png"]


def test_an_input_is_not_overwritten_unaware() -> None:
    touch("in/a.png", "in/b.png", "out/a.png")
    for link, path in (("link.png", "in/a.png"), ("folder", "in"), ("out/b.png", "../in/a.png")):
        Path(link).symlink_to(path)
    same = [("in/a.png", "in/../in/a.png"), ("in/a.png", "link.png")]
    same += [("in", output) for output in ("in", "folder", "out")]
    for image, output in same:
        with pytest.raises(InputError, match="is also an input: .* pass --overwrite"):
            find_jobs([image], output, overwrite=False)
        find_jobs([image], output, overwrite=True)
    touch("in/out/a.png", "in/out/b/c.png", "in/outer/d.png")
    jobs, _ = find_jobs(["in"], "in/out", overwrite=False)  # without outputs inside
    assert [job.source for job in jobs] == ["in/a.png", "in/b.png", "in/outer/d.png"]
