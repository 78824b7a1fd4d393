"""Stage 7: denoises the noisy validation and test images with the trained model."""

import numpy as np

from stages import backend, files, params
from stages.errors import StageError
from stages.process import run

MODEL = "models/autoencoder.keras"
BATCH = 1000  # images; another number may round differently


def main() -> None:
    device = backend.start(params.read("train", backend.Backend))
    print(f"predicting on {device}", flush=True)
    import keras

    try:
        model = keras.saving.load_model(MODEL, compile=False)
    except Exception as error:  # Keras raises many kinds; code in a Lambda layer is a ValueError
        raise StageError(f"{MODEL} cannot be loaded: {error}") from error
    with files.replacing("data/denoised") as folder:
        folder.mkdir()
        for split in ("val", "test"):
            with (
                files.NpyReader(f"data/noisy/x_{split}.npy") as noisy,
                files.NpyWriter(folder / f"x_{split}.npy", np.float32, noisy.shape[1:]) as denoised,
            ):
                for images in noisy.blocks(BATCH):
                    denoised.append(model.predict_on_batch(images))


if __name__ == "__main__":
    run(main)
