"""guide.ipynb: it runs from top to bottom, and its committed outputs are complete."""

import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT
from tools import experiment

NOTEBOOK = ROOT / "guide.ipynb"


def captions(notebook: nbformat.NotebookNode) -> list[str]:
    """The captions of the pictures; each cell with a picture must end with one."""
    data = [[out.get("data", {}) for out in cell.get("outputs", [])] for cell in notebook.cells]
    with_pictures = [outputs for outputs in data if any("image/png" in out for out in outputs)]
    return [outputs[-1]["text/markdown"] for outputs in with_pictures]


def decibels(caption: str) -> list[float]:
    return list(map(float, re.findall(r"(\d+\.\d+) dB", caption)))


def test_the_notebook_runs_on_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = (cell for cell in notebook.cells if cell.metadata.get("tags") == ["parameters"])
    parameters.source = 'dataset, epochs = "digits", 10'
    NotebookClient(notebook).execute()
    first, noises, denoised, losses = captions(notebook)
    assert "labels are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in first
    assert 6 < min(decibels(noises)) < max(decibels(noises)) < 8
    before, after = decibels(denoised)
    assert after > before + 5
    assert 0 < float(re.findall(r"val_loss is (\d\.\d+)", losses)[0]) < 0.45


def test_the_committed_outputs_are_complete_and_have_the_current_scores() -> None:
    text = NOTEBOOK.read_text()
    notebook = nbformat.reads(text, as_version=4)
    _, _, denoised, _ = captions(notebook)
    before, after = decibels(denoised)
    assert before < 8 < 18 < after  # 20 epochs on Fashion-MNIST
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert "error" not in {output.output_type for output in outputs}
    assert "stderr" not in {output.get("name") for output in outputs}
    assert str(Path.home()) not in text
    assert str(ROOT) not in text
    html = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    scores = pd.read_csv(ROOT / experiment.SCORES)
    psnr = scores[scores["method"] == "model"].set_index("preset")["test_psnr"].to_dict()
    for preset in ("default", "unet-small", "unet"):
        row = rf">{preset}</td>\s*<td[^>]*>{psnr[preset]:.3f}</td>"
        assert re.search(row, html), f"{preset}: run make guide"
