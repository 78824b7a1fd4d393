"""Picture files: reading, writing, and the paths of the command line."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, features

from denoiser import picture_files, picture_output
from denoiser.errors import InputError
from denoiser.picture_files import read, read_pixels
from denoiser.picture_paths import Job, find_jobs

RNG = np.random.default_rng(0)
ORIENTATION, SOFTWARE, WIDTH = 0x0112, 0x0131, 0x0100  # tags of EXIF and TIFF
PHOTOMETRIC, MAX_SAMPLE_VALUE = 262, 281

RGB = RNG.integers(0, 256, (7, 9, 3), np.uint8)
GRAY = RGB[:, :, 0]
DEEP = RNG.integers(0, 65536, (7, 9), np.uint16)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, as the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(name: str, pixels: Any, **options: Any) -> None:
    """Writes a picture of these pixels."""
    Image.fromarray(np.asarray(pixels)).save(name, **options)


def floats(path: str, **options: Any) -> np.ndarray:
    """The pixels of a picture as float32 in [0, 1]."""
    return read(path, **options).image()


def copy(source: str, target: str) -> None:
    """Reads a picture and writes it."""
    picture = read(source)
    dtype = picture_output.dtype_for(picture, target)
    picture_output.write(target, picture_output.to_pixels(picture.image(), dtype), picture)


def touch(*names: str) -> None:
    """Creates empty files, with their folders."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def message(path: str) -> str:
    """The message of the InputError that reading this file raises."""
    with pytest.raises(InputError) as error:
        read(path)
    assert path in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


# Lists of files


def test_lists_files_below_a_folder_without_hidden_and_special_ones() -> None:
    touch("in/b.png", "in/a b/é.jpg", "in/a b/c/-d.png", "in/.h", "in/.git/e.png", "in/c/.f/g.png")
    os.mkfifo("in/pipe.png")
    Path("in/link.png").symlink_to("gone")
    assert picture_files.list_files("in") == ["a b/c/-d.png", "a b/é.jpg", "b.png", "link.png"]
    assert picture_files.list_files("in/c") == []
    with pytest.raises(InputError, match="gone: no such file"):
        picture_files.list_files("gone")


# Pixels


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "jpg"])
def test_reads_8_bits_of_each_format(suffix: str) -> None:
    smooth = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    color = np.stack([smooth, smooth, smooth[::-1]], axis=2)
    for name, pixels in (("rgb", color), ("gray", smooth[:, :, None])):
        save(f"{name}.{suffix}", pixels.squeeze(), quality=95, lossless=True, subsampling=0)
        difference = read_pixels(f"{name}.{suffix}", name).astype(int) - pixels
        assert abs(difference).max() <= (5 if suffix == "jpg" else 0)


def test_gray_and_color_are_converted_into_each_other() -> None:
    colors = [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]]
    save("a.png", np.array(colors, np.uint8))
    # ITU-R 601: 0.299, 0.587 and 0.114 of 255
    assert read_pixels("a.png", "gray").tolist() == [[[76], [150], [29], [255]]]
    save("b.png", np.array([[7, 200]], np.uint8))
    assert read_pixels("b.png", "rgb").tolist() == [[[7, 7, 7], [200, 200, 200]]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "LA", "RGBA", "P with alpha"])
def test_any_mode_becomes_gray_or_rgb_without_alpha(mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode.split()[0])
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(GRAY))
    elif mode == "P with alpha":
        image.info["transparency"] = bytes(range(0, 256, 2))  # of each color
    image.save("a.tif" if mode == "CMYK" else "a.png")
    image.info.clear()
    plain = image.convert("L" if mode in ("1", "L", "LA") else "RGB")
    picture = read("a.tif" if mode == "CMYK" else "a.png")
    np.testing.assert_array_equal(picture.pixels.squeeze(), plain)
    np.testing.assert_allclose(picture.image(), picture.pixels / 255, atol=1e-7)
    assert (picture.alpha is not None) == (mode in ("LA", "RGBA", "P with alpha"))


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "PPM"])
def test_16_bits_are_kept(format_: str) -> None:
    save("a", DEEP, format=format_)
    picture = read("a")
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_allclose(picture.image()[:, :, 0], DEEP / 65535, atol=1e-7)
    expected = np.rint(DEEP / 65535 * 255)
    np.testing.assert_array_equal(read_pixels("a", "rgb")[:, :, 2], expected)


