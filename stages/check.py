"""Validates all of params.yaml, so that a mistake is reported before any other stage runs."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from denoiser import classical, noise, picture_files, scores
from denoiser.errors import InputError
from denoiser.files import atomic_write
from pipeline import data_sets, params
from pipeline.process import run_stage
from training import backend, losses, networks, optimizers

# The parameters that name choices, and the names.
CHOICES: dict[str, Iterable[str]] = {
    "fetch.source": (*data_sets.DATA_SETS, "none"),
    "load.color": picture_files.COLORS,
    "noise.kind": (*noise.KINDS, "pairs"),
    "baselines.methods": classical.METHODS,
    "model.kind": networks.NETWORKS,
    "model.activation": networks.ACTIVATIONS,
    "train.optimizer": optimizers.OPTIMIZERS,
    "train.schedule": optimizers.SCHEDULES,
    "train.loss": losses.LOSSES,
    "train.precision": backend.PRECISIONS,
    "runtime.backend": backend.BACKENDS,
    "runtime.device": backend.DEVICES,
    "robustness.amounts": noise.KINDS,
    "plot.colormap": ("binary", "gray"),
}
# Folders that stages replace as a whole.
REPLACED = {
    Path("data", name) for name in ("images", "split", "noisy", "baselines", "denoised", "scores")
}
FETCHED = Path("data/raw")  # the folder of the outputs of `fetch`
UNTRACKED = (
    ": experiments with --temp or --queue contain only files that Git or DVC tracks; "
    "run `dvc add` for the data, then `git add` for the new .dvc file"
)


def main() -> None:
    content = params.load_yaml(params.FILE)
    mistakes = [
        f"{params.FILE}: '{name}' is not a section{params.suggest(name, params.SECTIONS)}"
        for name in content
        if name not in params.SECTIONS
    ]
    for section in params.SECTIONS.values():
        try:
            params.validate(content, section)
        except InputError as error:
            mistakes.append(str(error))
    if not mistakes:
        found = wrong_choices(content) or contradictions(content)
        mistakes = [f"{params.FILE}: {mistake}" for mistake in found]
    if mistakes:
        raise InputError("; ".join(mistakes))
    # The stages fetch and load depend on this file. Its content never changes, so they run after
    # this stage, but not because of it.
    with atomic_write("data/checked") as path:
        path.write_text(f"{params.FILE} is valid\n")


def wrong_choices(content: dict[str, Any]) -> list[str]:
    """Describes names that are not among CHOICES; a parameter has one name or several."""
    found = []
    for full_name, names in CHOICES.items():
        section, _, key = full_name.partition(".")
        value = content[section][key]
        for name in [value] if isinstance(value, str) else value:
            if name not in names:
                close = params.suggest(name, names)
                found.append(f"{full_name}: '{name}' is not one of {', '.join(names)}{close}")
    return found


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
    if content["model"]["residual"] and train["loss"] == "binary_crossentropy":
        found.append(
            "train.loss is 'binary_crossentropy', which needs results from 0 to 1: with "
            "model.residual, choose another loss, such as mse or psnr"
        )
    return found + size_contradictions(content)


def size_contradictions(content: dict[str, Any]) -> list[str]:
    """Describes values that do not fit the size of the squares, if load.side sets it."""
    side, baselines = content["load"]["side"], content["baselines"]
    if side is None:
        return []
    found = []
    if content["train"]["loss"] == "ssim" and side < scores.WINDOW:
        found.append(f"load.side is {side}, but train.loss 'ssim' needs at least {scores.WINDOW}")
    values = side**2 * picture_files.COLORS[content["load"]["color"]]
    if values > classical.MAX_VALUES and classical.LINEAR.keys() & set(baselines["methods"]):
        found.append(
            f"baselines.methods contains {' or '.join(classical.LINEAR)}, which need too much "
            f"memory for squares of {values} values (load.side): remove them"
        )
    elif "pca" in baselines["methods"] and baselines["pca_components"] > values:
        found.append(
            f"baselines.pca_components is {baselines['pca_components']}, but a square has {values} "
            "values (load.side)"
        )
    return found


def in_experiment() -> bool:
    """Whether DVC runs this stage in a temporary copy of the project, below .dvc/tmp."""
    return ".dvc" in Path.cwd().parts


def is_available(path: Path) -> bool:
    """Whether a path exists, or DVC tracks it or a folder that contains it and can restore it."""
    return any(Path(f"{part}.dvc").exists() for part in (path, *path.parents)) or path.exists()


if __name__ == "__main__":
    run_stage(main)
