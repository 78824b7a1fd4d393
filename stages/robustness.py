"""Scores the model on several kinds and amounts of noise."""

from denoiser.base.files import atomic_write
from pipeline.base import noise, npy, params
from training import prediction


def main() -> None:
    section, clip = params.read(params.Robustness), params.read(params.Noise).clip
    model, train = params.read(params.Model), params.read(params.Train)
    runtime, predict = params.read(params.Runtime), params.read(params.Predict)
    denoise = prediction.start(model, train, runtime, predict)
    import pandas as pd  # after Keras, which starts faster without it

    from pipeline import scores

    images = npy.open_npy("data/split/x_val.npy")
    starts = range(0, min(section.images, len(images)), noise.BLOCK_SIZE)
    columns = [(metric, name) for metric in scores.METRICS for name in ("noisy", "denoised")]

    def score(kind: str, amount: float) -> dict[str, float | None]:
        """The mean of each metric of the noisy and of the denoised images."""
        parts: dict[str, list[scores.Scores]] = {"noisy": [], "denoised": []}
        for number, start in enumerate(starts):
            clean = images[start : min(start + noise.BLOCK_SIZE, section.images)]
            # The same random numbers for each amount, so that only the amount differs.
            rng = noise.generator(section.seed, f"robustness {kind}", number)
            noisy = noise.add_noise(clean, kind, amount, rng, clip=clip)
            parts["noisy"].append(scores.score(clean, noisy))
            parts["denoised"].append(scores.score(clean, denoise(noisy)))
        means = {name: scores.means(scores.concatenate(part)) for name, part in parts.items()}
        return {f"{metric}_{name}": means[name][metric] for metric, name in columns}

    rows: list[dict[str, str | float | None]] = []
    for kind, amounts in section.amounts.items():
        means = [score(kind, amount) for amount in amounts]
        for amount, mean in zip(amounts, means, strict=True):
            rows.append({"kind": kind, "amount": str(amount), **mean})
        print(f"{kind}: PSNR {[mean['psnr_denoised'] for mean in means]}", flush=True)
    names = ["kind", "amount", *("_".join(column) for column in columns)]
    with atomic_write("metrics/robustness.csv") as path:
        pd.DataFrame(rows, columns=names).to_csv(path, index=False, float_format="%.4f")
