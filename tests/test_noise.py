"""denoiser/noise.py: each kind as defined, drawn from the seed and the place alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.util import random_noise

from denoiser import noise

GRAY = np.full((400, 784), 0.5, np.float32)


@pytest.mark.parametrize("kind", noise.KINDS)
def test_is_float32_in_0_1(kind: noise.Kind) -> None:
    noisy = noise.corrupt(GRAY, kind, 0.9, noise.generator(1, "train", 0))
    assert noisy.dtype == np.float32
    assert noisy.shape == GRAY.shape
    assert noisy.min() >= 0
    assert noisy.max() == (0.5 if kind == "masking" else 1)  # some of each kind is clipped


@pytest.mark.parametrize("kind", noise.KINDS)
def test_no_amount_changes_nothing(kind: noise.Kind) -> None:
    images = np.random.default_rng(0).random((5, 9), np.float32)
    before = images.copy()
    noisy = noise.corrupt(images, kind, 0, noise.generator(1, "train", 0))
    np.testing.assert_array_equal(noisy, before)
    np.testing.assert_array_equal(images, before)


def test_uniform_adds_amount_times_u01() -> None:
    noisy = noise.corrupt(GRAY, "uniform", 0.4, noise.generator(1, "train", 0))
    added = (noisy - 0.5) / 0.4  # nothing is clipped
    assert 0 <= added.min() < 0.001
    assert 0.999 < added.max() <= 1.0001
    assert added.mean() == pytest.approx(1 / 2, abs=0.003)
    assert added.var() == pytest.approx(1 / 12, abs=0.003)


def test_gaussian_adds_amount_times_n01() -> None:
    noisy = noise.corrupt(GRAY, "gaussian", 0.05, noise.generator(1, "train", 0))
    added = (noisy - 0.5) / 0.05  # ten sigma from being clipped
    assert added.mean() == pytest.approx(0, abs=0.01)
    assert added.std() == pytest.approx(1, abs=0.01)
    assert np.mean(np.abs(added) > 1.96) == pytest.approx(0.05, abs=0.003)


def test_salt_and_pepper_are_as_likely() -> None:
    noisy = noise.corrupt(GRAY, "salt_and_pepper", 0.3, noise.generator(1, "train", 0))
    shares = [np.mean(noisy == value) for value in (0, 1, 0.5)]
    np.testing.assert_allclose(shares, [0.15, 0.15, 0.7], atol=0.003)


def test_masking_leaves_a_pixel_or_makes_it_black() -> None:
    noisy = noise.corrupt(GRAY, "masking", 0.3, noise.generator(1, "train", 0))
    shares = [np.mean(noisy == value) for value in (0, 0.5)]
    np.testing.assert_allclose(shares, [0.3, 0.7], atol=0.003)


def test_poisson_counts_photons() -> None:
    noisy = noise.corrupt(GRAY, "poisson", 0.1, noise.generator(1, "train", 0))
    counts = noisy[noisy < 1] * 100  # a white pixel counts 1 / 0.1²
    np.testing.assert_allclose(counts, counts.round(), atol=1e-3)
    assert counts.mean() == pytest.approx(50, abs=0.1)
    assert counts.var() == pytest.approx(50, abs=0.5)  # a Poisson's is its mean


@pytest.mark.parametrize(
    ("kind", "mode", "amount", "settings"),
    [
        ("gaussian", "gaussian", 0.3, {"var": 0.3**2}),
        ("speckle", "speckle", 0.5, {"var": 0.5**2}),
        ("salt_and_pepper", "s&p", 0.4, {"amount": 0.4}),
        ("masking", "pepper", 0.4, {"amount": 0.4}),
    ],
)
def test_noise_is_scikit_images(
    kind: noise.Kind, mode: str, amount: float, settings: dict[str, float]
) -> None:
    """The share of pixels under each level is the same, on images of three brightnesses."""
    for level in (0.2, 0.5, 0.9):
        clean = np.full((200, 784), level, np.float32)
        mine = noise.corrupt(clean, kind, amount, noise.generator(1, "train", 0))
        theirs = random_noise(clean, mode, rng=2, **settings)
        for bound in np.linspace(0, 1, 21):
            assert np.mean(mine <= bound + 1e-6) == pytest.approx(
                np.mean(theirs <= bound + 1e-6), abs=0.006
            )


def test_of_a_range_each_image_draws_its_amount() -> None:
    noisy = noise.corrupt(GRAY, "gaussian", (0.01, 0.05), noise.generator(1, "train", 0))
    spread = (noisy - GRAY).std(axis=1)
    assert 0.009 < spread.min() < 0.012
    assert 0.048 < spread.max() < 0.053
    assert spread.mean() == pytest.approx(0.03, abs=0.002)


def test_a_draw_depends_on_seed_split_and_block_alone() -> None:
    def draw(seed: int, split: str, block: int) -> float:
        return noise.generator(seed, split, block).random()

    places = [
        (seed, split, block) for seed in (1, 2) for split in ("train", "val") for block in (0, 1)
    ]
    draws = [draw(*place) for place in places]
    np.random.default_rng(1).random(100)  # another draw
    assert draws == [draw(*place) for place in places]
    assert len(set(draws)) == len(places)


@given(
    kind=st.sampled_from(noise.KINDS),
    amounts=st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)),
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(0, 5), st.integers(1, 20)),
)
def test_any_noise_stays_in_0_1_and_grows_with_the_amount(
    kind: noise.Kind, amounts: tuple[float, float], seed: int, shape: tuple[int, int]
) -> None:
    low, high = sorted(amounts)
    clean = noise.generator(seed, "test", 0).random(shape, np.float32)

    def corrupt(amount: noise.Amount) -> noise.Images:
        return noise.corrupt(clean, kind, amount, noise.generator(seed, "val", 3))

    less, more = corrupt(low), corrupt(high)
    np.testing.assert_array_equal(less, corrupt(low))
    for noisy in (less, more, corrupt((low, high))):
        assert noisy.dtype == np.float32
        assert noisy.shape == shape
        assert ((noisy >= 0) & (noisy <= 1)).all()
    if kind == "salt_and_pepper":  # where more becomes 0, less may have become 1
        assert ((more != clean) >= (less != clean)).all()
    elif kind != "poisson":  # which draws counts
        assert (np.abs(more - clean) >= np.abs(less - clean)).all()
    if kind == "uniform":
        assert (less >= clean).all()
