"""`denoise --page`: a local web page that denoises pictures."""

import contextlib
import functools
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from denoiser import picture_files
from denoiser.base.errors import InputError
from denoiser.denoise_file import Options, denoise_file
from denoiser.model import MODELS, Denoiser
from denoiser.picture_paths import Job, beside

# All uploads and results; removed when the program ends. Gradio's own folder would stay.
FOLDER = tempfile.TemporaryDirectory(prefix="denoise-", ignore_cleanup_errors=True)
os.environ["GRADIO_TEMP_DIR"] = tempfile.tempdir = FOLDER.name
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

try:
    import gradio as gr
except ModuleNotFoundError as error:
    raise InputError(f"the page needs the package gradio ({error}): pip install gradio") from error

load_model = functools.lru_cache(Denoiser)


def serve(model: str, device: str) -> None:
    """Serves the page on this computer only, until Ctrl-C, and prints its address.

    `model` is chosen at the start. Raises InputError for a model or a device that cannot be used.
    """
    load_model(model, device)
    # Gradio connects to the page when it starts, which a proxy could not.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = f"{os.environ.get(name, '')},127.0.0.1"
    for name in {"SIGTERM", "SIGHUP"} & vars(signal).keys():  # Windows has no SIGHUP
        if signal.getsignal(getattr(signal, name)) == signal.SIG_DFL:  # not with nohup
            signal.signal(getattr(signal, name), signal.default_int_handler)  # as after Ctrl-C
    with gr.Blocks(title="Denoise pictures", analytics_enabled=False) as blocks:
        add_components(model, device)
    blocks.launch(
        server_name="127.0.0.1",
        share=False,
        _frontend=False,  # else Gradio fails if its first request takes over 3 seconds
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Default(font="sans-serif", font_mono="monospace"),
    )


def add_components(first: str, device: str) -> None:
    """Adds the components that denoise a picture file to the page."""

    def update(path: str | None, model: str, strength: float) -> tuple[Any, ...]:
        """The pictures of the slider, the button that downloads the result, notes, and the folder.

        The folder of the session's former result is removed: Gradio has copied what it shows.
        """
        if path is None:
            return None, gr.DownloadButton(interactive=False), gr.Textbox(visible=False), None
        folder = tempfile.TemporaryDirectory()
        with errors_as_messages(path):
            denoiser = load_model(model, device)
            previews, target, losses = denoise(path, folder.name, denoiser, strength)
        text = "\n".join(filter(None, (denoiser.warning, *losses)))
        shown = gr.Textbox(text, visible=bool(text))
        return previews, gr.DownloadButton(value=target, interactive=True), shown, folder

    with gr.Row():
        upload = gr.File(label="Picture", height=140)
        with gr.Column():
            models = list(dict.fromkeys([first, *MODELS]))
            model = gr.Dropdown(models, value=first, label="Model")
            strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
    notes = gr.Textbox(label="Notes", visible=False)
    folder = gr.State()
    download = gr.DownloadButton("Download the denoised picture", interactive=False)
    compare = gr.ImageSlider(label="Before and after", height=560, interactive=False, buttons=[])
    inputs: list[Any] = [upload, model, strength]
    changes = [component.change for component in inputs]
    gr.on(changes, update, inputs, [compare, download, notes, folder], trigger_mode="always_last")


@contextlib.contextmanager
def errors_as_messages(path: str | None) -> Iterator[None]:
    """Shows an error about the uploaded file, if any, as a message on the page."""
    try:
        yield
    except (InputError, OSError, MemoryError) as error:
        text = str(error) or "there is not enough memory"
        text = text.replace(path, Path(path).name) if path else text
        raise gr.Error(text, duration=None, print_exception=False) from error


def denoise(
    path: str, folder: str, denoiser: Denoiser, strength: float
) -> tuple[tuple[str, str], str, list[str]]:
    """The paths of the pictures before and after, for the browser, and of the result; the losses.

    The files are written to the folder.
    """
    target = Path(folder, Path(beside(path)).name)
    losses = denoise_file(Job(path, str(target)), denoiser, Options(strength))
    previews = target.with_name("before.jpg"), target.with_name("after.jpg")
    for source, preview in zip((path, str(target)), previews, strict=True):
        Image.fromarray(picture_files.read_pixels(source, "rgb")).save(preview, quality=95)
    return (str(previews[0]), str(previews[1])), str(target), losses
