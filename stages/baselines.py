"""Denoises with classical methods, tuned on the training images, and scores them.

Threads use all cores: NumPy, SciPy and scikit-image release the GIL while they compute.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from denoiser import classical, scores
from denoiser.classical import Denoiser
from pipeline.base import files, params
from pipeline.base.errors import InputError
from pipeline.base.process import run_stage
from pipeline.schema.baselines_params import LINEAR_METHODS, MAX_VALUES, Baselines

TUNING_IMAGES = 500  # at most a fifth of the training images; pca and ridge are fitted to the rest
BLOCK_SIZE = 100  # images in memory at once, in each thread
KEPT_IMAGES = 100  # test images kept of each method, the limit of plot.images


def main() -> None:
    section = params.read("baselines", Baselines)
    with files.NpyReader("data/split/x_train.npy") as clean:
        count, values = clean.shape
    linear = LINEAR_METHODS & set(section.methods)
    if linear and (values > MAX_VALUES or count < 2):
        raise InputError(
            "params.yaml: baselines.methods contains 'pca' or 'ridge', which need at least two "
            f"training images, of at most {MAX_VALUES} values; there are {count} of {values} "
            "values: remove them"
        )
    if "pca" in section.methods and section.pca_components > values:
        raise InputError(
            f"params.yaml: baselines.pca_components is {section.pca_components}, "
            f"but an image has {values} values"
        )
    fitted = fit(section)
    settings = {method: setting for method, (setting, _) in fitted.items()}
    denoisers = {method: denoiser for method, (_, denoiser) in fitted.items()}
    results = {split: score(split, denoisers) for split in ("val", "test")}
    with (
        files.atomic_write("data/baselines") as folder,
        files.NpyReader("data/noisy/x_test.npy") as noisy,
    ):
        folder.mkdir()
        for method, denoiser in denoisers.items():
            np.save(folder / f"{method}.npy", denoiser(noisy.rows(0, KEPT_IMAGES)))
        if denoisers:
            best = max(denoisers, key=lambda method: results["val"][method]["psnr"] or 0)
            with files.NpyWriter(folder / "x_test.npy", np.float32, noisy.shape[1:]) as x:
                for images in noisy.blocks(BLOCK_SIZE):
                    x.append(denoisers[best](images))
    with files.atomic_write("metrics/baselines.json") as path:
        path.write_text(json.dumps(results | {"settings": settings}, indent=2) + "\n")


def fit(section: Baselines) -> dict[str, tuple[float | None, Denoiser]]:
    """The setting and the denoiser of each method; the setting of `mean` is None."""
    with (
        files.NpyReader("data/noisy/x_train.npy") as all_noisy,
        files.NpyReader("data/split/x_train.npy") as all_clean,
        ThreadPoolExecutor() as pool,
    ):
        count = max(1, min(TUNING_IMAGES, len(all_clean) // 5))
        noisy, clean = all_noisy.rows(0, count), all_clean.rows(0, count)
        filters = {
            method: pool.submit(classical.tune_filter, method, noisy, clean)
            for method in section.methods
            if method in classical.GRIDS
        }
        if LINEAR_METHODS & set(section.methods):
            starts = range(count, len(all_clean), BLOCK_SIZE)
            bounds = ((start, start + BLOCK_SIZE) for start in starts)
            pairs = ((all_noisy.rows(*bound), all_clean.rows(*bound)) for bound in bounds)
            linear = classical.Linear(pairs, clean.shape[1])
        fitted: dict[str, tuple[float | None, Denoiser]] = {}
        for method in section.methods:
            if method == "mean":
                fitted[method] = None, classical.subtract_mean(noisy, clean)
            elif method == "pca":
                fitted[method] = section.pca_components, linear.pca(section.pca_components)
            elif method == "ridge":
                fitted[method] = classical.tune_ridge(linear, noisy, clean)
            else:
                fitted[method] = filters[method].result()
            print(f"{method}: {fitted[method][0]}", flush=True)
    return fitted


def score(split: str, denoisers: dict[str, Denoiser]) -> dict[str, dict[str, float | None]]:
    """The mean of each metric of each method on a split."""
    with files.NpyReader(f"data/split/x_{split}.npy") as clean:
        starts = range(0, len(clean), BLOCK_SIZE)
    with ThreadPoolExecutor() as pool:
        blocks = list(pool.map(partial(score_block, split, denoisers), starts))
    return {
        method: scores.means(scores.concatenate([block[method] for block in blocks]))
        for method in denoisers
    }


def score_block(split: str, denoisers: dict[str, Denoiser], start: int) -> dict[str, scores.Scores]:
    """Each metric of each image of the block that begins at image `start`, for each method."""
    stop = start + BLOCK_SIZE
    with (
        files.NpyReader(f"data/noisy/x_{split}.npy") as noisy,
        files.NpyReader(f"data/split/x_{split}.npy") as clean,
    ):
        images, truth = noisy.rows(start, stop), clean.rows(start, stop)
    return {method: scores.score(truth, denoiser(images)) for method, denoiser in denoisers.items()}


if __name__ == "__main__":
    with threadpool_limits(1):  # the bits of a matrix product depend on the number of threads
        run_stage(main)
