"""`make results`: writes the tables of the documents and draws their figures.

It reads the scores that `make experiment`, `make seeds` and `make photographs` stored in presets/.
"""

import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
from dvc.utils.hydra import apply_overrides
from PIL import Image

from denoiser.base.errors import InputError
from denoiser.model import FOLDER, MODELS
from pipeline import figures
from pipeline import scores as metrics
from pipeline.base import params
from pipeline.base.process import run_main
from stages.plot import method_image_paths
from tools import experiment, photographs, seeds
from tools.markdown import insert_tables, to_markdown

DOCUMENTS = [
    Path(f"{name}.md") for name in "README docs/denoise docs/experiments docs/results".split()
]
DIGITS = {metric.label: metric.digits for metric in metrics.METRICS.values()}
README_ROWS = ["noisy input", "ridge", "**default**", "**unet-small**", "**unet**"]
DATA_SECTIONS = ("fetch", "load", "split", "noise")  # they decide the noisy test images

# Published PSNR (dB) of Set12, BSD68 and CBSD68, each with Gaussian noise of 15, 25 and 50 of 255
# levels; docs/results.md names the sources.
PUBLISHED = {
    "BM3D, CBM3D": (None, 29.97, None, 31.07, 28.57, 25.62, 33.52, 30.71, 27.38),
    "DnCNN-B, CDnCNN-B": (32.68, 30.36, 27.21, 31.61, 29.16, 26.23, 33.89, 31.23, 27.92),
    "FFDNet": (32.75, 30.43, 27.32, 31.63, 29.19, 26.29, 33.87, 31.21, 27.96),
    "DRUNet": (33.25, 30.94, 27.90, 31.91, 29.48, 26.59, 34.30, 31.69, 28.51),
}

Rows = dict[str, Any]  # the cells of each row of a table, by column
Presets = dict[str, dict[str, Any]]  # the parameters of each preset
Scores = dict[str, pd.DataFrame]  # of each preset, one row per method


def main() -> None:
    scores: Scores = {
        str(name): table.set_index("method")
        for name, table in experiment.read_rows(experiment.SCORES).groupby("preset")
    }
    photos = pd.read_csv(photographs.TABLE, dtype={"noise": str})
    robustness = experiment.read_rows(experiment.ROBUSTNESS)
    names = [name for name in experiment.preset_names() if name != experiment.NO_DATA]
    presets = {name: read_params(name) for name in names}
    if missing := sorted(presets.keys() - scores.keys()):
        raise InputError(f"{experiment.SCORES} lacks a preset: make experiment NAME={missing[0]}")
    clothes = {
        name: values
        for name, values in presets.items()
        if values["fetch"] == presets["default"]["fetch"]
    }
    tables = {
        "presets": preset_table(scores),
        "models": model_table(scores),
        "cameras": camera_table(photos),
        "photographs": gaussian_table(photos),
        "unchanged": unchanged_table(photos),
        "comparison": comparison(scores, ("default", "small")),
        "readme": method_table(scores, presets, "unet", README_ROWS),
        "uniform": method_table(scores, presets, "unet"),
        "gaussian": method_table(scores, presets, "unet-gaussian"),
        "guide": guide_table(scores),
        "amounts": to_markdown(amount_table(robustness, clothes)),
        "kinds": to_markdown(kind_table(robustness, clothes)),
        "seeds": seed_table(pd.read_csv(seeds.SCORES)),
    }
    for document in DOCUMENTS:
        insert_tables(document, tables)
    draw_images(scores, clothes)


