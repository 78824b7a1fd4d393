"""`python -m denoiser`, and denoiser/tiles.py."""

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
from tests.conftest import ROOT, max_file_size

RNG = np.random.default_rng(0)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12))
def test_tiles_of_an_identity_network_give_the_image(height: int, width: int, side: int) -> None:
    image: Float32 = RNG.random((height, width), np.float32)
    np.testing.assert_allclose(tiles.denoise(image, lambda rows: rows, side), image, atol=1e-6)


def test_a_single_tile_is_the_output_of_the_network() -> None:
    image = RNG.random((8, 8), np.float32)
    denoised = tiles.denoise(image, lambda rows: rows[:, ::-1] / np.float32(2), 8)
    np.testing.assert_allclose(denoised, image[::-1, ::-1] / 2, atol=1e-7)


def test_tiles_show_no_seams() -> None:
    """Black and white tiles alternate; the denoised image changes gradually."""

    def network(rows: Float32) -> Float32:
        return np.ones_like(rows) * (np.arange(len(rows)) % 2).astype(np.float32)[:, None]

    denoised = tiles.denoise(np.zeros((16, 160), np.float32), network, 16)
    assert denoised.min() == 0
    assert denoised.max() > 0.8
    assert np.abs(np.diff(denoised, axis=1)).max() < 0.2