def test_a_gray_png_of_16_bits_with_alpha_stays_gray() -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 4, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">4H", 0x8000, 0xFFFF, 0x1000, 0)))
    Path("a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
    picture = read("a.png")
    assert picture.pixels.tolist() == [[[0x80], [0x10]]]
    assert picture.alpha is not None
    assert np.asarray(picture.alpha).tolist() == [[255, 0]]


# Orientation and metadata


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
    save(f"a.{suffix}", np.ascontiguousarray(stored), exif=exif, lossless=True)
    np.testing.assert_array_equal(read_pixels(f"a.{suffix}", "rgb"), RGB)
    copy(f"a.{suffix}", "b.png")
    with Image.open("b.png") as written:
        assert written.getexif()[SOFTWARE] == "camera"
        assert written.getexif().get(ORIENTATION, 1) == 1


def test_unreadable_exif_does_not_cost_the_picture() -> None:
    save("a.tif", RGB, tiffinfo={34665: 99_999_999})  # the position of a directory
    np.testing.assert_array_equal(read_pixels("a.tif", "rgb"), RGB)
    save("a.png", RGB, exif=b"Exif\0\0garbage that is no TIFF")
    entry = struct.pack("<HHI4s", ORIENTATION, 2, 4, b"abc")  # of type ASCII
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    save("b.jpg", np.full((8, 8, 3), 77, np.uint8), exif=exif, quality=95)
    with Image.open("b.jpg") as image:
        assert image.getexif()[ORIENTATION] == "abc"
    np.testing.assert_array_equal(read_pixels("a.png", "rgb"), RGB)
    assert abs(read_pixels("b.jpg", "gray").astype(int) - 77).max() < 2
    for name in ("a.png", "b.jpg"):
        copy(name, "c.jpg")
        assert read("c.jpg").pixels.shape == read(name).pixels.shape


@pytest.mark.parametrize("target", ["b.png", "b.jpg", "b.tif", "b.webp", "b.bmp"])
@pytest.mark.parametrize("source", ["a.jpg", "a.tif", "a.png"])
def test_profile_and_exif_are_kept_as_far_as_possible(source: str, target: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[SOFTWARE], exif[ORIENTATION] = "camera", 1
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    save(source, RGB, exif=exif.tobytes(), icc_profile=profile)
    copy(source, target)
    with Image.open(target) as written:
        assert written.size == (9, 7)
        written.load()
        if target != "b.bmp":  # BMP has no metadata
            assert written.info["icc_profile"] == profile
            assert written.getexif()[SOFTWARE] == "camera"
            assert written.getexif().get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
            assert target == "b.tif" or WIDTH not in written.getexif()


def test_metadata_that_do_not_suit_are_left_out() -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"CMYK"
    Image.fromarray(RGB).convert("CMYK").save("a.jpg", icc_profile=bytes(profile))
    assert read("a.jpg").profile is None
    exif = Image.Exif()
    exif[SOFTWARE] = "x" * 70_000  # too long for JPEG
    save("b.png", RGB, exif=exif)
    copy("b.png", "c.jpg")
    with Image.open("c.jpg") as written:
        assert SOFTWARE not in written.getexif()


# The value of white


def tiff(bits: int, pixels: bytes, size: tuple[int, int]) -> bytes:
    """A gray TIFF of one strip."""
    entries = [(256, 4, size[0]), (257, 4, size[1]), (258, 3, bits), (259, 3, 1), (262, 3, 1)]
    entries += [(273, 4, 8), (277, 3, 1), (278, 4, size[1]), (279, 4, len(pixels))]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    header = struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
    return header + pixels + struct.pack("<H", len(entries)) + directory + struct.pack("<I", 0)


def test_12_bits_in_a_tiff() -> None:
    """Packed 12 bits state their number; in 16 bits, MaxSampleValue states the value of white."""
    Path("a.tif").write_bytes(tiff(12, bytes([0xFF, 0xF8, 0x00]), (2, 1)))
    np.testing.assert_allclose(floats("a.tif")[0, :, 0], [1, 2048 / 4095])
    values = np.array([[0, 2048, 4095, 5000]], np.uint16)
    save("b.tif", values, tiffinfo={MAX_SAMPLE_VALUE: 4095})
    expected = [0, 2048 / 4095, 1, 1]
    np.testing.assert_allclose(floats("b.tif")[0, :, 0], expected)
    assert read_pixels("b.tif", "gray").ravel().tolist() == [0, 128, 255, 255]
    copy("b.tif", "c.png")
    assert np.asarray(Image.open("c.png")).tolist() == [[0, 32776, 65535, 65535]]
    save("d.tif", values, tiffinfo={MAX_SAMPLE_VALUE: 0})
    np.testing.assert_allclose(floats("d.tif")[0, :, 0], values[0] / 65535)
    save("e.tif", values // 16, tiffinfo={MAX_SAMPLE_VALUE: 255})
    assert read_pixels("e.tif", "gray").ravel().tolist() == [0, 128, 255, 255]


def test_white_is_zero_in_some_tiffs() -> None:
    save("a.tif", DEEP, tiffinfo={PHOTOMETRIC: 0})
    np.testing.assert_allclose(floats("a.tif")[:, :, 0], 1 - DEEP / 65535, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_white_must_be_given_for_32_bits(dtype: type) -> None:
    values: np.ndarray = np.array([[0, 1, 3, 4, 9, -1]], dtype)
    save("a.tif", values)
    text = message("a.tif")
    assert "--white VALUE" in text
    assert "`load`, convert the file to 8 or 16 bits" in text
    expected = [0, 0.25, 0.75, 1, 1, 0]
    np.testing.assert_allclose(floats("a.tif", white=4).ravel(), expected, atol=1e-5)
    save("b.png", np.array([[4]], np.uint16))
    assert floats("b.png", white=8) == 0.5
    save("c.png", np.array([[51]], np.uint8))
    assert floats("c.png", white=8) == pytest.approx(0.2)  # 8 bits: ignored


def test_not_a_number_is_black() -> None:
    save("a.tif", np.array([[np.nan, np.inf, 1]], np.float32))
    assert floats("a.tif", white=1).ravel().tolist() == [0, 1, 1]


# Broken files


def encoded(format_: str) -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION], exif[SOFTWARE] = 6, "camera"
    pixels = RNG.integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, format_, exif=exif)
    return buffer.getvalue()


FORMATS = ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM"]
FORMATS += ["JPEG2000"] if features.check("jpg_2000") else []
ENCODED = {name: encoded(name) for name in FORMATS}


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(ENCODED)), st.data())
def test_a_damaged_file_is_read_or_raises_an_input_error(name: str, data: Any) -> None:
    """Whatever the decoder raises: bytes are changed, or the end is missing."""
    content = bytearray(ENCODED[name])
    for _ in range(data.draw(st.integers(0, 4))):
        position = data.draw(st.integers(0, min(len(content) - 1, 600)))
        content[position] = data.draw(st.integers(0, 255))
    Path("damaged").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert read_pixels("damaged", "gray").ndim == 3
    except InputError as error:
        assert "damaged" in str(error)


