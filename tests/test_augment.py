"""denoiser/augment.py."""

from typing import Any

import numpy as np

from denoiser.augment import augment
from denoiser.device_random import DeviceGenerator

IMAGES = np.random.default_rng(0).random((400, 25), np.float32)


def augmented(*arrays: np.ndarray, **changes: Any) -> list[np.ndarray]:
    settings = {"flip": False, "shift": 0, "rotate": False} | changes
    return [np.array(array) for array in augment(arrays, DeviceGenerator(1, 0), **settings)]


def test_half_of_the_images_are_flipped_left_to_right() -> None:
    (result,) = augmented(IMAGES, flip=True)
    mirrored = IMAGES.reshape(-1, 5, 5)[:, :, ::-1].reshape(-1, 25)
    unchanged, flipped = (result == IMAGES).all(axis=1), (result == mirrored).all(axis=1)
    assert (unchanged ^ flipped).all()
    assert 150 < flipped.sum() < 250


def test_all_shifts_occur_and_repeat_the_edge() -> None:
    (result,) = augmented(IMAGES, shift=2)
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
    clean, noisy = augmented(IMAGES, IMAGES + 1, flip=True, shift=1, rotate=True)
    np.testing.assert_array_equal(clean + 1, noisy)
    assert not np.array_equal(clean, IMAGES)


def test_without_a_transformation_nothing_changes() -> None:
    (result,) = augmented(IMAGES)
    np.testing.assert_array_equal(result, IMAGES)


def test_all_rotations_occur() -> None:
    (result,) = augmented(IMAGES, rotate=True)
    squares, rotated = IMAGES.reshape(-1, 5, 5), result.reshape(-1, 5, 5)
    matches = np.array(
        [(np.rot90(squares, k, axes=(1, 2)) == rotated).all(axis=(1, 2)) for k in range(4)]
    )
    assert (matches.sum(axis=0) == 1).all()
    assert (matches.sum(axis=1) > 60).all()


def test_the_channels_of_a_pixel_move_together() -> None:
    gray = np.random.default_rng(1).random((50, 16), np.float32)
    rgb = (gray[:, :, None] + np.arange(3, dtype=np.float32)).reshape(50, 48)
    settings = {"flip": True, "shift": 1, "rotate": True}
    (gray_result,), (rgb_result,) = augmented(gray, **settings), augmented(rgb, **settings)
    expected = (gray_result[:, :, None] + np.arange(3, dtype=np.float32)).reshape(50, 48)
    np.testing.assert_array_equal(rgb_result, expected)
