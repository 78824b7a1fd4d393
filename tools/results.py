"""`make results`: writes the tables of the documents and draws their pictures.

It reads the scores that `make experiment` stored in experiments/ and the results of `make bench`.
Presets whose name starts with "size-" are variants of `unet-small`; of the tables of scores, only
the table of sizes contains them.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from dvc.utils.hydra import apply_overrides
from PIL import Image

from benchmarks import measure
from benchmarks.__main__ import results
from denoiser import pictures
from denoiser import scores as metrics
from pipeline.base import params
from pipeline.base.errors import InputError, run_main
from stages.plot import method_image_paths
from tools import experiment, photographs
from tools.markdown import insert_tables, to_markdown

DOCUMENTS = (Path("README.md"), Path("docs/results.md"), Path("docs/experiments.md"))
DIGITS = {metric.label: metric.digits for metric in metrics.METRICS.values()}
DATA_SECTIONS = ("fetch", "load", "split", "noise")  # they decide the noisy test images

# The parameters that the table of sizes compares.
SIZES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "filters": lambda params: params["model"]["filters"][0],  # at the first resolution
    "resolutions": lambda params: len(params["model"]["filters"]),
    "convolutions": lambda params: params["model"]["convolutions"],  # per resolution
    "epochs": lambda params: params["train"]["epochs"],
    "standardized": lambda params: params["model"]["standardize"],
}

# PSNR (dB) of Set12 and BSD68 with Gaussian noise of 25/255: Zhang et al., "Beyond a Gaussian
# denoiser", 2017, and Zhang et al., "Plug-and-play image restoration with deep denoiser prior",
# 2021.
PUBLISHED = {
    "BM3D": (29.97, 28.57),
    "WNNM": (30.26, 28.83),
    "DnCNN-S": (30.44, 29.23),
    "DRUNet": (30.94, 29.48),
}

Presets = dict[str, dict[str, Any]]  # the parameters of each preset
Scores = dict[str, pd.DataFrame]  # of each preset, one row per method


def main() -> None:
    scores: Scores = {
        str(name): table.set_index("method")
        for name, table in pd.read_csv(experiment.SCORES).groupby("preset")
    }
    robustness = pd.read_csv(experiment.ROBUSTNESS)
    presets = {name: read_params(name) for name in experiment.preset_names()}
    if missing := sorted(presets.keys() - scores.keys()):
        raise InputError(f"{experiment.SCORES} lacks a preset: make experiment NAME={missing[0]}")
    clothes = {
        name: values
        for name, values in presets.items()
        if values["fetch"]["source"] == "fashion-mnist"
    }
    sizes = size_table(scores, clothes)
    tables = {
        "presets": preset_table(scores, presets),
        "photographs": photograph_table(scores),
        "comparison": comparison(scores, ("default", "small")),
        "uniform": method_table(scores, presets, "unet"),
        "gaussian": method_table(scores, presets, "unet-gaussian"),
        "guide": guide_table(scores),
        "amounts": to_markdown(amount_table(robustness, clothes)),
        "kinds": to_markdown(kind_table(robustness, clothes)),
        "sizes": to_markdown(sizes, {"PSNR, test": 2, "PSNR, val": 2}),
        "speed": speed_table(),
    }
    for document in DOCUMENTS:
        insert_tables(document, tables)
    draw_images(scores, clothes)
    title = "PSNR (dB) of the test images: unet-small and its variants"
    pictures.save(pictures.curves(size_curves(sizes), title), experiment.PRESETS / "size.png")


def read_params(preset: str) -> dict[str, Any]:
    """The parameters of a preset: params.yaml with its overrides."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, params.FILE)
        path.write_text(Path(params.FILE).read_text())
        apply_overrides(path, experiment.overrides(preset))
        return params.load_yaml(str(path))


def noise_of(preset: dict[str, Any]) -> str:
    """The noise that a preset is trained on, such as "uniform 0.9"."""
    return "{kind} {amount}".format(**preset["noise"])


