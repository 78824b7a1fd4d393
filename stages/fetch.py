"""Writes the data set to data/raw as two CSVs, train.csv and test.csv."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from denoiser.base.files import atomic_write
from denoiser.base.images import UInt8
from pipeline import data_sets
from pipeline.base import params

BLOCK_SIZE = 2000  # rows per block


def main() -> None:
    source = params.read(params.Fetch).source
    data = {} if source == "none" else data_sets.DATA_SETS[source]()
    for name in ("train", "test"):
        with atomic_write(params.DATA_SET / f"{name}.csv") as path:
            path.touch()  # DVC requires the outputs, even of no data set
            if data:
                write_csv(path, *data[name])


def write_csv(path: Path, images: UInt8, labels: UInt8) -> None:
    """Writes images (n, height, width, channels) and labels (n,) in Kaggle's schema."""
    rows = images.reshape(len(images), -1)
    names = ["label", *(f"pixel{number}" for number in range(1, rows.shape[1] + 1))]
    with open(path, "wb") as file:
        file.write(f"{','.join(names)}\n".encode())
        for start in range(0, len(rows), BLOCK_SIZE):
            block = slice(start, start + BLOCK_SIZE)
            columns = [labels[block], *np.ascontiguousarray(rows[block].T)]
            batch = pa.RecordBatch.from_arrays([pa.array(column) for column in columns], names)
            pa.csv.write_csv(batch, file, pa.csv.WriteOptions(include_header=False))
