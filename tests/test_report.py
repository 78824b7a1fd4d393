"""`make report`: a self-contained page with the metrics and parameters that DVC reports."""

import base64
import html.parser
import json
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT, Clone, error_line


class Page(html.parser.HTMLParser):
    """The cells of all rows, and the addresses that the page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.in_cell = False
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_cell = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        self.sources += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.in_cell and data.strip():
            self.rows[-1].append(data.strip())


@pytest.fixture(scope="module")
def clone(digits: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with the result of digits in the workspace; that of Fashion-MNIST is committed."""
    clone = Clone.of_workspace(tmp_path_factory.mktemp("report"))
    shutil.copy(digits.folder / "params.yaml", clone.folder)
    shutil.copytree(digits.folder / "metrics", clone.folder / "metrics", dirs_exist_ok=True)
    clone.run("python", "-m", "tools.report")
    return clone


@pytest.fixture
def page(clone: Clone) -> Page:
    return Page((clone.folder / "report.html").read_text())


def test_scores_and_their_changes(clone: Clone, digits: Clone, page: Page) -> None:
    here = digits.read_json("metrics/evaluation.json")["test"]["denoised"]["psnr"]
    committed = json.loads(clone.run("git", "show", "HEAD:metrics/evaluation.json"))
    row, again = [row for row in page.rows if row[0] == "test.denoised.psnr"]
    assert row == again  # once among the changed scores, once among all
    assert row[1:3] == [f"{committed['test']['denoised']['psnr']:.4f}", f"{here:.4f}"]
    assert float(row[3]) == pytest.approx(float(row[2]) - float(row[1]), abs=2e-4)
    assert sum(row[0] == "settings.pca" for row in page.rows) == 1  # unchanged


def test_changed_parameters_come_first(page: Page) -> None:
    rows = [row for row in page.rows if row and row[0].startswith(("fetch.", "train.", "model."))]
    assert rows[:2] == [["fetch.source", "fashion-mnist", "digits"], ["train.epochs", "100", "15"]]
    assert ["train.learning_rate", "0.001", "0.001"] in rows
    assert ["load.limit", "null", "null"] in page.rows


def test_the_page_contains_every_picture_and_loads_nothing(clone: Clone, page: Page) -> None:
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    contained = {base64.b64decode(source.split(",")[1]) for source in page.sources}
    pictures = {path.read_bytes() for path in clone.folder.glob("metrics/plots/*.png")}
    assert pictures < contained
    assert len(contained) == len(pictures) + 1  # and the chart of the validation losses


def test_errors_are_one_line(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, base, message in (
        (clone.folder, "nobody", "BASE=nobody is neither a commit nor an experiment"),
        (clone.folder.parent, "HEAD", "run `dvc repro` first"),
    ):
        monkeypatch.chdir(folder)
        done = subprocess.run(
            [sys.executable, "-m", "tools.report", base],
            env=clone.env | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert message in error_line(done)