def same_images(presets: Presets, preset: str) -> list[str]:
    """The presets with the same noisy test images, without those of the table of sizes."""
    data = [presets[preset][section] for section in DATA_SECTIONS]
    return [
        name
        for name, values in presets.items()
        if [values[section] for section in DATA_SECTIONS] == data and not name.startswith("size-")
    ]


def preset_table(scores: Scores, presets: Presets) -> str:
    """One row per preset: its description, and the processor that computed its scores."""
    rows = {}
    for name in presets:
        text = (experiment.PRESETS / f"{name}.yaml").read_text()
        processor = scores[name].loc["model", "processor"]
        rows[f"`{name}`"] = {
            "description": text.splitlines()[0].removeprefix("# "),
            "processor": processor,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("preset")
    return to_markdown(table, {})


def columns(split: str) -> dict[str, str]:
    """The columns of the scores on a split, and their labels in a table."""
    return {f"{split}_{name}": metric.label for name, metric in metrics.METRICS.items()}


def comparison(scores: Scores, names: tuple[str, ...]) -> str:
    """One row per preset: its overrides, and the scores of the validation images."""
    rows: dict[str, dict[str, Any]] = {
        name: {"overrides": " ".join(f"`{line}`" for line in experiment.overrides(name))}
        | {label: scores[name].loc["model", column] for column, label in columns("val").items()}
        for name in names
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("experiment")
    return to_markdown(table, DIGITS)


def methods_and_presets(scores: Scores, presets: Presets, preset: str) -> pd.DataFrame:
    """One row per baseline and per preset with the same test images, sorted by PSNR."""
    table = scores[preset].drop("model")
    for name in same_images(presets, preset):
        table.loc[f"**{name}**"] = scores[name].loc["model"]
    return table.sort_values("test_psnr")  # the row "clean", without scores, comes last


def method_table(scores: Scores, presets: Presets, preset: str) -> str:
    table = methods_and_presets(scores, presets, preset)
    table = table.assign(accuracy=100 * table["accuracy"])
    names = columns("test") | {"accuracy": "accuracy (%)"}
    table = table[list(names)].rename(columns=names)
    return to_markdown(table, DIGITS | {"accuracy (%)": 1})


def guide_table(scores: Scores) -> str:
    """The literal run of the guide beside the default run."""
    rows = {
        "noisy input": scores["guide"].loc["noisy input"],
        "**guide**": scores["guide"].loc["model"],
        "ridge regression, fitted to the same images": scores["guide"].loc["ridge"],
        "**default**": scores["default"].loc["model"],
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    names = ["val_psnr", "val_ssim", "test_psnr", "test_ssim", "val_loss", "epochs"]
    digits = [2, 3, 2, 3, 4, 0]
    return to_markdown(table[names], dict(zip(names, digits, strict=True)))


def photograph_table(scores: Scores) -> str:
    """The PSNR of whole photographs: published values, and those of `make photographs`."""
    rows: dict[str, dict[str, Any]] = {
        method: dict(zip(photographs.SETS, psnr, strict=True)) | {"source": "published"}
        for method, psnr in PUBLISHED.items()
    }
    model = scores["photos"].loc["model"]
    for method, row in pd.read_csv(photographs.TABLE, index_col="method").iterrows():
        source = f"{model['minutes']:.0f} minutes on {model['processor']}"
        values = {name: row[name] for name in photographs.SETS}
        rows[str(method).replace("photos", "**photos**")] = values | {"source": source}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    return to_markdown(table, dict.fromkeys(photographs.SETS, 2))


def amount_table(robustness: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """PSNR by the amount of uniform noise, of the presets trained on uniform noise."""
    uniform = {
        name: values for name, values in presets.items() if values["noise"]["kind"] == "uniform"
    }
    amounts = robustness.loc[robustness["kind"] == "uniform", "amount"].unique()
    noises = {str(amount): ("uniform", amount) for amount in amounts}
    return robustness_table(robustness, uniform, noises).rename_axis("uniform noise")


def kind_table(robustness: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """PSNR by kind of noise, each with the amount that a preset was trained on."""
    noises = {
        noise_of(values): (values["noise"]["kind"], values["noise"]["amount"])
        for values in presets.values()
        if not isinstance(values["noise"]["amount"], list)
    }
    return robustness_table(robustness, presets, noises).rename_axis("trained on")


def robustness_table(
    robustness: pd.DataFrame, presets: Presets, noises: dict[str, tuple[str, float]]
) -> pd.DataFrame:
    """PSNR of each preset (rows) on noises (columns) of a kind and an amount."""
    table = robustness.set_index(["preset", "kind", "amount"])

    def psnr(preset: str, variant: str) -> list[float]:
        # A PSNR is missing if `robustness.amounts` lacks the noise.
        return list(table[f"psnr_{variant}"].reindex([(preset, *each) for each in noises.values()]))

    rows = {"noisy input": psnr("default", "noisy")}
    for name, values in presets.items():
        if not name.startswith("size-"):
            rows[f"**{name}**, {noise_of(values)}"] = psnr(name, "denoised")
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(noises))


def size_table(scores: Scores, presets: Presets) -> pd.DataFrame:
    """The sizes of each U-Net and its PSNR, sorted by PSNR."""
    names = [name for name in presets if name.startswith("size-") or name in ("unet-small", "unet")]
    rows = {
        f"**{name}**": {size: read(presets[name]) for size, read in SIZES.items()}
        | {
            f"PSNR, {split}": scores[name].loc["model", f"{split}_psnr"]
            for split in ("test", "val")
        }
        for name in names
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("preset")
    return table.astype(dict.fromkeys(SIZES, int)).sort_values("PSNR, test")


def size_curves(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For each of SIZES, the PSNR of the presets that differ from `unet-small` only in it."""
    charts = {}
    for size in SIZES:
        others = table[[other for other in SIZES if other != size]]
        rows = table[(others == others.loc["**unet-small**"]).all(axis=1)]
        charts[size] = rows.set_index(size)[["PSNR, test"]].sort_index()
    return charts


def speed_table() -> str:
    """The duration of the first run, and the medians of benchmarks against the guide's code."""
    rows = {
        f"{row.work} ({row.unit})": {
            "the guide's code": measure.median(row.guide),
            "this project": measure.median(row.here),
            "measured on": row.processor,
        }
        for name in ("training_step", "whole", "repro")
        for row in measure.load(results(name))
        if "its stage" not in row.work
    }
    return to_markdown(pd.DataFrame.from_dict(rows, orient="index").rename_axis("benchmark"), {})


def draw_images(scores: Scores, presets: Presets) -> None:
    """Draws the first test images through each method of the table of uniform noise."""
    order = [name.strip("*") for name in methods_and_presets(scores, presets, "unet").index[:-1]]
    images = {"clean": sheet("unet", scores)["original"]}
    for name in order:
        preset, method = (name, "model") if name in presets else ("unet", name)
        images[name] = sheet(preset, scores)[method]
    psnr = metrics.score(images["clean"], images[order[-1]])["psnr"]
    title = f"The first test images through each method, and the PSNR of {order[-1]}"
    figure = pictures.rows(images, psnr, title, "binary")
    pictures.save(figure, experiment.PRESETS / "images.png")


def sheet(preset: str, scores: Scores) -> dict[str, npt.NDArray[np.float32]]:
    """The stored test images of each method, shape (n, side*side), in [0, 1]."""
    names = list(method_image_paths(scores[preset].index.drop("clean")))
    with Image.open(experiment.IMAGES / f"{preset}.png") as file:
        rows = 1 - np.asarray(file, np.float32) / 255
    side = len(rows) // len(names)
    tiles = rows.reshape(len(names), side, -1, side).transpose(0, 2, 1, 3)
    return dict(zip(names, tiles.reshape(len(names), -1, side * side), strict=True))


if __name__ == "__main__":
    sys.exit(run_main(main))
