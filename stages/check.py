"""Validates all of params.yaml, so that a mistake is reported before any other stage runs."""

import os
from pathlib import Path
from typing import Any

from denoiser.layout import CHANNELS
from pipeline.base import files, params
from pipeline.base.errors import InputError
from pipeline.base.process import run_stage
from pipeline.schema.baselines_params import LINEAR_METHODS, MAX_VALUES, Baselines
from pipeline.schema.classifier_params import Classifier
from pipeline.schema.fetch_params import Fetch
from pipeline.schema.load_params import Load
from pipeline.schema.model_params import Model
from pipeline.schema.noise_params import Noise
from pipeline.schema.plot_params import Plot
from pipeline.schema.predict_params import Predict
from pipeline.schema.robustness_params import Robustness
from pipeline.schema.split_params import Split
from pipeline.schema.train_params import Train

# Folders that stages replace as a whole.
REPLACED = {
    Path("data", name) for name in ("images", "split", "noisy", "baselines", "denoised", "scores")
}
FETCHED = Path("data/raw")  # the folder of the outputs of `fetch`
UNTRACKED = (
    ": experiments with --temp or --queue contain only files that Git or DVC tracks; "
    "run `dvc add` for the data, then `git add` for the new .dvc file"
)
SECTIONS: dict[str, type[params.Section]] = {
    "fetch": Fetch,
    "load": Load,
    "split": Split,
    "noise": Noise,
    "baselines": Baselines,
    "model": Model,
    "train": Train,
    "predict": Predict,
    "robustness": Robustness,
    "classifier": Classifier,
    "plot": Plot,
}


def main() -> None:
    content = params.load_yaml(params.FILE)
    mistakes = [
        f"{params.FILE}: '{name}' is not a section{params.suggest(name, SECTIONS)}"
        for name in content
        if name not in SECTIONS
    ]
    for name, model in SECTIONS.items():
        try:
            params.validate(content, name, model)
        except InputError as error:
            mistakes.append(str(error))
    mistakes = mistakes or contradictions(content)
    if mistakes:
        raise InputError("; ".join(mistakes))
    # The stages fetch and load depend on this file. Its content never changes, so they run after
    # this stage, but not because of it.
    with files.atomic_write("data/checked") as path:
        path.write_text(f"{params.FILE} is valid\n")


def contradictions(content: dict[str, Any]) -> list[str]:
    """Describes values that are valid by themselves, but not together."""
    load, train, pairs = content["load"], content["train"], content["noise"]["kind"] == "pairs"
    keys = ("train", "test", "noisy_train", "noisy_test")
    paths = {key: Path(os.path.relpath(load[key])) for key in keys}
    found = [
        f"load.{key} is {load[key]}, which is empty with fetch.source 'none': "
        "set it to the path of a CSV or a folder of pictures"
        for key in (keys if pairs else keys[:2])
        if content["fetch"]["source"] == "none" and paths[key].parent == FETCHED
    ]
    found += [
        f"noise.kind is 'pairs', but load.noisy_{key} and load.{key} are both {load[key]}: "
        f"set load.noisy_{key} to the noisy images"
        for key in ("train", "test")
        if pairs and paths[key] == paths[f"noisy_{key}"] and not found
    ]
    found += [
        f"load.{key} is {load[key]}, in a folder that a stage replaces: move it to another folder"
        for key, path in paths.items()
        if REPLACED & {path, *path.parents}
    ]
    found += [
        f"load.{key} is {load[key]}, which does not exist{UNTRACKED if in_experiment() else ''}"
        for key, path in paths.items()
        if path.parent != FETCHED and not is_available(path)
    ]
    if pairs and train["fresh_noise"]:
        found.append(
            "train.fresh_noise adds synthetic noise, which noise.kind 'pairs' excludes: set "
            "train.fresh_noise to false"
        )
    values = (load["side"] or 0) ** 2 * CHANNELS[load["color"]]
    if values > MAX_VALUES and LINEAR_METHODS & set(content["baselines"]["methods"]):
        found.append(
            "baselines.methods contains 'pca' or 'ridge', which need too much memory for squares "
            f"of {values} values (load.side): remove them"
        )
    return [f"{params.FILE}: {mistake}" for mistake in found]


def in_experiment() -> bool:
    """Whether DVC runs this stage in a temporary copy of the project, below .dvc/tmp."""
    return ".dvc" in Path.cwd().parts


def is_available(path: Path) -> bool:
    """Whether a path exists, or DVC tracks it or a folder that contains it and can restore it."""
    return any(Path(f"{part}.dvc").exists() for part in (path, *path.parents)) or path.exists()


if __name__ == "__main__":
    run_stage(main)
