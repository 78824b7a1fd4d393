"""HEIC and RAW files, and the quality of JPEG files."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import ExifTags, Image

from denoiser import cli
from denoiser.picture_files import read, read_pages

MAKE, ORIENTATION = ExifTags.Base.Make, ExifTags.Base.Orientation
COLORS = (0.1, 0.2, 0.4), (0.5, 0.25, 0.1)  # linear light of the upper and the lower half
TO_XYZ = 3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.204, 1.057  # from sRGB


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    Image.init()
    for registry in (Image.OPEN, Image.SAVE):  # as it was before `prepare`
        registry.pop("HEIF", None)
    Image.ID[:] = [name for name in Image.ID if name != "HEIF"]


def write_heic(path: str, bits: int = 8) -> None:
    """A red square of 64 pixels in black, 96x64, with the tags of a camera that is turned."""
    pixels = np.zeros((64, 96, 3), np.uint8 if bits == 8 else np.uint16)
    pixels[:, :64, 0] = 255 if bits == 8 else 65535
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = "a phone", 6
    mode = "RGB" if bits == 8 else "RGB;16"
    heic = pillow_heif.from_bytes(mode, (96, 64), pixels.tobytes())
    heic.save(path, quality=-1, exif=exif.tobytes())


def write_dng(path: str, orientation: int = 1) -> None:
    """A RAW file of 96x64 pixels with COLORS, in the order RGGB."""
    light = np.repeat(np.array(COLORS), 32, axis=0)[:, None].repeat(96, axis=1)
    raw = light[:, :, 1].copy()
    raw[::2, ::2], raw[1::2, 1::2] = light[::2, ::2, 0], light[1::2, 1::2, 2]
    matrix = [n for value in TO_XYZ for n in (round(value * 10000), 10000)]
    tags: list[Any] = [
        (MAKE, 2, 0, "a camera"), (ORIENTATION, 3, 1, orientation),
        (33421, 3, 2, (2, 2)), (33422, 1, 4, (0, 1, 1, 2)),  # the order of the colors
        (50706, 1, 4, (1, 4, 0, 0)), (50721, 10, 9, matrix), (50728, 5, 3, (1, 1) * 3),
        (50778, 3, 1, 21), (50717, 4, 1, 65535),  # daylight; white
    ]  # fmt: skip
    values = (raw * 65535).astype(np.uint16)
    tifffile.imwrite(path, values, photometric="cfa", extratags=tags, metadata=None, software=None)


def test_a_heic_file_of_a_phone_is_read_upright_whatever_its_name() -> None:
    write_heic("a.HEIC")
    Path("b.jpg").write_bytes(Path("a.HEIC").read_bytes())
    for name in ("a.HEIC", "b.jpg"):
        picture = read(name)
        assert picture.pixels.shape == (96, 64, 3)
        assert picture.losses == []
        exif = Image.Exif()
        exif.load(picture.metadata["exif"])
        assert dict(exif) == {MAKE: "a phone"}
        red = picture.pixels[:, :, 0] > 128
        assert [red[:60].all(), red[68:].any()] == [True, False]
    write_heic("deep.heic", bits=10)
    assert read("deep.heic").losses == ["its bits per channel, more than 8, are reduced to 8"]


def test_a_raw_file_is_developed_in_16_bits_with_its_exif() -> None:
    write_dng("a.dng")
    write_dng("turned.DNG", orientation=6)
    (picture,) = read_pages("a.dng")
    assert picture.pixels.dtype == np.uint16
    exif = Image.Exif()
    exif.load(picture.metadata["exif"])
    assert exif[MAKE] == "a camera"
    assert ORIENTATION not in exif
    # LibRaw brightens the picture; the ratios of linear light stay where no color is white.
    color = picture.pixels[16, 48] / 65535
    light = ((color + 0.099) / 1.099) ** (1 / 0.45)  # ITU-R BT.709, the curve of LibRaw
    np.testing.assert_allclose(light / light[1], np.divide(COLORS[0], COLORS[0][1]), rtol=0.02)
    turned = read("turned.DNG").pixels
    np.testing.assert_array_equal(turned, np.rot90(picture.pixels, -1))
    Path("broken.nef").write_bytes(b"II*\0")
    assert cli.main(["broken.nef"]) == 1


def test_a_folder_of_a_camera_is_denoised_and_the_second_run_finds_its_results(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("photos").mkdir()
    write_heic("photos/a.HEIC")
    write_dng("photos/b.dng")
    assert cli.main(["photos"]) == 0
    outputs = sorted(Path("photos-denoised").iterdir())
    assert [path.name for path in outputs] == ["a.jpg", "b.tif"]
    assert Image.open(outputs[0]).getexif()[MAKE] == "a phone"
    assert tifffile.imread(outputs[1]).dtype == np.uint16
    assert cli.main(["photos/a.HEIC", "photos/a.HEIC"]) == 0
    assert cli.main(["photos"]) == 0
    assert "skipped 1 as results of earlier runs" in capsys.readouterr().err


def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos").mkdir()
    write_heic("photos/a.HEIC")
    write_dng("photos/b.dng")
    for module in ("pillow_heif", "rawpy"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    heic = "photos/a.HEIC needs the package pillow-heif: pip install pillow-heif\n"
    raw = "photos/b.dng needs the package rawpy: pip install rawpy\n"
    for path, message in (("photos/a.HEIC", heic), ("photos/b.dng", raw), ("photos", heic)):
        assert cli.main([path]) == 1
        assert capsys.readouterr().err == message
    Image.new("L", (8, 8)).save("photos/c.png")
    assert cli.main(["photos"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "skipped 1 because the package pillow-heif is not installed: photos/a.HEIC",
        "skipped 1 because the package rawpy is not installed: photos/b.dng",
    ]


def steps(path: str) -> list[list[int]]:
    """The quantization tables of a JPEG: smaller steps are better."""
    return list(Image.open(path).quantization.values())  # type: ignore[attr-defined]


def test_a_jpeg_keeps_a_quality_above_95_unless_another_is_given() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    picture = Image.fromarray(pixels)
    for quality in (80, 95, 99):
        picture.save(f"{quality}.jpg", quality=quality)
    picture.save("a.png")
    for source, expected in (("80.jpg", 95), ("95.jpg", 95), ("99.jpg", 99), ("a.png", 95)):
        assert cli.main([source, "-o", "out.jpg", "--strength", "0"]) == 0
        assert steps("out.jpg") == steps(f"{expected}.jpg"), source
    assert cli.main(["99.jpg", "-o", "out.jpg", "--quality", "80"]) == 0
    assert steps("out.jpg") == steps("80.jpg")
    assert cli.main(["99.jpg", "-o", "out.webp", "--quality", "20"]) == 0
    assert cli.main(["99.jpg", "-o", "best.webp"]) == 0
    assert Path("out.webp").stat().st_size < Path("best.webp").stat().st_size / 2
    Image.fromarray(pixels[:, :, 0]).save("gray.jpg", quality=98)
    assert cli.main(["gray.jpg", "-o", "out.jpg"]) == 0
    assert steps("out.jpg") == steps("gray.jpg")
