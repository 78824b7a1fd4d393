"""`make results`: the scores of all presets in tables, and the same test images through each.

It reads what `make experiment` kept in `experiments/results`, prints the tables as Markdown, for
the README, and draws `experiments/images.png` and `experiments/size.png`. Presets whose name
starts with "size-" are `unet-small` but for one number; only the table of sizes has them.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml
from PIL import Image

from denoiser import pictures
from denoiser import scores as metrics
from stages.errors import StageError, run
from tools.experiment import PRESETS, RESULTS

NEEDED = ("unet", "unet-gaussian", "unet-small")  # what the tables are made around

# What makes a network larger, or its training longer.
SIZES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "filters": lambda params: params["model"]["filters"][0],  # at the first resolution
    "resolutions": lambda params: len(params["model"]["filters"]),
    "convolutions": lambda params: params["model"]["convolutions"],  # at each
    "epochs": lambda params: params["train"]["epochs"],
}

# The columns of the table of scores, and how their numbers are written.
COLUMNS = {
    "test_psnr": ("PSNR (dB)", ".2f"),
    "test_ssim": ("SSIM", ".3f"),
    "test_mse": ("MSE", ".4f"),
    "val_psnr": ("PSNR, val (dB)", ".2f"),
    "accuracy": ("classified right", ".1%"),
}


class Result:
    """What a preset's run left in `experiments/results`."""

    def __init__(self, folder: Path) -> None:
        self.name, self.folder = folder.name, folder
        self.params: dict[str, Any] = yaml.safe_load((self.folder / "params.yaml").read_text())
        self.noise = "{kind} {amount}".format(**self.params["noise"])
        self.methods = pd.read_csv(self.folder / "methods.csv", index_col="method")
        classification = json.loads((self.folder / "classification.json").read_text())
        self.accuracy: dict[str, float] = classification["accuracy"]
        self.robustness: dict[str, pd.DataFrame] = {
            path.stem: pd.read_csv(path, index_col="amount")
            for path in (self.folder / "robustness").glob("*.csv")
        }

    def same_images(self, other: "Result") -> bool:
        """Whether both denoised the same noisy test images."""
        sections = ("fetch", "load", "split", "noise")
        return all(self.params[section] == other.params[section] for section in sections)

    def images(self) -> dict[str, npt.NDArray[np.float32]]:
        """The first test images, clean and of each method, shape (n, side*side), in [0, 1]."""
        names = ["clean", *self.methods.index]
        with Image.open(self.folder / "images.png") as file:
            rows = 1 - np.asarray(file, np.float32) / 255
        side = len(rows) // len(names)
        tiles = rows.reshape(len(names), side, -1, side).transpose(0, 2, 1, 3)
        return dict(zip(names, tiles.reshape(len(names), -1, side * side), strict=True))


def main() -> None:
    found = [Result(path) for path in sorted(RESULTS.iterdir())]
    sizes = {each.name: each for each in found if each.name.startswith("size-")}
    results = {each.name: each for each in found if each.name not in sizes}
    for needed in NEEDED:
        if needed not in results:
            raise StageError(f"first of all: make experiment NAME={needed}")
    sizes |= {name: results[name] for name in ("unet-small", "unet")}
    print("\n\n".join(tables(results, sizes)))
    draw(results)
    title = "PSNR (dB) of the test images: unet-small, but for one number"
    pictures.save(pictures.curves(size_curves(sizes), title), PRESETS / "size.png")


def tables(results: dict[str, Result], sizes: dict[str, Result]) -> list[str]:
    """In Markdown: the scores for the guide's noises, PSNR by strength, kind of noise, and size."""
    everyone = list(results.values())
    scored = [scores(results[name], everyone) for name in ("unet", "unet-gaussian")]
    uniform = [each for each in everyone if each.params["noise"]["kind"] == "uniform"]
    headers, formats = zip(*COLUMNS.values(), strict=True)
    return [
        *(markdown(table, formats, ["method", *headers]) for table in scored),
        markdown(by_amount(uniform)),
        markdown(by_kind(everyone)),
        markdown(by_size(sizes), ("d",) * len(SIZES) + (".2f", ".2f")),
    ]


