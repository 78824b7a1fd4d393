"""training/fit.py, training/optimizers.py, training/checkpoints.py."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_networks import build
from training import checkpoints, optimizers
from training import fit as fit_module
from training.fit import Checkpoint, compile_model, fit
from training.loops import Loop


@pytest.mark.parametrize(
    ("kind", "warmup", "expected"),
    [
        ("constant", 0, [0.1, 0.1, 0.1]),
        ("constant", 4, [0, 0.05, 0.1, 0.1, 0.1]),
        ("cosine", 0, [0.1, 0.1 * (1 + 0.5**0.5) / 2, 0.05, 0.1 * (1 - 0.5**0.5) / 2, 0]),
        ("cosine", 4, [0, 0.05, 0.1, 0.05, 0]),
    ],
)
def test_schedule(kind: str, warmup: int, expected: list[float]) -> None:
    rate = optimizers.schedule(kind, 0.1, warmup, steps=8)
    steps = np.linspace(0, 8, len(expected))
    rates = [float(rate if isinstance(rate, float) else rate(step)) for step in steps]
    np.testing.assert_allclose(rates, expected, atol=1e-7)
    for name in optimizers.OPTIMIZERS:
        assert optimizers.optimizer(name, rate, 0.01).weight_decay == 0.01


EPOCHS = 25


def train(
    patience: int | None, precision: str, checkpoint: Checkpoint | None = None
) -> tuple[list[Checkpoint], float, list[np.ndarray]]:
    """Trains a small network; returns the checkpoints, the final val_loss and the weights."""
    rng, saved = np.random.default_rng(0), list[Checkpoint]()
    clean = (rng.random((30, 1, 1, 1)) * rng.random((2, 3, 1))).astype(np.float32)
    noisy = clean + rng.normal(0, 0.05, clean.shape).astype(np.float32)
    network = build("dense", (2, 3, 1), precision, encoder=[8, 3], decoder=[])
    rate = 0.1  # so high that the val_loss rises and falls
    model = compile_model(network, "adam", rate, "mse")
    loop = Loop(model, noisy[:20], clean[:20], batch_size=8, seed=1, xla=False)
    validation = Loop(model, noisy[20:], clean[20:], batch_size=10, training=False, xla=False)
    logged, log = list[tuple[float, ...]](), lambda *losses: logged.append(losses)
    fit(model, loop, validation, EPOCHS, patience, log, saved.append, checkpoint)
    assert not logged or logged == list(map(tuple, saved[-1]["losses"].tolist()[-len(logged) :]))
    return saved, validation(0), network.get_weights()


@pytest.mark.parametrize("settings", [(None, "float32"), (2, "float32"), (2, "mixed_float16")])
def test_patience_keeps_the_best_weights_also_in_a_resumed_training(
    settings: tuple[int | None, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_module, "CHECKPOINT_SECONDS", 0)
    saved, val_loss, weights = train(*settings)
    patience, _ = settings
    val_losses = saved[-1]["losses"][:, 1]
    assert len(saved) == len(val_losses)
    if patience is None:
        assert len(val_losses) == EPOCHS
        assert val_loss == pytest.approx(val_losses[-1])
    else:
        assert patience + 1 < len(val_losses) == val_losses.argmin() + 1 + patience < EPOCHS
        assert val_loss == pytest.approx(val_losses.min())
    for left in (0, 1, 10):  # epochs
        resumed = train(*settings, saved[-1 - left])
        expected = saved[len(saved) - left :], val_loss, weights
        np.testing.assert_equal(resumed, expected)


def test_the_first_and_the_last_epoch_are_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_module, "CHECKPOINT_SECONDS", 1e9)
    saved, _, _ = train(None, "float32")
    assert [len(checkpoint["losses"]) for checkpoint in saved] == [1, EPOCHS]
    resumed, _, _ = train(None, "float32", saved[0])
    assert [len(checkpoint["losses"]) for checkpoint in resumed] == [2, EPOCHS]
    np.testing.assert_equal(resumed[-1], saved[-1])


ARRAYS = {"losses": np.array([[0.5, 0.4]]), "state 0": np.arange(100, dtype=np.float32)}


def test_the_last_checkpoint_with_the_same_key_is_loaded_unless_damaged(workspace: Path) -> None:
    assert checkpoints.load("a") is None
    for scale in (1, 2):
        arrays = {name: scale * array for name, array in ARRAYS.items()}
        checkpoints.save("a", arrays)
        assert checkpoints.load("b") is None
        np.testing.assert_equal(checkpoints.load("a"), arrays)
    for _ in range(2):
        checkpoints.remove()
        assert checkpoints.load("a") is None
    checkpoints.save("a", ARRAYS)
    content = checkpoints.PATH.read_bytes()
    position = content.index(ARRAYS["state 0"].tobytes()) + 30
    damaged = [content[:size] for size in range(0, len(content), 50)]
    for changed in (*damaged, content[:position] + b"!" + content[position + 1 :]):
        checkpoints.PATH.write_bytes(changed)
        assert checkpoints.load("a") is None
    np.savez(checkpoints.PATH, key=np.array("a"), losses=np.array([None]))  # a pickle
    assert checkpoints.load("a") is None


def test_key_depends_on_settings_and_code(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And on the data."""
    module = types.ModuleType("training.of_this_test")
    module.__file__ = str(workspace / "code.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def key(*settings: object, data: str = "data", code: str = "code") -> str:
        Path("x.npy").write_text(data)
        Path("code.py").write_text(code)
        return checkpoints.key(["x.npy"], *settings)

    first, others = key("CPU", 0.1), {key("GPU", 0.1), key("CPU", 0.2)}
    others |= {key("CPU", 0.1, data="Data"), key("CPU", 0.1, code="Code")}
    assert len(others - {first}) == 4
    assert key("CPU", 0.1) == first
