"""Stage 11: scores the noisy and the denoised images of both splits against the clean ones."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from denoiser import scores
from stages import files
from stages.process import run

SPLITS = ("val", "test")
KINDS = ("noisy", "denoised")
METRICS = ("mse", "psnr", "ssim")
BLOCK = 500  # images in memory at once, for each split and kind

Summary = dict[str, dict[str, dict[str, float | None]]]
Scored = dict[tuple[str, str], dict[str, scores.Float64]]


def main() -> None:
    labels = {split: files.load_npy(f"data/split/y_{split}.npy") for split in SPLITS}
    pairs = [(split, kind) for split in SPLITS for kind in KINDS]
    with ThreadPoolExecutor() as pool:  # NumPy and SciPy let others work while they compute
        scored = dict(zip(pairs, pool.map(score, *zip(*pairs, strict=True)), strict=True))
    images = pd.concat(
        [per_image(split, labels[split], scored) for split in SPLITS], ignore_index=True
    )
    summary = {
        split: {kind: scores.means(scored[split, kind]) for kind in KINDS} for split in SPLITS
    }
    with files.replacing("data/scores") as folder:
        folder.mkdir()
        images.to_csv(folder / "per_image.csv", index=False, float_format="%.6f")
    with files.replacing("metrics/by_class.csv") as path:
        by_class(images).to_csv(path, float_format="%.4f")
    with files.replacing("metrics/evaluation.json") as path:
        path.write_text(json.dumps(summary, indent=2) + "\n")
    baselines = json.loads(Path("metrics/baselines.json").read_text())
    with files.replacing("metrics/methods.csv") as path:
        methods(baselines, summary).to_csv(path, float_format="%.4f")


def per_image(split: str, labels: npt.NDArray[Any], scored: Scored) -> pd.DataFrame:
    """One row an image: its split, its place in there, its label, and each metric of each kind."""
    return pd.DataFrame(
        {"split": split, "image": np.arange(len(labels)), "label": labels}
        | {f"{metric}_{kind}": scored[split, kind][metric] for metric in METRICS for kind in KINDS}
    )


def score(split: str, kind: str) -> dict[str, scores.Float64]:
    """Each metric of each image of this kind, shape (n,)."""
    with (
        files.NpyReader(f"data/split/x_{split}.npy") as clean,
        files.NpyReader(f"data/{kind}/x_{split}.npy") as images,
    ):
        pairs = zip(clean.blocks(BLOCK), images.blocks(BLOCK), strict=True)
        return scores.joined([scores.score(*pair) for pair in pairs])


def methods(baselines: Summary, summary: Summary) -> pd.DataFrame:
    """One row a method, the worst first; each metric of each split.

    "nothing" is the noisy image as it is, "model" the denoised one.
    """
    rows: dict[str, dict[str, float | None]] = {}
    for split in SPLITS:
        model = {"nothing": summary[split]["noisy"], "model": summary[split]["denoised"]}
        for method, values in (baselines[split] | model).items():
            of_split = {f"{split}_{metric}": value for metric, value in values.items()}
            rows.setdefault(method, {}).update(of_split)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    return table.sort_values("val_psnr", kind="stable")


def by_class(images: pd.DataFrame) -> pd.DataFrame:
    """One row a label; for each split, how many images, and the mean PSNR and SSIM of each kind."""
    columns = [f"{metric}_{kind}" for metric in ("psnr", "ssim") for kind in KINDS]
    tables = []
    for split in SPLITS:
        groups = images[images["split"] == split].groupby("label")
        table = groups[columns].mean()
        table.insert(0, "images", groups.size())
        tables.append(table.add_prefix(f"{split}_"))
    joined = pd.concat(tables, axis=1).sort_index()
    counts = [f"{split}_images" for split in SPLITS]
    return joined.fillna(dict.fromkeys(counts, 0)).astype(dict.fromkeys(counts, int))


if __name__ == "__main__":
    run(main)
