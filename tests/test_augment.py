"""denoiser/augment.py: what a flip and a shift do to the pixels, and to which."""

import numpy as np

from denoiser.augment import augment

IMAGES = np.random.default_rng(0).random((400, 25), np.float32)


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_flips_half_of_the_images_left_to_right() -> None:
    (flipped,) = augment((IMAGES,), flip=True, shift=0, rng=rng())
    mirrored = IMAGES.reshape(-1, 5, 5)[:, :, ::-1].reshape(-1, 25)
    as_before, other = (flipped == IMAGES).all(axis=1), (flipped == mirrored).all(axis=1)
    assert (as_before ^ other).all()
    assert 150 < other.sum() < 250


def test_shifts_by_each_distance_and_fills_with_the_edge() -> None:
    (shifted,) = augment((IMAGES,), flip=False, shift=2, rng=rng())
    seen = set()
    for image, moved in zip(IMAGES.reshape(-1, 5, 5), shifted.reshape(-1, 5, 5), strict=True):
        padded = np.pad(image, 2, mode="edge")
        moves = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if np.array_equal(padded[down : down + 5, right : right + 5], moved)
        ]
        assert len(moves) == 1
        seen |= set(moves)
    assert len(seen) == 25


def test_the_same_becomes_of_an_image_and_its_noisy_copy() -> None:
    clean, noisy = augment((IMAGES, IMAGES + 1), flip=True, shift=1, rng=rng())
    np.testing.assert_array_equal(clean + 1, noisy)
    assert not np.array_equal(clean, IMAGES)


def test_nothing_asked_for_changes_nothing() -> None:
    (same,) = augment((IMAGES,), flip=False, shift=0, rng=rng())
    np.testing.assert_array_equal(same, IMAGES)
