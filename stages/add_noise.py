"""Adds noise to the clean images of each split, with separate random numbers."""

import numpy as np

from denoiser import noise
from pipeline.base import files, params
from pipeline.base.process import run_stage
from pipeline.schema.noise_params import Noise


def main() -> None:
    section = params.read("noise", Noise)
    with files.atomic_write("data/noisy") as folder:
        folder.mkdir()
        for split in ("train", "val", "test"):
            with (
                files.NpyReader(f"data/split/x_{split}.npy") as clean,
                files.NpyWriter(folder / f"x_{split}.npy", np.float32, clean.shape[1:]) as noisy,
            ):
                for block, images in enumerate(clean.blocks(noise.BLOCK_SIZE)):
                    rng = noise.generator(section.seed, split, block)
                    noisy.append(noise.add_noise(images, section.kind, section.amount, rng))


if __name__ == "__main__":
    run_stage(main)
