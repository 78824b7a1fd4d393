"""Scores the model on several kinds and amounts of noise."""

from collections.abc import Iterator

from denoiser import model, noise
from denoiser.files import atomic_write
from denoiser.noise import Images
from pipeline import npy, params
from pipeline.process import run_stage
from training import backend, keras_files

VARIANTS = ("noisy", "denoised")


def main() -> None:
    section, clip = params.read(params.Robustness), params.read(params.Noise).clip
    kind, precision = params.read(params.Model).kind, params.read(params.Train).precision
    runtime = params.read(params.Runtime)
    portable = backend.portable(kind, precision)
    device = backend.start(runtime.backend, runtime.device, portable)
    print(f"predicting on {device}", flush=True)
    import pandas as pd  # after Keras, which starts faster without it

    from denoiser import scores

    autoencoder = keras_files.load_model(keras_files.DENOISER)
    ensemble = params.read(params.Predict).ensemble
    denoise = model.predictor(autoencoder.predict_on_batch, ensemble)

    def pairs(kind: str, amount: float) -> Iterator[tuple[Images, Images]]:
        """Yields blocks of clean and noisy images."""
        with npy.NpyReader("data/split/x_val.npy") as images:
            for start in range(0, min(section.images, len(images)), noise.BLOCK_SIZE):
                clean = images.rows(start, min(start + noise.BLOCK_SIZE, section.images))
                # The same random numbers for each amount, so that only the amount differs.
                block = start // noise.BLOCK_SIZE
                rng = noise.generator(section.seed, f"robustness {kind}", block)
                yield clean, noise.add_noise(clean, kind, amount, rng, clip=clip)

    def score(kind: str, amount: float) -> dict[str, float | None]:
        """The mean of each metric of the noisy and of the denoised images."""
        denoised = ((clean, denoise(noisy)) for clean, noisy in pairs(kind, amount))
        variants = {"noisy": pairs(kind, amount), "denoised": denoised}
        means = {name: scores.means(scores.score_all(variants[name])) for name in VARIANTS}
        return {f"{metric}_{name}": means[name][metric] for metric in columns for name in VARIANTS}

    columns = list(scores.METRICS)
    rows: list[dict[str, str | float | None]] = []
    for kind, amounts in section.amounts.items():
        means = [score(kind, amount) for amount in amounts]
        for amount, mean in zip(amounts, means, strict=True):
            rows.append({"kind": kind, "amount": str(amount), **mean})
        print(f"{kind}: PSNR {[mean['psnr_denoised'] for mean in means]}", flush=True)
    names = ["kind", "amount", *(f"{metric}_{name}" for metric in columns for name in VARIANTS)]
    with atomic_write("metrics/robustness.csv") as path:
        pd.DataFrame(rows, columns=names).to_csv(path, index=False, float_format="%.4f")


if __name__ == "__main__":
    run_stage(main)