@pytest.mark.parametrize(
    "error",
    [SyntaxError("a"), ValueError("b"), EOFError(), IndexError("c"), TypeError(), OSError("d"),
     struct.error("e"), zlib.error("f"), MemoryError(), AttributeError("g"), OSError(5, "h")],
)  # fmt: skip
def test_any_error_of_a_decoder_names_the_file(error: Exception) -> None:
    with pytest.raises(InputError, match="photo.png"), picture_files.errors_of("photo.png"):
        raise error


def test_errors_name_the_file_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("empty.png")
    Path("text.png").write_text("not a picture")
    assert "is not a picture that Pillow can read: convert or remove" in message("empty.png")
    assert "is not a picture that Pillow can read: convert or remove" in message("text.png")
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


def test_frames_are_counted_and_the_first_is_read() -> None:
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 20, 30)]
    for name in ("a.gif", "a.tif", "a.png", "a.webp"):
        frames[0].save(name, save_all=True, append_images=frames[1:], lossless=True)
        assert read(name).frames == 3
        assert read_pixels(name, "gray").tolist() == [[[10]] * 4] * 4
    content = Path("a.gif").read_bytes()
    Path("b.gif").write_bytes(content[: len(content) - 20])
    assert read_pixels("b.gif", "gray")[0, 0, 0] == 10


