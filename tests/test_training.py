"""denoiser/training.py: batches, the learning rate, fits that are cut off, and the archive."""

import itertools
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
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


def test_batches_hold_every_row_once() -> None:
    batches = epoch(training.Batches(NOISY, CLEAN, 4, seed=1))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(itertools.chain(*batches)) == CLEAN.ravel().tolist()


def test_order_depends_on_seed_and_epoch_alone() -> None:
    first, second = (training.Batches(NOISY, CLEAN, 4, seed=1) for _ in range(2))
    one, two = epoch(first), epoch(first)
    assert one != two
    np.random.default_rng().random()
    np.random.seed(0)  # noqa: NPY002  (the global state has no say)
    assert [epoch(second), epoch(second)] == [one, two]
    assert epoch(training.Batches(NOISY, CLEAN, 4, seed=2)) != one


def test_without_a_seed_in_the_order_of_the_rows() -> None:
    batches = training.Batches(NOISY, CLEAN, 10)
    assert epoch(batches) == epoch(batches) == [CLEAN.ravel().tolist()]


def add_draw(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return images + rng.random(images.shape, np.float32)


def test_fresh_noise_depends_on_seed_epoch_and_batch_alone() -> None:
    def two_epochs(seed: int) -> list[float]:
        batches = training.Batches(add_draw, CLEAN, 4, seed)
        draws = []
        for _ in range(2):
            batches.on_epoch_begin()
            for index in (2, 0, 1):
                noisy, clean = batches[index]
                draws += (noisy - clean).ravel().tolist()
        return draws

    draws = two_epochs(1)
    assert len(set(draws)) == 20
    assert draws == two_epochs(1)
    assert not set(draws) & set(two_epochs(2))


def test_augments_clean_and_noisy_alike_and_before_fresh_noise() -> None:
    def negate(arrays: tuple[np.ndarray, ...], _: np.random.Generator) -> tuple[np.ndarray, ...]:
        return tuple(-array for array in arrays)

    noisy, clean = training.Batches(NOISY, CLEAN, 10, augment=negate)[0]
    np.testing.assert_array_equal([noisy, clean], [-NOISY, -CLEAN])
    noisy, clean = training.Batches(add_draw, CLEAN, 10, augment=negate)[0]
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
def test_learning_rate(kind: training.Schedule, warmup: int, expected: list[float]) -> None:
    rate = training.schedule(kind, 0.1, warmup, steps=8)
    rates = [
        float(rate if isinstance(rate, float) else rate(step))
        for step in np.linspace(0, 8, len(expected))
    ]
    np.testing.assert_allclose(rates, expected, atol=1e-7)


def test_keras_sees_each_epoch_in_its_own_order() -> None:
    """Of a real `fit`: what reaches the network is what `Batches` yields, in its order."""
    seen: list[float] = []

    class Recorder(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            seen.extend(keras.ops.convert_to_numpy(x).ravel().tolist())
            return x

    model = keras.Sequential([Recorder(), keras.layers.Dense(1)])
    model.compile(loss="mse", run_eagerly=True)
    batches = training.feed(training.Batches(NOISY, CLEAN, 4, seed=3))
    model.fit(batches, epochs=2, shuffle=False, verbose=0)
    expected = training.Batches(NOISY, CLEAN, 4, seed=3)
    orders = [np.concatenate(epoch(expected)) - 100 for _ in range(2)]
    assert seen[-20:] == np.concatenate(orders).tolist()


EPOCHS = 25


def dense(precision: str, pixels: int, encoder: list[int], decoder: list[int]) -> keras.Model:
    """The network in this precision; what is built after it is in the usual one again."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        return models.dense(pixels, encoder, decoder, "relu")
    finally:
        keras.config.set_dtype_policy(before)


def fit(
    patience: int | None,
    after_epoch: Callable[[training.Snapshot], None],
    snapshot: training.Snapshot | None = None,
    precision: str = "float32",
    steps_per_execution: int = 2,
) -> tuple[float, list[np.ndarray]]:
    """A real fit of a small network; its validation loss in the end, and its weights."""
    rng = np.random.default_rng(0)
    clean = (rng.random((30, 1)) * rng.random(6)).astype(np.float32)
    noisy = clean + rng.normal(0, 0.05, clean.shape).astype(np.float32)
    keras.utils.set_random_seed(1)
    model = dense(precision, 6, [8, 3], [])
    rate = 0.1  # so high that the val_loss goes up and down
    training.compile_model(model, "adam", rate, "mse", steps_per_execution)
    batches = training.Batches(noisy[:20], clean[:20], 8, seed=1)
    validation = training.Batches(noisy[20:], clean[20:], 10)
    training.fit(model, batches, validation, EPOCHS, patience, after_epoch, snapshot)
    return model.evaluate(validation, verbose=0), model.get_weights()


Settings = tuple[int | None, str]
Whole = tuple[Settings, list[training.Snapshot], float, list[np.ndarray]]


@pytest.fixture(
    scope="module", params=[(None, "float32"), (2, "float32"), (2, "mixed_float16")], ids=str
)
def whole(request: pytest.FixtureRequest) -> Whole:
    """A fit that nothing cut off: patience and precision, its snapshots, what `fit` returns."""
    patience, precision = request.param
    snapshots: list[training.Snapshot] = []
    return request.param, snapshots, *fit(patience, snapshots.append, precision=precision)


def test_patience_keeps_the_best_weights_and_none_the_last(whole: Whole) -> None:
    (patience, _), snapshots, val_loss, _ = whole
    val_losses = snapshots[-1]["losses"][:, 1]
    assert len(snapshots) == len(val_losses)
    if patience is None:
        assert len(val_losses) == EPOCHS
        assert val_loss == pytest.approx(val_losses[-1])
    else:
        assert patience + 1 < len(val_losses) == val_losses.argmin() + 1 + patience < EPOCHS
        assert val_loss == pytest.approx(val_losses.min())


@pytest.mark.parametrize("left", [0, 1, 10])
def test_a_fit_that_was_cut_off_ends_as_one_that_was_not(whole: Whole, left: int) -> None:
    (patience, precision), snapshots, val_loss, weights = whole
    later: list[training.Snapshot] = []
    result = fit(patience, later.append, snapshots[len(snapshots) - left - 1], precision)
    assert len(later) == left
    assert result[0] == val_loss
    for one, other in zip(weights, result[1], strict=True):
        np.testing.assert_array_equal(one, other)
    for expected, snapshot in zip(snapshots[len(snapshots) - left :], later, strict=True):
        np.testing.assert_equal(snapshot, expected)


def test_weights_do_not_depend_on_how_many_steps_run_at_once() -> None:
    (_, one), (_, ten) = (fit(None, lambda _: None, steps_per_execution=n) for n in (1, 10))
    for weight, other in zip(one, ten, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_mixed_precision_computes_in_half_and_keeps_weights_and_pixels_whole() -> None:
    model = dense("mixed_bfloat16", 4, [3, 2], [3])
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert [layer.output.dtype for layer in model.layers[1:]] == ["bfloat16"] * 3 + ["float32"]


def test_archive_has_no_dates_and_still_loads(tmp_path: Path) -> None:
    model = models.dense(4, [3], [], "tanh")
    archives = []
    for _ in range(2):
        model.save(tmp_path / "dated.keras")
        archives.append(training.strip_traces((tmp_path / "dated.keras").read_bytes()))
        time.sleep(2.1)  # a zip's clock ticks every two seconds
    assert archives[0] == archives[1]
    (tmp_path / "model.keras").write_bytes(archives[0])
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).random((2, 4), np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert zipfile.ZipFile(tmp_path / "model.keras").testzip() is None
