"""Denoises the noisy validation and test images with the trained model."""

from denoiser import ensemble
from denoiser.files import atomic_write
from pipeline import npy, params
from pipeline.process import run_stage
from training import backend, keras_files


def main() -> None:
    kind, precision = params.read(params.Model).kind, params.read(params.Train).precision
    runtime = params.read(params.Runtime)
    portable = runtime.portable and backend.portable(kind, precision)
    print(f"predicting on {backend.start(runtime.backend, runtime.device, portable)}", flush=True)
    network = keras_files.load_model(keras_files.AUTOENCODER).predict_on_batch
    average = params.read(params.Predict).ensemble
    denoise = ensemble.predictor(network, average, keras_files.AUTOENCODER)
    with atomic_write("data/denoised") as folder:
        folder.mkdir()
        for name in ("x_val.npy", "x_test.npy"):
            noisy = npy.blocks(f"data/noisy/{name}", keras_files.BATCH_SIZE)
            npy.write(folder / name, map(denoise, noisy))


if __name__ == "__main__":
    run_stage(main)
