"""training/fit.py, training/optimizers.py."""

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
    steps = np.linspace(0, 8, len(expected))
    rates = [float(rate if isinstance(rate, float) else rate(step)) for step in steps]
    np.testing.assert_allclose(rates, expected, atol=1e-7)


EPOCHS = 25


def fit(
    patience: int | None, precision: str, checkpoint: Checkpoint | None = None
) -> tuple[list[Checkpoint], float, list[np.ndarray]]:
    """Trains a small network; returns the checkpoints, the final val_loss and the weights."""
    rng, checkpoints = np.random.default_rng(0), list[Checkpoint]()
    clean = (rng.random((30, 1, 1, 1)) * rng.random((2, 3, 1))).astype(np.float32)
    noisy = clean + rng.normal(0, 0.05, clean.shape).astype(np.float32)
    network = build("dense", (2, 3, 1), precision, encoder=[8, 3], decoder=[])
    rate = 0.1  # so high that the val_loss rises and falls
    model = compile_model(network, "adam", rate, "mse", xla=False)
    blocks = Blocks(noisy[:20], clean[:20], batch_size=8, steps=2, seed=1)
    validation = Blocks(noisy[20:], clean[20:], batch_size=10)
    fit_model(model, blocks, validation, EPOCHS, patience, checkpoints.append, checkpoint)
    val_loss = model.evaluate(to_tf_dataset(validation), verbose=0)
    return checkpoints, val_loss, network.get_weights()


@pytest.mark.parametrize(
    ("patience", "precision"), [(None, "float32"), (2, "float32"), (2, "mixed_float16")]
)
def test_patience_keeps_the_best_weights_also_in_a_resumed_training(
    patience: int | None, precision: str
) -> None:
    checkpoints, val_loss, weights = fit(patience, precision)
    val_losses = checkpoints[-1]["losses"][:, 1]
    assert len(checkpoints) == len(val_losses)
    if patience is None:
        assert len(val_losses) == EPOCHS
        assert val_loss == pytest.approx(val_losses[-1])
    else:
        assert patience + 1 < len(val_losses) == val_losses.argmin() + 1 + patience < EPOCHS
        assert val_loss == pytest.approx(val_losses.min())
    for left in (0, 1, 10):  # epochs
        resumed = fit(patience, precision, checkpoints[-1 - left])
        expected = checkpoints[len(checkpoints) - left :], val_loss, weights
        np.testing.assert_equal(resumed, expected)
