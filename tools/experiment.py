"""`make experiment NAME=unet`: runs a preset as a DVC experiment, and keeps its scores.

A preset is a file of `experiments/`: a line of why, and a list of `-S` overrides, in which the
name of another preset stands for that one's. Its scores go to `experiments/results/`, as does a
picture of the first test images, for `make results`.
"""

import io
import subprocess
import sys
from pathlib import Path

import dvc.api
import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml
from PIL import Image

from stages import files, plot
from stages.errors import StageError, run
from tools.command import output

PRESETS, RESULTS = Path("experiments"), Path("experiments/results")
IMAGES = 10  # of the test set, in each picture


def names() -> list[str]:
    """All presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def overrides(name: str) -> list[str]:
    """A preset's changes to params.yaml, as `-S` takes them."""
    return resolve(yaml.safe_load((PRESETS / f"{name}.yaml").read_text()))


def resolve(lines: list[str]) -> list[str]:
    """Overrides, with those of a preset for its name."""
    found: list[str] = []
    for line in lines:
        found += [line] if "=" in line else overrides(line)
    return found


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in names():
        raise StageError(f"make experiment NAME={name}: NAME is one of {', '.join(names())}")
    commit = execute(name, overrides(name))
    with files.replacing(RESULTS / name) as folder:
        keep(commit, folder)
    print(f"\nscores: {RESULTS / name}; to have its model and data here: dvc exp apply {name}")


def execute(name: str, changes: list[str]) -> str:
    """Runs an experiment of this name apart from the workspace; returns its commit."""
    forget(name)
    if subprocess.run(["dvc", *arguments(name, changes)]).returncode:
        raise StageError(f"the experiment '{name}' failed, see above")
    return commit_of(name)


def forget(name: str) -> None:
    """Removes an experiment of this name, if there is one.

    DVC refuses to replace it, or, with `--force`, runs every stage again.
    """
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], stderr=subprocess.DEVNULL)


def arguments(name: str, changes: list[str]) -> list[str]:
    """What makes `dvc` run an experiment apart from the workspace."""
    flags = [word for change in changes for word in ("-S", change)]
    return ["exp", "run", "--temp", "--name", name, *flags]


def commit_of(name: str) -> str:
    """The commit of an experiment."""
    return output("git", "for-each-ref", "--format=%(objectname)", f"refs/exps/**/{name}").strip()


def keep(commit: str, folder: Path) -> None:
    """Writes an experiment's parameters, scores and first test images into a new folder.

    The rows of `images.png` are the clean images, then those of `methods.csv`, in its order.
    """
    folder.mkdir(parents=True)
    (folder / "params.yaml").write_text(output("git", "show", f"{commit}:params.yaml"))
    for name in output("git", "ls-tree", "-r", "--name-only", commit, "metrics").splitlines():
        if not name.endswith(".png"):
            path = folder / Path(name).relative_to("metrics")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(output("git", "show", f"{commit}:{name}"))
    methods = pd.read_csv(folder / "methods.csv")["method"]
    rows = [first_images(commit, path) for path in plot.of_methods(methods).values()]
    Image.fromarray(np.concatenate(rows)).save(folder / "images.png")


def first_images(commit: str, path: str) -> npt.NDArray[np.uint8]:
    """The first images of an array of an experiment, side by side: (side, IMAGES*side)."""
    rows = np.load(io.BytesIO(dvc.api.read(path, rev=commit, mode="rb")))[:IMAGES]
    side = round(rows.shape[1] ** 0.5)
    tiles = rows.reshape(-1, side, side).transpose(1, 0, 2).reshape(side, -1)
    return np.asarray(255 - np.rint(tiles * 255), np.uint8)  # ink on paper, as the plots have it


if __name__ == "__main__":
    sys.exit(run(main))
