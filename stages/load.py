"""Reads and checks the images, and stores images and labels as arrays of bytes."""

from pathlib import Path

from pipeline.base import files, params
from pipeline.base.errors import InputError
from pipeline.base.process import run_stage
from pipeline.image_io import image_files, image_source
from pipeline.schema.load_params import Load


def main() -> None:
    load = params.read("load", Load)
    with files.atomic_write("data/images") as folder:
        folder.mkdir()
        train, test = (
            image_source.convert(split, load, folder / split) for split in ("train", "test")
        )
        if train != test:
            raise InputError(
                f"{load.train} has images of {train} values, but {load.test} of {test}: "
                "both must have the same size"
            )
        check_classes(load)


def check_classes(load: Load) -> None:
    """Raises InputError if two folders have different classes, whose numbers would not agree."""
    if load.label is None or not (Path(load.train).is_dir() and Path(load.test).is_dir()):
        return
    train, test = (
        image_source.classes(image_files.list_files(path)) for path in (load.train, load.test)
    )
    if train and test and train != test:
        different = ", ".join(sorted(set(train) ^ set(test)))
        raise InputError(
            f"{load.train} and {load.test} must have the same sub-folders, which are the classes, "
            f"but only one of them has {different}; set load.label to null to ignore classes"
        )


if __name__ == "__main__":
    run_stage(main)
