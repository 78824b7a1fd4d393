"""Stage 1: puts the data into data/raw as two CSVs, train.csv and test.csv."""

from pathlib import Path
from typing import Literal

import numpy as np

from stages import fashion_mnist, files, params
from stages.fashion_mnist import Splits, UInt8
from stages.process import run


class Fetch(params.Section):
    """The section `fetch`."""

    source: Literal["fashion-mnist", "digits", "none"]


def main() -> None:
    source = params.read("fetch", Fetch).source
    splits = {"fashion-mnist": fashion_mnist.splits, "digits": digits, "none": dict}[source]()
    with files.replacing("data/raw") as folder:
        folder.mkdir()
        for name, (images, labels) in splits.items():
            write_csv(folder / f"{name}.csv", images, labels)


def digits() -> Splits:
    """scikit-learn's 1,797 digits of 8x8, as 28x28 and 0-255; the last 360 are for testing."""
    from PIL import Image
    from sklearn.datasets import load_digits

    bunch = load_digits()
    small = (bunch.images * (255 / 16)).astype(np.uint8)
    # Pillow scales whole numbers in fixed point: the same bytes on every machine.
    large = [Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC) for image in small]
    images = np.stack([np.asarray(image) for image in large]).reshape(-1, 784)
    labels = bunch.target.astype(np.uint8)
    return {"train": (images[:-360], labels[:-360]), "test": (images[-360:], labels[-360:])}


def write_csv(path: Path, images: UInt8, labels: UInt8) -> None:
    """Writes images (n, pixels) and labels (n,) in Kaggle's schema."""
    import pyarrow as pa  # not at the top: `check` does not need it
    import pyarrow.csv

    names = ["label", *(f"pixel{number}" for number in range(1, images.shape[1] + 1))]
    with open(path, "wb") as file:
        file.write(f"{','.join(names)}\n".encode())
        for start in range(0, len(images), 2000):
            rows = slice(start, start + 2000)
            columns = [labels[rows], *np.ascontiguousarray(images[rows].T)]
            batch = pa.RecordBatch.from_arrays([pa.array(column) for column in columns], names)
            pa.csv.write_csv(batch, file, pa.csv.WriteOptions(include_header=False))


if __name__ == "__main__":
    run(main)
