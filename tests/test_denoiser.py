"""The class `Denoiser` and the models that come with the package."""

import copy
import pickle
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from denoiser import Denoiser, __version__
from denoiser.model import load_cuda
from pipeline import scores
from pipeline.base import noise
from tests import onnx_models
from tests.conftest import ROOT, Clone
from tools import camera

RNG = np.random.default_rng(0)


@pytest.fixture
def half(tmp_path: Path) -> Denoiser:
    """Halves the brightness."""
    onnx_models.save_half(f"{tmp_path}/half.onnx", scale=1, radius=0, channels=1)
    return Denoiser(f"{tmp_path}/half.onnx")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16", "P", "1"])
def test_an_image_keeps_its_mode_and_transparency(half: Denoiser, mode: str) -> None:
    values = RNG.integers(0, 65536, (9, 7, 4), np.uint16)
    image = Image.fromarray(values[..., 0] if mode == "I;16" else (values >> 8).astype(np.uint8))
    image = image if mode == "I;16" else image.convert("RGB" if mode == "P" else mode).convert(mode)
    result = half(image)
    assert result.mode == {"P": "RGB", "1": "L"}.get(mode, mode)
    expected = np.asarray(image.convert(result.mode)) / 2
    if mode.endswith("A"):
        expected[..., -1] *= 2
    np.testing.assert_allclose(np.asarray(result), expected, atol=0.51)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2", np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 3)])
def test_an_array_keeps_shape_and_dtype(half: Denoiser, dtype: Any, shape: tuple[int, ...]) -> None:
    white = {"u1": 255, "u2": 65535}.get(np.dtype(dtype).str[1:], 1)
    array: np.ndarray = (RNG.random(shape) * white).astype(dtype)
    for strength in (0.0, 0.25, 1.0):
        result = half(array, strength)
        assert result.shape == shape
        assert result.dtype == np.dtype(dtype)
        expected = array.astype(np.float64) * (1 - strength / 2)
        np.testing.assert_allclose(result, expected, atol=0.51 if white > 1 else 1e-3)


def test_results_are_clipped_and_invalid_arguments_are_rejected(half: Denoiser) -> None:
    noisy = np.array([[-0.5, 3.0]])
    np.testing.assert_allclose(half(noisy), [[0, 1]])
    image = np.zeros((4, 4))
    for array in (np.zeros(4), np.zeros((4, 4, 2)), np.zeros((0, 4)), image * np.nan):
        with pytest.raises(ValueError, match="shape|finite"):
            half(array)
    with pytest.raises(ValueError, match="not int64"):
        half(image.astype(np.int64))
    with pytest.raises(ValueError, match="the values reach 255, but white is 1: divide them by th"):
        half(np.arange(256.0).reshape(16, 16))
    with pytest.raises(ValueError, match="the strength must be from 0 to 1, not 2"):
        half(image, strength=2)
    with pytest.raises(ValueError, match="the value of white of the mode F is unknown"):
        half(Image.new("F", (4, 4)))


def test_copies_and_threads(half: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    image = RNG.random((5, 6))
    for twin in (pickle.loads(pickle.dumps(half)), copy.copy(half), copy.deepcopy(half)):
        np.testing.assert_array_equal(twin(image), half(image))
    cases = ("", None, 0), ("3", None, 3), ("4,2", None, 4), ("3", 1, 1)
    for variable, threads, expected in cases:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
        twin = copy.copy(Denoiser(half.model, threads=threads))
        assert twin.session.get_session_options().intra_op_num_threads == expected


def photograph() -> np.ndarray:
    """Large shapes with sharp edges, (120, 160, 3), uint8."""
    shapes = np.random.default_rng(3).integers(30, 226, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(shapes).resize((160, 120), Image.Resampling.NEAREST))


def test_photo_removes_the_noise_of_cameras() -> None:
    pictures = [camera.take_picture(photograph(), [seed]) for seed in range(8)]
    clean, noisy = np.swapaxes(pictures, 0, 1)
    denoised = np.stack([Denoiser()(image) for image in noisy])
    before, after = (scores.psnr(clean / 255, images / 255) for images in (noisy, denoised))
    assert np.mean(after - before) > 1.5


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_photo_gaussian_removes_gaussian_noise(channels: int, sigma: int) -> None:
    clean = (photograph()[:, :, :channels] / 255).astype(np.float32)
    noisy = noise.add_noise(clean[None], "gaussian", sigma / 255, RNG, clip=False)
    denoised = Denoiser("photo-gaussian")(noisy[0])
    before, after = (scores.score(clean[None], x)["psnr"][0] for x in (noisy, denoised[None]))
    assert after - before > 5


def test_document_makes_the_paper_white() -> None:
    stain = 160 + 70 * np.sin(np.arange(200) / 40)[:, None] * np.ones(160)
    page = np.where(RNG.random((200, 160)) < 0.02, 20, stain).astype(np.uint8)
    assert np.median(Denoiser("document")(page)) > 240


def test_a_missing_library_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = SimpleNamespace(__file__=f"{tmp_path}/__init__.py", preload_dlls=lambda: print("x"))
    assert "onnxruntime_providers_shared" in load_cuda(runtime)
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_the_installed_command_denoises_and_names_missing_packages(tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path / "clone")
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    uv = [f"{ROOT}/.venv/bin/uv", "pip", "install", "--system-certs", "--quiet"]
    subprocess.run([*uv, "--python", str(python), str(clone.folder)], check=True)
    Image.fromarray(photograph()).save(tmp_path / "photo.png")

    def denoise(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(python.with_name("denoise")), *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    done = denoise("photo.png")
    assert (done.returncode, done.stderr) == (0, "")
    result = np.asarray(Image.open(tmp_path / "photo-denoised.png"))
    np.testing.assert_allclose(result, Denoiser()(photograph()), atol=1)
    done = denoise("--page")
    assert done.returncode == 1
    assert re.fullmatch(".*pip install gradio\n", done.stderr)
    assert denoise("--version").stdout == f"denoise {__version__}\n"
