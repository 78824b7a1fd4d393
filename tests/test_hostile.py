"""Malicious files: one line of error, no code executed, bounded memory."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from denoiser.base.errors import InputError
from stages import add_noise, evaluate, split, train
from tests.conftest import error_line, run_python, write_csv


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("exploded",)


def test_a_pickle_is_not_loaded_and_memory_is_not_allocated_for_a_false_size(noisy: Path) -> None:
    for stage, path in (
        (split, "data/images/train_labels.npy"),
        (split, "data/images/test_images.npy"),
        (add_noise, "data/split/x_val.npy"),
        (train, "data/noisy/x_train.npy"),
        (evaluate, "data/split/x_val.npy"),
    ):
        content = Path(path).read_bytes()
        np.save(path, np.array([Bomb()]), allow_pickle=True)
        with pytest.raises(InputError, match=f"^{path} "):
            stage.main()
        assert not Path("exploded").exists()
        with open(path, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 50,)}
            np.lib.format.write_array_header_1_0(file, header)
        with pytest.raises(InputError, match="greater than file size"):
            stage.main()
        Path(path).write_bytes(content)


LOAD_AND_PRINT_PEAK_MEMORY = """
import re, sys
from pipeline.base.process import run_main
from stages import load
sys.argv = ["load"]
status = run_main(load.main)
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
sys.exit(status)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no peak memory in /proc")
def test_load_needs_little_memory_for_any_file(workspace: Path) -> None:
    """A line of one gigabyte, compressed to one megabyte."""
    path = Path("data/raw/train.csv")
    write_csv(Path("data/raw/test.csv"), 3)
    with gzip.open(path, "wb", compresslevel=6) as archive:
        archive.write(b"label,pixel1\n")
        for _ in range(1024):
            archive.write(b"1" * (1 << 20))
    assert path.stat().st_size < 2 << 20
    done = run_python("-c", LOAD_AND_PRINT_PEAK_MEMORY)
    assert error_line(done).startswith("load: data/raw/train.csv: ")
    assert int(done.stdout) < 400_000  # kB
    assert not Path("data/images").exists()
