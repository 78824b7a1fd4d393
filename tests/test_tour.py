"""`make tour`: how docs/experiments.md gets what its commands print; and that it has it."""

import re
from pathlib import Path

import pytest

from stages.errors import StageError
from tests.conftest import committed
from tools import tour


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder for commands, with a home beside it."""
    (tmp_path / "denoiser").mkdir()
    return tmp_path / "denoiser"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("$ echo new\nold\n", "$ echo new\nnew\n"),
        ("$ echo one \\\n    two\n$ pwd\n", "$ echo one \\\n    two\none two\n$ pwd\n~/denoiser\n"),
        ("$ true\nold\n\n$ echo $HOME >&2\n", "$ true\n$ echo $HOME >&2\n~/home\n"),
        ("$ cat progress\n", "$ cat progress\n100%\n"),
        ("$ seq 17\n", "$ seq 17\n…\n" + "".join(f"{number}\n" for number in range(2, 18))),
        ("$ cat banner\n", "$ cat banner\nIdeas\n"),
    ],
)
def test_what_is_printed_takes_the_place_of_what_stood_there(
    clone: Path, block: str, expected: str
) -> None:
    (clone / "progress").write_bytes(b"10%\r\x1b[32m100%\x1b[0m\n\n")
    (clone / "banner").write_text("I0000 00:00:1 port.cc:1] oneDNN\nIdeas\n")
    assert "".join(tour.lines(block, clone)) == expected


def test_a_command_that_fails_ends_it(clone: Path) -> None:
    with pytest.raises(StageError, match="what is wrong"):
        list(tour.lines("$ echo what is wrong; false\n", clone))


def test_the_page_has_what_each_command_printed() -> None:
    page = committed(str(tour.PAGE))
    blocks = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 10
    for block in blocks:
        assert re.search(r"^[^$ ]", block, re.MULTILINE), block
    pictures = re.findall(r"^!\[.*\]\((.*)\)\n\n", page, re.MULTILINE)
    assert sorted(pictures) == sorted(tour.PICTURES)


def test_the_readmes_table_of_experiments_is_that_of_the_page() -> None:
    table = re.search(r"^\| Experiment .*?\n\n", committed("README.md"), re.DOTALL | re.MULTILINE)
    assert table
    assert table[0].strip() in committed(str(tour.PAGE))
