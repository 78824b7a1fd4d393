"""Stage 7: denoises the noisy validation and test images with the trained model."""

import numpy as np

from stages import backend, files, params, trained
from stages.process import run


def main() -> None:
    device = backend.start(params.read("train", backend.Backend))
    print(f"predicting on {device}", flush=True)
    model = trained.load(trained.DENOISER)
    with files.replacing("data/denoised") as folder:
        folder.mkdir()
        for split in ("val", "test"):
            with (
                files.NpyReader(f"data/noisy/x_{split}.npy") as noisy,
                files.NpyWriter(folder / f"x_{split}.npy", np.float32, noisy.shape[1:]) as denoised,
            ):
                for images in noisy.blocks(trained.BATCH):
                    denoised.append(model.predict_on_batch(images))


if __name__ == "__main__":
    run(main)
