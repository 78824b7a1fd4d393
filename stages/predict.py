"""Denoises the noisy validation and test images with the trained model."""

import numpy as np

from denoiser import model
from denoiser.files import atomic_write
from pipeline import npy, params
from pipeline.process import run_stage
from training import backend, keras_files


def main() -> None:
    network = params.read(params.Model), params.read(params.Train)
    runtime = params.read(params.Runtime)
    portable = backend.portable(network[0].kind, network[1].precision)
    device = backend.start(runtime.backend, runtime.device, portable)
    print(f"predicting on {device}", flush=True)
    autoencoder = keras_files.load_model(keras_files.DENOISER)
    ensemble = params.read(params.Predict).ensemble
    denoise = model.predictor(autoencoder.predict_on_batch, ensemble)
    with atomic_write("data/denoised") as folder:
        folder.mkdir()
        for split in ("val", "test"):
            with (
                npy.NpyReader(f"data/noisy/x_{split}.npy") as noisy,
                npy.NpyWriter(folder / f"x_{split}.npy", np.float32, noisy.shape[1:]) as denoised,
            ):
                for images in noisy.blocks(keras_files.BATCH_SIZE):
                    denoised.append(denoise(images))


if __name__ == "__main__":
    run_stage(main)
