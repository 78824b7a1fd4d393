"""README.md and docs/: their tables are those of the committed files, and their links work."""

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import table
from tests.conftest import ROOT, Clone
from tools.markdown import insert_tables
from tools.results import DOCUMENTS

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]


def test_make_results_changes_nothing(tmp_path: Path) -> None:
    """The tables and pictures are those that the command creates from the committed scores."""
    clone = Clone.of_workspace(tmp_path)
    clone.run("python", "-m", "tools.results")
    assert clone.run("git", "status", "--short") == ""


def test_every_table_of_numbers_is_created_by_the_command() -> None:
    """Outside of the markers, no document has a table with a decimal number."""
    for document in DOCUMENTS:
        text = re.sub(r"<!-- begin .*?<!-- end -->", "", document.read_text(), flags=re.DOTALL)
        assert not re.findall(r"^\|.*\d\.\d\d.*", text, re.MULTILINE), document


def test_an_unknown_table_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- begin t -->\nold\n<!-- end -->\nb\n")
    insert_tables(page, {"t": "new"})
    assert page.read_text() == "a\n<!-- begin t -->\nnew\n<!-- end -->\nb\n"
    with pytest.raises(Exception, match="there is no table 't'"):
        insert_tables(page, {})


def test_the_table_of_benchmarks_is_that_of_the_committed_values() -> None:
    assert table() in (ROOT / "benchmarks/README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_work(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_files_named_in_the_development_guide_exist() -> None:
    text = (ROOT / "docs/development.md").read_text()
    folders = "stages|denoiser|training|pipeline|tools|tests|docs"
    for name in re.findall(rf"`((?:{folders})/[\w/.]+)`", text):
        if "NAME" not in name:
            assert (ROOT / name).exists(), name
