"""Writes the data set to data/raw as two CSVs, train.csv and test.csv."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from pipeline.base import files, params
from pipeline.base.process import run_stage
from pipeline.datasets import digits, fashion_mnist
from pipeline.schema.fetch_params import Fetch

UInt8 = npt.NDArray[np.uint8]
BLOCK_SIZE = 2000  # rows per block


def main() -> None:
    source = params.read("fetch", Fetch).source
    if source == "none":  # nothing to download, but DVC requires the outputs
        for name in ("train", "test"):
            with files.atomic_write(f"data/raw/{name}.csv") as path:
                path.touch()
        return
    data = fashion_mnist.load() if source == "fashion-mnist" else digits.load()
    for name, (images, labels) in data.items():
        with files.atomic_write(f"data/raw/{name}.csv") as path:
            write_csv(path, images, labels)


def write_csv(path: Path, images: UInt8, labels: UInt8) -> None:
    """Writes images of shape (n, pixels) and labels of shape (n,) in Kaggle's schema."""
    names = ["label", *(f"pixel{number}" for number in range(1, images.shape[1] + 1))]
    with open(path, "wb") as file:
        file.write(f"{','.join(names)}\n".encode())
        for start in range(0, len(images), BLOCK_SIZE):
            rows = slice(start, start + BLOCK_SIZE)
            columns = [labels[rows], *np.ascontiguousarray(images[rows].T)]
            batch = pa.RecordBatch.from_arrays([pa.array(column) for column in columns], names)
            pa.csv.write_csv(batch, file, pa.csv.WriteOptions(include_header=False))


if __name__ == "__main__":
    run_stage(main)
