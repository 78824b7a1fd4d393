"""stages/checkpoint.py: it is found by its twin alone, and only whole."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from stages import checkpoint

ARRAYS = {"losses": np.array([[0.5, 0.4]]), "state 0": np.arange(100, dtype=np.float32)}


def test_is_found_under_its_key_until_it_is_removed(workspace: Path) -> None:
    assert checkpoint.load("a") is None
    for scale in (1, 2):
        checkpoint.save("a", {name: scale * array for name, array in ARRAYS.items()})
        assert checkpoint.load("b") is None
        found = checkpoint.load("a")
        assert found is not None
        np.testing.assert_equal(found, {name: scale * array for name, array in ARRAYS.items()})
    checkpoint.remove()
    assert checkpoint.load("a") is None
    checkpoint.remove()


def test_one_that_is_not_whole_is_none(workspace: Path) -> None:
    checkpoint.save("a", ARRAYS)
    whole = checkpoint.PATH.read_bytes()
    for size in range(0, len(whole), 50):
        checkpoint.PATH.write_bytes(whole[:size])
        assert checkpoint.load("a") is None
    place = whole.index(ARRAYS["state 0"].tobytes()) + 30
    checkpoint.PATH.write_bytes(whole[:place] + b"!" + whole[place + 1 :])
    assert checkpoint.load("a") is None
    np.savez(checkpoint.PATH, key=np.array("a"), losses=np.array([None]))  # holds a pickle
    assert checkpoint.load("a") is None


def test_key_is_of_all_that_decides_the_result(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, code = Path("x.npy"), workspace / "code.py"
    data.write_bytes(b"data")
    code.write_text("code")
    module = types.ModuleType("denoiser.of_this_test")
    module.__file__ = str(code)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def key(*settings: object) -> str:
        return checkpoint.key([str(data)], *settings)

    first = key("CPU", 0.1)
    assert key("CPU", 0.1) == first
    keys = {first, key("GPU", 0.1), key("CPU", 0.2)}
    data.write_bytes(b"Data")
    keys.add(key("CPU", 0.1))
    data.write_bytes(b"data")
    code.write_text("Code")
    keys.add(key("CPU", 0.1))
    assert len(keys) == 5
    code.write_text("code")
    assert key("CPU", 0.1) == first
