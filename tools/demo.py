"""`make demo`: a web page, on this machine only, on which a model denoises a picture.

The picture is a test image or a file. Noise is added to it; a trained model and a classical method
remove the noise. The classical method is tuned on training images with the same noise.
"""

import functools
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
import numpy as np
import numpy.typing as npt

from denoiser import classical, noise, scores
from denoiser.__main__ import load_denoiser
from denoiser.layout import to_squares
from denoiser.picture_denoiser import PictureDenoiser
from pipeline.base import files
from pipeline.base.errors import InputError, run_main
from pipeline.image_io import image_files
from pipeline.keras_runtime.model_files import DENOISER
from tools.command import output, read_cached
from tools.experiment import commit_of

MAX_SIDE = 256  # pixels; of a larger picture, the central square is used
SHOWN_SIDE = 280  # pixels; smaller pictures are enlarged
TUNING_IMAGES = 50
WORKSPACE = "workspace"  # the name of the model in models/
SEED = 42

Picture = npt.NDArray[np.float32]  # (side, side, channels), in [0, 1]


class Result(NamedTuple):
    """A picture and its scores against the clean one."""

    picture: Picture
    psnr: float
    ssim: float


def main() -> None:
    if not Path("data/split/x_test.npy").is_file():
        raise InputError("data/split/x_test.npy does not exist: run `dvc repro` first")
    page(models()).launch(
        server_name="127.0.0.1",
        share=False,
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Default(font="sans-serif", font_mono="monospace"),
    )


def models() -> list[str]:
    """The names of the models: that of the workspace, and those of the experiments."""
    names = output("dvc", "exp", "list", "--all-commits", "--names-only").split()
    if Path(DENOISER).is_file():
        names.insert(0, WORKSPACE)
    if not names:
        raise InputError(
            f"{DENOISER} does not exist, and there are no experiments: run `dvc repro`"
        )
    return names


@functools.cache
def load_model(name: str) -> PictureDenoiser:
    """The denoiser of an experiment, or of the workspace."""
    if name == WORKSPACE:
        return load_denoiser(DENOISER, "auto", average=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        path.write_bytes(read_cached(commit_of(name), DENOISER))
        return load_denoiser(str(path), "auto", average=False)


@functools.lru_cache(maxsize=100)
def tune(method: str, kind: noise.NoiseKind, amount: float) -> classical.Denoiser:
    """The classical method, tuned on the first training images with this noise."""
    with files.NpyReader("data/split/x_train.npy") as images:
        clean = images.rows(0, TUNING_IMAGES)
    noisy = noise.add_noise(clean, kind, amount, np.random.default_rng(SEED))
    return classical.tune_filter(method, noisy, clean)[1]


def read_test_image(number: int) -> Picture:
    """The test image with this number."""
    with files.NpyReader("data/split/x_test.npy") as images:
        row = images.rows(number, number + 1)
    picture: Picture = to_squares(row)[0]
    return picture


def read_picture(path: str) -> Picture:
    """The central square of a picture file. Raises InputError if it cannot be read."""
    picture = image_files.read(path)
    pixels = picture.rows(0, picture.shape[0])
    side = min(*pixels.shape[:2], MAX_SIDE)
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def compare(
    clean: Picture, kind: noise.NoiseKind, amount: float, model: str, method: str
) -> dict[str, Result]:
    """The noisy picture, and the results of the model and of the classical method."""
    truth = clean.reshape(1, -1)
    noisy = noise.add_noise(truth, kind, amount, np.random.default_rng(SEED))
    square = noisy.reshape(clean.shape)
    bands = load_model(model)(lambda first, stop: square[first:stop], clean.shape, lambda _: None)
    rows = {
        "noisy": noisy,
        model: np.clip(np.concatenate(list(bands)), 0, 1).reshape(truth.shape),
        method: tune(method, kind, amount)(noisy),
    }
    results = {}
    for name, row in rows.items():
        score = scores.score(truth, row)
        picture = row.reshape(clean.shape)
        results[name] = Result(picture, float(score["psnr"][0]), float(score["ssim"][0]))
    return results


def page(names: list[str]) -> Any:
    """The page, gr.Blocks; `names` are the models."""
    with gr.Blocks(title="Denoise a picture", analytics_enabled=False) as blocks:
        gr.Markdown("# Denoise a picture\nChoose a test image, or drop a picture of your own.")
        with gr.Row():
            with files.NpyReader("data/split/x_test.npy") as images:
                last = len(images) - 1
            number = gr.Slider(0, last, 0, step=1, label="Test image")
            upload = gr.File(label="Or your own picture", height=120)
        with gr.Row():
            kind = gr.Dropdown(list(noise.NOISE_KINDS), value="uniform", label="Noise")
            amount = gr.Slider(0, 2, 0.9, step=0.05, label="Amount of noise")
            model = gr.Dropdown(names, value=names[0], label="Model")
            method = gr.Dropdown(list(classical.GRIDS), value="tv", label="Classical method")
        shown: list[Any] = []
        with gr.Row():
            for _ in range(4):
                with gr.Column(min_width=240):
                    shown += [gr.Markdown(), gr.Image(format="png", show_label=False, buttons=[])]
        inputs: list[Any] = [number, upload, kind, amount, model, method]
        for component in inputs:
            component.change(
                show, inputs, shown, show_progress="hidden", trigger_mode="always_last"
            )
        blocks.load(show, inputs, shown)
    return blocks


def show(
    number: float, path: str | None, kind: noise.NoiseKind, amount: float, model: str, method: str
) -> list[Any]:
    """The titles and pictures of the page: the clean picture and each result.

    The amounts of salt and pepper and of masking are fractions of the pixels, at most 1.
    """
    if kind in noise.FRACTION_KINDS:
        amount = min(amount, 1.0)
    try:
        clean = read_test_image(int(number)) if path is None else read_picture(path)
        results = compare(clean, kind, amount, model, method)
    except (InputError, OSError) as error:
        text = str(error) if path is None else str(error).replace(path, Path(path).name)
        raise gr.Error(text, duration=None, print_exception=False) from error
    shown = ["**clean**", enlarge(clean)]
    for name, (picture, psnr, ssim) in results.items():
        title = f"**{name}**: PSNR {psnr:.2f} dB" + ("" if np.isnan(ssim) else f", SSIM {ssim:.3f}")
        shown += [title, enlarge(picture)]
    return shown


def enlarge(picture: Picture) -> npt.NDArray[np.uint8]:
    """The picture in RGB, each pixel enlarged to a square of pixels."""
    factor = max(1, SHOWN_SIDE // len(picture))
    pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    large = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    return large if large.shape[2] == 3 else large.repeat(3, axis=2)


if __name__ == "__main__":
    sys.exit(run_main(main))
