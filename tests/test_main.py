"""`python -m denoiser`."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image, ImageCms

from denoiser import __main__ as program
from denoiser import models, tiles
from denoiser.ensemble import ensemble
from tests.conftest import ROOT, max_file_size

SOFTWARE, ORIENTATION = 0x0131, 0x0112  # tags of EXIF


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model that halves the brightness of 6x6 images, as the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("KERAS_BACKEND", "CUDA_VISIBLE_DEVICES"):  # restored after the test
        monkeypatch.setenv(name, os.environ.get(name, ""))
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
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    image.save(name, **options)
    return image


def pixels(name: str) -> np.ndarray:
    """The pixels of a picture, without transparency."""
    with Image.open(name) as image:
        return np.asarray(image.convert("L" if image.mode[0] == "L" else "RGB"))


def run(*words: str, status: int = 0) -> None:
    """Runs the program in this process."""
    assert program.main(words) == status


def start(*words: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    """Runs the program in a new process."""
    options["env"] = {"PYTHONPATH": str(ROOT)} | options.get("env", {})
    return subprocess.run(
        [sys.executable, "-m", "denoiser", *words], capture_output=True, **options
    )


def error_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


# Formats


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_accepts_any_png(folder: Path, mode: str) -> None:
    image = save("photo.png", mode)
    run("photo.png", "-o", "clean.png")
    with Image.open("clean.png") as clean:
        if mode == "I;16":
            assert clean.mode == "I;16"
            np.testing.assert_allclose(np.asarray(clean), np.asarray(image) / 2, atol=0.51)
            return
        assert clean.has_transparency_data == (mode in ("LA", "RGBA"))
        if mode in ("LA", "RGBA"):
            assert clean.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    denoised = pixels("clean.png")
    expected = np.asarray(image.convert("L" if denoised.ndim == 2 else "RGB"))
    np.testing.assert_allclose(denoised, expected / 2, atol=0.51)


@pytest.mark.parametrize("suffix", ["PNG", "jpg", "JPEG", "tif", "TIFF", "bmp", "webp"])
def test_reads_and_writes_each_format(folder: Path, suffix: str) -> None:
    smooth = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    Image.fromarray(smooth).save(f"photo.{suffix}")
    run(f"photo.{suffix}", "-o", f"clean.{suffix}")
    with Image.open(f"clean.{suffix}") as clean:
        assert clean.format == {"JPG": "JPEG", "TIF": "TIFF"}.get(suffix.upper(), suffix.upper())
        difference = np.array(clean.convert("L"), np.float64) - smooth / 2
    assert np.abs(difference).max() < (5 if suffix in ("jpg", "JPEG", "webp") else 0.51)


def test_cmyk_and_palettes_with_transparency(folder: Path) -> None:
    image = save("photo.jpg", "CMYK")
    run("photo.jpg", "-o", "clean.png")
    with Image.open("photo.jpg") as photo:
        np.testing.assert_allclose(
            pixels("clean.png"), np.array(photo.convert("RGB")) / 2, atol=0.51
        )
    image = save("palette.png", "P", transparency=3)
    transparent = np.asarray(image) == 3
    run("palette.png", "-o", "clean.png")
    with Image.open("clean.png") as clean:
        np.testing.assert_array_equal(np.asarray(clean)[:, :, 3], np.where(transparent, 0, 255))


def test_jpegs_are_turned_upright_and_keep_profile_and_exif(folder: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[ORIENTATION], exif[SOFTWARE] = 6, "camera"  # the camera was rotated by 90°
    save("photo.jpg", "RGB", (20, 10), exif=exif, icc_profile=profile)
    run("photo.jpg", "-o", "clean.jpeg")
    with Image.open("clean.jpeg") as clean:
        assert (clean.format, clean.size, clean.mode) == ("JPEG", (10, 20), "RGB")
        assert clean.info["icc_profile"] == profile
        assert (clean.getexif()[ORIENTATION], clean.getexif()[SOFTWARE]) == (1, "camera")


def test_white_is_the_value_of_white(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.full((6, 6), 50, np.float32)).save("photo.tif")
    run("photo.tif", "-o", "clean.tif", status=1)
    (line,) = error_lines(capsys)
    assert re.match("photo.tif: the file does not state the value of white.*--white VALUE", line)
    run("photo.tif", "-o", "clean.tif", "--white", "100")
    with Image.open("clean.tif") as clean:
        np.testing.assert_array_equal(np.asarray(clean), np.full((6, 6), np.rint(65535 / 4)))
    for value in ("0", "-1", "x", "nan", "inf"):
        with pytest.raises(SystemExit):
            program.main(["photo.tif", "-o", "clean.tif", "--white", value])
        assert "is not a positive number" in capsys.readouterr().err


def test_the_first_frame_of_an_animation_is_denoised(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [Image.new("L", (8, 8), value) for value in (100, 200)]
    frames[0].save("photo.gif", save_all=True, append_images=frames[1:])
    run("photo.gif", "-o", "clean.png")
    assert error_lines(capsys) == ["photo.gif: only the first of its 2 frames is denoised"]
    np.testing.assert_array_equal(pixels("clean.png"), np.full((8, 8, 3), 50))


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000)])
@pytest.mark.parametrize("kind", ["dense", "unet"])
def test_tiny_and_narrow_pictures(folder: Path, size: tuple[int, int], kind: str) -> None:
    save("photo.png", "RGB", size)
    if kind == "unet":
        models.unet(pixels=36, filters=[2, 3], convolutions=1, activation="relu").save(
            "models/autoencoder.keras"
        )
    run("photo.png", "-o", "clean.png")
    with Image.open("clean.png") as clean:
        assert (clean.size, clean.mode) == (size, "RGB")


# Files and folders


def test_a_folder_is_denoised_with_its_sub_folders(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "deep/er/é b.PNG", "deep/d.jpg", ".hidden/e.png"):
        save(f"in/{name}", "RGB")
    jpeg = Path("in/deep/d.jpg").read_bytes()
    Path("in/b.png").write_bytes(b"not a picture")
    Path("in/deep/half.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    Path("in/notes.txt").write_text("left out")
    Path("in/photo.raw").touch()
    run("in", "-o", "out", status=1)
    written = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.*"))
    assert written == ["a.png", "deep/d.jpg", "deep/er/é b.PNG"]
    lines = error_lines(capsys)
    assert lines[0] == "in: skipped because of their suffixes: notes.txt, photo.raw"
    assert lines[1].startswith("in/b.png is not a picture that Pillow can read")
    assert lines[2].startswith("in/deep/half.jpg cannot be read (")
    assert len(lines) == 3
    run("in/a.png", "-o", "one.png")
    assert Path("one.png").read_bytes() == Path("out/a.png").read_bytes()


def test_names_may_start_with_a_dash(folder: Path) -> None:
    save("-a.png", "L")
    run("-o", "b.png", "--", "-a.png")
    run("./-a.png", "-o", "./-b.png")
    run("--output=-c.png", "--", "-a.png")
    assert Path("b.png").read_bytes() == Path("-b.png").read_bytes() == Path("-c.png").read_bytes()


def test_an_input_is_replaced_with_overwrite_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save("in/photo.png", "L")
    before = pixels("in/photo.png")
    for words in (("in/photo.png", "-o", "in/./photo.png"), ("in", "-o", "in")):
        run(*words, status=1)
        (line,) = error_lines(capsys)
        assert line.endswith("is also an input: choose another output, or pass --overwrite")
        np.testing.assert_array_equal(pixels("in/photo.png"), before)
    run("in", "-o", "in", "--overwrite")
    np.testing.assert_allclose(pixels("in/photo.png"), before / 2, atol=0.51)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone.png", "-o", "b.png"], "gone.png: there is no such file or folder"),
        (["gone", "-o", "out"], "gone: there is no such file or folder"),
        (["photo.png", "-o", "b.gif"], "b.gif: the name must end with .png"),
        (["photo.png", "-o", "b"], "b: the name must end with .png"),
        (["photo.png", "-o", "no/b.png"], "no/b.png: the folder does not exist"),
        (
            ["photo.png", "-o", "models"],
            "models is a folder: pass a file, such as models/photo.png",
        ),
        (["models", "-o", "out"], "models: the folder has no file whose name ends with .png"),
        ([".", "-o", "-"], "-: if the input is a folder, the output must be a folder"),
        ([".", "-o", "photo.png"], "photo.png: if the input is a folder, the output must be"),
        (["photo.png", "-o", "b.png", "--clean", "c.png"], "c.png: there is no such file"),
        (["photo.png", "-o", "b.png", "--model", "x"], "x: no such model; run `dvc repro`"),
        (["photo.png", "-o", "b.png", "--model", "photo.png"], "photo.png cannot be loaded"),
        (["photo.png", "-o", "b.png", "--model", "c.keras"], "c.keras is not a denoiser"),
    ],
)
def test_rejects_invalid_paths(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    save("photo.png", "L")
    if "c.keras" in words:
        image = keras.Input((36,))
        keras.Model(image, keras.layers.Dense(10)(image)).save("c.keras")
    run(*words, status=1)
    (line,) = error_lines(capsys)
    assert line.startswith(message)
    assert not list(Path().glob("b*"))
    assert not Path("out").exists()


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="root can write to any other folder")
def test_a_read_only_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save("in/photo.png", "L")
    run("in/photo.png", "-o", "/sys/clean.png", status=1)
    run("in", "-o", "/sys/out", status=1)
    assert error_lines(capsys) == [
        "/sys: the folder cannot be written to (permission denied); choose another output",
        "/sys/out: the folder cannot be written to (permission denied); choose another output",
    ]


def test_a_full_disk_leaves_no_partial_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save("photo.png", "RGB")
    with max_file_size(10):
        run("photo.png", "-o", "clean.png", status=1)
    assert "clean.png cannot be written" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"photo.png"}


def test_a_terminal_shows_progress(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save("photo.png", "L", (200, 300))
    run("photo.png", "-o", "clean.png")
    assert error_lines(capsys) == []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run("photo.png", "-o", "clean.png")
    assert re.search(r"photo.png: +0%.*60.0k", capsys.readouterr().err)


# Scores


def test_clean_prints_the_scores_and_their_means(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, gray in (("a.png", 100), ("deep/b.png", 200)):
        for root, value in (("in", gray), ("clean", gray // 2 + 51)):  # 0.2 above one half
            Path(root, name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (20, 12), value).save(f"{root}/{name}")
    run("in", "-o", "out", "--clean", "clean")
    first, second, means = error_lines(capsys)
    # Errors of 1/255 and 0.2. SSIM of constant x and y is (2xy + c) / (x² + y² + c), c = 0.01².
    x, y, z = 101 / 255, 100 / 255, 50 / 255
    before, after = ((2 * x * v + 1e-4) / (x**2 + v**2 + 1e-4) for v in (y, z))
    assert first == (
        "in/a.png: PSNR 48.13 dB noisy, 13.98 dB denoised; "
        f"SSIM {before:.4f} noisy, {after:.4f} denoised"
    )
    # 151 and 200, 49/255; 151 and 100, 0.2
    assert second.startswith("in/deep/b.png: PSNR 14.33 dB noisy, 13.98 dB denoised; SSIM ")
    assert means.startswith("mean of 2 pictures: PSNR 31.23 dB noisy, 13.98 dB denoised; SSIM ")
    run("in/a.png", "-o", "a.png", "--clean", "in/a.png")
    assert "PSNR 100.00 dB noisy" in capsys.readouterr().err


def test_a_small_picture_has_no_ssim(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save("a.png", "L", (10, 30))
    run("a.png", "-o", "b.png", "--clean", "a.png")
    assert error_lines(capsys)[0].endswith("; SSIM - noisy, - denoised")


@pytest.mark.parametrize(("mode", "size"), [("L", (9, 8)), ("RGB", (9, 7))])
def test_the_clean_picture_must_have_the_same_shape(
    folder: Path, capsys: pytest.CaptureFixture[str], mode: str, size: tuple[int, int]
) -> None:
    save("a.png", "L")
    save("c.png", mode, size)
    run("a.png", "-o", "b.png", "--clean", "c.png", status=1)
    assert error_lines(capsys)[0].startswith("a.png: the clean picture c.png differs in its size")


def test_noisy_adds_the_same_noise_in_every_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (200, 200), 0).save("black.png")
    for name in ("a.png", "b.png"):
        run("black.png", "-o", name, "--noisy", "uniform:0.5")
    values = pixels("a.png") / 255
    np.testing.assert_array_equal(pixels("b.png") / 255, values)
    assert values.mean() == pytest.approx(0.125, abs=0.005)
    assert values.max() == pytest.approx(0.25, abs=0.005)
    first, second = error_lines(capsys)
    assert first == second
    assert float(first.split()[2]) == pytest.approx(10 * np.log10(3 / 0.25), abs=0.1)


@pytest.mark.parametrize("unclipped", [True, False])
def test_noise_may_be_a_fraction_and_unclipped(
    folder: Path, capsys: pytest.CaptureFixture[str], unclipped: bool
) -> None:
    """Clipping to [0, 1] halves the mean squared error of a black picture."""
    Image.new("L", (200, 200), 0).save("black.png")
    options = ["--unclipped"] * unclipped
    run("black.png", "-o", "a.png", "--noisy", "gaussian:25/255", *options)
    psnr = 20 * np.log10(255 / 25) + (0 if unclipped else 10 * np.log10(2))
    assert float(error_lines(capsys)[0].split()[2]) == pytest.approx(psnr, abs=0.1)


@pytest.mark.parametrize(
    "noise", ["salt:0.1", "uniform", "uniform:x", "masking:1.1", "uniform:-1", "uniform:1/0",
              "gaussian:nan", "gaussian:25/", "masking:3/2"]
)  # fmt: skip
def test_rejects_invalid_noise(
    folder: Path, capsys: pytest.CaptureFixture[str], noise: str
) -> None:
    with pytest.raises(SystemExit) as error:
        program.main(["a.png", "-o", "b.png", "--noisy", noise])
    assert error.value.code == 2
    assert f"'{noise}' is not a valid noise" in capsys.readouterr().err


def test_unclipped_requires_noisy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["a.png", "-o", "b.png", "--unclipped"])
    assert "--unclipped requires --noisy" in capsys.readouterr().err


# Models


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["conv", "unet"])
def test_tiles_of_convolutional_models_equal_the_whole_picture(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, channels: int, average: bool
) -> None:
    monkeypatch.setattr(tiles, "TILE", 16)
    keras.utils.set_random_seed(1)
    build = models.conv if kind == "conv" else models.unet
    model = build(pixels=36 * channels, filters=[2, 3], convolutions=1, activation="relu")
    model.save("small.keras")
    image = save("photo.png", "L" if channels == 1 else "RGB", (61, 47))
    run("photo.png", "-o", "clean.png", "--model", "small.keras", *["--ensemble"] * average)
    array = np.asarray(image, np.float32).reshape(1, 47, 61, channels) / 255
    scale = 4 if kind == "conv" else 2
    padding = (0, 0), (0, -47 % scale), (0, -61 % scale), (0, 0)
    padded: tiles.Float32 = np.pad(array, padding, "symmetric").astype(np.float32)
    network = model.get_layer("network")

    def call(images: tiles.Float32) -> tiles.Float32:
        return np.asarray(network(images))

    expected = (ensemble(padded, call) if average else call(padded))[0, :47, :61]
    denoised = pixels("clean.png").reshape(47, 61, channels)
    np.testing.assert_allclose(denoised, expected * 255, atol=0.51)


def test_the_environment_does_not_affect_the_result(folder: Path) -> None:
    """Neither ~/.keras/keras.json, KERAS_BACKEND, nor another project's params.yaml."""
    keras.utils.set_random_seed(1)
    models.unet(pixels=36, filters=[2, 3], convolutions=1, activation="relu").save("small.keras")
    save("photo.png", "RGB", (40, 30))
    run("photo.png", "-o", "a.png", "--model", "small.keras")
    config = {"floatx": "float16", "backend": "torch", "image_data_format": "channels_first"}
    Path("home/.keras").mkdir(parents=True)
    Path("home/.keras/keras.json").write_text(json.dumps(config))
    Path("params.yaml").write_text("train: {lr: 0.1}")
    done = start(
        *("photo.png", "-o", "b.png", "--model", "small.keras", "--device", "cpu"),
        env={"HOME": str(folder / "home"), "KERAS_BACKEND": "torch"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    np.testing.assert_array_equal(pixels("a.png"), pixels("b.png"))


def test_device_gpu_requires_a_gpu(folder: Path) -> None:
    save("photo.png", "L")
    done = start("photo.png", "-o", "b.png", "--device", "gpu", env={"CUDA_VISIBLE_DEVICES": "-1"})
    line = b"the device is 'gpu' (train.device or --device), but tensorflow finds none: "
    line += b"see docs/usage.md, or choose 'auto'\n"
    assert (done.returncode, done.stderr) == (1, line)
    assert not Path("b.png").exists()


def test_reads_standard_input_and_writes_standard_output(folder: Path) -> None:
    image = save("photo.png", "RGB")
    done = start("-", "-o", "-", input=Path("photo.png").read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    with Image.open(io.BytesIO(done.stdout)) as clean:
        np.testing.assert_allclose(np.asarray(clean), np.asarray(image) / 2, atol=0.51)
