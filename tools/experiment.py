"""`make experiment NAME=unet`: runs a preset as a DVC experiment and stores its scores.

A preset is a file in presets/: a comment that describes it, and a list of `-S` overrides, in
which the name of another preset is replaced by its overrides. The scores are stored in
presets/scores.csv and presets/robustness.csv, and the first test images through each method in
presets/images. If the package has a model of the preset's name, the new model replaces it, and its
origin is stored in presets/models.csv.
"""

import hashlib
import io
import itertools
import json
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml
from PIL import Image

from denoiser.base import files
from denoiser.base.errors import InputError
from denoiser.model import FOLDER, MODELS
from pipeline.base import params
from pipeline.base.noise import PAIRS
from pipeline.base.process import lock_folder, run_main
from stages.plot import method_image_paths
from tools.command import output, read_cached, read_committed
from tools.measurements import processor
from training import start
from training.onnx_export import DENOISER

PRESETS = Path("presets")
SCORES, ROBUSTNESS, IMAGES = (PRESETS / name for name in ("scores.csv", "robustness.csv", "images"))
ORIGINS = PRESETS / "models.csv"
NO_DATA = "pictures"  # the preset of `make train`, which has no scores
# What decides a result. A preset, and the model of the package, may be committed with its scores.
INPUTS = "denoiser training pipeline stages dvc.yaml params.yaml *.dvc requirements.txt".split()
INPUTS.append(":!denoiser/models")
IMAGE_COUNT = 10  # test images per method
DIGITS = 10  # significant digits of the numbers in the CSVs


def preset_names() -> list[str]:
    """The names of all presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def overrides(preset: str) -> list[str]:
    """The overrides of a preset, as arguments of `-S`, also those of presets that it names."""
    lines = list[str]()
    for line in yaml.safe_load((PRESETS / f"{preset}.yaml").read_text()):
        lines += [line] if "=" in line else overrides(line)
    return lines


def main() -> None:
    name = preset_argument()
    # At its start, `dvc exp run` hides the changes of the workspace, such as new scores. The stages
    # lock the project's folder, so that they can run in the workspace at the same time.
    lock_folder(PRESETS, "experiment")
    minutes = run_experiment(name, overrides(name))
    store(name, commit_of(name), minutes)
    apply = f"`dvc exp apply {name}` copies model and data here"
    print(f"\nstored the scores in {SCORES}: commit them, and then {apply}")


def preset_argument() -> str:
    """The argument of the program. Raises InputError unless it is the name of a preset."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in preset_names():
        raise InputError(f"NAME={name}: NAME is one of {', '.join(preset_names())}")
    return name


def run_experiment(name: str, changes: list[str]) -> float | None:
    """Runs an experiment, replacing an earlier one of this name.

    Returns the minutes of its training, None if DVC had its result. Raises InputError if it fails.
    """
    check_repository()
    # `dvc exp run` does not replace an experiment; with `--force` it reruns every stage.
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], stderr=subprocess.DEVNULL)
    flags = [word for change in changes for word in ("-S", change)]
    command = ["dvc", "exp", "run", "--temp", "--name", name, *flags]  # outside of the workspace
    starts = list[tuple[str, float]]()
    unbuffered = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=unbuffered) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if re.match("(Running s|S)tage '", line):
                starts.append((line, time.monotonic()))
    if process.returncode or not commit_of(name):
        raise InputError(f"the experiment '{name}' failed, see above")
    for (line, started), (_, ended) in itertools.pairwise(starts):
        if line.startswith("Running stage 'train'"):
            return (ended - started) / 60
    return None


def check_repository() -> None:
    """Raises InputError unless an experiment would be recorded, and belong to the last commit.

    `dvc exp run --temp` records nothing in a shallow clone. Its result includes changes that are
    not committed, so the scores would be those of other code, parameters or data.
    """
    if output("git", "rev-parse", "--is-shallow-repository").strip() == "true":
        raise InputError(
            "this clone is shallow, so DVC would not record the experiment: "
            "run `git fetch --unshallow` first"
        )
    changed = output("git", "diff", "--name-only", "HEAD", "--", *INPUTS).split()
    if changed:
        raise InputError(
            f"{', '.join(changed)}: commit these changes, or restore the files, because the scores "
            "are stored as those of the last commit"
        )


def commit_of(name: str) -> str:
    """The commit of an experiment, '' if it does not exist.

    Experiments that started from different commits may have the same name: the newest one counts.
    """
    newest = ["--sort=-committerdate", "--count=1", "--format=%(objectname)"]
    return output("git", "for-each-ref", *newest, f"refs/exps/**/{name}").strip()


