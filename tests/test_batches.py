"""training/batches.py, training/augment.py."""

import itertools
from typing import Any

import numpy as np
import pytest

from training import batches
from training.augment import augment
from training.batches import Order
from training.device_random import DeviceGenerator


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


@pytest.mark.parametrize(("seed", "batch_size"), [(None, 6), (1, 6), (2, 100)])
def test_larger_data_are_read_in_runs_and_shuffled_within_windows(
    small_windows: None, seed: int | None, batch_size: int
) -> None:
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
    last = 40 if (read_rows == 200).argmax() == 200 else None  # the run of three rows
    starts = [row for row in read_rows.tolist() if row % 5 == 0]
    assert len(starts) == 41
    for start in starts[:last]:
        position = read_rows.tolist().index(start)
        run = list(range(start, min(start + 5, 203)))
        assert read_rows[position : position + len(run)].tolist() == run
    assert starts != sorted(starts)
    for read, shuffled in windows:
        assert read[shuffled].tolist() != read.tolist()


def test_batches_have_counters_that_number_the_rows_of_all_epochs(small_windows: None) -> None:
    order = Order(30, 4, 4, None)  # windows of 24 rows
    first, second = (
        order.batches(shuffled, 2, number * order.window)
        for number, (_, shuffled) in enumerate(order.windows(2))
    )
    assert first.rows.shape == (6, 4)
    assert first.rows[1].tolist() == [4, 5, 6, 7]
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


# Augmentation

IMAGES = np.random.default_rng(0).random((400, 5, 5, 3), np.float32)


def augmented(*arrays: np.ndarray, **options: Any) -> list[np.ndarray]:
    rng = DeviceGenerator(1, 0)
    options = {"flip": False, "shift": 0, "rotate": False, "gray": 0.0} | options
    return [np.array(array) for array in augment(arrays, rng, **options)]


def fewest(images: np.ndarray, others: list[np.ndarray]) -> int:
    """Each image equals that of one other array: how many do so of the rarest array."""
    matches = np.array([(images == other).all(axis=(1, 2, 3)) for other in others])
    assert (matches.sum(axis=0) == 1).all()
    return int(matches.sum(axis=1).min())


def test_all_flips_rotations_and_shifts_occur() -> None:
    (flipped,) = augmented(IMAGES, flip=True)
    assert fewest(flipped, [IMAGES, IMAGES[:, :, ::-1]]) > 150
    (rotated,) = augmented(IMAGES, rotate=True)
    assert fewest(rotated, [np.rot90(IMAGES, k, axes=(1, 2)) for k in range(4)]) > 60
    images = IMAGES[:, :4]  # not square
    (shifted,) = augmented(images, shift=2)
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="edge")
    places = itertools.product(range(5), range(5))
    assert fewest(shifted, [padded[:, y : y + 4, x : x + 5] for y, x in places]) > 0


def test_an_image_and_its_noisy_copy_are_transformed_alike() -> None:
    clean, noisy = augmented(IMAGES, IMAGES + 1, flip=True, shift=1, rotate=True)
    np.testing.assert_array_equal(clean + 1, noisy)
    assert not np.array_equal(clean, IMAGES)


def test_some_color_images_become_gray_with_the_same_noise_in_each_channel() -> None:
    clean, noisy = augmented(IMAGES, IMAGES + 1, gray=0.25, flip=True)
    np.testing.assert_array_equal(clean + 1, noisy)
    grays = np.ptp(clean, axis=3).max(axis=(1, 2)) == 0
    assert 70 < grays.sum() < 130
    greens = np.sort(IMAGES[grays, ..., 1].ravel())
    np.testing.assert_array_equal(np.sort(clean[grays, ..., 0].ravel()), greens)
