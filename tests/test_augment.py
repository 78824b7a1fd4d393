"""training/augment.py."""

import itertools

import numpy as np

from training.augment import augment
from training.device_random import DeviceGenerator

IMAGES = np.random.default_rng(0).random((400, 5, 5, 3), np.float32)


def augmented(
    *arrays: np.ndarray, flip: bool = False, shift: int = 0, rotate: bool = False
) -> list[np.ndarray]:
    rng = DeviceGenerator(1, 0)
    return [np.array(array) for array in augment(arrays, rng, flip, shift, rotate)]


def equal(images: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """Whether each image equals that of each other array, of which it must equal one."""
    matches = np.array([(images == other).all(axis=(1, 2, 3)) for other in others])
    assert (matches.sum(axis=0) == 1).all()
    return matches


def test_half_of_the_images_are_flipped_left_to_right() -> None:
    (result,) = augmented(IMAGES, flip=True)
    assert 150 < equal(result, [IMAGES, IMAGES[:, :, ::-1]])[1].sum() < 250


def test_all_shifts_occur_and_repeat_the_edge() -> None:
    images = IMAGES[:, :4]  # not square
    (result,) = augmented(images, shift=2)
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="edge")
    shifted = [padded[:, y : y + 4, x : x + 5] for y, x in itertools.product(range(5), range(5))]
    assert (equal(result, shifted).sum(axis=1) > 0).all()


def test_all_rotations_occur() -> None:
    (result,) = augmented(IMAGES, rotate=True)
    rotated = [np.rot90(IMAGES, k, axes=(1, 2)) for k in range(4)]
    assert (equal(result, rotated).sum(axis=1) > 60).all()


def test_an_image_and_its_noisy_copy_are_transformed_alike() -> None:
    clean, noisy = augmented(IMAGES, IMAGES + 1, flip=True, shift=1, rotate=True)
    np.testing.assert_array_equal(clean + 1, noisy)
    assert not np.array_equal(clean, IMAGES)