def store(preset: str, commit: str, minutes: float | None = None) -> None:
    """Stores the scores and images of an experiment, replacing those of an earlier run.

    `minutes` is the duration of the training. If it is None, the duration that is already stored
    stays, provided that it belongs to a training with the same result on the same processor.
    """

    def read(path: str) -> io.StringIO:
        return io.StringIO(read_committed(commit, f"metrics/{path}"))

    scores = pd.read_csv(read("methods.csv"), index_col="method")
    methods = list(scores.index)
    accuracy = json.load(read("classification.json"))["accuracy"]
    best = json.load(read("baselines.json"))["best"]  # None: there are no baselines
    rows = {"noisy input": "noisy", best: "best_baseline", "model": "denoised", "clean": "clean"}
    for method, name in rows.items():
        if method is not None:
            scores.loc[method, "accuracy"] = accuracy[name]
    training = json.load(read("training/metrics.json"))
    val_loss = float(f"{training['val_loss']:.{DIGITS}}")  # as in the file
    values = {"val_loss": val_loss, "epochs": training["epochs"], "processor": processor()}
    for column, value in values.items():
        scores.loc["model", column] = value
    duration = former_minutes(preset, values) if minutes is None else round(minutes, 1)
    scores.loc["model", "minutes"] = duration
    scores = scores.assign(processor=processor(), commit=code_of(commit))
    replace_rows(SCORES, preset, scores.reset_index())
    replace_rows(ROBUSTNESS, preset, pd.read_csv(read("robustness.csv")))
    if preset in MODELS:
        ship(preset, commit)
    colormap = yaml.safe_load(read_committed(commit, params.FILE))["plot"]["colormap"]
    images = [first_images(commit, path) for path in method_image_paths(methods).values()]
    with files.atomic_write(IMAGES / f"{preset}.png") as path:
        sheet = np.concatenate(images)
        Image.fromarray(255 - sheet if colormap == "binary" else sheet).save(path, format="PNG")


def ship(model: str, commit: str) -> None:
    """Copies the model of an experiment into the package, and stores its origin."""
    content = read_cached(commit, DENOISER)
    with files.atomic_write(FOLDER / f"{model}.onnx") as path:
        path.write_bytes(content)
    values = yaml.safe_load(read_committed(commit, params.FILE))
    stages = yaml.safe_load(read_committed(commit, "dvc.lock"))["stages"].values()
    hashes = {dep["path"]: dep["md5"] for stage in stages for dep in stage["deps"]}
    read = [values["load"]["train"]]
    if values["noise"]["kind"] == PAIRS:
        read.append(values["load"]["noisy_train"])
    if start.is_model(values["train"]["start"]):
        read.append(values["train"]["start"])
    row = {
        "commit": code_of(commit),
        "sha256": hashlib.sha256(content).hexdigest(),
        "read": " ".join(f"{path}={hashes[path]}" for path in read),  # with DVC's hashes
    }
    replace_rows(ORIGINS, model, pd.DataFrame([row]))


def former_minutes(preset: str, values: dict[str, Any]) -> float:
    """The stored minutes of a preset if these values of its model are also the same, else NaN."""
    table = read_rows(SCORES)
    model = table[(table["preset"] == preset) & (table["method"] == "model")]
    same = model[(model[list(values)] == values).all(axis=1)]
    return next(iter(same["minutes"]), math.nan)


def code_of(commit: str) -> str:
    """The short hash of the commit from which an experiment started."""
    return output("git", "rev-parse", "--short=7", f"{commit}^").strip()


def read_rows(path: Path) -> pd.DataFrame:
    """One of the CSVs. A commit may consist of digits alone."""
    return pd.read_csv(path, dtype={"commit": str})


def replace_rows(path: Path, preset: str, rows: pd.DataFrame) -> None:
    """Replaces the rows of a preset in a CSV that is sorted by preset."""
    before = read_rows(path)
    tables = [before[before["preset"] != preset], rows.assign(preset=preset)]  # keep the columns
    table = pd.concat(tables).set_index("preset").sort_index(kind="stable")
    with files.atomic_write(path) as temporary:
        table.to_csv(temporary, float_format=f"%.{DIGITS}g")


def first_images(commit: str, path: str) -> npt.NDArray[np.uint8]:
    """The first images of an array of an experiment side by side, gray or RGB."""
    images = np.load(io.BytesIO(read_cached(commit, path)))[:IMAGE_COUNT]
    row = np.concatenate(list(np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)), axis=1)
    return row if row.shape[2] == 3 else row[:, :, 0]


if __name__ == "__main__":
    sys.exit(run_main(main))
