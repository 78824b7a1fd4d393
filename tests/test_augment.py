"""denoiser/augment.py."""

from typing import Any

import numpy as np

from denoiser.augment import augment
from denoiser.device_random import DeviceGenerator

IMAGES = np.random.default_rng(0).random((400, 25), np.float32)


def augmented(*arrays: np.ndarray, **settings: Any) -> list[np.ndarray]:
    return [np.array(array) for array in augment(arrays, DeviceGenerator(1, 0), **settings)]


def test_half_of_the_images_are_flipped_left_to_right() -> None:
    (result,) = augmented(IMAGES, flip=True, shift=0)
    mirrored = IMAGES.reshape(-1, 5, 5)[:, :, ::-1].reshape(-1, 25)
    unchanged, flipped = (result == IMAGES).all(axis=1), (result == mirrored).all(axis=1)
    assert (unchanged ^ flipped).all()
    assert 150 < flipped.sum() < 250


def test_all_shifts_occur_and_repeat_the_edge() -> None:
    (result,) = augmented(IMAGES, flip=False, shift=2)
    shifts = set()
    for image, shifted in zip(IMAGES.reshape(-1, 5, 5), result.reshape(-1, 5, 5), strict=True):
        padded = np.pad(image, 2, mode="edge")
        matches = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if np.array_equal(padded[down : down + 5, right : right + 5], shifted)
        ]
        assert len(matches) == 1
        shifts |= set(matches)
    assert len(shifts) == 25


def test_an_image_and_its_noisy_copy_are_transformed_alike() -> None:
    clean, noisy = augmented(IMAGES, IMAGES + 1, flip=True, shift=1)
    np.testing.assert_array_equal(clean + 1, noisy)
    assert not np.array_equal(clean, IMAGES)


def test_without_flip_and_shift_nothing_changes() -> None:
    (result,) = augmented(IMAGES, flip=False, shift=0)
    np.testing.assert_array_equal(result, IMAGES)
