"""training/checkpoints.py."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from training import checkpoints

ARRAYS = {"losses": np.array([[0.5, 0.4]]), "state 0": np.arange(100, dtype=np.float32)}


def test_loads_the_last_checkpoint_with_the_same_key(workspace: Path) -> None:
    assert checkpoints.load("a") is None
    for scale in (1, 2):
        arrays = {name: scale * array for name, array in ARRAYS.items()}
        checkpoints.save("a", arrays)
        assert checkpoints.load("b") is None
        np.testing.assert_equal(checkpoints.load("a"), arrays)
    checkpoints.remove()
    assert checkpoints.load("a") is None
    checkpoints.remove()


def test_ignores_a_damaged_checkpoint(workspace: Path) -> None:
    checkpoints.save("a", ARRAYS)
    content = checkpoints.PATH.read_bytes()
    for size in range(0, len(content), 50):
        checkpoints.PATH.write_bytes(content[:size])
        assert checkpoints.load("a") is None
    position = content.index(ARRAYS["state 0"].tobytes()) + 30
    checkpoints.PATH.write_bytes(content[:position] + b"!" + content[position + 1 :])
    assert checkpoints.load("a") is None
    np.savez(checkpoints.PATH, key=np.array("a"), losses=np.array([None]))  # a pickle
    assert checkpoints.load("a") is None


def test_key_depends_on_data_settings_and_code(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, code = Path("x.npy"), workspace / "code.py"
    data.write_bytes(b"data")
    code.write_text("code")
    module = types.ModuleType("training.of_this_test")
    module.__file__ = str(code)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def key(*settings: object) -> str:
        return checkpoints.key([str(data)], *settings)

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
