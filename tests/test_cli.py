"""`python -m denoiser`."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoiser import __version__, cli
from tests import onnx_models
from tests.conftest import ROOT

Run = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model that halves the brightness, as the current folder."""
    monkeypatch.chdir(tmp_path)
    onnx_models.save_half("models/denoiser.onnx", scale=1, radius=0, channels=1)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program in this process and returns the lines on standard error."""

    def run(words: str, status: int = 0) -> list[str]:
        assert cli.main(["--model", "models/denoiser.onnx", *words.split()]) == status
        return capsys.readouterr().err.splitlines()

    return run


def save(name: str, mode: str, size: tuple[int, int] = (9, 7)) -> Image.Image:
    """Saves a picture of random pixels in a mode of Pillow."""
    values = np.random.default_rng(len(mode)).integers(0, 65536, (*size[::-1], 4), np.uint16)
    image = Image.fromarray(values[..., 0] if mode == "I;16" else values.astype(np.uint8))
    return save_image(name, image if mode == "I;16" else image.convert(mode))


def save_image(name: str, image: Image.Image, **options: Any) -> Image.Image:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    image.save(name, **options)
    return image


def pixels(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def test_white_the_first_frame_and_the_strength(run: Run) -> None:
    values = np.full((6, 6), 50, np.float32)
    save_image("photo.tif", Image.fromarray(values))
    (line,) = run("photo.tif -o clean.tif", status=1)
    assert re.match("photo.tif: the file does not state the value of white.*--white VALUE", line)
    run("photo.tif -o clean.tif --white 100")
    np.testing.assert_array_equal(pixels("clean.tif"), np.full((6, 6), np.rint(65535 / 4)))
    values[0, :4] = np.nan, -1, -9, 101
    save_image("photo.tif", Image.fromarray(values))
    assert run("photo.tif -o clean.tif --white 100") == [
        "photo.tif: its values from 0 to 100 become 16 bits, from 0 to 65535",
        "photo.tif: 3 pixels are negative or not a number, and become black",
        "photo.tif: 1 pixels are brighter than white, and become white",
    ]
    frames = [Image.new("L", (8, 8), value) for value in (100, 200)]
    save_image("a.gif", frames[0], save_all=True, append_images=frames[1:])
    (line,) = run("a.gif -o a.png --strength 0.5")
    assert line == "a.gif: only the first of its 2 frames is denoised"
    np.testing.assert_array_equal(pixels("a.png"), np.full((8, 8, 3), 75))


@pytest.mark.parametrize("kind", [{"imagej": True}, {"ome": True}, {}])
def test_all_pages_of_a_tiff_are_denoised(run: Run, kind: Any) -> None:
    stack = np.random.default_rng(0).integers(0, 65536, (3, 7, 9), np.uint16)
    tifffile.imwrite("stack.tif", stack, photometric="minisblack", **kind)
    assert run("stack.tif -o clean.tif") == []
    np.testing.assert_allclose(tifffile.imread("clean.tif"), stack / 2, atol=0.51)
    with Image.open("clean.tif") as file:
        assert 270 not in file.getexif()  # the description of axes that no longer exist
    assert run("stack.tif -o clean.png") == [
        "stack.tif: only the first of its 3 frames is denoised"
    ]


def test_a_folder_is_denoised_with_its_sub_folders_and_replaced_with_overwrite(run: Run) -> None:
    for name in ("a.png", "deep/er/é b.PNG", "deep/d.jpg", ".hidden/e.png"):
        save(f"in/{name}", "RGB")
    jpeg, before = Path("in/deep/d.jpg").read_bytes(), pixels("in/a.png")
    Path("in/b.png").write_bytes(b"not a picture")
    Path("in/deep/half.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    for name in ("notes.txt", "photo.raw"):
        Path("in", name).touch()
    skipped, broken, half = run("in -o out", status=1)
    written = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.*"))
    assert written == ["a.png", "deep/d.jpg", "deep/er/é b.PNG"]
    assert skipped == "skipped 2 because of their suffixes: in/notes.txt, in/photo.raw"
    assert broken.startswith("in/b.png is not a picture that Pillow can read")
    assert half.startswith("in/deep/half.jpg cannot be read (")
    run("in/a.png -o one.png")
    assert Path("one.png").read_bytes() == Path("out/a.png").read_bytes()

    (line,) = run("in -o in", status=1)
    assert line.endswith("is also an input: choose another output, or pass --overwrite")
    np.testing.assert_array_equal(pixels("in/a.png"), before)
    run("in -o in --overwrite", status=1)
    np.testing.assert_allclose(pixels("in/a.png"), before / 2, atol=0.51)


def test_without_an_output_the_results_are_beside_the_pictures(run: Run) -> None:
    for name in ("a.png", "b.PPM", "in/c.jpg", "in/deep/d.png"):
        save(name if name != "b.PPM" else "b.ppm", "RGB")
    Path("b.ppm").rename("b.PPM")
    assert run("a.png b.PPM in") == []
    for name in ("a-denoised.png", "b-denoised.png", "in-denoised/c.jpg", "in-denoised/deep/d.png"):
        assert pixels(name).shape == (7, 9, 3), name
    np.testing.assert_allclose(pixels("a-denoised.png"), pixels("a.png") / 2, atol=0.51)
    assert run("/", status=1) == ["/ has no name: pass an output"]
    os.chdir("in")
    run(f". --model {Path.cwd().parent}/models/denoiser.onnx")
    assert Path("../in-denoised/c.jpg").exists()


def names_below(folder: str) -> list[str]:
    return sorted(path.as_posix() for path in Path(folder).rglob("*.*"))


# The command lines that denoise a folder of pictures, given the names of all files in it.
WAYS: dict[str, Callable[[list[str]], list[str]]] = {
    "*.jpg": lambda names: [" ".join(names)],
    "./*.jpg": lambda names: [" ".join([*names, *(f"./{name}" for name in names)])],
    "parallel": lambda names: names,
    "*/": lambda _: [" ".join(f"{path}/" for path in sorted(Path().glob("in*")))],
    "-o": lambda names: [" ".join(names) + " -o in/clean"],
}


@pytest.mark.parametrize("way", WAYS)
def test_a_second_run_leaves_out_the_results_of_the_first(run: Run, way: str) -> None:
    for name in ("in/a.png", "in/B.JPG", "in/deep/c.jpg", "in/with.dots.jpeg"):
        save(name, "RGB")
    for words in WAYS[way](names_below("in")):
        assert run(words) == []
    before = names_below(".")
    lines = [line for words in WAYS[way](names_below("in")) for line in run(words)]
    assert lines
    assert all(re.match(r"skipped \d+ as results of earlier runs \(pass", line) for line in lines)
    assert names_below(".") == before


def test_existing_outputs_are_skipped_and_equal_names_elsewhere_are_not(run: Run) -> None:
    for name in ("a.png", "b.png", "x-denoised.png", "-denoised.png"):
        save(name, "L")
    run("a.png")
    assert run("a.png b.png --skip-existing") == ["skipped 1 because their outputs exist: a.png"]
    assert Path("b-denoised.png").exists()
    assert run("x-denoised.png -denoised.png".replace(" -", " ./-")) == []  # there is no x.png
    assert run("a-denoised.png -o c.png") == []


def test_several_pictures_and_folders_are_written_to_one_folder(run: Run) -> None:
    for name in ("a.png", "b.jpg", "in/a.png", "x/in/c.png"):
        save(name, "RGB")
    run("a.png b.jpg x/in -o out")
    written = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.*"))
    assert written == ["a.png", "b.jpg", "in/c.png"]
    save("d.ppm", "RGB")
    run("d.ppm -o out")
    assert Path("out/d.png").exists()
    assert run("d.ppm gone.png", status=1) == ["gone.png: no such file or directory"]
    assert Path("d-denoised.png").exists()
    (line,) = run("a.png in/a.png -o other", status=1)
    assert line == "a.png and in/a.png would both become other/a.png: denoise them separately"
    assert not Path("other").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("gone.png -o b.png", "gone.png: there is no such file or folder"),
        ("photo.png -o b.gif", "b.gif: the name must end with .png"),
        ("photo.png -o b", "b: the name must end with .png"),
        ("photo.png -o no/b.png", "no/b.png: the folder does not exist"),
        ("models -o out", "models: the folder has no file whose name ends with .png"),
        (". -o -", "-: if the input is a folder, the output must be a folder"),
        (". -o photo.png", "photo.png: if the input is a folder, the output must be"),
        ("- photo.png", "- is standard input: pass it alone, or ./- for a file"),
        ("photo.png -o b.png --model x", "x: no such model; pass photo"),
        ("photo.png -o b.png --model photo.png", "photo.png cannot be loaded"),
        ("photo.png -o b.png --model a.keras", "a.keras is a model of Keras"),
    ],
)
def test_rejects_invalid_paths(run: Run, words: str, message: str) -> None:
    save("photo.png", "L")
    (line,) = run(words, status=1)
    assert line.startswith(message)
    assert not list(Path().glob("b*"))
    assert not Path("out").exists()


def test_a_linked_folder_is_denoised_and_loops_end(run: Run) -> None:
    save("in/a.png", "L")
    save("other/b.png", "L")
    for link, folder in (("in/other", "../other"), ("in/loop", "."), ("other/in", "../in")):
        Path(link).symlink_to(folder)
    run("in -o out")
    written = [path.relative_to("out").as_posix() for path in Path("out").rglob("*.png")]
    assert sorted(written) == ["a.png", "other/b.png"]


def test_a_result_that_is_not_finite_is_an_error(run: Run) -> None:
    save("photo.png", "L")
    onnx_models.save_half("models/denoiser.onnx", np.nan, scale=1, radius=0, channels=1)
    for options in ("", " --ensemble"):
        (line,) = run(f"photo.png -o clean.png{options}", status=1)
        assert line.startswith("photo.png: models/denoiser.onnx computes values that are not finit")
    assert not Path("clean.png").exists()


def test_a_failure_of_the_network_is_reported_and_the_other_pictures_go_on(run: Run) -> None:
    for width in (7, 9):
        save(f"in/{width}.png", "L", (width, 5))
    factor = np.full((9, 1), 0.5)  # fits images of nine columns only
    onnx_models.save_half("models/denoiser.onnx", factor, scale=1, radius=0, channels=1)
    (line,) = run("in", status=1)
    assert re.match(r"in/7.png: models/denoiser.onnx failed \(.*\): if memory is miss", line)
    assert Path("in-denoised/9.png").exists()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("photo.png 2>&-", 0, ""),
        ("gone.png 2>&-", 1, ""),
        ("- <&-", 1, "- is not a picture that Pillow can read: convert or remove the file"),
    ],
)
def test_closed_streams(words: str, status: int, message: str) -> None:
    save("photo.png", "RGB")
    command = f"{sys.executable} -m denoiser --model models/denoiser.onnx {words}"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, env=env, text=True, capture_output=True)
    assert (done.returncode, done.stderr.strip()) == (status, message)
    assert Path("photo-denoised.png").exists() == (status == 0)


@pytest.mark.parametrize("closed", [True, False])
def test_standard_output_that_is_closed_is_reported_in_one_line(closed: bool) -> None:
    save("photo.png", "RGB")
    reading, writing = os.pipe()
    os.close(reading)
    command = f"{sys.executable} -m denoiser --model models/denoiser.onnx photo.png -o - "
    command += ">&-" if closed else ""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, env=env, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("photo.png: standard output cannot be written: ")


REJECTED = {f"--white={x}": f"'{x}' is not a positive number" for x in "0 -1 x nan inf".split()}
REJECTED |= {f"--strength={x}": f"'{x}' is not a number from 0 to 1" for x in "-0.1 1.1 x".split()}
REJECTED |= {
    f"--threads={x}": f"'{x}' is not a whole number from 1 to 1024" for x in "0 1.5 9999".split()
}
REJECTED["--page"] = "pass pictures or folders, or --page"
OTHERS = (
    "--output=b.png --overwrite --skip-existing --strength=0.5 --ensemble --white=9 --threads=2"
)
REJECTED |= {f"--page {x}": f"{x.partition('=')[0]} does not concern --p" for x in OTHERS.split()}


@pytest.mark.parametrize("words", REJECTED)
def test_rejects_invalid_options(capsys: pytest.CaptureFixture[str], words: str) -> None:
    with pytest.raises(SystemExit) as error:
        cli.main([*(["a.png", "-o", "b.png"] if " " not in words else []), *words.split()])
    assert error.value.code == 2
    assert REJECTED[words] in capsys.readouterr().err


def test_the_help_fits_on_a_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as done:
            cli.main([option])
        assert not done.value.code
    *lines, version = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert version == f"denoise {__version__}"


def test_a_process_reads_standard_input_and_imports_nothing_slow(folder: Path) -> None:
    """It writes no other file, such as the reports of ONNX Runtime in the home folder.

    A whole run on a small picture takes 0.3 s; SciPy or TensorFlow alone would take longer.
    """
    image = save("photo.png", "RGB")
    command = [sys.executable, "-X", "importtime", "-m", "denoiser", "-"]
    command += ["--model", "models/denoiser.onnx"]
    content, env = Path("photo.png").read_bytes(), {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    env |= {"HOME": str(folder), "TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, check=True, input=content, env=env)
    with Image.open(io.BytesIO(done.stdout)) as clean:
        np.testing.assert_allclose(np.asarray(clean), np.asarray(image) / 2, atol=0.51)
    assert {path.name for path in folder.iterdir()} == {"models", "photo.png"}
    lines = done.stderr.decode().splitlines()
    assert [line for line in lines if not line.startswith("import time:")] == []
    modules = {line.split()[-1] for line in lines}
    assert modules >= {"numpy", "onnxruntime"}
    assert not modules & set("scipy skimage keras tensorflow pandas pipeline training".split())
