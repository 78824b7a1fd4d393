"""Opens the page of `dvc plots diff` in a headless Chromium, and measures what it draws."""

import html
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import vl_convert

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --allow-file-access-from-files "
    "--window-size=1500,1000 --virtual-time-budget=20000"
)

# Charts as SVG, so that each mark and word of them has a place: [left, top, right, bottom].
MEASURE = """
const embed = vegaEmbed, drawn = [];
window.vegaEmbed = (place, spec) => drawn.push(embed(place, spec, {renderer: "svg"}));
addEventListener("load", async () => {
  await Promise.all(drawn);
  const box = element => {
    const {left, top, right, bottom} = element.getBoundingClientRect();
    return [left, top, right, bottom];
  };
  const find = (block, selector, what) => [...block.querySelectorAll(selector)].map(what);
  const words = element => element.textContent;
  const blocks = [...document.querySelectorAll("body > div")]
    .filter(block => block.getClientRects().length)
    .map(block => ({
      id: block.id,
      box: box(block),
      title: find(block, ".role-title-text text", words),
      axes: find(block, ".role-axis-title text", words),
      legend: find(block, ".role-legend-label text", words),
      marks: find(block, ".role-mark path", box),
      words: find(block, "svg text", each => [words(each), box(each)]).filter(each => each[0]),
      images: find(block, "img", each => [each.naturalWidth, box(each)]),
    }));
  const measured = document.createElement("pre");
  measured.id = "measured";
  measured.textContent = JSON.stringify({charset: document.characterSet, blocks});
  document.body.replaceChildren(measured);
});
"""


def measure(page: Path) -> dict[str, Any]:
    """What a person sees of the page: its charset, and each chart and row of pictures."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    chromium = next(filter(None, found), None)
    if chromium is None:
        pytest.skip("there is no Chromium here")
    names = "window.vega=vega; window.vegaLite=vegaLite; window.vegaEmbed=vegaEmbed;"
    bundle = page.with_name("vega.js")  # what the page would have from the internet
    bundle.write_text(vl_convert.javascript_bundle(names, vl_version="5.8") + MEASURE)
    text, scripts = re.subn(r'<script src="https:[^>]*></script>', "", page.read_text("utf-8"))
    assert scripts == 3
    here = page.with_name("here.html")
    here.write_text(text.replace("</title>", '</title><script src="vega.js"></script>'), "utf-8")
    with tempfile.TemporaryDirectory() as profile:
        dom = subprocess.run(
            [chromium, *FLAGS.split(), f"--user-data-dir={profile}", "--dump-dom", here.as_uri()],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    measured = re.search('<pre id="measured">(.*?)</pre>', dom, re.DOTALL)
    assert measured, dom
    content: dict[str, Any] = json.loads(html.unescape(measured[1]))
    return content
