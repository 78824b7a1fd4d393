"""pipeline/keras_runtime/model_files.py."""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from denoiser import models
from pipeline.keras_runtime import model_files


def rewrite(source: Path, target: Path) -> None:
    """Copies an archive as if another process had written it, on another day."""

    def change(node: dict[str, Any]) -> dict[str, Any]:
        if "date_saved" in node:
            node["date_saved"] = "2001-02-03@04:05:06"
        if "shared_object_id" in node:
            node["shared_object_id"] = 7 * node["shared_object_id"]
        return node

    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".json"):
                content = json.dumps(json.loads(content, object_hook=change)).encode()
            new.writestr(zipfile.ZipInfo(name, (2001, 2, 3, 4, 5, 6)), content)


def test_bytes_do_not_depend_on_date_and_process(tmp_path: Path) -> None:
    model = models.conv(16, [2], 1, "tanh")  # its layers share objects
    model.save(tmp_path / "a.keras")
    rewrite(tmp_path / "a.keras", tmp_path / "b.keras")
    archives = [(tmp_path / name).read_bytes() for name in ("a.keras", "b.keras")]
    assert archives[0] != archives[1]
    assert model_files.strip_traces(archives[0]) == model_files.strip_traces(archives[1])


def test_a_saved_model_is_loaded_with_its_weights(tmp_path: Path) -> None:
    model = models.conv(16, [2], 1, "tanh")
    path = str(tmp_path / "models/model.keras")
    model_files.save_model(model, path)
    assert zipfile.ZipFile(path).testzip() is None
    x = np.random.default_rng(0).random((2, 16), np.float32)
    for loaded in (model_files.load_model(path), keras.saving.load_model(path)):
        np.testing.assert_array_equal(loaded(x), model(x))
