"""Experiments from DVC's queue, at once, and what compares them: the real thing."""

import csv
import itertools
import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.browser import measure
from tests.conftest import ROOT, Clone


def make_table() -> str:
    """What `make table` runs."""
    lines = subprocess.run(
        ["make", "-n", "--no-print-directory", "table"], cwd=ROOT, capture_output=True, text=True
    )
    return lines.stdout.splitlines()[-1]


def run_queue(clone: Clone) -> None:
    """Runs what is queued, two at a time; all of them have to end well."""
    clone.run("dvc", "queue", "start", "--jobs", "2")
    try:
        for _ in range(100):
            status = clone.run("dvc", "queue", "status")
            if not re.search("Queued|Running", status):
                break
            time.sleep(4)  # each question takes a core for a second
    finally:
        clone.run("dvc", "queue", "stop", "--kill")
    assert status.count("Success") == 2, status


@pytest.fixture(scope="module")
def grid(digits: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A workspace after `dvc repro`, in which two experiments have run at once."""
    clone = Clone.after_repro(tmp_path_factory.mktemp("grid"), digits)
    changes = ["-S", "model.encoder=[32,16],[16,8]", "-S", "train.epochs=3"]
    clone.run("dvc", "exp", "run", "--queue", "-n", "grid", *changes)
    run_queue(clone)
    return clone


@pytest.mark.parametrize("name", ["grid-1", "grid-2"])
def test_none_repeats_a_stage_that_the_workspace_has_run(grid: Clone, name: str) -> None:
    log = grid.run("dvc", "queue", "logs", name)
    assert re.findall("Running stage '(.*)'", log) == [
        "check", "train", "predict", "robustness", "classify", "evaluate", "plot"
    ]  # fmt: skip
    assert re.findall(r"^epoch +(\d)/3  loss ", log, re.MULTILINE) == ["1", "2", "3"]
    assert not re.search(r"\r(?!\n)", log)  # no line over and over


def test_the_table_has_what_differs_and_the_scores(grid: Clone) -> None:
    table = csv.DictReader(grid.run("sh", "-c", f"{make_table()} --csv").splitlines())
    rows = {row["Experiment"]: row for row in table}
    assert set(table.fieldnames or ()) == {
        "Experiment", "rev", "typ", "State", "val_loss", "step", "accuracy.denoised",
        "val.denoised.psnr", "val.denoised.ssim", "test.denoised.psnr", "test.denoised.ssim",
        "model.encoder", "train.epochs",
    }  # fmt: skip
    assert [rows[f"grid-{number}"]["model.encoder"] for number in (1, 2)] == ["[32, 16]", "[16, 8]"]
    assert (rows["grid-1"]["train.epochs"], rows["grid-1"]["step"]) == ("3", "3")
    made = grid.run("git", "show", f"{grid.experiment('grid-1')}:metrics/evaluation.json")
    noisy = json.loads(made)["val"]["noisy"]["psnr"]
    assert float(rows["grid-1"]["val.denoised.psnr"]) > noisy
    assert grid.run("git", "status", "--short") == ""  # and the workspace is as it was


NOISES = ["uniform", "gaussian", "salt and pepper", "speckle", "poisson", "masking"]
# Each chart's title, axes, and how many curves or bars it has of one experiment.
CHARTS = [
    ("Loss", {"epoch", "loss"}, 2),
    *((f"PSNR on {noise} noise", {"amount", "PSNR (dB)"}, 1) for noise in NOISES),
    ("PSNR on validation images by method", {"PSNR (dB)", "method"}, 9),
    ("PSNR of denoised validation images by class", {"PSNR (dB)", "class"}, 10),
]
PICTURES = [
    "best", "first", "losses", "methods",
    "psnr_by_amount", "psnr_by_class", "psnr_by_method", "worst",
]  # fmt: skip


def test_the_page_that_compares_two_draws_all_of_it(grid: Clone, tmp_path: Path) -> None:
    grid.run("dvc", "plots", "diff", "grid-1", "grid-2", "--out", str(tmp_path))
    page = measure(tmp_path / "index.html")
    assert page["charset"] == "UTF-8"
    charts = [block for block in page["blocks"] if not block["images"]]
    assert [chart["title"] for chart in charts] == [[title] for title, _, _ in CHARTS]
    for chart, (title, axes, count) in zip(charts, CHARTS, strict=True):
        assert set(chart["axes"]) == axes
        assert {"grid-1", "grid-2"} <= set(chart["legend"])
        drawn = [box for box in chart["marks"] if box[2] > box[0] or box[3] > box[1]]
        assert len(drawn) >= 2 * count, title
        inside = [box for _, box in chart["words"]] + chart["marks"]
        assert all(lies_in(box, chart["box"]) for box in inside), title
        apart([box for _, box in chart["words"]])

    pictures = [block for block in page["blocks"] if block["images"]]
    assert [block["id"] for block in pictures] == [f"metrics_plots_{name}_png" for name in PICTURES]
    for block in pictures:
        (width, left), (other_width, right) = block["images"]
        assert width > 100
        assert other_width > 100
        assert left[1] == right[1]  # side by side
        apart([left, right])
    apart([block["box"] for block in page["blocks"]])


Box = list[float]  # left, top, right, bottom


def lies_in(inner: Box, outer: Box) -> bool:
    """Whether a box lies in another."""
    starts = zip(inner[:2], outer[:2], strict=True)
    ends = zip(inner[2:], outer[2:], strict=True)
    return all(ours >= theirs - 1 for ours, theirs in starts) and all(
        ours <= theirs + 1 for ours, theirs in ends
    )


def apart(boxes: list[Box]) -> None:
    """Fails where two boxes overlap, by a pixel or more."""
    for one, other in itertools.combinations(boxes, 2):
        width = min(one[2], other[2]) - max(one[0], other[0])
        height = min(one[3], other[3]) - max(one[1], other[1])
        assert width < 1 or height < 1, (one, other)
