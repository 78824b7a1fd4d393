"""README.md, and that of benchmarks: every number in them is the one in the committed file."""

import json
import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from benchmarks import measure
from benchmarks.__main__ import MODULES
from tests.conftest import ROOT, Clone, committed

GUIDE = "experiments/results/guide"


def read(name: str) -> dict[str, Any]:
    """A committed JSON file."""
    content: dict[str, Any] = json.loads(committed(name))
    return content


def row(name: str, scores: dict[str, Any], training: dict[str, Any] | None) -> str:
    """A row of the table of results."""
    cells = []
    for split in ("val", "test"):
        cells += [f"{scores[split]['psnr']:.2f}", f"{scores[split]['ssim']:.3f}"]
    cells += [f"{training['val_loss']:.4f}", str(training["epochs"])] if training else ["", ""]
    return f"| {' | '.join([name, *cells])} |".replace("  ", " ")


def test_the_guides_run_is_the_committed_one() -> None:
    default, guide = read("metrics/evaluation.json"), read(f"{GUIDE}/evaluation.json")
    noisy = {split: kinds["noisy"] for split, kinds in guide.items()}
    denoised = {split: kinds["denoised"] for split, kinds in default.items()}
    literal = {split: kinds["denoised"] for split, kinds in guide.items()}
    methods = read(f"{GUIDE}/baselines.json")
    ridge = {split: methods[split]["ridge"] for split in ("val", "test")}
    readme = committed("README.md")
    assert row("noisy", noisy, None) in readme
    assert row("ridge regression, fitted to the same images", ridge, None) in readme
    assert row("**guide**", literal, read(f"{GUIDE}/training/metrics.json")) in readme
    assert row("**default**", denoised, read("metrics/training/metrics.json")) in readme


def test_tables_and_pictures_are_of_the_committed_scores(tmp_path: Path) -> None:
    """What `make results` prints is in the README; what it draws is what is committed."""
    head = Clone.of_head(tmp_path)
    drawn = [tmp_path / f"experiments/{name}.png" for name in ("images", "size")]
    before = [path.read_bytes() for path in drawn]
    tables = head.run("python", "-m", "tools.results").strip().split("\n\n")
    assert len(tables) == 5
    readme = (tmp_path / "README.md").read_text()
    for table in tables:
        assert table in readme
    assert [path.read_bytes() for path in drawn] == before


@pytest.fixture
def measured() -> list[measure.Row]:
    """The rows of all benchmarks, as committed."""
    return [
        measure.Row(**row)
        for name in MODULES
        if (ROOT / f"benchmarks/results/{name}.json").exists()
        for row in json.loads(committed(f"benchmarks/results/{name}.json"))
    ]


def test_the_table_of_benchmarks_is_of_the_committed_values(measured: list[measure.Row]) -> None:
    assert len(measured) > 10
    assert measure.table(measured) in committed("benchmarks/README.md")


def test_what_is_said_of_speed_is_measured(measured: list[measure.Row]) -> None:
    _, section = committed("README.md").split("## How fast")
    lines = re.findall(r"^\| .*\d.*", section.split("##")[0], re.MULTILINE)
    assert lines
    medians = {
        f"| {row.work} ({row.unit}) | {median(row.guide)} | {median(row.here)} |"
        for row in measured
        if row.guide
    }
    assert set(lines) <= medians


def median(values: list[float]) -> str:
    return measure.cell([statistics.median(values)])
