"""`make demo`: a local web page that compares a model with a classical method.

The page adds noise to a test image or to a picture file, and shows the results of both. The
classical method is tuned on training images with the same kind and amount of noise.
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
from pipeline.base import files, params
from pipeline.base.errors import InputError, run_main
from pipeline.image_io import image_files
from pipeline.keras_runtime.model_files import DENOISER
from pipeline.schema.noise_params import Noise
from tools.command import output, read_cached
from tools.experiment import commit_of

DATA = {name: f"data/split/x_{name}.npy" for name in ("train", "test")}
MIN_SIDE = scores.WINDOW  # pixels
MAX_SIDE = 256  # pixels; of a larger picture, the central square is used
DISPLAY_SIDE = 280  # pixels; smaller images are enlarged
TUNING_IMAGES = 50
MAX_AMOUNT = 2  # of noise whose amount is not a fraction of the pixels
SEED = 42

Image = npt.NDArray[np.float32]  # (side, side, channels), in [0, 1]


class Result(NamedTuple):
    """A noisy or denoised image, and its scores against the clean one."""

    title: str
    image: Image
    psnr: float
    ssim: float


def main() -> None:
    for path in DATA.values():
        if not Path(path).is_file():
            raise InputError(f"{path} does not exist: run `dvc repro` first")
    page(model_names(), params.read("noise", Noise)).launch(
        server_name="127.0.0.1",
        share=False,
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Default(font="sans-serif", font_mono="monospace"),
    )


def model_names() -> list[str]:
    """The path of the model in the workspace, if it exists, and the names of the experiments.

    The name of an experiment cannot be a path.
    """
    workspace = [DENOISER] if Path(DENOISER).is_file() else []
    names = output("dvc", "exp", "list", "--all-commits", "--names-only").split()
    if not (workspace or names):
        raise InputError(f"{DENOISER} does not exist, and there is no experiment: run `dvc repro`")
    return workspace + sorted(set(names))


def load_model(name: str) -> PictureDenoiser:
    """The denoiser of an experiment, or of the workspace. Raises InputError if it is missing."""
    if name == DENOISER:
        return load_version(name, str(os.stat(DENOISER).st_mtime_ns))
    return load_version(name, commit_of(name))


@functools.lru_cache(maxsize=4)
def load_version(name: str, version: str) -> PictureDenoiser:
    """Loads a model; `version` is the commit of the experiment, or the time of the file."""
    if name == DENOISER:
        return load_denoiser(DENOISER, "auto", average=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        path.write_bytes(read_cached(version, DENOISER))
        return load_denoiser(str(path), "auto", average=False)


@functools.lru_cache(maxsize=100)
def tune(method: str, kind: noise.NoiseKind, amount: float) -> classical.Denoiser:
    """The classical method, tuned on the first training images with this noise."""
    with files.NpyReader(DATA["train"]) as images:
        clean = images.rows(0, TUNING_IMAGES)
    noisy = noise.add_noise(clean, kind, amount, noise.generator(SEED, "train", 0))
    return classical.tune_filter(method, noisy, clean)[1]


def read_test_image(index: int) -> Image:
    """The test image with this index."""
    with files.NpyReader(DATA["test"]) as images:
        image: Image = to_squares(images.rows(index, index + 1))[0]
    return image


def read_picture(path: str) -> Image:
    """The central square of a picture file. Raises InputError if it cannot be read."""
    picture = image_files.read(path)
    height, width, _ = picture.shape
    side = min(height, width, MAX_SIDE)
    if side < MIN_SIDE:
        raise InputError(f"{path} has {width}x{height} pixels: {MIN_SIDE}x{MIN_SIDE} are needed")
    top, left = (height - side) // 2, (width - side) // 2
    return picture.rows(top, top + side)[:, left : left + side]


def compare(
    clean: Image, kind: noise.NoiseKind, amount: float, model: str, method: str
) -> list[Result]:
    """The noisy image, the result of the model and that of the classical method."""
    row = clean.reshape(1, -1)
    noisy = noise.add_noise(row, kind, amount, noise.generator(SEED, "test", 0))
    image = noisy.reshape(clean.shape)
    bands = load_model(model)(lambda first, stop: image[first:stop], clean.shape, lambda _: None)
    denoised = np.clip(np.concatenate(list(bands)), 0, 1).reshape(row.shape)
    results = []
    for title, candidate in (
        ("noisy", noisy),
        (model, denoised),
        (method, tune(method, kind, amount)(noisy)),
    ):
        score = scores.score(row, candidate)
        psnr, ssim = (float(score[name][0]) for name in ("psnr", "ssim"))
        results.append(Result(title, candidate.reshape(clean.shape), psnr, ssim))
    return results


def page(names: list[str], defaults: Noise) -> Any:
    """The page, gr.Blocks; `names` are the models, `defaults` is the noise at the start."""
    with files.NpyReader(DATA["test"]) as images:
        last = len(images) - 1
    with gr.Blocks(title="Denoise an image", analytics_enabled=False) as blocks:
        gr.Markdown("# Denoise an image\nChoose a test image, or upload a picture.")
        with gr.Row():
            index = gr.Slider(0, last, 0, step=1, label="Test image")
            upload = gr.File(label="Picture (instead of the test image)", height=120)
        with gr.Row():
            given = defaults.kind != "pairs"
            kinds = list(noise.NOISE_KINDS)
            kind = gr.Dropdown(kinds, value=defaults.kind if given else "uniform", label="Noise")
            start = np.max(defaults.amount) if given else 0.9
            amount = gr.Slider(
                0, MAX_AMOUNT, float(min(start, MAX_AMOUNT)), step=0.01, label="Amount of noise"
            )
            model = gr.Dropdown(names, value=names[0], label="Model")
            method = gr.Dropdown(list(classical.GRIDS), value="tv", label="Classical method")
        outputs: list[Any] = []
        with gr.Row():
            for _ in range(4):
                with gr.Column(min_width=240):
                    outputs += [
                        gr.Markdown(),
                        gr.Image(format="png", show_label=False, buttons=[]),
                    ]
        inputs: list[Any] = [index, upload, kind, amount, model, method]
        for component in inputs:
            component.change(
                update, inputs, outputs, show_progress="hidden", trigger_mode="always_last"
            )
        kind.change(limit, [kind, amount], amount)
        blocks.load(update, inputs, outputs)
    return blocks


def limit(kind: noise.NoiseKind, amount: float) -> Any:
    """The slider of the amount, gr.Slider, whose maximum depends on the kind of noise."""
    maximum = 1 if kind in noise.FRACTION_KINDS else MAX_AMOUNT
    return gr.Slider(maximum=maximum, value=min(amount, maximum))


def update(
    index: float, path: str | None, kind: noise.NoiseKind, amount: float, model: str, method: str
) -> list[Any]:
    """The titles and images of the page: the clean image and each result.

    The amounts of salt and pepper and of masking are fractions of the pixels, at most 1.
    """
    if kind in noise.FRACTION_KINDS:
        amount = min(amount, 1.0)
    try:
        clean = read_test_image(int(index)) if path is None else read_picture(path)
        results = compare(clean, kind, amount, model, method)
    except (InputError, OSError, MemoryError) as error:
        text = str(error) if path is None else str(error).replace(path, Path(path).name)
        raise gr.Error(text, duration=None, print_exception=False) from error
    outputs: list[Any] = ["**clean**<br>&nbsp;", enlarge(clean)]
    for title, image, psnr, ssim in results:
        text = "" if np.isnan(ssim) else f", SSIM {ssim:.3f}"
        outputs += [f"**{title}**<br>PSNR {psnr:.2f} dB{text}", enlarge(image)]
    return outputs


def enlarge(image: Image) -> npt.NDArray[np.uint8]:
    """The image in RGB, with each pixel enlarged to a square of pixels."""
    factor = max(1, DISPLAY_SIDE // len(image))
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    large = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    return large if large.shape[2] == 3 else large.repeat(3, axis=2)


if __name__ == "__main__":
    sys.exit(run_main(main))
