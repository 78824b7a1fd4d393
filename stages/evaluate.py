"""Scores the noisy and the denoised images of both splits against the clean ones."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from denoiser.base.files import atomic_write
from pipeline import scores
from pipeline.base import npy

SPLITS = ("val", "test")
VARIANTS = ("noisy", "denoised")
BLOCK_SIZE = 500  # images in memory at once, for each split and variant

Means = dict[str, float | None]
Summary = dict[str, dict[str, Means]]


def main() -> None:
    pairs = [(split, variant) for split in SPLITS for variant in VARIANTS]
    with ThreadPoolExecutor() as pool:  # NumPy and SciPy release the GIL while they compute
        results = dict(zip(pairs, pool.map(score, *zip(*pairs, strict=True)), strict=True))
    images = pd.concat([per_image(split, results) for split in SPLITS], ignore_index=True)
    summary: Summary = {
        split: {variant: scores.means(results[split, variant]) for variant in VARIANTS}
        for split in SPLITS
    }
    for means in summary.values():
        noisy, denoised = (means[variant]["psnr"] or 0 for variant in VARIANTS)
        means["gain"] = {"psnr": round(denoised - noisy, 6)}  # dB
    baselines = json.loads(Path("metrics/baselines.json").read_text())
    with atomic_write("data/scores") as folder:
        folder.mkdir()
        images.to_csv(folder / "per_image.csv", index=False, float_format="%.6f")
    with atomic_write("metrics/by_class.csv") as path:
        by_class(images).to_csv(path, float_format="%.4f")
    with atomic_write("metrics/evaluation.json") as path:
        path.write_text(json.dumps(summary, indent=2) + "\n")
    with atomic_write("metrics/methods.csv") as path:
        methods(baselines, summary).to_csv(path, float_format="%.4f")


def score(split: str, variant: str) -> scores.Scores:
    """Each metric of each image of a split, shape (n,)."""
    paths = f"data/split/x_{split}.npy", f"data/{variant}/x_{split}.npy"
    clean, images = (npy.blocks(path, BLOCK_SIZE) for path in paths)
    return scores.score_all(zip(clean, images, strict=True))


def per_image(split: str, results: dict[tuple[str, str], scores.Scores]) -> pd.DataFrame:
    """One row per image: its split, its index, its label, and each metric of each variant."""
    labels = npy.open_npy(f"data/split/y_{split}.npy")
    table = pd.DataFrame({"split": split, "image": np.arange(len(labels)), "label": labels})
    for metric in scores.METRICS:
        for variant in VARIANTS:
            table[f"{metric}_{variant}"] = results[split, variant][metric]
    return table


def methods(baselines: Summary, summary: Summary) -> pd.DataFrame:
    """One row per method, sorted by PSNR on the validation images; each metric of each split.

    "noisy input" is the noisy image unchanged, "model" the image denoised by the network.
    """
    rows: dict[str, Means] = {}
    for split in SPLITS:
        network = {"noisy input": summary[split]["noisy"], "model": summary[split]["denoised"]}
        for method, means in (baselines[split] | network).items():
            columns = {f"{split}_{metric}": mean for metric, mean in means.items()}
            rows.setdefault(method, {}).update(columns)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    return table.sort_values("val_psnr", kind="stable")


def by_class(images: pd.DataFrame) -> pd.DataFrame:
    """One row per label: for each split the number of images and the mean of each metric."""
    tables = []
    for split in SPLITS:
        groups = images[images["split"] == split].drop(columns=["split", "image"]).groupby("label")
        table = groups.mean()
        table.insert(0, "images", groups.size())
        tables.append(table.add_prefix(f"{split}_"))
    joined = pd.concat(tables, axis=1).sort_index()
    counts = [f"{split}_images" for split in SPLITS]
    return joined.fillna(dict.fromkeys(counts, 0)).astype(dict.fromkeys(counts, int))
