"""Stage 8: scores the model on kinds and strengths of noise that it was not trained on."""

from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from denoiser import noise
from stages import backend, files, params, trained
from stages.process import run

KINDS = ("noisy", "denoised")
METRICS = ("psnr", "ssim")


Amounts = Annotated[list[Annotated[float, Field(ge=0, le=100)]], Field(min_length=1)]


class Robustness(params.Section):
    """The section `robustness`."""

    images: Annotated[int, Field(ge=1)]
    amounts: dict[noise.Kind, Amounts]
    seed: params.Seed

    @field_validator("amounts")
    @classmethod
    def fit(cls, amounts: dict[noise.Kind, list[float]]) -> dict[noise.Kind, list[float]]:
        """A share of the pixels is at most 1."""
        for kind, strengths in amounts.items():
            if kind in noise.SHARES and max(strengths) > 1:
                raise ValueError(f"{kind} takes a share of the pixels, at most 1")
        return amounts


def main() -> None:
    section = params.read("robustness", Robustness)
    device = backend.start(params.read("train", backend.Backend))
    print(f"predicting on {device}", flush=True)
    import pandas as pd

    from denoiser import scores

    model = trained.load(trained.DENOISER)

    def score(kind: noise.Kind, amount: float) -> dict[str, float | None]:
        """The mean scores of this noise on the images, noisy and denoised."""
        scored: dict[str, list[dict[str, scores.Float64]]] = {"noisy": [], "denoised": []}
        with files.NpyReader("data/split/x_val.npy") as images:
            for start in range(0, min(section.images, len(images)), noise.ROWS):
                clean = images.rows(start, min(start + noise.ROWS, section.images))
                # The same draw for each amount: what differs along the curve is the strength.
                rng = noise.generator(section.seed, f"robustness {kind}", start // noise.ROWS)
                noisy = noise.corrupt(clean, kind, amount, rng)
                scored["noisy"].append(scores.score(clean, noisy))
                scored["denoised"].append(scores.score(clean, model.predict_on_batch(noisy)))
        means = {name: scores.means(scores.joined(blocks)) for name, blocks in scored.items()}
        return {f"{metric}_{name}": means[name][metric] for metric in METRICS for name in KINDS}

    with files.replacing("metrics/robustness") as folder:
        folder.mkdir()
        for kind, amounts in section.amounts.items():
            rows = {amount: score(kind, amount) for amount in amounts}
            table = pd.DataFrame.from_dict(rows, orient="index", dtype=np.float64)
            table.rename_axis("amount").to_csv(folder / f"{kind}.csv", float_format="%.4f")
            print(f"{kind}: PSNR {table['psnr_denoised'].round(2).tolist()}", flush=True)


if __name__ == "__main__":
    run(main)