def test_an_image_smaller_than_a_tile_is_mirrored() -> None:
    inputs: list[Float32] = []

    def network(rows: Float32) -> Float32:
        inputs.append(rows)
        return rows

    image = np.array([[0.25, 0.5, 0.75]], np.float32)
    np.testing.assert_allclose(tiles.denoise(image, network, 4), image, atol=1e-7)
    np.testing.assert_array_equal(inputs[0].reshape(4, 4) * 4, [[1, 2, 3, 3]] * 4)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model that halves the brightness of 6x6 images, as the current folder."""
    monkeypatch.chdir(tmp_path)
    image = keras.Input((36,))
    Path("models").mkdir()
    keras.Model(image, keras.layers.Rescaling(0.5)(image)).save("models/autoencoder.keras")
    return tmp_path


def save(name: str, mode: str, size: tuple[int, int] = (9, 7), **options: Any) -> Image.Image:
    """Saves a picture of random pixels in a mode of Pillow."""
    rng = np.random.default_rng(len(mode))
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65536, (size[1], size[0]), np.uint16))
    else:
        image = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 4), np.uint8))
        image = image.convert("RGB" if mode == "P" else "RGBA").convert(mode)
    image.save(name, **options)
    return image


def pixels(name: str) -> np.ndarray:
    """The pixels of a PNG or JPEG, without transparency."""
    with Image.open(name) as image:
        return np.asarray(image.convert("L" if image.mode[0] == "L" else "RGB"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_accepts_any_png(folder: Path, mode: str) -> None:
    image = save("photo.png", mode)
    assert program.main(["photo.png", "-o", "clean.png"]) == 0
    denoised = pixels("clean.png")
    if mode == "I;16":
        expected = np.asarray(image) / 257
    else:
        expected = np.asarray(image.convert("L" if denoised.ndim == 2 else "RGB"))
    np.testing.assert_allclose(denoised, expected / 2, atol=0.51)
    with Image.open("clean.png") as clean:
        assert clean.has_transparency_data == (mode in ("LA", "RGBA"))
        if mode in ("LA", "RGBA"):
            assert clean.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_jpegs_are_rotated_and_have_no_transparency(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated by 90°
    save("photo.jpg", "RGB", (20, 10), exif=exif)
    save("photo.png", "RGBA")
    for source, target, size in (
        ("photo.jpg", "a.jpeg", (10, 20)),
        ("photo.png", "b.jpg", (9, 7)),
    ):
        assert program.main([source, "-o", target]) == 0
        with Image.open(target) as clean:
            assert (clean.format, clean.size, clean.mode) == ("JPEG", size, "RGB")


def test_unreadable_files_of_a_folder_are_reported_and_skipped(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in").mkdir()
    for name in ("a.png", "c.PNG", "d.jpg"):
        save(f"in/{name}", "RGB")
    jpeg = Path("in/d.jpg").read_bytes()
    Path("in/b.png").write_bytes(b"not a picture")
    Path("in/e.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    Path("in/notes.txt").write_text("ignored")
    assert program.main(["in", "-o", "out"]) == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.PNG", "d.jpg"]
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("in/")]
    assert [line.split(":")[0] for line in lines] == ["in/b.png", "in/e.jpg"]
    assert program.main(["in/a.png", "-o", "one.png"]) == 0
    assert Path("one.png").read_bytes() == Path("out/a.png").read_bytes()


def test_clean_prints_the_psnr(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    Path("originals").mkdir()
    for name, gray in (("a.png", 100), ("b.png", 200)):
        Image.new("L", (8, 8), gray).save(f"in/{name}")
        Image.new("L", (8, 8), gray // 2 + 51).save(f"originals/{name}")  # 0.2 above one half
    assert program.main(["in", "-o", "out", "--clean", "originals"]) == 0
    output = capsys.readouterr().err
    assert "in/a.png: 48.13 dB noisy, 13.98 dB denoised" in output  # errors of 1/255 and 0.2
    assert "in/b.png" in output
    assert program.main(["in/a.png", "-o", "a.png", "--clean", "in/a.png"]) == 0
    assert "100.00 dB noisy" in capsys.readouterr().err
    Image.new("L", (8, 9)).save("tall.png")
    assert program.main(["in/a.png", "-o", "a.png", "--clean", "tall.png"]) == 1
    assert "in/a.png: the clean image differs in its size" in capsys.readouterr().err


def test_noisy_adds_the_same_noise_in_every_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (200, 200), 0).save("black.png")
    for name in ("a.png", "b.png"):
        assert program.main(["black.png", "-o", name, "--noisy", "uniform:0.5"]) == 0
    values = pixels("a.png") / 255
    np.testing.assert_array_equal(pixels("b.png") / 255, values)
    assert values.mean() == pytest.approx(0.125, abs=0.005)
    assert values.max() == pytest.approx(0.25, abs=0.005)
    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert float(first.split()[1]) == pytest.approx(10 * np.log10(3 / 0.25), abs=0.1)


@pytest.mark.parametrize("noise", ["salt:0.1", "uniform", "uniform:x", "masking:1.1", "uniform:-1"])
def test_rejects_invalid_noise(
    folder: Path, capsys: pytest.CaptureFixture[str], noise: str
) -> None:
    with pytest.raises(SystemExit) as error:
        program.main(["a.png", "-o", "b.png", "--noisy", noise])
    assert error.value.code == 2
    assert f"'{noise}' is not a valid noise" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.png", "-o", "b.png"], "gone.png: "),
        (["photo.png", "-o", "b.gif"], "b.gif: the name must end with .png"),
        (["photo.png", "-o", "no/b.png"], "no/b.png: the folder does not exist"),
        (["models", "-o", "out"], "models: the folder has no PNG or JPEG"),
        ([".", "-o", "-"], "-: if the input is a folder, the output must be a folder"),
        (["photo.png", "-o", "b.png", "--model", "x"], "x: no such model; run `dvc repro`"),
        (["photo.png", "-o", "b.png", "--model", "photo.png"], "photo.png cannot be loaded"),
    ],
)
def test_rejects_invalid_paths(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    save("photo.png", "L")
    assert program.main(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(message)
    assert not list(Path().glob("b.*"))


@pytest.mark.parametrize("build", [models.conv, models.unet])
def test_convolutional_models_denoise_a_small_picture_in_one_piece(
    folder: Path, build: Any
) -> None:
    model = build(36, [2, 3], 1, "relu")
    model.save("small.keras")
    image = save("photo.png", "L", (30, 30))
    assert program.main(["photo.png", "-o", "clean.png", "--model", "small.keras"]) == 0
    row = np.asarray(image, np.float32).reshape(1, -1) / 255
    expected = np.asarray(models.for_side(model, 30)(row)).reshape(30, 30)
    np.testing.assert_allclose(pixels("clean.png"), expected * 255, atol=0.51)


def test_reads_standard_input_and_writes_standard_output(folder: Path) -> None:
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


def test_a_full_disk_leaves_no_partial_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save("photo.png", "RGB")
    with max_file_size(10):
        assert program.main(["photo.png", "-o", "clean.png"]) == 1
    assert "clean.png cannot be written" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"photo.png"}
