"""`make demo`: the page of `denoise --page`, with a second tab for the experiments.

The second tab adds noise to a test image or to a picture file, and shows the results of a model of
an experiment and of a classical method, which is tuned on training images with the same noise.
"""

import functools
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from denoiser import noise, page, picture_files, scores
from denoiser.errors import InputError
from denoiser.model import Denoiser
from denoiser.page import gr
from pipeline import classical, params
from pipeline.npy import open_npy
from pipeline.process import run_main
from tools.command import output, read_cached
from tools.experiment import commit_of
from training.onnx_export import DENOISER

DATA = {name: f"data/split/x_{name}.npy" for name in ("train", "test")}
MIN_SIDE = scores.WINDOW  # pixels
MAX_SIDE = 256  # pixels; of a larger picture, the central square is used
DISPLAY_SIDE = 280  # pixels; smaller images are enlarged
TUNING_IMAGES = 50
SEED = 42

Image = npt.NDArray[np.float32]  # (side, side, channels), in [0, 1]


def main() -> None:
    with gr.Blocks(title="Denoise pictures", analytics_enabled=False) as blocks:
        with gr.Tab("Denoise"):
            page.denoise_tab()
        with gr.Tab("Experiments"):
            names = model_names()
            if names and all(Path(path).is_file() for path in DATA.values()):
                experiments_tab(names, params.read(params.Noise))
            else:
                gr.Markdown("Run `dvc repro` first: it creates the images and the model.")
    page.launch(blocks)


def model_names() -> list[str]:
    """The path of the model in the workspace, if it exists, and the names of the experiments.

    The name of an experiment cannot be a path.
    """
    workspace = [DENOISER] if Path(DENOISER).is_file() else []
    names = output("dvc", "exp", "list", "--all-commits", "--names-only").split()
    return workspace + sorted(set(names))


@functools.lru_cache(maxsize=4)
def load_model(name: str, version: str) -> Denoiser:
    """Loads a model; `version` is the commit of the experiment, or the time of the file."""
    if name == DENOISER:
        return Denoiser(DENOISER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "denoiser.onnx")
        path.write_bytes(read_cached(version, DENOISER))
        return Denoiser(str(path))


@functools.lru_cache(maxsize=100)
def tune(method: str, kind: str, amount: float) -> classical.Denoiser:
    """The classical method, tuned on the first training images with this noise."""
    clean = open_npy(DATA["train"])[:TUNING_IMAGES]
    noisy = noise.add_noise(clean, kind, amount, noise.generator(SEED, "train", 0))
    return classical.TUNED[method](noisy, clean)[1]


def read_picture(path: str) -> Image:
    """The central square of a picture file. Raises InputError if it cannot be read."""
    image = picture_files.read(path).image()
    height, width, _ = image.shape
    side = min(height, width, MAX_SIDE)
    if side < MIN_SIDE:
        raise InputError(f"{path} has {width}x{height} pixels: {MIN_SIDE}x{MIN_SIDE} are needed")
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def compare(
    clean: Image, kind: str, amount: float, model: str, method: str
) -> list[tuple[str, Image]]:
    """A title with scores, and the image: noisy, and the results of the model and the method."""
    version = str(os.stat(model).st_mtime_ns) if model == DENOISER else commit_of(model)
    denoiser = load_model(model, version)
    noisy = noise.add_noise(clean[None], kind, amount, noise.generator(SEED, "test", 0))
    denoised = denoiser(noisy[0])[None]
    filtered = tune(method, kind, amount)(noisy)
    return [
        (f"**{title}**<br>{describe(scores.score(clean[None], images))}", images[0])
        for title, images in (("noisy", noisy), (model, denoised), (method, filtered))
    ]


def describe(score: scores.Scores) -> str:
    """PSNR and, unless the image is too small, SSIM."""
    ssim = float(score["ssim"][0])
    return f"PSNR {score['psnr'][0]:.2f} dB" + ("" if np.isnan(ssim) else f", SSIM {ssim:.3f}")


def experiments_tab(names: list[str], defaults: params.Noise) -> None:
    """Adds the components; `names` are the models, `defaults` is the noise at the start."""
    last = len(open_npy(DATA["test"])) - 1
    with gr.Row():
        index = gr.Slider(0, last, 0, step=1, label="Test image")
        upload = gr.File(label="Picture (instead of the test image)", height=120)
    with gr.Row():
        given = defaults.kind in noise.KINDS  # not pairs
        start = defaults.kind if given else "uniform"
        kind = gr.Dropdown(list(noise.KINDS), value=start, label="Noise")
        strength = float(np.max(defaults.amount)) if given else 0.9
        maximum = noise.KINDS[start].maximum
        amount = gr.Slider(0, maximum, min(strength, maximum), step=0.01, label="Amount of noise")
        model = gr.Dropdown(names, value=names[0], label="Model")
        method = gr.Dropdown(list(classical.TUNED), value="tv", label="Classical method")
    outputs: list[Any] = []
    with gr.Row():
        for _ in range(4):
            with gr.Column(min_width=240):
                outputs.append(gr.Markdown())
                outputs.append(gr.Image(format="png", show_label=False, buttons=[]))
    inputs: list[Any] = [index, upload, kind, amount, model, method]
    options: Any = {"show_progress": "hidden", "trigger_mode": "always_last"}
    for component in inputs:
        component.change(update, inputs, outputs, **options)
    kind.change(limit, [kind, amount], amount)
    gr.on(None, update, inputs, outputs)


def limit(kind: str, amount: float) -> Any:
    """The slider of the amount, gr.Slider, for a kind of noise."""
    maximum = noise.KINDS[kind].maximum
    return gr.Slider(maximum=maximum, value=min(amount, maximum))


def update(
    index: float, path: str | None, kind: str, amount: float, model: str, method: str
) -> list[Any]:
    """The titles and images of the page: the clean image and each result."""
    amount = min(amount, noise.KINDS[kind].maximum)  # the slider may not be updated yet
    with page.errors_as_messages(path):
        clean = open_npy(DATA["test"])[int(index)] if path is None else read_picture(path)
        results = compare(clean, kind, amount, model, method)
    outputs: list[Any] = []
    for title, image in [("**clean**<br>&nbsp;", clean), *results]:
        outputs += [title, enlarge(image)]
    return outputs


def enlarge(image: Image) -> npt.NDArray[np.uint8]:
    """The image in RGB, with each pixel enlarged to a square of pixels."""
    factor = max(1, DISPLAY_SIDE // len(image))
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    large = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    return large if large.shape[2] == 3 else large.repeat(3, axis=2)


if __name__ == "__main__":
    sys.exit(run_main(main))
