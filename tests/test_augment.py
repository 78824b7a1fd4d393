"""training/augment.py."""

from typing import Any

import numpy as np

from training.augment import augment
from training.device_random import DeviceGenerator

IMAGES = np.random.default_rng(0).random((400, 5, 5, 3), np.float32)


def augmented(*arrays: np.ndarray, **changes: Any) -> list[np.ndarray]:
    settings = {"flip": False, "shift": 0, "rotate": False} | changes
    return [np.array(array) for array in augment(arrays, DeviceGenerator(1, 0), **settings)]


def equal(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether each image equals the other one, shape (n,)."""
    return np.asarray((images == others).all(axis=(1, 2, 3)))


def test_half_of_the_images_are_flipped_left_to_right() -> None:
    (result,) = augmented(IMAGES, flip=True)
    unchanged, flipped = equal(result, IMAGES), equal(result, IMAGES[:, :, ::-1])
    assert (unchanged ^ flipped).all()
    assert 150 < flipped.sum() < 250


def test_all_shifts_occur_and_repeat_the_edge() -> None:
    images = IMAGES[:, :4]  # not square
    (result,) = augmented(images, shift=2)
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="edge")
    matches = np.array(
        [
            equal(result, padded[:, down : down + 4, right : right + 5])
            for down in range(5)
            for right in range(5)
        ]
    )
    assert (matches.sum(axis=0) == 1).all()
    assert (matches.sum(axis=1) > 0).all()


def test_all_rotations_occur() -> None:
    (result,) = augmented(IMAGES, rotate=True)
    matches = np.array([equal(np.rot90(IMAGES, k, axes=(1, 2)), result) for k in range(4)])
    assert (matches.sum(axis=0) == 1).all()
    assert (matches.sum(axis=1) > 60).all()


def test_an_image_and_its_noisy_copy_are_transformed_alike() -> None:
    clean, noisy = augmented(IMAGES, IMAGES + 1, flip=True, shift=1, rotate=True)
    np.testing.assert_array_equal(clean + 1, noisy)
    assert not equal(clean, IMAGES).all()


def test_without_a_transformation_nothing_changes() -> None:
    (result,) = augmented(IMAGES)
    np.testing.assert_array_equal(result, IMAGES)
