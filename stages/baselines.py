"""Stage 5: denoises with classical methods, each tuned on the training images, and scores them."""

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field
from threadpoolctl import threadpool_limits

from stages import files, params
from stages.errors import StageError
from stages.process import run

if TYPE_CHECKING:
    from denoiser.baselines import Denoise, Method

TUNED_ON = 500  # training images, at most a fifth; `pca` and `ridge` learn from the others
BLOCK = 500  # images in memory at once
SHOWN = 100  # test images kept of each method: as many as `plot.images` may ask for
LINEAR = {"pca", "ridge"}
MOST_PIXELS = 64 * 64  # of images for which a matrix of pixels x pixels is no burden


class Baselines(params.Section):
    """The section `baselines`."""

    methods: list[Literal["mean", "median", "gaussian", "nlm", "tv", "pca", "ridge"]]
    pca_components: Annotated[int, Field(ge=1)]


def main() -> None:
    section = params.read("baselines", Baselines)
    with files.NpyReader("data/split/x_train.npy") as clean:
        pixels = clean.shape[1]
    if LINEAR & set(section.methods) and pixels > MOST_PIXELS:
        raise StageError(
            f"params.yaml: baselines.methods has 'pca' or 'ridge', which take too much memory for "
            f"images of {pixels} pixels: leave them out"
        )
    if "pca" in section.methods and section.pca_components > pixels:
        raise StageError(
            f"params.yaml: baselines.pca_components is {section.pca_components}, "
            f"but an image has {pixels} pixels"
        )
    fitted = fit(section)
    settings = {method: setting for method, (setting, _) in fitted.items()}
    denoisers = {method: denoise for method, (_, denoise) in fitted.items()}
    found = {split: score(split, denoisers) for split in ("val", "test")}
    with (
        files.replacing("data/baselines") as folder,
        files.NpyReader("data/noisy/x_test.npy") as noisy,
    ):
        folder.mkdir()
        for method, denoise in denoisers.items():
            np.save(folder / f"{method}.npy", denoise(noisy.rows(0, SHOWN)))
        if found["val"]:
            best = max(denoisers, key=lambda method: found["val"][method]["psnr"] or 0)
            with files.NpyWriter(folder / "x_test.npy", np.float32, noisy.shape[1:]) as x:
                for images in noisy.blocks(BLOCK):
                    x.append(denoisers[best](images))
    with files.replacing("metrics/baselines.json") as path:
        path.write_text(json.dumps(found | {"settings": settings}, indent=2) + "\n")


def fit(section: Baselines) -> "dict[Method, tuple[float | None, Denoise]]":
    """Each method's setting, if it has one, and what it denoises with."""
    from denoiser import baselines  # SciPy and scikit-image, which `check` does not need

    with (
        files.NpyReader("data/noisy/x_train.npy") as all_noisy,
        files.NpyReader("data/split/x_train.npy") as all_clean,
    ):
        count = max(1, min(TUNED_ON, len(all_clean) // 5))
        noisy, clean = all_noisy.rows(0, count), all_clean.rows(0, count)
        if LINEAR & set(section.methods):
            blocks = range(count, len(all_clean), BLOCK)
            rows = ((start, min(start + BLOCK, len(all_clean))) for start in blocks)
            pairs = ((all_noisy.rows(*each), all_clean.rows(*each)) for each in rows)
            linear = baselines.Linear(pairs, clean.shape[1])
    fitted: dict[Method, tuple[float | None, Denoise]] = {}
    for method in section.methods:
        if method == "mean":
            fitted[method] = None, baselines.mean(noisy, clean)
        elif method == "pca":
            fitted[method] = section.pca_components, linear.pca(section.pca_components)
        else:
            at = partial(baselines.straightened, method, noisy=noisy, clean=clean)
            candidates = linear.ridge if method == "ridge" else at
            fitted[method] = baselines.tune(method, candidates, noisy, clean)
        print(f"{method}: {fitted[method][0]}", flush=True)
    return fitted


def score(split: str, denoisers: "dict[Method, Denoise]") -> dict[str, dict[str, float | None]]:
    """The mean of each metric of each method on a split."""
    from denoiser import scores

    scored: dict[str, list[dict[str, scores.Float64]]] = {method: [] for method in denoisers}
    with (
        files.NpyReader(f"data/noisy/x_{split}.npy") as noisy,
        files.NpyReader(f"data/split/x_{split}.npy") as clean,
    ):
        for images, truth in zip(noisy.blocks(BLOCK), clean.blocks(BLOCK), strict=True):
            for method, denoise in denoisers.items():
                scored[method].append(scores.score(truth, denoise(images)))
    return {method: scores.means(scores.joined(blocks)) for method, blocks in scored.items()}


if __name__ == "__main__":
    with threadpool_limits(1):  # the sums of a matrix product depend on how many share the work
        run(main)
