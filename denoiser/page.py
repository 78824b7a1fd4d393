"""`denoise --page`: a local web page that denoises pictures."""

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from denoiser import arguments, command, picture_files
from denoiser.errors import InputError
from denoiser.model import MODELS, Denoiser
from denoiser.picture_paths import Job, beside

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

try:
    import gradio as gr
except ModuleNotFoundError as error:
    raise InputError(f"the page needs the package gradio ({error}): pip install gradio") from error

__all__ = ["denoise_tab", "errors_as_messages", "gr", "launch", "main"]

load_model = functools.lru_cache(Denoiser)


def main() -> None:
    """Serves the page until Ctrl-C."""
    with gr.Blocks(title="Denoise pictures", analytics_enabled=False) as blocks:
        denoise_tab()
    launch(blocks)


def launch(blocks: Any) -> None:
    """Serves gr.Blocks on this computer only; prints the address."""
    # Gradio connects to the page when it starts, which a proxy could not.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = f"{os.environ.get(name, '')},127.0.0.1"
    blocks.launch(
        server_name="127.0.0.1",
        share=False,
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Default(font="sans-serif", font_mono="monospace"),
    )


def denoise_tab() -> None:
    """Adds the components that denoise a picture file to the page."""
    with gr.Row():
        upload = gr.File(label="Picture", height=140)
        with gr.Column():
            model = gr.Dropdown(list(MODELS), value=MODELS[0], label="Model")
            strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
    download = gr.DownloadButton("Download the denoised picture", interactive=False)
    compare = gr.ImageSlider(label="Before and after", height=560, interactive=False, buttons=[])
    inputs: list[Any] = [upload, model, strength]
    for component in inputs:
        component.change(update, inputs, [compare, download], trigger_mode="always_last")


@contextlib.contextmanager
def errors_as_messages(path: str | None) -> Iterator[None]:
    """Shows an error about the uploaded file, if any, as a message on the page."""
    try:
        yield
    except (InputError, OSError, MemoryError) as error:
        text = str(error) or "there is not enough memory"
        text = text.replace(path, Path(path).name) if path else text
        raise gr.Error(text, duration=None, print_exception=False) from error


def update(path: str | None, model: str, strength: float) -> tuple[Any, Any]:
    """The pictures of the slider, before and after, and the button that downloads the result."""
    if path is None:
        return None, gr.DownloadButton(interactive=False)
    with errors_as_messages(path):
        target = Path(tempfile.mkdtemp(prefix="denoise-"), Path(beside(path)).name)
        words = [path, "-o", str(target), "--strength", str(strength)]
        command.denoise_picture(
            Job(path, str(target), None), load_model(model), arguments.parse(words)
        )
        previews = target.with_name("before.jpg"), target.with_name("after.jpg")
        for source, preview in zip((path, str(target)), previews, strict=True):
            Image.fromarray(picture_files.read_pixels(source, "rgb")).save(preview, quality=95)
    return tuple(map(str, previews)), gr.DownloadButton(value=str(target), interactive=True)
