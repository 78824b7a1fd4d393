"""denoiser/training.py."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from denoiser import models, training
from denoiser.blocks import Blocks, to_tf_dataset


@pytest.mark.parametrize(
    ("kind", "warmup", "expected"),
    [
        ("constant", 0, [0.1, 0.1, 0.1]),
        ("constant", 4, [0, 0.05, 0.1, 0.1, 0.1]),
        ("cosine", 0, [0.1, 0.1 * (1 + 0.5**0.5) / 2, 0.05, 0.1 * (1 - 0.5**0.5) / 2, 0]),
        ("cosine", 4, [0, 0.05, 0.1, 0.05, 0]),
    ],
)
def test_schedule(kind: training.Schedule, warmup: int, expected: list[float]) -> None:
    rate = training.schedule(kind, 0.1, warmup, steps=8)
    rates = [
        float(rate if isinstance(rate, float) else rate(step))
        for step in np.linspace(0, 8, len(expected))
    ]
    np.testing.assert_allclose(rates, expected, atol=1e-7)


EPOCHS = 25


def dense(precision: str, pixels: int, encoder: list[int], decoder: list[int]) -> keras.Model:
    """A network in this precision; the global precision is unchanged afterwards."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        return models.dense(pixels, encoder, decoder, "relu")
    finally:
        keras.config.set_dtype_policy(policy)


def fit(
    patience: int | None,
    precision: str,
    after_epoch: Callable[[training.Checkpoint], None],
    checkpoint: training.Checkpoint | None = None,
) -> tuple[float, list[np.ndarray]]:
    """Trains a small network; returns its final validation loss and its weights."""
    rng = np.random.default_rng(0)
    clean = (rng.random((30, 1)) * rng.random(6)).astype(np.float32)
    noisy = clean + rng.normal(0, 0.05, clean.shape).astype(np.float32)
    keras.utils.set_random_seed(1)
    network = dense(precision, 6, [8, 3], [])
    rate = 0.1  # so high that the val_loss rises and falls
    model = training.compile_model(network, "adam", rate, "mse")
    blocks = Blocks(noisy[:20], clean[:20], batch_size=8, steps=2, seed=1)
    validation = Blocks(noisy[20:], clean[20:], batch_size=10)
    training.fit(model, blocks, validation, EPOCHS, patience, after_epoch, checkpoint)
    return model.evaluate(to_tf_dataset(validation), verbose=0), network.get_weights()


Uninterrupted = tuple[
    tuple[int | None, str], list[training.Checkpoint], tuple[float, list[np.ndarray]]
]


@pytest.fixture(
    scope="module", params=[(None, "float32"), (2, "float32"), (2, "mixed_float16")], ids=str
)
def uninterrupted(request: pytest.FixtureRequest) -> Uninterrupted:
    """An uninterrupted training: patience and precision, the checkpoints, the result of `fit`."""
    checkpoints: list[training.Checkpoint] = []
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
    later: list[training.Checkpoint] = []
    resumed = fit(*settings, later.append, checkpoints[resumed_at - 1])
    assert resumed[0] == val_loss
    np.testing.assert_equal(resumed[1], weights)
    np.testing.assert_equal(later, checkpoints[resumed_at:])


def test_mixed_precision_keeps_weights_and_output_in_float32() -> None:
    model = dense("mixed_bfloat16", 4, [3, 2], [3])
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert [layer.output.dtype for layer in model.layers[1:]] == ["bfloat16"] * 3 + ["float32"]
