"""`python -m denoiser`."""

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from denoiser import __main__ as program
from tests import onnx_models
from tests.conftest import ROOT, max_file_size


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model that halves the brightness of 6x6 images, as the current folder."""
    monkeypatch.chdir(tmp_path)
    onnx_models.save_half("models/denoiser.onnx", side=6, channels=1)
    return tmp_path


def save(name: str, mode: str, size: tuple[int, int] = (9, 7), **options: Any) -> Image.Image:
    """Saves a picture of random pixels in a mode of Pillow."""
    rng = np.random.default_rng(len(mode))
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65536, (size[1], size[0]), np.uint16))
    else:
        image = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 4), np.uint8)).convert(mode)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    image.save(name, **options)
    return image


def save_gray(name: str, gray: int, size: tuple[int, int]) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, gray).save(name)


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


# Formats; test_picture_files.py has more


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_the_mode_of_a_picture_is_kept(folder: Path, mode: str) -> None:
    image = save("photo.png", mode)
    run("photo.png", "-o", "clean.png")
    with Image.open("clean.png") as clean:
        assert clean.mode == mode
        values, expected = np.asarray(clean), np.asarray(image) / 2
    if mode.endswith("A"):
        expected[..., -1] *= 2  # the alpha channel is that of the input
    np.testing.assert_allclose(values, expected, atol=0.51)


def test_white_is_the_value_of_white(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.full((6, 6), 50, np.float32)).save("photo.tif")
    run("photo.tif", "-o", "clean.tif", status=1)
    (line,) = error_lines(capsys)
    assert re.match("photo.tif: the file does not state the value of white.*--white VALUE", line)
    run("photo.tif", "-o", "clean.tif", "--white", "100")
    with Image.open("clean.tif") as clean:
        np.testing.assert_array_equal(np.asarray(clean), np.full((6, 6), np.rint(65535 / 4)))


def test_the_first_frame_of_an_animation_is_denoised(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [Image.new("L", (8, 8), value) for value in (100, 200)]
    frames[0].save("photo.gif", save_all=True, append_images=frames[1:])
    run("photo.gif", "-o", "clean.png")
    assert error_lines(capsys) == ["photo.gif: only the first of its 2 frames is denoised"]
    np.testing.assert_array_equal(pixels("clean.png"), np.full((8, 8, 3), 50))


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000)])
@pytest.mark.parametrize("any_size", [False, True])
def test_tiny_and_narrow_pictures(folder: Path, size: tuple[int, int], any_size: bool) -> None:
    save("photo.png", "RGB", size)
    if any_size:
        onnx_models.save_filter("models/denoiser.onnx", scale=4, channels=1)
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
    for name in ("notes.txt", "photo.raw"):
        Path("in", name).touch()
    run("in", "-o", "out", status=1)
    written = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.*"))
    assert written == ["a.png", "deep/d.jpg", "deep/er/é b.PNG"]
    skipped, broken, half = error_lines(capsys)
    assert skipped == "in: skipped because of their suffixes: notes.txt, photo.raw"
    assert broken.startswith("in/b.png is not a picture that Pillow can read")
    assert half.startswith("in/deep/half.jpg cannot be read (")
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
        ("gone.png -o b.png", "gone.png: there is no such file or folder"),
        ("gone -o out", "gone: there is no such file or folder"),
        ("photo.png -o b.gif", "b.gif: the name must end with .png"),
        ("photo.png -o b", "b: the name must end with .png"),
        ("photo.png -o no/b.png", "no/b.png: the folder does not exist"),
        ("photo.png -o models", "models is a folder: pass a file, such as models/photo.png"),
        ("models -o out", "models: the folder has no file whose name ends with .png"),
        (". -o -", "-: if the input is a folder, the output must be a folder"),
        (". -o photo.png", "photo.png: if the input is a folder, the output must be"),
        ("photo.png -o b.png --clean c.png", "c.png: there is no such file"),
        ("photo.png -o b.png --model x", "x: no such model; run `dvc repro`"),
        ("photo.png -o b.png --model photo.png", "photo.png cannot be loaded"),
        ("photo.png -o b.png --model a.keras", "a.keras is a model of Keras"),
    ],
)
def test_rejects_invalid_paths(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    save("photo.png", "L")
    run(*words.split(), status=1)
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
        save_gray(f"in/{name}", gray, (20, 12))
        save_gray(f"clean/{name}", gray // 2 + 51, (20, 12))  # 0.2 above one half
    run("in", "-o", "out", "--clean", "clean")
    first, second, means = error_lines(capsys)
    # Errors of 1/255 and 0.2. SSIM of constant x and y is (2xy + c) / (x² + y² + c), c = 0.01².
    x, y, z = 101 / 255, 100 / 255, 50 / 255
    before, after = ((2 * x * v + 1e-4) / (x**2 + v**2 + 1e-4) for v in (y, z))
    assert first == (
        "in/a.png: MSE 0.0000 noisy, 0.0400 denoised; PSNR (dB) 48.13 noisy, 13.98 denoised; "
        f"SSIM {before:.3f} noisy, {after:.3f} denoised"
    )
    # 151 and 200, 49/255; 151 and 100, 0.2
    assert second.startswith("in/deep/b.png: MSE 0.0369 noisy, 0.0400 denoised; PSNR (dB) 14.33 no")
    assert means.startswith(
        "mean of 2 pictures: MSE 0.0185 noisy, 0.0400 denoised; PSNR (dB) 31.23"
    )
    run("in/a.png", "-o", "a.png", "--clean", "in/a.png")
    assert "PSNR (dB) 100.00 noisy" in capsys.readouterr().err


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


def psnr(line: str) -> float:
    """The PSNR of the noisy picture."""
    return float(re.findall(r"PSNR \(dB\) ([\d.]+) noisy", line)[0])


def test_noisy_adds_the_same_noise_in_every_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_gray("black.png", 0, (200, 200))
    for name in ("a.png", "b.png"):
        run("black.png", "-o", name, "--noisy", "uniform:0.5")
    values = pixels("a.png") / 255
    np.testing.assert_array_equal(pixels("b.png") / 255, values)
    assert values.mean() == pytest.approx(0.125, abs=0.005)
    assert values.max() == pytest.approx(0.25, abs=0.005)
    first, second = error_lines(capsys)
    assert first == second
    assert psnr(first) == pytest.approx(10 * np.log10(3 / 0.25), abs=0.1)


@pytest.mark.parametrize("unclipped", [True, False])
def test_noise_may_be_a_fraction_and_unclipped(
    folder: Path, capsys: pytest.CaptureFixture[str], unclipped: bool
) -> None:
    """Clipping to [0, 1] halves the mean squared error of a black picture."""
    save_gray("black.png", 0, (200, 200))
    options = ["--unclipped"] * unclipped
    run("black.png", "-o", "a.png", "--noisy", "gaussian:25/255", *options)
    expected = 20 * np.log10(255 / 25) + (0 if unclipped else 10 * np.log10(2))
    assert psnr(error_lines(capsys)[0]) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    ("noise", "reason"),
    [
        ("salt:0.1", "the kind must be uniform, "),
        ("uniform", "'' is not a number"),
        ("uniform:x", "'x' is not a number"),
        ("uniform:1/0", "'1/0' is not a number"),
        ("gaussian:25/", "'25/' is not a number"),
        ("gaussian:nan", "the amount of gaussian noise must be"),
        ("uniform:-1", "the amount of uniform noise must be"),
        ("masking:3/2", "the amount of masking noise, a fraction"),
    ],
)
def test_rejects_invalid_noise(capsys: pytest.CaptureFixture[str], noise: str, reason: str) -> None:
    with pytest.raises(SystemExit):
        program.main(["a.png", "-o", "b.png", "--noisy", noise])
    message = f"'{noise}' is not a valid noise such as uniform:0.9: {reason}"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", [*(f"--white={x}" for x in "0 -1 x nan inf".split()), "--uncl"])
def test_rejects_invalid_options(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as error:
        program.main(["a.png", "-o", "b.png", option])
    assert error.value.code == 2
    message = "--unclipped requires --noisy" if option == "--uncl" else "is not a positive number"
    assert message in capsys.readouterr().err


# The process


def test_reads_standard_input_and_writes_standard_output(folder: Path) -> None:
    image = save("photo.png", "RGB")
    done = start("-", "-o", "-", input=Path("photo.png").read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    with Image.open(io.BytesIO(done.stdout)) as clean:
        np.testing.assert_allclose(np.asarray(clean), np.asarray(image) / 2, atol=0.51)


def test_imports_nothing_slow(folder: Path) -> None:
    """A whole run on a small picture takes 0.3 s; SciPy or TensorFlow alone would take longer."""
    save("photo.png", "RGB")
    done = start("photo.png", "-o", "clean.png", env={"PYTHONPROFILEIMPORTTIME": "1"})
    modules = set(re.findall(r"\| +(\w+)\n", done.stderr.decode()))
    assert modules >= {"numpy", "onnxruntime"}
    assert not modules & {
        "scipy",
        "skimage",
        "keras",
        "tensorflow",
        "pandas",
        "pipeline",
        "training",
    }
