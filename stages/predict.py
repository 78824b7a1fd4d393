"""Denoises the noisy validation and test images with the trained model."""

from denoiser.base.files import atomic_write
from pipeline.base import npy, params
from training import prediction
from training.base import keras_files


def main() -> None:
    model, train = params.read(params.Model), params.read(params.Train)
    runtime, predict = params.read(params.Runtime), params.read(params.Predict)
    denoise = prediction.start(model, train, runtime, predict)
    with atomic_write("data/denoised") as folder:
        folder.mkdir()
        for name in ("x_val.npy", "x_test.npy"):
            noisy = npy.blocks(f"data/noisy/{name}", keras_files.BATCH_SIZE)
            npy.write(folder / name, map(denoise, noisy))