def read_params(preset: str) -> dict[str, Any]:
    """The parameters of a preset: params.yaml with its overrides."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, params.FILE)
        path.write_text(Path(params.FILE).read_text())
        apply_overrides(path, experiment.overrides(preset))
        return params.load_yaml(str(path))


def frame(rows: Rows, name: str) -> pd.DataFrame:
    """A table whose first column, the index, has this name."""
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(name)


def preset_table(scores: Scores) -> str:
    """One row per preset: its description, and how its scores were computed."""
    rows: Rows = {}
    for name, methods in scores.items():
        text = (experiment.PRESETS / f"{name}.yaml").read_text()
        rows[f"`{name}`"] = {"description": text.splitlines()[0].removeprefix("# ")} | {
            column: methods.loc["model", column] for column in ("minutes", "processor", "commit")
        }
    return to_markdown(frame(rows, "preset"), {"minutes": 1})


def columns(split: str) -> dict[str, str]:
    """The columns of the scores on a split, and their labels in a table."""
    return {f"{split}_{name}": metric.label for name, metric in metrics.METRICS.items()}


def comparison(scores: Scores, names: tuple[str, ...]) -> str:
    """One row per preset: its overrides, and the scores of the validation images."""
    rows: Rows = {
        name: {"overrides": " ".join(f"`{line}`" for line in experiment.overrides(name))}
        | {label: scores[name].loc["model", column] for column, label in columns("val").items()}
        for name in names
    }
    return to_markdown(frame(rows, "preset"), DIGITS)


def methods_and_presets(scores: Scores, presets: Presets, preset: str) -> pd.DataFrame:
    """One row per baseline and per preset with the same noisy test images, sorted by PSNR."""
    table = scores[preset].drop("model")
    data = [presets[preset][section] for section in DATA_SECTIONS]
    for name, values in presets.items():
        if [values[section] for section in DATA_SECTIONS] == data:
            table.loc[f"**{name}**"] = scores[name].loc["model"]
    return table.sort_values("test_psnr")  # the row "clean", without scores, comes last


def method_table(
    scores: Scores, presets: Presets, preset: str, methods: list[str] | None = None
) -> str:
    """The scores of the methods, or of all, on the test images of a preset."""
    table = methods_and_presets(scores, presets, preset)
    table = table if methods is None else table.loc[methods]
    table = table.assign(accuracy=100 * table["accuracy"])
    names = columns("test") | {"accuracy": "accuracy (%)"}
    table = table[list(names)].rename(columns=names)
    return to_markdown(table, DIGITS | {"accuracy (%)": 1})


def guide_table(scores: Scores) -> str:
    """The literal run of the guide beside the default run."""
    rows: Rows = {
        "noisy input": scores["guide"].loc["noisy input"],
        "**guide**": scores["guide"].loc["model"],
        "ridge regression, fitted to the same images": scores["guide"].loc["ridge"],
        "**default**": scores["default"].loc["model"],
    }
    names = ["val_psnr", "val_ssim", "test_psnr", "test_ssim", "val_loss", "epochs"]
    digits = [2, 3, 2, 3, 4, 0]
    return to_markdown(frame(rows, "method")[names], dict(zip(names, digits, strict=True)))


def model_table(scores: Scores) -> str:
    """One row per model of the package: its size, and how it was trained."""
    rows: Rows = {}
    origins = experiment.read_rows(experiment.ORIGINS).set_index("preset")
    for name in MODELS:
        path = FOLDER / f"{name}.onnx"
        weights = onnx.load(path).graph.initializer
        trained = scores[name].loc["model"]
        rows[f"`{name}`"] = {
            "parameters": sum(
                math.prod(w.dims) for w in weights if w.data_type == onnx.TensorProto.FLOAT
            ),
            "MB": path.stat().st_size / 1e6,
            "epochs": trained["epochs"],
        } | {column: trained[column] for column in ("minutes", "processor", "commit")}
        rows[f"`{name}`"]["SHA-256"] = str(origins["sha256"][name])[:12]
    return to_markdown(frame(rows, "model"), {"MB": 1, "epochs": 0, "minutes": 1})


def camera_table(photos: pd.DataFrame) -> str:
    """The methods on photographs of real cameras."""
    table = photos[photos["noise"] == "camera"].set_index("method")
    table = table.sort_values(["pictures", "psnr"], ascending=[False, True])
    table = table.assign(gain=table["psnr"] - table["noisy_psnr"])
    names = {
        "pictures": "pictures",
        "noisy_psnr": "noisy (dB)",
        "psnr": "denoised (dB)",
        "gain": "gain (dB)",
        "least_gain": "least gain (dB)",
        "seconds_per_megapixel": "seconds per megapixel",
    }
    table = bold_models(table[list(names)].rename(columns=names))
    return to_markdown(table, dict.fromkeys(map(str, table), 2) | {"pictures": 0})


def gaussian_table(photos: pd.DataFrame) -> str:
    """The methods on photographs with Gaussian noise, beside published values."""
    sets = ("Set12", "BSD68", "CBSD68")
    columns = [f"{name} {sigma}" for name in sets for sigma in photographs.SIGMAS]
    published = pd.DataFrame.from_dict(PUBLISHED, orient="index", columns=columns)
    table = photos.assign(column=photos["set"] + " " + photos["noise"])
    measured = table.pivot_table("psnr", "method", "column").reindex(columns=columns)
    measured = measured.dropna(how="all")  # methods for camera noise only
    rows = pd.concat([published, bold_models(measured)]).rename_axis("method")
    return to_markdown(rows)


def unchanged_table(photos: pd.DataFrame) -> str:
    """The PSNR between photographs without noise and the results of the models."""
    table = photos[photos["noise"] == "none"].pivot_table("psnr", "method", "set")
    return to_markdown(bold_models(table), 1)


def bold_models(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the names of the models in bold."""
    return table.rename(index={name: f"**{name}**" for name in MODELS})


