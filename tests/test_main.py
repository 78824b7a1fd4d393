"""`python -m denoiser`, on pictures of all sorts, and the tiles that it cuts them into."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from denoiser import __main__ as program
from denoiser import models, tiles
from denoiser.tiles import Float32
from tests.conftest import ROOT, no_larger_file_than

RNG = np.random.default_rng(0)

# Tiles


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12))
def test_tiles_of_what_does_nothing_are_the_image(height: int, width: int, side: int) -> None:
    image: Float32 = RNG.random((height, width), np.float32)
    found = tiles.denoise(image, lambda rows: rows, side)
    np.testing.assert_allclose(found, image, atol=1e-6)


def test_a_tile_comes_out_as_the_network_has_it() -> None:
    image = RNG.random((8, 8), np.float32)
    found = tiles.denoise(image, lambda rows: rows[:, ::-1] / np.float32(2), 8)
    np.testing.assert_allclose(found, image[::-1, ::-1] / 2, atol=1e-7)


def test_tiles_show_no_seams() -> None:
    """Each tile comes out in a gray of its own: nowhere does it jump from one to another."""

    def grays(rows: Float32) -> Float32:
        return np.ones_like(rows) * (np.arange(len(rows)) % 2).astype(np.float32)[:, None]

    found = tiles.denoise(np.zeros((16, 160), np.float32), grays, 16)
    assert found.min() == 0
    assert found.max() > 0.8
    assert np.abs(np.diff(found, axis=1)).max() < 0.2


def test_an_image_smaller_than_a_tile_is_mirrored() -> None:
    seen: list[Float32] = []

    def network(rows: Float32) -> Float32:
        seen.append(rows)
        return rows

    image = np.array([[0.25, 0.5, 0.75]], np.float32)
    np.testing.assert_allclose(tiles.denoise(image, network, 4), image, atol=1e-7)
    np.testing.assert_array_equal(seen[0].reshape(4, 4)[0] * 4, [1, 2, 3, 3])
    np.testing.assert_array_equal(seen[0].reshape(4, 4)[3] * 4, [1, 2, 3, 3])


# The program


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model that halves the brightness of 6x6 images, where one looks for it."""
    monkeypatch.chdir(tmp_path)
    image = keras.Input((36,))
    half = keras.layers.Rescaling(0.5)(image)
    Path("models").mkdir()
    keras.Model(image, half).save("models/autoencoder.keras")
    return tmp_path


