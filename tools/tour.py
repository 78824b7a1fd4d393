"""`make tour`: does what docs/experiments.md says, and writes there what the commands print.

It runs each `$ command` of the page's console blocks in a fresh clone of the last commit, whose
origin is one of its own, with an empty home; the ends of what they print take the place of what
stands there. Beside the page it puts pictures of the pages that are made on the way.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stages.errors import StageError, run
from tools import browser

PAGE = Path("docs/experiments.md")
KEPT = 16  # lines of what a command prints, at most
# TensorFlow's own, which it prints before anybody can ask it not to.
NOISE = re.compile(r"WARNING: All log messages|[IWE]\d{4} |To enable the following instructions")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PICTURES = {"compare.png": "dvc_plots/index.html", "report.png": "report.html"}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clone = folder / "denoiser"
        (folder / "home").mkdir()
        subprocess.run(["git", "clone", "-q", "--bare", ".", folder / "origin.git"], check=True)
        subprocess.run(["git", "clone", "-q", folder / "origin.git", clone], check=True)
        text = re.sub(
            r"(?<=^```console\n).*?(?=^```)",
            lambda block: "".join(lines(block[0], clone)),
            PAGE.read_text(),
            flags=re.DOTALL | re.MULTILINE,
        )
        for picture, page in PICTURES.items():
            shoot(clone / page, PAGE.parent / picture)
    PAGE.write_text(text)


def lines(block: str, clone: Path) -> Iterator[str]:
    """A console block anew: each command, and the end of what it prints."""
    for command in re.findall(r"^\$ ((?:.*\\\n)*.*\n)", block, re.MULTILINE):
        yield f"$ {command}"
        print(f"$ {command}", end="", flush=True)
        printed = execute(command, clone)
        print(printed, flush=True)
        shown = [line for line in printed.splitlines() if line and not NOISE.match(line)]
        if len(shown) > KEPT:
            shown = ["…", *shown[-KEPT:]]
        yield from (f"{line}\n" for line in shown)


def execute(command: str, clone: Path) -> str:
    """What a command prints on a terminal. Raises StageError where it fails."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | {
        "PATH": f"{clone}/.venv/bin:{os.environ['PATH']}",
        "HOME": str(clone.parent / "home"),
        **{f"GIT_{who}_NAME": "you" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "you@example.org" for who in ("AUTHOR", "COMMITTER")},
    }
    # Not through a pipe: it would stay open for as long as a queue that the command starts.
    with tempfile.TemporaryFile() as printed:
        done = subprocess.run(
            ["bash", "-c", command], cwd=clone, env=env, stdout=printed, stderr=printed
        )
        printed.seek(0)
        text = ESCAPES.sub("", printed.read().decode()).replace(str(clone.parent), "~")
    if done.returncode:
        raise StageError(f"{command}: {text}")
    return "\n".join(line.rsplit("\r", 1)[-1].rstrip() for line in text.split("\n"))


def shoot(page: Path, picture: Path) -> None:
    """The upper part of a page, as a picture."""
    if "dvc_plots" in page.parts:
        page = browser.offline(page)
    browser.view(page, f"--screenshot={picture.absolute()}", width=1500, height=2000)


if __name__ == "__main__":
    sys.exit(run(main))