def markdown(
    table: pd.DataFrame, formats: tuple[str, ...] | None = None, headers: list[str] | None = None
) -> str:
    """A table with numbers in these formats, two decimals where there are none."""
    return (
        table.astype(object)
        .where(table.notna(), None)
        .to_markdown(
            floatfmt=("", *(formats or (".2f",) * table.shape[1])),
            headers=headers or [str(table.index.name), *map(str, table.columns)],
            missingval="",
        )
    )


def scores(of: Result, results: list[Result]) -> pd.DataFrame:
    """One row a method, the worst first: baselines and presets, on the test images of one."""
    table = of.methods.drop("model").assign(accuracy=np.nan)
    table.loc["nothing", "accuracy"] = of.accuracy["noisy"]
    table.loc[table["val_psnr"].idxmax(), "accuracy"] = of.accuracy["best_baseline"]
    for each in results:
        if each.same_images(of):
            model = each.methods.loc["model"].to_dict()
            table.loc[f"**{each.name}**"] = model | {"accuracy": each.accuracy["denoised"]}
    table = table.sort_values("test_psnr")
    table.loc["clean", "accuracy"] = of.accuracy["clean"]
    return table[list(COLUMNS)]


def by_amount(results: list[Result]) -> pd.DataFrame:
    """PSNR over the strength of uniform noise: one row a preset, one column an amount."""
    rows = {"nothing": results[0].robustness["uniform"]["psnr_noisy"]} | {
        named(each): each.robustness["uniform"]["psnr_denoised"] for each in results
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("uniform")


def by_kind(results: list[Result]) -> pd.DataFrame:
    """PSNR by kind of noise: one row a preset, one column each noise that one was trained on."""
    noises = [each.params["noise"] for each in results]
    columns = {
        each.noise: (noise["kind"], noise["amount"])
        for each, noise in zip(results, noises, strict=True)
        if not isinstance(noise["amount"], list)
    }

    def row(result: Result, column: str) -> dict[str, float]:
        return {
            name: result.robustness[kind].loc[amount, column]
            for name, (kind, amount) in columns.items()
        }

    rows = {"nothing": row(results[0], "psnr_noisy")}
    rows |= {named(each): row(each, "psnr_denoised") for each in results}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("trained on")


def by_size(results: dict[str, Result]) -> pd.DataFrame:
    """One row a preset, the worst first: its size, and its PSNR on the test and validation set."""
    rows = {
        f"**{name}**": {size: of(each.params) for size, of in SIZES.items()}
        | {
            f"PSNR, {split}": each.methods.loc["model", f"{split}_psnr"]
            for split in ("test", "val")
        }
        for name, each in results.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("preset")
    return table.astype(dict.fromkeys(SIZES, int)).sort_values("PSNR, test")


def size_curves(results: dict[str, Result]) -> dict[str, pd.DataFrame]:
    """For each number of SIZES a curve: the presets that differ from `unet-small` in it alone."""
    table = by_size(results)
    curves = {}
    for size in SIZES:
        others = table[[other for other in SIZES if other != size]]
        alike = table[(others == others.loc["**unet-small**"]).all(axis=1)]
        curves[size] = alike.set_index(size)[["PSNR, test"]].sort_index().rename_axis(None)
    return curves


def named(result: Result) -> str:
    """A preset's row."""
    return f"**{result.name}**, {result.noise}"


def draw(results: dict[str, Result]) -> None:
    """The first test images through each method of the first table, and the PSNR of the last."""
    of = results["unet"]
    alike = {each.name: each for each in results.values() if each.same_images(of)}
    order = [name.strip("*") for name in scores(of, list(alike.values())).index[:-1]]
    images = {
        name: alike[name].images()["model"] if name in alike else of.images()[name]
        for name in ["clean", *order]
    }
    psnr = metrics.score(images["clean"], images[order[-1]])["psnr"]
    title = f"The first test images through each method, and the PSNR of {order[-1]}"
    pictures.save(pictures.rows(images, psnr, title), PRESETS / "images.png")


if __name__ == "__main__":
    sys.exit(run(main))