def save(name: str, mode: str, size: tuple[int, int] = (9, 7), **options: Any) -> Image.Image:
    """A picture of random pixels in this mode of Pillow's."""
    rng = np.random.default_rng(len(mode))
    colours = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 4), np.uint8))
    image = (
        colours.convert("RGB" if mode == "P" else "RGBA").convert(mode)
        if mode != "I;16"
        else Image.fromarray(rng.integers(0, 65536, (size[1], size[0]), np.uint16))
    )
    image.save(name, **options)
    return image


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_any_png(folder: Path, mode: str) -> None:
    image = save("photo.png", mode)
    assert program.main(["photo.png", "-o", "clean.png"]) == 0
    with Image.open("clean.png") as clean:
        assert clean.size == (9, 7)
        assert clean.has_transparency_data == (mode in ("LA", "RGBA"))
        if mode == "I;16":
            expected = np.asarray(image) / 257
        else:
            expected = np.asarray(image.convert("L" if clean.mode[0] == "L" else "RGB"))
        found = np.asarray(clean.convert("L" if clean.mode[0] == "L" else "RGB"))
        np.testing.assert_allclose(found, expected / 2, atol=0.51)
        if mode in ("LA", "RGBA"):
            assert clean.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_jpeg_upright_and_without_transparency(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: what is stored lies on its side
    save("photo.jpg", "RGB", (20, 10), exif=exif)
    assert program.main(["photo.jpg", "-o", "clean.jpeg"]) == 0
    with Image.open("clean.jpeg") as clean:
        assert (clean.format, clean.size, clean.mode) == ("JPEG", (10, 20), "RGB")
    save("photo.png", "RGBA")
    assert program.main(["photo.png", "-o", "clean.jpg"]) == 0
    with Image.open("clean.jpg") as clean:
        assert (clean.format, clean.mode) == ("JPEG", "RGB")


def test_a_folder_of_pictures_some_of_them_bad(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in").mkdir()
    for name in ("a.png", "c.PNG", "d.jpg"):
        save(f"in/{name}", "RGB")
    whole = Path("in/d.jpg").read_bytes()
    Path("in/b.png").write_bytes(b"no picture")
    Path("in/e.jpg").write_bytes(whole[: len(whole) // 2])
    Path("in/notes.txt").write_text("not looked at")
    assert program.main(["in", "-o", "out"]) == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.PNG", "d.jpg"]
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("in/")]
    assert [line.split(":")[0] for line in lines] == ["in/b.png", "in/e.jpg"]
    assert program.main(["in/a.png", "-o", "one.png"]) == 0
    assert Path("one.png").read_bytes() == Path("out/a.png").read_bytes()


def test_psnr_where_the_original_is_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    Path("originals").mkdir()
    for name, gray in (("a.png", 100), ("b.png", 200)):
        Image.new("L", (8, 8), gray).save(f"in/{name}")
        Image.new("L", (8, 8), gray // 2 + 51).save(f"originals/{name}")  # 0.2 above its half
    assert program.main(["in", "-o", "out", "--clean", "originals"]) == 0
    printed = capsys.readouterr().err
    assert "in/a.png: 48.13 dB noisy, 13.98 dB denoised" in printed  # 1/255 apart; 0.2 apart
    assert "in/b.png" in printed
    assert program.main(["in/a.png", "-o", "a.png", "--clean", "in/a.png"]) == 0
    assert "the original itself, noisy" in capsys.readouterr().err
    Image.new("L", (8, 9)).save("tall.png")
    assert program.main(["in/a.png", "-o", "a.png", "--clean", "tall.png"]) == 1
    assert "in/a.png: the clean original is of another size" in capsys.readouterr().err


def test_noisy_corrupts_it_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (200, 200), 0).save("black.png")
    for _ in range(2):
        assert program.main(["black.png", "-o", "out.png", "--noisy", "uniform:0.5"]) == 0
        with Image.open("out.png") as image:
            values = np.asarray(image, float) / 255
        assert values.mean() == pytest.approx(0.125, abs=0.005)
        assert values.max() == pytest.approx(0.25, abs=0.005)
    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert float(first.split()[1]) == pytest.approx(10 * np.log10(3 / 0.25), abs=0.1)


@pytest.mark.parametrize("noise", ["salt:0.1", "uniform", "uniform:x", "masking:1.1", "uniform:-1"])
def test_refuses_a_noise_that_is_none(
    folder: Path, capsys: pytest.CaptureFixture[str], noise: str
) -> None:
    with pytest.raises(SystemExit) as error:
        program.main(["a.png", "-o", "b.png", "--noisy", noise])
    assert error.value.code == 2
    assert f"'{noise}' is no noise such as uniform:0.9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.png", "-o", "b.png"], "gone.png: [Errno 2] No such file"),
        (["photo.png", "-o", "b.gif"], "b.gif: its name has to end with one of .png"),
        (["photo.png", "-o", "no/b.png"], "photo.png: [Errno 2] No such file"),
        (["models", "-o", "out"], "models: there is no PNG or JPEG in this folder"),
        ([".", "-o", "-"], "-: of a folder of pictures, a folder is made"),
        (
            ["photo.png", "-o", "b.png", "--model", "x"],
            "x: there is no such model: run `dvc repro`",
        ),
        (["photo.png", "-o", "b.png", "--model", "photo.png"], "photo.png cannot be loaded"),
    ],
)
def test_refuses(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    save("photo.png", "L")
    assert program.main(arguments) == 1
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 1
    assert message in printed[0]
    assert not list(Path().glob("b.*"))


def test_a_unet_sees_a_picture_whole(folder: Path) -> None:
    """Of one no larger than a tile, it makes what it makes of such an image."""
    model = models.unet(36, [2, 3], 1, "relu")
    model.save("unet.keras")
    image = save("photo.png", "L", (30, 30))
    assert program.main(["photo.png", "-o", "clean.png", "--model", "unet.keras"]) == 0
    rows = np.asarray(image, np.float32).reshape(1, -1) / 255
    expected = np.asarray(models.for_side(model, 30)(rows)).reshape(30, 30)
    with Image.open("clean.png") as clean:
        np.testing.assert_allclose(np.asarray(clean), expected * 255, atol=0.51)


def test_from_standard_input_to_standard_output(folder: Path) -> None:
    image = save("photo.png", "RGB")
    done = subprocess.run(
        [sys.executable, "-m", "denoiser", "-", "-o", "-"],
        env={"PYTHONPATH": str(ROOT)},
        input=Path("photo.png").read_bytes(),
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    with Image.open(io.BytesIO(done.stdout)) as clean:
        np.testing.assert_allclose(np.asarray(clean), np.asarray(image) / 2, atol=0.51)


def test_a_full_disk_leaves_nothing_half_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save("photo.png", "RGB")
    with no_larger_file_than(10):
        assert program.main(["photo.png", "-o", "clean.png"]) == 1
    assert "photo.png" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"photo.png"}
