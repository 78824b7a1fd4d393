"""Files made to do harm: one line, no code run, memory bounded."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, refused, run_stage, write_csv

GIGABYTE = 1 << 30


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ("split", "data/images/train_labels.npy"),
        ("split", "data/images/test_images.npy"),
        ("noise", "data/split/x_val.npy"),
        ("train", "data/noisy/x_train.npy"),
        ("evaluate", "data/split/y_val.npy"),
    ],
)
def test_a_pickle_is_not_loaded(noisy: Path, stage: str, path: str) -> None:
    np.save(path, np.array([Bomb()]), allow_pickle=True)
    message = refused(run_stage(stage))
    assert message.startswith(f"{stage}: {path} is not an array this pipeline wrote")
    assert not (noisy / "exploded").exists()


def test_a_size_that_is_not_there_is_not_allocated(noisy: Path) -> None:
    path = Path("data/images/train_labels.npy")
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 50,)}
        np.lib.format.write_array_header_1_0(file, header)
    assert "its size is not what its header says" in refused(run_stage("split"))


def test_code_in_a_model_is_not_run(noisy: Path) -> None:
    import keras

    def explode(x: object) -> object:
        Path("exploded").mkdir()
        return x

    model = keras.Sequential([keras.Input((144,)), keras.layers.Lambda(lambda x: explode(x))])
    Path("exploded").rmdir()  # which building it made
    Path("models").mkdir()
    model.save("models/autoencoder.keras")
    message = refused(run_stage("predict"))
    assert message.startswith("predict: models/autoencoder.keras cannot be loaded: ")
    assert "Lambda" in message
    assert not (noisy / "exploded").exists()
    assert not Path("data/denoised").exists()


def test_a_model_that_is_none_is_refused(noisy: Path) -> None:
    Path("models").mkdir()
    Path("models/autoencoder.keras").write_bytes(b"PK\x03\x04")
    assert "models/autoencoder.keras cannot be loaded" in refused(run_stage("predict"))


def write_bomb(path: Path) -> None:
    """1 GB of one line, in 1 MB of gzip."""
    with gzip.open(path, "wb", compresslevel=6) as file:
        file.write(b"label,pixel1\n")
        for _ in range(GIGABYTE >> 20):
            file.write(b"1" * (1 << 20))


LOAD_AND_TELL_PEAK = """
import re, sys
from stages import errors, load
sys.argv = ["load"]
status = errors.run(load.main)
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
sys.exit(status)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it tells the peak of memory")
@pytest.mark.parametrize("kind", ["gzip bomb", "line of 1 GB", "million columns"])
def test_load_needs_little_memory_for_any_file(workspace: Path, kind: str) -> None:
    path = Path("data/raw/train.csv")
    write_csv(path, 3)
    write_csv(Path("data/raw/test.csv"), 3)
    if kind == "gzip bomb":
        write_bomb(path)
        assert path.stat().st_size < 2 << 20
    elif kind == "line of 1 GB":
        with path.open("wb") as file:
            file.write(b"label,pixel1\n")
            file.truncate(GIGABYTE)  # all zeros, and no room on the disk
    else:
        path.write_text("label," + ",".join(f"pixel{n}" for n in range(1, 1_000_001)) + "\n1\n")
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_TELL_PEAK],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    message = refused(done)
    assert message.startswith("load: data/raw/train.csv: ")
    assert "line" in message
    assert int(done.stdout) < 400_000
    assert not Path("data/images").exists()
