"""Reads and checks the images, and stores images and labels as arrays of bytes."""

from pathlib import Path

from denoiser import picture_files
from denoiser.base.errors import InputError
from denoiser.base.files import atomic_write
from pipeline import image_sources
from pipeline.base import params


def main() -> None:
    load = params.read(params.Load)
    with atomic_write("data/images") as folder:
        folder.mkdir()
        sides = [image_sources.convert(name, load, folder / name) for name in ("train", "test")]
        if sides[0] != sides[1]:
            train, test = (f"{side}x{side} pixels" for side in sides)
            raise InputError(
                f"{load.train} has images of {train}, but {load.test} of {test}: both must have "
                "the same size"
            )
        check_classes(load)


def check_classes(load: params.Load) -> None:
    """Raises InputError if two folders have different classes, whose numbers would not agree."""
    if load.label is None or not (Path(load.train).is_dir() and Path(load.test).is_dir()):
        return
    train, test = (
        image_sources.classes(picture_files.list_files(path)) for path in (load.train, load.test)
    )
    if train and test and train != test:
        different = ", ".join(sorted(set(train) ^ set(test)))
        raise InputError(
            f"{load.train} and {load.test} must have the same sub-folders, which are the classes, "
            f"but only one of them has {different}; set load.label to null to ignore classes"
        )
