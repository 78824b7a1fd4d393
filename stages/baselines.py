"""Denoises with classical methods, tuned on the training images, and scores them.

Threads use all cores: NumPy, SciPy and scikit-image release the GIL while they compute.
"""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from denoiser.base.errors import InputError
from denoiser.base.files import atomic_write
from denoiser.base.images import Float32
from pipeline import classical, scores
from pipeline.base import npy, params

TUNING_IMAGES = 500  # at most a fifth of the training images; pca and ridge are fitted to the rest
BLOCK_SIZE = 100  # images in memory at once, in each thread
KEPT_IMAGES = 100  # test images kept of each method, the limit of plot.images


# The bits of a matrix product depend on the number of threads.
@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
def main() -> None:
    section = params.read(params.Baselines)
    with ThreadPoolExecutor() as pool:
        fitted = fit(section, pool)
        settings = {method: setting for method, (setting, _) in fitted.items()}
        denoisers = {method: denoiser for method, (_, denoiser) in fitted.items()}
        results = {split: score(split, denoisers, pool) for split in ("val", "test")}
    noisy = npy.open_npy("data/noisy/x_test.npy")
    with atomic_write("data/baselines") as folder:
        folder.mkdir()
        for method, denoiser in denoisers.items():
            np.save(folder / f"{method}.npy", denoiser(noisy[:KEPT_IMAGES]))
        best = max(denoisers, key=lambda name: results["val"][name]["psnr"] or 0, default=None)
        if best is not None:
            blocks = npy.blocks("data/noisy/x_test.npy", BLOCK_SIZE)
            npy.write(folder / "x_test.npy", map(denoisers[best], blocks))
    summary = {**results, "settings": settings, "best": best}
    with atomic_write("metrics/baselines.json") as path:
        path.write_text(json.dumps(summary, indent=2) + "\n")


def read(split: str) -> tuple[Float32, Float32]:
    """The noisy and the clean images of a split."""
    return npy.open_npy(f"data/noisy/x_{split}.npy"), npy.open_npy(f"data/split/x_{split}.npy")


def fit(section: params.Baselines, pool: ThreadPoolExecutor) -> dict[str, classical.Fitted]:
    """The setting, if any, and the denoiser of each method."""
    all_noisy, all_clean = read("train")
    linear_methods = [method for method in section.methods if method in classical.LINEAR]
    values = math.prod(all_clean.shape[1:])
    check_size(section, linear_methods, len(all_clean), values)
    count = max(1, min(TUNING_IMAGES, len(all_clean) // 5))
    tuning = all_noisy[:count], all_clean[:count]
    futures = {
        method: pool.submit(classical.TUNED[method], *tuning)
        for method in section.methods
        if method in classical.TUNED
    }
    if linear_methods:
        starts = range(count, len(all_clean), BLOCK_SIZE)
        parts = (slice(start, start + BLOCK_SIZE) for start in starts)
        pairs = ((all_noisy[part], all_clean[part]) for part in parts)
        settings = classical.Linear(pairs, values), *tuning, section.pca_components
        for method in linear_methods:
            futures[method] = pool.submit(classical.LINEAR[method], *settings)
    fitted = {method: futures[method].result() for method in section.methods}
    for method, (setting, _) in fitted.items():
        print(f"{method}: {setting}", flush=True)
    return fitted


def check_size(section: params.Baselines, linear: list[str], count: int, values: int) -> None:
    """Raises InputError if the linear methods cannot be fitted to `count` images."""
    if linear and (values > classical.MAX_VALUES or count < 2):
        raise InputError(
            f"{params.FILE}: baselines.methods contains {' and '.join(linear)}: remove them; they "
            f"need at least two training images, of at most {classical.MAX_VALUES} values, but "
            f"there are {count} of {values} values"
        )
    if "pca" in linear and section.pca_components > values:
        raise InputError(
            f"{params.FILE}: baselines.pca_components is {section.pca_components}, "
            f"but an image has {values} values"
        )


def score(
    split: str, denoisers: dict[str, classical.Denoiser], pool: ThreadPoolExecutor
) -> dict[str, dict[str, float | None]]:
    """The mean of each metric of each method on a split."""
    noisy_images, clean_images = read(split)

    def score_block(start: int) -> dict[str, scores.Scores]:
        """Each metric of each image of the block that begins at image `start`, for each method."""
        block = slice(start, start + BLOCK_SIZE)
        clean, noisy = clean_images[block], noisy_images[block]
        return {name: scores.score(clean, denoise(noisy)) for name, denoise in denoisers.items()}

    blocks = list(pool.map(score_block, range(0, len(clean_images), BLOCK_SIZE)))
    return {
        method: scores.means(scores.concatenate([block[method] for block in blocks]))
        for method in denoisers
    }
