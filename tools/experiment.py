"""`make experiment NAME=unet`: runs a preset as a DVC experiment and stores its scores.

A preset is a file in experiments/: a comment that describes it, and a list of `-S` overrides, in
which the name of another preset is replaced by its overrides. The scores are stored in
experiments/scores.csv and experiments/robustness.csv, and the first test images through each
method in experiments/images.
"""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml
from PIL import Image

from denoiser.layout import to_squares
from pipeline.base import files, params
from pipeline.base.errors import InputError, run_main
from stages.plot import method_image_paths
from tools.command import output, read_cached, read_committed
from tools.processor import describe

PRESETS = Path("experiments")
SCORES, ROBUSTNESS, IMAGES = (PRESETS / name for name in ("scores.csv", "robustness.csv", "images"))
IMAGE_COUNT = 10  # test images per method


def preset_names() -> list[str]:
    """The names of all presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def overrides(preset: str) -> list[str]:
    """The overrides of a preset, as arguments of `-S`."""
    return expand(yaml.safe_load((PRESETS / f"{preset}.yaml").read_text()))


def expand(lines: list[str]) -> list[str]:
    """Replaces the name of a preset by its overrides."""
    return [override for line in lines for override in ([line] if "=" in line else overrides(line))]


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in preset_names():
        raise InputError(f"make experiment NAME={name}: NAME is one of {', '.join(preset_names())}")
    check_history()
    remove_experiment(name)
    started, trained = time.monotonic(), False
    command = ["dvc", *arguments(name, overrides(name))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            trained |= line.startswith("Running stage 'train'")
    if process.returncode:
        raise InputError(f"the experiment '{name}' failed, see above")
    minutes = (time.monotonic() - started) / 60
    commit = commit_of(name)
    if not commit:
        raise InputError(f"DVC did not record the experiment '{name}', see above")
    store(name, commit, minutes if trained else None)
    print(f"\nstored the scores in {SCORES}; to copy model and data here: dvc exp apply {name}")


def check_history() -> None:
    """Raises InputError in a shallow clone, in which `dvc exp run --temp` records nothing."""
    if output("git", "rev-parse", "--is-shallow-repository").strip() == "true":
        raise InputError(
            "this clone is shallow, so DVC would not record the experiment: "
            "run `git fetch --unshallow` first"
        )


def remove_experiment(name: str) -> None:
    """Removes an experiment if it exists.

    `dvc exp run` does not replace an experiment; with `--force` it reruns every stage.
    """
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], stderr=subprocess.DEVNULL)


def arguments(name: str, changes: list[str]) -> list[str]:
    """The arguments of `dvc` that run an experiment outside of the workspace."""
    flags = [word for change in changes for word in ("-S", change)]
    return ["exp", "run", "--temp", "--name", name, *flags]


def commit_of(name: str) -> str:
    """The commit of an experiment, '' if it does not exist.

    Experiments that started from different commits may have the same name: the newest one counts.
    """
    newest = ["--sort=-committerdate", "--count=1", "--format=%(objectname)"]
    return output("git", "for-each-ref", *newest, f"refs/exps/**/{name}").strip()


def store(preset: str, commit: str, minutes: float | None = None) -> None:
    """Stores the scores and images of an experiment, replacing those of an earlier run.

    `minutes` is the duration of the experiment, or None if DVC did not have to train the model.
    """

    def read(path: str) -> io.StringIO:
        return io.StringIO(read_committed(commit, f"metrics/{path}"))

    scores = pd.read_csv(read("methods.csv"), index_col="method")
    methods = list(scores.index)
    accuracy = json.load(read("classification.json"))["accuracy"]
    best_baseline = scores["val_psnr"].drop(["model", "noisy input"]).idxmax()
    rows = {"noisy input": "noisy", best_baseline: "best_baseline", "model": "denoised"}
    for method, name in (rows | {"clean": "clean"}).items():
        scores.loc[method, "accuracy"] = accuracy[name]
    training = json.load(read("training/metrics.json"))
    scores.loc["model", ["val_loss", "epochs"]] = training["val_loss"], training["epochs"]
    scores.loc["model", "minutes"] = np.nan if minutes is None else round(minutes, 1)
    replace_rows(SCORES, preset, scores.assign(processor=describe()).reset_index())
    replace_rows(ROBUSTNESS, preset, pd.read_csv(read("robustness.csv")))
    colormap = yaml.safe_load(read_committed(commit, params.FILE))["plot"]["colormap"]
    images = [first_images(commit, path) for path in method_image_paths(methods).values()]
    with files.atomic_write(IMAGES / f"{preset}.png") as path:
        sheet = np.concatenate(images)
        Image.fromarray(255 - sheet if colormap == "binary" else sheet).save(path, format="PNG")


def replace_rows(path: Path, preset: str, rows: pd.DataFrame) -> None:
    """Replaces the rows of a preset in a CSV that is sorted by preset."""
    tables = [rows.assign(preset=preset)]
    if path.exists():
        before = pd.read_csv(path)
        tables.append(before[before["preset"] != preset])
    table = pd.concat(tables).set_index("preset").sort_index(kind="stable")
    with files.atomic_write(path) as temporary:
        table.to_csv(temporary, float_format="%.10g")


def first_images(commit: str, path: str) -> npt.NDArray[np.uint8]:
    """The first images of an array of an experiment in a row, (side, IMAGE_COUNT*side) or RGB."""
    images = np.load(io.BytesIO(read_cached(commit, path)))[:IMAGE_COUNT]
    squares = np.rint(to_squares(np.clip(images, 0, 1)) * 255).astype(np.uint8)
    row = np.concatenate(list(squares), axis=1)
    return row if row.shape[2] == 3 else row[:, :, 0]


if __name__ == "__main__":
    sys.exit(run_main(main))
