"""denoiser/training.py."""

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from denoiser import models, training

NOISY = np.arange(10, dtype=np.float32)[:, None]
CLEAN = NOISY + 100


def epoch(batches: training.Batches) -> list[list[float]]:
    """The clean images of each batch of the next epoch, one pixel each."""
    batches.on_epoch_begin()
    pairs = [batches[index] for index in range(batches.num_batches)]
    for noisy, clean in pairs:
        np.testing.assert_array_equal(noisy + 100, clean)
    return [clean.ravel().tolist() for _, clean in pairs]


def test_an_epoch_has_every_row_once() -> None:
    batches = epoch(training.Batches(NOISY, CLEAN, 4, seed=1))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(itertools.chain(*batches)) == CLEAN.ravel().tolist()


def test_order_depends_only_on_seed_and_epoch() -> None:
    first, second = (training.Batches(NOISY, CLEAN, 4, seed=1) for _ in range(2))
    orders = [epoch(first), epoch(first)]
    assert orders[0] != orders[1]
    np.random.seed(0)  # noqa: NPY002  (the global state must not matter)
    assert [epoch(second), epoch(second)] == orders
    assert epoch(training.Batches(NOISY, CLEAN, 4, seed=2)) != orders[0]


def test_without_a_seed_the_rows_keep_their_order() -> None:
    batches = training.Batches(NOISY, CLEAN, 10)
    assert epoch(batches) == epoch(batches) == [CLEAN.ravel().tolist()]


def add_random(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return images + rng.random(images.shape, np.float32)


def test_fresh_noise_depends_only_on_seed_epoch_and_batch() -> None:
    def draws(seed: int) -> list[float]:
        batches = training.Batches(add_random, CLEAN, 4, seed)
        noise = []
        for _ in range(2):
            batches.on_epoch_begin()
            for index in (2, 0, 1):
                noisy, clean = batches[index]
                noise += (noisy - clean).ravel().tolist()
        return noise

    first = draws(1)
    assert len(set(first)) == 20
    assert draws(1) == first
    assert not set(first) & set(draws(2))


def test_augmentation_transforms_both_images_and_precedes_fresh_noise() -> None:
    def negate(arrays: tuple[np.ndarray, ...], _: np.random.Generator) -> tuple[np.ndarray, ...]:
        return tuple(-array for array in arrays)

    noisy, clean = training.Batches(NOISY, CLEAN, 10, augment=negate)[0]
    np.testing.assert_array_equal([noisy, clean], [-NOISY, -CLEAN])
    noisy, clean = training.Batches(add_random, CLEAN, 10, augment=negate)[0]
    np.testing.assert_array_equal(clean, -CLEAN)
    assert (noisy > clean).all()


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


def test_keras_gets_the_batches_of_each_epoch_in_order() -> None:
    inputs: list[float] = []

    class Recorder(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            inputs.extend(keras.ops.convert_to_numpy(x).ravel().tolist())
            return x

    model = keras.Sequential([Recorder(), keras.layers.Dense(1)])
    model.compile(loss="mse", run_eagerly=True)
    dataset = training.to_tf_dataset(training.Batches(NOISY, CLEAN, 4, seed=3))
    model.fit(dataset, epochs=2, shuffle=False, verbose=0)
    batches = training.Batches(NOISY, CLEAN, 4, seed=3)
    expected = [pixel - 100 for _ in range(2) for pixel in itertools.chain(*epoch(batches))]
    assert inputs[-20:] == expected


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
    model = dense(precision, 6, [8, 3], [])
    rate = 0.1  # so high that the val_loss rises and falls
    training.compile_model(model, "adam", rate, "mse", steps_per_execution=2)
    batches = training.Batches(noisy[:20], clean[:20], 8, seed=1)
    validation = training.Batches(noisy[20:], clean[20:], 10)
    training.fit(model, batches, validation, EPOCHS, patience, after_epoch, checkpoint)
    return model.evaluate(validation, verbose=0), model.get_weights()


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
