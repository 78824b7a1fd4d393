"""training/keras_files.py."""

import time
import zipfile
from pathlib import Path

import keras
import numpy as np

from tests.tiny_networks import build
from training import keras_files


def test_bytes_do_not_depend_on_time_and_addresses_and_the_weights_are_kept(tmp_path: Path) -> None:
    networks, archives = [], []
    for name in "ab":
        keras.utils.clear_session()  # the same names of layers as in a new process
        networks.append(build("conv", (4, 4, 1)))  # the first one keeps its addresses
        networks[-1].save(tmp_path / f"{name}.keras")
        archives.append((tmp_path / f"{name}.keras").read_bytes())
        time.sleep(1)
    assert b"shared_object_id" in zipfile.ZipFile(tmp_path / "a.keras").read("config.json")
    assert archives[0] != archives[1]
    assert keras_files.strip_traces(archives[0]) == keras_files.strip_traces(archives[1])

    path = str(tmp_path / "models/model.keras")
    keras_files.save_model(networks[0], path)
    assert zipfile.ZipFile(path).testzip() is None
    x = np.random.default_rng(0).random((2, 4, 4, 1), np.float32)
    for loaded in (keras_files.load_model(path), keras.saving.load_model(path)):
        np.testing.assert_array_equal(loaded(x), networks[0](x))
