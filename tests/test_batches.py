"""training/batches.py, training/augment.py."""

import itertools
from typing import Any

import numpy as np
import pytest

from training.augment import augment
from training.batches import Blocks, to_tf_dataset
from training.device_random import DeviceGenerator

CLEAN = np.arange(10, dtype=np.float32)[:, None]
LABELS = np.arange(10, dtype=np.uint8)


def epoch(blocks: Blocks) -> list[tuple[np.ndarray, ...]]:
    """The blocks of the next epoch."""
    blocks.on_epoch_begin()
    return [blocks[index] for index in range(blocks.num_batches)]


def batches(blocks: Blocks) -> list[list[float]]:
    """The pixel of each image of each batch of the next epoch."""
    return [batch for block in epoch(blocks) for batch in block[1][:, :, 0].T.tolist()]


@pytest.mark.parametrize(
    ("steps", "shapes"),
    [
        (1, [(3, 1), (3, 1), (3, 1), (1, 1)]),
        (2, [(3, 2), (3, 1), (1, 1)]),
        (3, [(3, 3), (1, 1)]),
        (100, [(3, 3), (1, 1)]),
    ],
)
def test_the_batches_of_an_epoch_do_not_depend_on_the_blocks(
    steps: int, shapes: list[tuple[int, int]]
) -> None:
    one_by_one = Blocks(CLEAN, batch_size=3, seed=1)
    blocks, as_dataset = (
        Blocks(CLEAN, LABELS, batch_size=3, steps=steps, seed=1) for _ in range(2)
    )
    dataset = to_tf_dataset(as_dataset)
    assert blocks.steps_per_epoch == 4
    for _ in range(2):
        rows, expected = list[list[float]](), batches(one_by_one)
        for block, tensors, shape in zip(epoch(blocks), dataset, shapes, strict=True):
            counters, clean, labels = block
            assert counters.shape == labels.shape == shape
            assert clean.shape == (*shape, 1)
            np.testing.assert_array_equal(clean[:, :, 0], labels)
            for tensor, array in zip(tensors, block, strict=True):
                assert tensor.dtype == array.dtype
                np.testing.assert_array_equal(tensor, array)
            rows += labels.T.tolist()
        assert rows == expected
        assert sorted(itertools.chain(*rows)) == list(range(10))


def test_order_depends_only_on_seed_and_epoch() -> None:
    first, second, other = (Blocks(CLEAN, batch_size=4, seed=seed) for seed in (1, 1, 2))
    orders = [batches(first), batches(first)]
    np.random.seed(0)  # noqa: NPY002  (the global state must not matter)
    assert [batches(second), batches(second)] == orders
    assert orders[0] not in (orders[1], batches(other))
    without_seed = Blocks(CLEAN, batch_size=10)
    assert batches(without_seed) == batches(without_seed) == [list(range(10))]


def test_counters_number_the_rows_of_all_epochs() -> None:
    def counters(blocks: Blocks) -> list[int]:
        return [n for block in epoch(blocks) for n in block[0].T.ravel().tolist()]

    blocks = Blocks(CLEAN, batch_size=4, steps=2, seed=1)
    assert counters(blocks) + counters(blocks) == list(range(20))
    resumed = Blocks(CLEAN, batch_size=4, steps=1, seed=1)
    resumed.epoch = 0
    assert counters(resumed) == list(range(10, 20))
    resumed.epoch = 2**31 // 10 - 1  # 2³¹ lies in the next epoch
    assert 0 in counters(resumed)


@pytest.mark.parametrize(("multiple", "sizes"), [(1, [4, 4, 2]), (2, [4, 4, 2]), (4, [4, 4])])
def test_devices_get_equal_shares_of_the_last_batch(multiple: int, sizes: list[int]) -> None:
    blocks = Blocks(CLEAN, batch_size=4, multiple=multiple)
    assert [len(batch) for batch in batches(blocks)] == sizes
    assert blocks.steps_per_epoch == len(sizes)


def test_blocks_of_large_images_have_fewer_steps() -> None:
    images = np.broadcast_to(np.float32(0), (1000, 10**5))  # 400 KB each
    assert Blocks(images, images, batch_size=16, steps=25).steps == 7  # of 12.8 MB each
    assert Blocks(images, images, batch_size=500, steps=25).steps == 1


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
