"""`make report`: one page, of what DVC says, that needs nothing else."""

import base64
import html.parser
import json
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT, Clone, refused


class Page(html.parser.HTMLParser):
    """The cells of all rows, and what the page would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.cell = False
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.cell = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        self.sources += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.cell and data.strip():
            self.rows[-1].append(data.strip())


@pytest.fixture(scope="module")
def clone(digits: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone whose result is that of digits, where Fashion-MNIST's is the committed one."""
    made = Clone.of_workspace(tmp_path_factory.mktemp("report"))
    shutil.copy(digits.folder / "params.yaml", made.folder)
    shutil.copytree(digits.folder / "metrics", made.folder / "metrics", dirs_exist_ok=True)
    made.run("python", "-m", "tools.report")
    return made


@pytest.fixture
def page(clone: Clone) -> Page:
    return Page((clone.folder / "report.html").read_text())


def test_scores_beside_the_committed_ones(clone: Clone, digits: Clone, page: Page) -> None:
    here = digits.read_json("metrics/evaluation.json")["test"]["denoised"]["psnr"]
    committed = clone.run("git", "show", "HEAD:metrics/evaluation.json")
    row, again = [row for row in page.rows if row[0] == "test.denoised.psnr"]
    assert row == again  # among those that differ, and among all
    assert sum(row[0] == "settings.pca" for row in page.rows) == 1
    assert row[2] == f"{here:.4f}"
    assert row[1] == f"{json.loads(committed)['test']['denoised']['psnr']:.4f}"
    assert float(row[3]) == pytest.approx(float(row[2]) - float(row[1]), abs=2e-4)


def test_parameters_changed_ones_first(page: Page) -> None:
    named = [row for row in page.rows if row and row[0].startswith(("fetch.", "train.", "model."))]
    assert named[:2] == [["fetch.source", "fashion-mnist", "digits"], ["train.epochs", "100", "15"]]
    assert ["train.learning_rate", "0.001", "0.001"] in named
    assert ["load.limit", "null", "null"] in page.rows


def test_it_holds_every_picture_and_fetches_nothing(clone: Clone, page: Page) -> None:
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    held = {base64.b64decode(source.split(",")[1]) for source in page.sources}
    drawn = {path.name: path.read_bytes() for path in clone.folder.glob("metrics/plots/*.png")}
    losses = drawn.pop("losses.png")
    assert set(drawn.values()) < held
    assert len(held) == len(drawn) + 1
    assert losses not in held  # but the validation losses of both


def test_refuses(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, base, message in (
        (clone.folder, "nobody", "nobody"),
        (clone.folder.parent, "HEAD", "there is no metrics/plots: run `dvc repro` first"),
    ):
        monkeypatch.chdir(folder)
        done = subprocess.run(
            [sys.executable, "-m", "tools.report", base],
            env=clone.env | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert message in refused(done)
