"""Adds noise to the clean images of each split, or takes the given noisy images."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from denoiser.base import files
from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from pipeline import image_sources
from pipeline.base import noise, npy, params

SOURCES = {"train": "train", "val": "train", "test": "test"}


def main() -> None:
    section = params.read(params.Noise)
    with files.atomic_write("data/noisy") as folder:
        folder.mkdir()
        if section.kind == noise.PAIRS:
            take_pairs(params.read(params.Load), folder)
            return
        for split in SOURCES:
            npy.write(folder / f"x_{split}.npy", noisy_blocks(split, section))


def noisy_blocks(split: str, section: params.Noise) -> Iterator[Float32]:
    """Yields the images of a split with noise."""
    clean = npy.blocks(f"data/split/x_{split}.npy", noise.BLOCK_SIZE)
    for number, images in enumerate(clean):
        rng = noise.generator(section.seed, split, number)
        yield noise.add_noise(images, section.kind, section.amount, rng, clip=section.clip)


def take_pairs(load: params.Load, folder: Path) -> None:
    """Writes the noisy images of both sources, split like the clean images."""
    converted = folder / "converted"
    converted.mkdir()
    for source in ("train", "test"):
        image_sources.convert(f"noisy_{source}", load, converted / source)
        check_pairs(getattr(load, source), getattr(load, f"noisy_{source}"), converted, source)
    for split, source in SOURCES.items():
        rows = None if split == "test" else npy.open_npy(f"data/split/rows_{split}.npy")
        npy.write_scaled(converted / f"{source}_images.npy", rows, folder / f"x_{split}.npy")
    files.remove(converted)


def check_pairs(clean: str, noisy: str, converted: Path, source: str) -> None:
    """Raises InputError unless the noisy images match the clean ones in number, name and size."""
    folders = Path("data/images"), converted
    tables = [folder / f"{source}_pictures.csv" for folder in folders]
    if all(table.exists() for table in tables):
        lines = (table.read_text("utf-8", "surrogateescape").splitlines() for table in tables)
        for a, b in itertools.zip_longest(*lines, fillvalue="nothing"):
            if a != b:
                raise InputError(
                    f"{noisy} must have pictures of the same names and sizes as {clean}, "
                    f"but it has {b} instead of {a} (picture,width,height,images)"
                )
    shapes = [npy.open_npy(f"{folder}/{source}_images.npy").shape for folder in folders]
    labels = [npy.open_npy(f"{folder}/{source}_labels.npy") for folder in folders]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"{noisy} has images of the shape {shapes[1]}, but {clean} of {shapes[0]} "
            "(number, height, width, channels)"
        )
    if any(array.min() < 0 for array in labels):
        if not all(table.exists() for table in tables):
            print(f"row n of {noisy} is taken as the noisy copy of row n of {clean}", flush=True)
    elif rows := np.flatnonzero(labels[0] != labels[1]).tolist():
        raise InputError(
            f"{noisy} must have its rows in the order of {clean}, but {len(rows)} of their labels "
            f"differ, first that of row {rows[0] + 1}"
        )