def amount_table(robustness: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """PSNR by the amount of uniform noise, of the presets trained on uniform noise."""
    uniform = {
        name: values for name, values in presets.items() if values["noise"]["kind"] == "uniform"
    }
    amounts = robustness.loc[robustness["kind"] == "uniform", "amount"].unique()
    noises = {str(amount): ("uniform", amount) for amount in amounts}
    return robustness_table(robustness, uniform, noises).rename_axis("uniform noise")


def kind_table(robustness: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """PSNR by the kind of noise, each with the middle one of its amounts."""
    amounts = robustness.groupby("kind", sort=False)["amount"].unique()
    middle = {str(kind): sorted(values)[len(values) // 2] for kind, values in amounts.items()}
    noises = {f"{kind} {amount}": (kind, amount) for kind, amount in middle.items()}
    return robustness_table(robustness, presets, noises).rename_axis("trained on")


def robustness_table(
    robustness: pd.DataFrame, presets: Presets, noises: dict[str, tuple[str, float]]
) -> pd.DataFrame:
    """PSNR of each preset (rows) on noises (columns) of a kind and an amount."""
    table = robustness.set_index(["preset", "kind", "amount"])

    def psnr(preset: str, variant: str) -> list[float]:
        # Scores of an earlier version of params.yaml may lack a noise.
        return list(table[f"psnr_{variant}"].reindex([(preset, *each) for each in noises.values()]))

    rows = {"noisy input": psnr("default", "noisy")}
    for name, values in presets.items():
        noise = "{kind} {amount}".format(**values["noise"])
        rows[f"**{name}**, {noise}"] = psnr(name, "denoised")
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(noises))


def seed_table(scores: pd.DataFrame) -> str:
    """The PSNR of the validation images of each preset, over the seeds of the training."""
    groups = scores.groupby("preset")["val_psnr"].agg(["mean", "std", "min", "max"])
    # Two standard deviations of the difference of two trainings.
    groups["difference by the seed"] = 2 * math.sqrt(2) * groups["std"]
    names = {"std": "standard deviation", "min": "lowest", "max": "highest"}
    return to_markdown(groups.sort_values("mean").rename(columns=names), 2)


def draw_images(scores: Scores, presets: Presets) -> None:
    """Draws the first test images through each method of the table of uniform noise."""
    order = [name.strip("*") for name in methods_and_presets(scores, presets, "unet").index[:-1]]
    images = {"clean": sheet("unet", scores)["original"]}
    for name in order:
        preset, method = (name, "model") if name in presets else ("unet", name)
        images[name] = sheet(preset, scores)[method]
    psnr = metrics.score(images["clean"], images[order[-1]])["psnr"]
    title = f"The first test images through each method, and the PSNR of {order[-1]}"
    figures.save(figures.rows(images, psnr, title, "binary"), experiment.PRESETS / "images.png")


def sheet(preset: str, scores: Scores) -> dict[str, npt.NDArray[np.float32]]:
    """The stored test images of each method, shape (n, side, side, 1), in [0, 1]."""
    names = list(method_image_paths(scores[preset].index.drop("clean")))
    with Image.open(experiment.IMAGES / f"{preset}.png") as file:
        pixels = 1 - np.asarray(file, np.float32) / 255
    side = len(pixels) // len(names)
    images = pixels.reshape(len(names), side, -1, side, 1).swapaxes(1, 2)
    return dict(zip(names, images, strict=True))


if __name__ == "__main__":
    sys.exit(run_main(main))
