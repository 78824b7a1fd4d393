"""training/keras_files.py."""

import time
import zipfile
from pathlib import Path

import keras
import numpy as np

from tests.tiny_networks import build
from training import keras_files


def test_bytes_do_not_depend_on_time_and_addresses(tmp_path: Path) -> None:
    networks, archives = [], []
    for path in (tmp_path / "a.keras", tmp_path / "b.keras"):
        keras.utils.clear_session()  # the same names of layers as in a new process
        networks.append(build("conv", (4, 4, 1)))  # the first one keeps its addresses
        networks[-1].save(path)
        assert b"shared_object_id" in zipfile.ZipFile(path).read("config.json")
        archives.append(path.read_bytes())
        time.sleep(1)
    assert archives[0] != archives[1]
    assert keras_files.strip_traces(archives[0]) == keras_files.strip_traces(archives[1])


def test_a_saved_model_is_loaded_with_its_weights(tmp_path: Path) -> None:
    model = build("conv", (4, 4, 1))
    path = str(tmp_path / "models/model.keras")
    keras_files.save_model(model, path)
    assert zipfile.ZipFile(path).testzip() is None
    x = np.random.default_rng(0).random((2, 4, 4, 1), np.float32)
    for loaded in (keras_files.load_model(path), keras.saving.load_model(path)):
        np.testing.assert_array_equal(loaded(x), model(x))
