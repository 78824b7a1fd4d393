"""Stage 4: corrupts the clean images of each split, with noise of its own for each."""

import numpy as np

from denoiser import noise
from stages import files, params
from stages.noise_params import Noise
from stages.process import run


def main() -> None:
    section = params.read("noise", Noise)
    with files.replacing("data/noisy") as folder:
        folder.mkdir()
        for split in ("train", "val", "test"):
            with (
                files.NpyReader(f"data/split/x_{split}.npy") as clean,
                files.NpyWriter(folder / f"x_{split}.npy", np.float32, clean.shape[1:]) as noisy,
            ):
                for number, images in enumerate(clean.blocks(noise.ROWS)):
                    rng = noise.generator(section.seed, split, number)
                    noisy.append(noise.corrupt(images, section.kind, section.amount, rng))


if __name__ == "__main__":
    run(main)
