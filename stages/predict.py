"""Denoises the noisy validation and test images with the trained model."""

import numpy as np

from denoiser import ensemble
from pipeline.base import files, params
from pipeline.base.process import run_stage
from pipeline.keras_runtime import backend, model_files
from pipeline.schema.predict_params import Predict


def main() -> None:
    print(f"predicting on {backend.start_for_denoiser()}", flush=True)
    model = model_files.load_model(model_files.DENOISER)
    denoise = ensemble.predictor(model.predict_on_batch, params.read("predict", Predict).ensemble)
    with files.atomic_write("data/denoised") as folder:
        folder.mkdir()
        for split in ("val", "test"):
            with (
                files.NpyReader(f"data/noisy/x_{split}.npy") as noisy,
                files.NpyWriter(folder / f"x_{split}.npy", np.float32, noisy.shape[1:]) as denoised,
            ):
                for images in noisy.blocks(model_files.BATCH_SIZE):
                    denoised.append(denoise(images))


if __name__ == "__main__":
    run_stage(main)