# Writing


@pytest.mark.parametrize("suffix", ["png", "PNG", "tif", "TIFF", "webp", "bmp", "jpeg"])
@pytest.mark.parametrize("kind", ["gray", "rgb", "deep", "alpha", "gray alpha"])
def test_writes_each_format(kind: str, suffix: str) -> None:
    smooth = np.add.outer(np.arange(32), np.arange(48)) * 3
    gray, deep = smooth.astype(np.uint8), (smooth * 257).astype(np.uint16)
    image = Image.fromarray(deep if kind == "deep" else gray)
    if kind in ("rgb", "alpha"):
        image = image.convert("RGB")
    alpha = Image.fromarray(gray[::-1].copy())
    if "alpha" in kind:
        image.putalpha(alpha)
    image.save("a.png")
    copy("a.png", f"b.{suffix}")
    name = {"TIF": "TIFF"}.get(suffix.upper(), suffix.upper())
    with Image.open(f"b.{suffix}") as written:
        assert (written.format, written.size) == (name, (48, 32))
        with_alpha = "alpha" in kind and name in ("PNG", "TIFF", "WEBP")
        assert written.has_transparency_data == with_alpha
        if with_alpha:
            assert written.getchannel("A").tobytes() == alpha.tobytes()
        if kind == "deep" and name in ("PNG", "TIFF"):
            np.testing.assert_array_equal(np.asarray(written), deep)
        else:
            difference = np.array(written.convert("L"), np.int64) - smooth
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


# Paths of the command line


def test_the_tree_of_a_folder_is_kept() -> None:
    touch("in/a.png", "in/b/c.JPG", "in/b/notes.txt", "in/.d/e.png", "clean/a.png")
    jobs, left_out = find_jobs("in", "out/deep", "clean", overwrite=False)
    assert jobs == [
        Job("in/a.png", "out/deep/a.png", "clean/a.png"),
        Job("in/b/c.JPG", "out/deep/b/c.JPG", "clean/b/c.JPG"),
    ]
    assert left_out == ["b/notes.txt"]
    assert not Path("out").exists()


def test_outputs_inside_of_the_input_folder_are_no_inputs() -> None:
    touch("in/a.png", "in/out/a.png", "in/out/b/c.png", "in/outer/d.png")
    jobs, _ = find_jobs("in", "in/out", None, overwrite=False)
    assert [job.source for job in jobs] == ["in/a.png", "in/outer/d.png"]


def test_an_input_is_not_overwritten_unaware() -> None:
    touch("in/a.png", "in/b.png", "out/a.png")
    for link, path in (("link.png", "in/a.png"), ("folder", "in"), ("out/b.png", "../in/a.png")):
        Path(link).symlink_to(path)
    for image, output, clean in (
        ("in/a.png", "in/../in/a.png", None),
        ("in/a.png", "link.png", None),
        ("in/a.png", "out/a.png", "out/a.png"),
        ("in", "in", None),
        ("in", "folder", None),
        ("in", "out", None),
    ):
        with pytest.raises(InputError, match="is also an input: .* pass --overwrite"):
            find_jobs(image, output, clean, overwrite=False)
        find_jobs(image, output, clean, overwrite=True)
    find_jobs("in/a.png", "out/a.png", None, overwrite=False)
