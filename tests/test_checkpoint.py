"""pipeline/train_io/checkpoint_file.py."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from pipeline.train_io import checkpoint_file

ARRAYS = {"losses": np.array([[0.5, 0.4]]), "state 0": np.arange(100, dtype=np.float32)}


def test_loads_the_last_checkpoint_with_the_same_key(workspace: Path) -> None:
    assert checkpoint_file.load("a") is None
    for scale in (1, 2):
        arrays = {name: scale * array for name, array in ARRAYS.items()}
        checkpoint_file.save("a", arrays)
        assert checkpoint_file.load("b") is None
        np.testing.assert_equal(checkpoint_file.load("a"), arrays)
    checkpoint_file.remove()
    assert checkpoint_file.load("a") is None
    checkpoint_file.remove()


def test_ignores_a_damaged_checkpoint(workspace: Path) -> None:
    checkpoint_file.save("a", ARRAYS)
    content = checkpoint_file.PATH.read_bytes()
    for size in range(0, len(content), 50):
        checkpoint_file.PATH.write_bytes(content[:size])
        assert checkpoint_file.load("a") is None
    position = content.index(ARRAYS["state 0"].tobytes()) + 30
    checkpoint_file.PATH.write_bytes(content[:position] + b"!" + content[position + 1 :])
    assert checkpoint_file.load("a") is None
    np.savez(checkpoint_file.PATH, key=np.array("a"), losses=np.array([None]))  # a pickle
    assert checkpoint_file.load("a") is None


def test_key_depends_on_data_settings_and_code(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, code = Path("x.npy"), workspace / "code.py"
    data.write_bytes(b"data")
    code.write_text("code")
    module = types.ModuleType("denoiser.of_this_test")
    module.__file__ = str(code)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def key(*settings: object) -> str:
        return checkpoint_file.key([str(data)], *settings)

    first = key("CPU", 0.1)
    keys = {first, key("GPU", 0.1), key("CPU", 0.2)}
    data.write_bytes(b"Data")
    keys.add(key("CPU", 0.1))
    data.write_bytes(b"data")
    code.write_text("Code")
    keys.add(key("CPU", 0.1))
    assert len(keys) == 5
    code.write_text("code")
    assert key("CPU", 0.1) == first
