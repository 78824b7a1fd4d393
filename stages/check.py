"""Validates all of params.yaml, so that a mistake is reported before any other stage runs."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from denoiser.base.devices import DEVICES
from denoiser.base.errors import InputError
from denoiser.base.files import atomic_write
from denoiser.base.images import COLORS
from pipeline import classical, data_sets
from pipeline.base import noise, params
from training import losses, optimizers, start
from training.base import backend, networks

# The parameters that name choices, and the names.
CHOICES: dict[str, Iterable[str]] = {
    "fetch.source": (*data_sets.DATA_SETS, "none"),
    "load.color": COLORS,
    "noise.kind": (*noise.KINDS, noise.PAIRS),
    "baselines.methods": classical.METHODS,
    "model.kind": networks.NETWORKS,
    "model.activation": networks.ACTIVATIONS,
    "train.optimizer": optimizers.OPTIMIZERS,
    "train.schedule": optimizers.SCHEDULES,
    "train.loss": losses.LOSSES,
    "train.precision": backend.PRECISIONS,
    "runtime.backend": backend.BACKENDS,
    "runtime.device": DEVICES,
    "robustness.amounts": noise.KINDS,
    "plot.colormap": ("binary", "gray"),
}
# Folders that stages replace as a whole.
REPLACED = {Path("data", name) for name in "images split noisy baselines denoised scores".split()}


def main() -> None:
    content = params.load_yaml(params.FILE)
    mistakes = find_mistakes(content) or [
        f"{params.FILE}: {mistake}" for mistake in contradictions(content)
    ]
    if mistakes:
        raise InputError("; ".join(mistakes))
    # The stages fetch and load depend on this file. Its content never changes, so they run after
    # this stage, but not because of it.
    with atomic_write("data/checked") as path:
        path.write_text(f"{params.FILE} is valid\n")


def find_mistakes(content: dict[str, Any]) -> list[str]:
    """Describes each invalid value in the content of params.yaml."""
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
    return mistakes or [f"{params.FILE}: {mistake}" for mistake in wrong_choices(content)]


def wrong_choices(content: dict[str, Any]) -> Iterator[str]:
    """Describes names that are not among CHOICES; a parameter has one name or several."""
    for full_name, names in CHOICES.items():
        section, key = full_name.split(".")
        value = content[section][key]
        for name in [value] if isinstance(value, str) else value:
            if name not in names:
                close = params.suggest(name, names)
                yield f"{full_name}: '{name}' is not one of {', '.join(names)}{close}"


def contradictions(content: dict[str, Any]) -> Iterator[str]:
    """Describes values that are valid by themselves, but not together."""
    load, train, kind = content["load"], content["train"], content["noise"]["kind"]
    pairs, amounts = kind == noise.PAIRS, params.validate(content, params.Robustness).amounts
    amount = params.validate(content, params.Noise).amount
    noises: list[tuple[str, str, Any]] = [] if pairs else [("noise.amount", kind, amount)]
    noises += [(f"robustness.amounts.{other}", other, amounts[other]) for other in amounts]
    for name, other, amount in noises:
        try:
            noise.check_amount(other, amount)
        except ValueError as error:
            yield f"{name} is {amount}: {error}"
    keys = ("train", "test", "noisy_train", "noisy_test")
    paths = {key: Path(os.path.relpath(load[key])) for key in keys}
    for key, path in paths.items():
        given, fetched = f"load.{key} is {load[key]}", path.parent == params.DATA_SET
        used = pairs or not key.startswith("noisy_")
        if fetched and used and content["fetch"]["source"] == "none":
            yield (
                f"{given}, which is empty with fetch.source 'none': "
                "set it to the path of a CSV or a folder of pictures"
            )
        elif pairs and path == paths.get(f"noisy_{key}"):
            yield (
                f"noise.kind is 'pairs', but load.noisy_{key} and load.{key} are both "
                f"{load[key]}: set load.noisy_{key} to the noisy images"
            )
        elif REPLACED & {path, *path.parents}:
            yield f"{given}, in a folder that a stage replaces: move it to another folder"
        elif not fetched and not is_available(path):
            remedy = (
                ": experiments with --temp or --queue contain only files that Git or DVC tracks; "
                "run `dvc add` for the data, then `git add` for the new .dvc file"
            )
            yield f"{given}, which does not exist{remedy if '.dvc' in Path.cwd().parts else ''}"
    if pairs and train["fresh_noise"]:
        yield (
            "train.fresh_noise adds synthetic noise, which noise.kind 'pairs' excludes: set "
            "train.fresh_noise to false"
        )
    network, first = content["model"], train["start"]
    if start.is_model(first):
        if networks.NETWORKS[network["kind"]].reach is None:
            yield f"train.start is {first}, but model.kind '{network['kind']}' has new weights only"
        elif not is_available(Path(first)):
            yield f"train.start is {first}, which does not exist"
    if network["residual"] and networks.NETWORKS[network["kind"]].reach is None:
        yield f"model.residual has no effect on model.kind '{network['kind']}': set it to false"
    elif network["residual"] and losses.LOSSES[train["loss"]].in_unit_range:
        yield (
            f"train.loss is '{train['loss']}', which needs results from 0 to 1: with "
            "model.residual, choose another loss, such as mse or psnr"
        )


def is_available(path: Path) -> bool:
    """Whether a path exists, or DVC tracks it or a folder that contains it and can restore it."""
    return any(Path(f"{part}.dvc").exists() for part in (path, *path.parents)) or path.exists()
