"""training/fit.py, training/optimizers.py."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.tiny_networks import build
from training import optimizers
from training.batches import Blocks, to_tf_dataset
from training.fit import Checkpoint, compile_model
from training.fit import fit as fit_model


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
    rates = [
        float(rate if isinstance(rate, float) else rate(step))
        for step in np.linspace(0, 8, len(expected))
    ]
    np.testing.assert_allclose(rates, expected, atol=1e-7)


EPOCHS = 25


def fit(
    patience: int | None,
    precision: str,
    after_epoch: Callable[[Checkpoint], None],
    checkpoint: Checkpoint | None = None,
) -> tuple[float, list[np.ndarray]]:
    """Trains a small network; returns its final validation loss and its weights."""
    rng = np.random.default_rng(0)
    clean = (rng.random((30, 1, 1, 1)) * rng.random((2, 3, 1))).astype(np.float32)
    noisy = clean + rng.normal(0, 0.05, clean.shape).astype(np.float32)
    network = build("dense", (2, 3, 1), precision, encoder=[8, 3], decoder=[])
    rate = 0.1  # so high that the val_loss rises and falls
    model = compile_model(network, "adam", rate, "mse")
    blocks = Blocks(noisy[:20], clean[:20], batch_size=8, steps=2, seed=1)
    validation = Blocks(noisy[20:], clean[20:], batch_size=10)
    fit_model(model, blocks, validation, EPOCHS, patience, after_epoch, checkpoint)
    return model.evaluate(to_tf_dataset(validation), verbose=0), network.get_weights()


Uninterrupted = tuple[tuple[int | None, str], list[Checkpoint], tuple[float, list[np.ndarray]]]


@pytest.fixture(
    scope="module", params=[(None, "float32"), (2, "float32"), (2, "mixed_float16")], ids=str
)
def uninterrupted(request: pytest.FixtureRequest) -> Uninterrupted:
    """An uninterrupted training: patience and precision, the checkpoints, the result of `fit`."""
    checkpoints: list[Checkpoint] = []
    patience, precision = request.param
    return request.param, checkpoints, fit(patience, precision, checkpoints.append)


def test_patience_keeps_the_best_weights_and_none_the_last(uninterrupted: Uninterrupted) -> None:
    (patience, _), checkpoints, (val_loss, _) = uninterrupted
    val_losses = checkpoints[-1]["losses"][:, 1]
    assert len(checkpoints) == len(val_losses)
    if patience is None:
        assert len(val_losses) == EPOCHS
        assert val_loss == pytest.approx(val_losses[-1])
    else:
        assert patience + 1 < len(val_losses) == val_losses.argmin() + 1 + patience < EPOCHS
        assert val_loss == pytest.approx(val_losses.min())


@pytest.mark.parametrize("left", [0, 10])
def test_a_resumed_training_ends_with_the_same_bits(
    uninterrupted: Uninterrupted, left: int
) -> None:
    settings, checkpoints, (val_loss, weights) = uninterrupted
    resumed_at = len(checkpoints) - left
    later: list[Checkpoint] = []
    resumed = fit(*settings, later.append, checkpoints[resumed_at - 1])
    assert resumed[0] == val_loss
    np.testing.assert_equal(resumed[1], weights)
    np.testing.assert_equal(later, checkpoints[resumed_at:])
