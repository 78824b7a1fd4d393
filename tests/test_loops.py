"""training/loops.py, training/batches.py, training/augment.py, training/device_random.py."""

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.base import noise, npy
from tests.tiny_networks import build
from training import batches, loops
from training.augment import augment
from training.base.networks import NETWORKS
from training.batches import Order
from training.device_random import DeviceGenerator
from training.fit import compile_model
from training.loops import Loop
from training.losses import LOSSES

SHAPE = 8, 8, 1
NOISY, CLEAN = np.random.default_rng(0).random((2, 84, *SHAPE), np.float32)
SIZE = NOISY.nbytes + CLEAN.nbytes


def train(
    kind: str = "dense", precision: str = "float32", fresh: Any = None, memory: int = 0
) -> tuple[list[np.ndarray], list[float]]:
    """Trains two epochs of ten batches of 8 and one of 4 images.

    With `fresh`, a kind of noise, the images are augmented and get this noise. Returns the weights
    and the losses of each epoch.
    """

    def prepare(counter: Any, *images: Any) -> tuple[Any, ...]:
        rng = DeviceGenerator(7, counter)
        (clean,) = images
        noisy = noise.add_noise(clean, fresh, 0.5, rng, keras.ops)
        return augment((noisy, clean), rng, flip=True, rotate=True, gray=0)

    model = compile_model(build(kind, SHAPE, precision), "adam", 0.01, "mse")
    settings: Any = {"memory": memory, "xla": kind == "dense" and fresh is None}
    arrays = [CLEAN] if fresh else [NOISY, CLEAN]
    prepared = prepare if fresh else None
    training = Loop(model, *arrays, batch_size=8, seed=1, prepare=prepared, **settings)
    validation = Loop(model, NOISY, CLEAN, batch_size=16, training=False, **settings)
    losses = [loop(epoch) for epoch in range(2) for loop in (training, validation)]
    return model.get_weights(), losses


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"precision": "mixed_float16", "fresh": "uniform"},  # its loss scale is part of the state
        {"kind": "unet", "fresh": "poisson"},
    ],
    ids=str,
)
def test_data_on_the_device_and_data_in_windows_give_the_same_bits(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "WINDOW", SIZE // 3)
    monkeypatch.setattr(batches, "RUN", 2000)
    copied, to_device = list[int](), loops.to_device

    def recorded(array: Any) -> Any:
        copied.append(len(array))
        return to_device(array)

    monkeypatch.setattr(loops, "to_device", recorded)
    resident = train(**settings, memory=SIZE)
    assert set(copied) == {84}  # once: an epoch copies no images
    assert len(copied) == (3 if "fresh" in settings else 4)
    monkeypatch.setattr(loops, "WINDOW", SIZE // 3)
    np.testing.assert_equal(train(**settings), resident)
    assert 0 < min(copied) < max(copied[-4:]) < 40


def test_rows_are_read_from_the_file_of_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", CLEAN)
    array = npy.open_npy(str(tmp_path / "a.npy"))
    rows = np.array([5, 6, 7, 2, 0, 40])
    for part in (slice(3, None), slice(None, None, 2)):
        for source in (array[part], CLEAN[part]):
            read = loops.read_runs(source, rows)
            np.testing.assert_array_equal(read, CLEAN[part][rows])
            assert read.ctypes.data % 64 == 0


def test_the_result_equals_that_of_keras() -> None:
    model = build("dense", SHAPE)
    model.compile("adam", "mse", jit_compile=False)
    model.optimizer.learning_rate = 0.01
    for epoch in range(2):
        order = np.random.default_rng([1, epoch]).permutation(84)
        for start in range(0, 84, 8):
            index = order[start : start + 8]
            model.train_on_batch(NOISY[index], CLEAN[index])
    weights, losses = train()
    for actual, expected in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-5)
    val_loss = model.evaluate(NOISY, CLEAN, batch_size=16, verbose=0)
    assert losses[-1] == pytest.approx(val_loss, abs=1e-6)


def test_fresh_noise_differs_between_batches_epochs_seeds_and_draws() -> None:
    generators = [DeviceGenerator(seed, count) for seed in (1, 2) for count in (0, 8, 80, 88)]
    draws = [float(rng.random((1,))[0]) for rng in (*generators, *generators)]
    assert len(set(draws)) == 16
    assert draws[1] == DeviceGenerator(1, 8).random((1,))[0]


def rows(order: Order, epoch: int) -> list[int]:
    """The numbers of the rows of an epoch, in the order in which they are trained on."""
    return [row for window, shuffled in order.windows(epoch) for row in window[shuffled].tolist()]


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of up to 100 bytes, runs of 20 bytes."""
    monkeypatch.setattr(batches, "WINDOW", 100)
    monkeypatch.setattr(batches, "RUN", 20)


def test_order_depends_only_on_seed_and_epoch() -> None:
    first, second, other = (Order(10, 4, 4, seed) for seed in (1, 1, 2))
    orders = [rows(first, 0), rows(first, 1)]
    np.random.seed(0)  # noqa: NPY002  (the global state must not matter)
    assert [rows(second, 0), rows(second, 1)] == orders
    assert orders[0] not in (orders[1], rows(other, 0))
    assert sorted(orders[0]) == list(range(10))
    assert rows(Order(10, 4, 4, None), 3) == list(range(10))


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize(("seed", "batch_size"), [(None, 6), (1, 6), (2, 100)])
def test_larger_data_are_read_in_runs_and_shuffled(seed: int | None, batch_size: int) -> None:
    """Rows of 4 bytes: runs of 5 rows, and windows of 24 rows or of one batch."""
    order = Order(203, 4, batch_size, seed)
    windows = list(order.windows(0))
    assert [len(read) for read, _ in windows][:-1] == [max(24, batch_size)] * (len(windows) - 1)
    for read, shuffled in windows:
        assert sorted(shuffled) == list(range(len(read)))
    read_rows = np.concatenate([read for read, _ in windows])
    assert sorted(read_rows) == sorted(rows(order, 0)) == list(range(203))
    if seed is None:
        assert rows(order, 0) == list(range(203))
        return
    # Each run is read from its first to its last row, the last run has three rows.
    breaks = read_rows[np.flatnonzero(np.diff(read_rows, prepend=-9) != 1)].tolist()
    assert all(row % 5 == 0 for row in breaks)
    assert len(breaks) > 30
    assert breaks != sorted(breaks)
    for read, shuffled in windows:
        assert read[shuffled].tolist() != read.tolist()


def test_batches_have_counters_that_number_all_rows_of_all_epochs(small_windows: None) -> None:
    order = Order(30, 4, 4, None)  # windows of 24 rows
    first, second = (
        order.batches(shuffled, 2, number * order.window)
        for number, (_, shuffled) in enumerate(order.windows(2))
    )
    assert first.rows.tolist() == np.arange(24).reshape(6, 4).tolist()
    assert first.remainder.size == 0
    assert first.counters.tolist() == [60, 64, 68, 72, 76, 80, 84]
    assert second.rows.tolist() == [[0, 1, 2, 3]]  # of the second window
    assert second.remainder.tolist() == [4, 5]
    assert second.counters.tolist() == [84, 88]
    (_, shuffled), *_ = order.windows(0)
    counters = order.batches(shuffled, 2**31 // 30).counters  # 2³¹ lies in this epoch
    assert counters.min() < 30
    assert counters.dtype == np.int32


@pytest.mark.parametrize(("multiple", "last"), [(1, 2), (2, 2), (4, 0)])
def test_devices_get_equal_shares_of_the_last_batch(multiple: int, last: int) -> None:
    order = Order(10, 4, 4, 1, multiple)
    ((_, shuffled),) = order.windows(0)
    assert [len(part) for part in order.batches(shuffled, 0)[:2]] == [2, last]


IMAGES = np.random.default_rng(0).random((400, 5, 5, 3), np.float32)


def augmented(*arrays: np.ndarray, **options: Any) -> list[np.ndarray]:
    options = {"flip": False, "rotate": False, "gray": 0.0} | options
    return [np.array(array) for array in augment(arrays, DeviceGenerator(1, 0), **options)]


def fewest(images: np.ndarray, others: list[np.ndarray]) -> int:
    """Each image equals that of one other array: how many do so of the rarest array."""
    matches = np.array([(images == other).all(axis=(1, 2, 3)) for other in others])
    assert (matches.sum(axis=0) == 1).all()
    return int(matches.sum(axis=1).min())


def test_all_flips_and_rotations_occur() -> None:
    (flipped,) = augmented(IMAGES, flip=True)
    assert fewest(flipped, [IMAGES, IMAGES[:, :, ::-1]]) > 150
    (rotated,) = augmented(IMAGES, rotate=True)
    assert fewest(rotated, [np.rot90(IMAGES, k, axes=(1, 2)) for k in range(4)]) > 60


def test_a_noisy_copy_is_transformed_alike_and_some_color_images_become_gray() -> None:
    clean, noisy = augmented(IMAGES, IMAGES + 1, flip=True, rotate=True)
    np.testing.assert_array_equal(clean + 1, noisy)
    clean, noisy = augmented(IMAGES, IMAGES + 1, gray=0.25, flip=True)
    np.testing.assert_array_equal(clean + 1, noisy)  # the same noise in each channel
    grays = np.ptp(clean, axis=3).max(axis=(1, 2)) == 0
    assert 70 < grays.sum() < 130
    greens = np.sort(IMAGES[grays, ..., 1].ravel())
    np.testing.assert_array_equal(np.sort(clean[grays, ..., 0].ravel()), greens)


@pytest.mark.parametrize("kind", NETWORKS)
def test_no_operation_of_a_training_adds_in_an_open_order(kind: str) -> None:
    """On a GPU, the sums of a scatter, and of the gradient of max pooling, have no fixed order."""
    images = np.zeros((20, 12, 12, 1), np.float32)
    for loss in LOSSES if kind == "dense" else ["mse"]:
        function = LOSSES[loss].function
        model = compile_model(build(kind, (12, 12, 1)), "adam", 0.01, function)
        loop = Loop(model, images, images, batch_size=8)
        ((arrays, rows),) = loop.calls(0)
        program = loop.run_batches.experimental_get_compiler_ir(arrays, rows)(stage="hlo")
        operations = set(re.findall(r" ([a-z-]+)\(", program))
        assert "while" in operations
        assert not operations & {"scatter", "select-and-scatter", "rng", "rng-bit-generator"}
