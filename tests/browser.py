"""Opens the page of `dvc plots diff` in a browser, and measures what it draws."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tools import browser

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
    if browser.find() is None:
        pytest.skip("there is no browser here")
    dom = browser.view(browser.offline(page, MEASURE), "--dump-dom")
    measured = re.search('<pre id="measured">(.*?)</pre>', dom, re.DOTALL)
    assert measured, dom
    content: dict[str, Any] = json.loads(html.unescape(measured[1]))
    return content
