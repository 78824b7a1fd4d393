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
    for _ in range(2):
        checkpoints.remove()
        assert checkpoints.load("a") is None


def test_ignores_a_damaged_checkpoint(workspace: Path) -> None:
    checkpoints.save("a", ARRAYS)
    content = checkpoints.PATH.read_bytes()
    position = content.index(ARRAYS["state 0"].tobytes()) + 30
    damaged = [content[:size] for size in range(0, len(content), 50)]
    for changed in (*damaged, content[:position] + b"!" + content[position + 1 :]):
        checkpoints.PATH.write_bytes(changed)
        assert checkpoints.load("a") is None
    np.savez(checkpoints.PATH, key=np.array("a"), losses=np.array([None]))  # a pickle
    assert checkpoints.load("a") is None


def test_key_depends_on_data_settings_and_code(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("training.of_this_test")
    module.__file__ = str(workspace / "code.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def key(*settings: object, data: str = "data", code: str = "code") -> str:
        Path("x.npy").write_text(data)
        Path("code.py").write_text(code)
        return checkpoints.key(["x.npy"], *settings)

    first = key("CPU", 0.1)
    others = {key("GPU", 0.1), key("CPU", 0.2)}
    others |= {key("CPU", 0.1, data="Data"), key("CPU", 0.1, code="Code")}
    assert len(others - {first}) == 4
    assert key("CPU", 0.1) == first
