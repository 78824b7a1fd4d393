"""Opens the page of `dvc plots diff` in a headless Chromium, without the internet."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import vl_convert

from stages.errors import StageError

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --allow-file-access-from-files "
    "--hide-scrollbars --virtual-time-budget=20000"
)


def find() -> str | None:
    """The program, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def offline(page: Path, script: str = "") -> Path:
    """A copy of the page that loads nothing, with a script of one's own before its charts."""
    names = "window.vega=vega; window.vegaLite=vegaLite; window.vegaEmbed=vegaEmbed;"
    bundle = page.with_name("vega.js")
    bundle.write_text(vl_convert.javascript_bundle(names, vl_version="5.8") + script)
    text, scripts = re.subn(r'<script src="https:[^>]*></script>', "", page.read_text("utf-8"))
    if scripts != 3:  # Vega, Vega-Lite and Vega-Embed
        raise StageError(f"{page} is not a page of `dvc plots`")
    copy = page.with_name("offline.html")
    copy.write_text(text.replace("</title>", '</title><script src="vega.js"></script>'), "utf-8")
    return copy


def view(page: Path, *flags: str, width: int = 1500, height: int = 1000) -> str:
    """Opens a page in a window of this size; returns what the browser prints."""
    chromium = find()
    if chromium is None:
        raise StageError(f"there is no browser: install one of {', '.join(NAMES)}")
    with tempfile.TemporaryDirectory() as profile:
        size = f"--window-size={width},{height}"
        command = [chromium, *FLAGS.split(), size, f"--user-data-dir={profile}", *flags]
        return subprocess.run(
            [*command, page.absolute().as_uri()], capture_output=True, text=True, check=True
        ).stdout
