"""Picture files: reading in pipeline/image_io, and writing and paths in pipeline/command_line."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, features

from pipeline.base.errors import InputError
from pipeline.command_line.image_output import Output
from pipeline.command_line.picture_paths import Job, find_jobs
from pipeline.image_io import image_files

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


def rows(picture: image_files.Picture) -> np.ndarray:
    return picture.rows(0, picture.shape[0])


def copy(source: str, target: str) -> None:
    """Reads a picture, and writes it with `Output`, in two bands."""
    picture = image_files.read(source)
    output, height = Output(picture, target), picture.shape[0]
    for first, stop in ((0, height // 2), (height // 2, height)):
        if first < stop:
            output.append(picture.rows(first, stop))
    output.write()


def message(path: str, **options: Any) -> str:
    """The message of the InputError that reading this file raises."""
    with pytest.raises(InputError) as error:
        image_files.read(path, **options)
    assert path in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


# Lists of files


def test_lists_files_below_a_folder_without_hidden_and_special_ones() -> None:
    for name in ("b.png", "a b/é.jpg", "a b/c/-d.png", ".hidden", ".git/e.png", "c/.f/g.png"):
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    os.mkfifo("in/pipe.png")
    Path("in/link.png").symlink_to("gone")
    assert image_files.list_files("in") == ["a b/c/-d.png", "a b/é.jpg", "b.png", "link.png"]
    assert image_files.list_files("in/c") == []
    with pytest.raises(InputError, match="gone: no such file"):
        image_files.list_files("gone")


# Pixels


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp"])
def test_reads_8_bits_of_each_lossless_format(suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    save(f"a.{suffix}", RGB, **options)
    np.testing.assert_array_equal(image_files.read_pixels(f"a.{suffix}", "rgb"), RGB)
    save(f"b.{suffix}", GRAY, **options)
    np.testing.assert_array_equal(image_files.read_pixels(f"b.{suffix}", "gray")[:, :, 0], GRAY)


def test_reads_a_jpeg() -> None:
    ramp = np.tile(np.arange(0, 128, 4, dtype=np.uint8), (32, 1))
    save("a.jpg", ramp, quality=95)
    assert abs(image_files.read_pixels("a.jpg", "gray")[:, :, 0].astype(int) - ramp).max() < 4


def test_gray_and_color_are_converted_into_each_other() -> None:
    colors = [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]]
    save("a.png", np.array(colors, np.uint8))
    # ITU-R 601: 0.299, 0.587 and 0.114 of 255
    assert image_files.read_pixels("a.png", "gray").tolist() == [[[76], [150], [29], [255]]]
    save("b.png", np.array([[7, 200]], np.uint8))
    assert image_files.read_pixels("b.png", "rgb").tolist() == [[[7, 7, 7], [200, 200, 200]]]


@pytest.mark.parametrize("color", ["gray", "rgb"])
def test_alpha_is_dropped(color: Literal["gray", "rgb"]) -> None:
    for mode in ("LA", "RGBA", "P"):
        image = Image.fromarray(RGB).convert(mode)
        if mode == "P":
            image.info["transparency"] = bytes(range(0, 256, 2))  # of each color
        else:
            image.putalpha(Image.fromarray(GRAY))
        image.save("a.png")
        image.info.clear()
        plain = image.convert("L" if mode == "LA" else "RGB")
        expected = np.asarray(plain.convert("L" if color == "gray" else "RGB"))
        np.testing.assert_array_equal(
            image_files.read_pixels("a.png", color).reshape(expected.shape), expected
        )
        assert image_files.read("a.png").alpha is not None


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("P", 3), ("CMYK", 3)])
def test_any_mode_becomes_gray_or_rgb(mode: str, channels: int) -> None:
    image = Image.fromarray(RGB).convert(mode)
    image.save("a.tif")
    expected = np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(7, 9, channels)
    np.testing.assert_allclose(rows(image_files.read("a.tif")), expected / 255, atol=1e-7)


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "PPM"])
def test_16_bits_are_kept(format_: str) -> None:
    save("a", DEEP, format=format_)
    picture = image_files.read("a")
    assert picture.image.mode == "I;16"
    np.testing.assert_allclose(rows(picture)[:, :, 0], DEEP / 65535, atol=1e-7)
    expected = np.rint(DEEP / 65535 * 255)
    np.testing.assert_array_equal(image_files.read_pixels("a", "rgb")[:, :, 2], expected)


def test_a_gray_png_of_16_bits_with_alpha_stays_gray() -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", 2, 1, 16, 4, 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(">4H", 0x8000, 0xFFFF, 0x1000, 0))
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    Path("a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
    picture = image_files.read("a.png")
    assert picture.image.mode == "L"
    assert np.asarray(picture.image).tolist() == [[0x80, 0x10]]
    assert picture.alpha is not None
    assert np.asarray(picture.alpha).tolist() == [[255, 0]]


# Orientation and metadata


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_pictures_are_turned_upright(orientation: int, suffix: str) -> None:
    """For each value of the tag, the stored picture is made from the upright one."""
    stored = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: np.rot90(RGB),  # to be turned clockwise
        7: np.rot90(RGB, 2).transpose(1, 0, 2),
        8: np.rot90(RGB, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION], exif[SOFTWARE] = orientation, "camera"
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    save(f"a.{suffix}", np.ascontiguousarray(stored), exif=exif, **options)
    np.testing.assert_array_equal(image_files.read_pixels(f"a.{suffix}", "rgb"), RGB)
    copy(f"a.{suffix}", "b.png")
    with Image.open("b.png") as written:
        assert written.getexif()[SOFTWARE] == "camera"
        assert written.getexif().get(ORIENTATION, 1) == 1


def test_unreadable_exif_does_not_cost_the_picture() -> None:
    save("a.png", RGB, exif=b"Exif\0\0garbage that is no TIFF")
    entry = struct.pack("<HHI4s", ORIENTATION, 2, 4, b"abc")  # of type ASCII
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    save("b.jpg", np.full((8, 8, 3), 77, np.uint8), exif=exif, quality=95)
    with Image.open("b.jpg") as image:
        assert image.getexif()[ORIENTATION] == "abc"
    np.testing.assert_array_equal(image_files.read_pixels("a.png", "rgb"), RGB)
    assert abs(image_files.read_pixels("b.jpg", "gray").astype(int) - 77).max() < 2
    for name in ("a.png", "b.jpg"):
        copy(name, "c.jpg")
        assert image_files.read("c.jpg").shape == image_files.read(name).shape


def test_a_tiff_with_a_broken_exif_directory_is_read() -> None:
    save("a.tif", RGB, tiffinfo={34665: 99_999_999})
    np.testing.assert_array_equal(image_files.read_pixels("a.tif", "rgb"), RGB)


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


def test_a_profile_of_cmyk_is_not_kept() -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"CMYK"
    Image.fromarray(RGB).convert("CMYK").save("a.jpg", icc_profile=bytes(profile))
    assert image_files.read("a.jpg").profile is None


def test_exif_that_is_too_long_for_jpeg_is_left_out() -> None:
    exif = Image.Exif()
    exif[SOFTWARE] = "x" * 70_000
    save("a.png", RGB, exif=exif)
    copy("a.png", "b.jpg")
    with Image.open("b.jpg") as written:
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
    np.testing.assert_allclose(rows(image_files.read("a.tif"))[0, :, 0], [1, 2048 / 4095])
    values = np.array([[0, 2048, 4095, 5000]], np.uint16)
    save("b.tif", values, tiffinfo={MAX_SAMPLE_VALUE: 4095})
    expected = [0, 2048 / 4095, 1, 1]
    np.testing.assert_allclose(rows(image_files.read("b.tif"))[0, :, 0], expected)
    save("c.tif", values, tiffinfo={MAX_SAMPLE_VALUE: 0})
    np.testing.assert_allclose(rows(image_files.read("c.tif"))[0, :, 0], values[0] / 65535)
    assert image_files.read_pixels("b.tif", "gray").ravel().tolist() == [0, 128, 255, 255]
    save("e.tif", values // 16, tiffinfo={MAX_SAMPLE_VALUE: 255})
    assert image_files.read_pixels("e.tif", "gray").ravel().tolist() == [0, 128, 255, 255]
    copy("b.tif", "d.png")
    assert np.asarray(Image.open("d.png")).tolist() == [[0, 32776, 65535, 65535]]


def test_white_is_zero_in_some_tiffs() -> None:
    save("a.tif", DEEP, tiffinfo={PHOTOMETRIC: 0})
    np.testing.assert_allclose(
        rows(image_files.read("a.tif"))[:, :, 0], 1 - DEEP / 65535, atol=1e-6
    )


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_white_must_be_given_for_32_bits(dtype: type) -> None:
    values: np.ndarray = np.array([[0, 1, 3, 4, 9, -1]], dtype)
    save("a.tif", values)
    text = message("a.tif")
    assert "--white VALUE" in text
    assert "`load`, convert the file to 8 or 16 bits" in text
    picture = image_files.read("a.tif", white=4)
    np.testing.assert_allclose(rows(picture)[0, :, 0], [0, 0.25, 0.75, 1, 1, 0], atol=1e-5)
    save("b.png", np.array([[4]], np.uint16))
    assert rows(image_files.read("b.png", white=8)) == 0.5
    save("c.png", np.array([[51]], np.uint8))
    assert rows(image_files.read("c.png", white=8)) == pytest.approx(0.2)  # 8 bits: ignored


def test_not_a_number_is_black() -> None:
    save("a.tif", np.array([[np.nan, np.inf, 1]], np.float32))
    assert rows(image_files.read("a.tif", white=1)).ravel().tolist() == [0, 1, 1]


# Broken files


def encoded(format_: str) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(RNG.integers(0, 256, (40, 40, 3), np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION], exif[SOFTWARE] = 6, "camera"
    image.save(buffer, format_, **({} if format_ in ("BMP", "GIF", "PPM") else {"exif": exif}))
    return buffer.getvalue()


FORMATS = ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM", "JPEG2000"]
ENCODED = {
    name: encoded(name) for name in FORMATS if name != "JPEG2000" or features.check("jpg_2000")
}


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
        pixels = image_files.read_pixels("damaged", "gray")
    except InputError as error:
        assert "damaged" in str(error)
    else:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3


@pytest.mark.parametrize(
    "error",
    [SyntaxError("a"), ValueError("b"), EOFError(), IndexError("c"), TypeError(), OSError("d"),
     struct.error("e"), zlib.error("f"), MemoryError(), AttributeError("g"), OSError(5, "h")],
)  # fmt: skip
def test_any_error_of_a_decoder_names_the_file(error: Exception) -> None:
    with pytest.raises(InputError, match="photo.png"), image_files.errors_of("photo.png"):
        raise error


def test_errors_name_the_file_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("empty.png").touch()
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
        assert image_files.read("a.png").shape == (7, 9, 3)


def test_frames_are_counted_and_the_first_is_read() -> None:
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 20, 30)]
    for name in ("a.gif", "a.tif", "a.png", "a.webp"):
        options: dict[str, Any] = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(name, save_all=True, append_images=frames[1:], **options)
        assert image_files.read(name).frames == 3
        assert image_files.read_pixels(name, "gray").tolist() == [[[10]] * 4] * 4
    content = Path("a.gif").read_bytes()
    Path("b.gif").write_bytes(content[: len(content) - 20])
    assert image_files.read_pixels("b.gif", "gray")[0, 0, 0] == 10


# Writing


@pytest.mark.parametrize(
    "target", ["b.png", "b.PNG", "b.tif", "b.TIFF", "b.webp", "b.bmp", "b.jpeg"]
)
@pytest.mark.parametrize("kind", ["gray", "rgb", "deep", "alpha", "gray alpha"])
def test_writes_each_format(kind: str, target: str) -> None:
    smooth = np.add.outer(np.arange(32), np.arange(48)) * 3
    gray, deep = smooth.astype(np.uint8), (smooth * 257).astype(np.uint16)
    image = Image.fromarray(deep if kind == "deep" else gray)
    if kind in ("rgb", "alpha"):
        image = image.convert("RGB")
    alpha = Image.fromarray(gray[::-1].copy())
    if "alpha" in kind:
        image.putalpha(alpha)
    image.save("a.png")
    copy("a.png", target)
    suffix = target.lower()
    with Image.open(target) as written:
        assert (written.format in ("JPEG", "WEBP")) == suffix.endswith(("jpeg", "webp"))
        assert written.size == (48, 32)
        with_alpha = "alpha" in kind and suffix.endswith(("png", "tif", "tiff", "webp"))
        assert written.has_transparency_data == with_alpha
        if with_alpha:
            assert written.getchannel("A").tobytes() == alpha.tobytes()
        if kind == "deep" and suffix.endswith(("png", "tif", "tiff")):
            np.testing.assert_array_equal(np.asarray(written), deep)
        else:
            values = np.array(written.convert("L"), np.int64)
            lossy = suffix.endswith(("jpeg", "webp"))
            assert abs(values - smooth).max() <= (6 if lossy else 0)
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []


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
    for name in ("in/a.png", "in/b/c.JPG", "in/b/notes.txt", "in/.d/e.png", "clean/a.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    jobs, left_out = find_jobs("in", "out/deep", "clean", overwrite=False)
    assert jobs == [
        Job("in/a.png", "out/deep/a.png", "clean/a.png"),
        Job("in/b/c.JPG", "out/deep/b/c.JPG", "clean/b/c.JPG"),
    ]
    assert left_out == ["b/notes.txt"]
    assert not Path("out").exists()


def test_outputs_inside_of_the_input_folder_are_no_inputs() -> None:
    for name in ("in/a.png", "in/out/a.png", "in/out/b/c.png", "in/outer/d.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    jobs, _ = find_jobs("in", "in/out", None, overwrite=False)
    assert [job.source for job in jobs] == ["in/a.png", "in/outer/d.png"]


def test_an_input_is_not_overwritten_unaware() -> None:
    for name in ("in/a.png", "in/b.png", "out/a.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("link.png").symlink_to("in/a.png")
    Path("folder").symlink_to("in")
    Path("out/b.png").symlink_to("../in/a.png")
    cases: list[tuple[str, str, str | None]] = [
        ("in/a.png", "in/../in/a.png", None),
        ("in/a.png", "link.png", None),
        ("in/a.png", "out/a.png", "out/a.png"),
        ("in", "in", None),
        ("in", "folder", None),
        ("in", "out", None),
    ]
    for image, output, clean in cases:
        with pytest.raises(InputError, match="is also an input: .* pass --overwrite"):
            find_jobs(image, output, clean, overwrite=False)
        find_jobs(image, output, clean, overwrite=True)
    find_jobs("in/a.png", "out/a.png", None, overwrite=False)
