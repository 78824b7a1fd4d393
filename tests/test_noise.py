"""denoiser/noise.py: the guide's two kinds of noise, drawn from the seed and the place alone."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from denoiser import noise

GRAY = np.full((400, 784), 0.5, np.float32)


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
def test_is_float32_in_0_1(kind: noise.Kind) -> None:
    noisy = noise.corrupt(GRAY, kind, 0.9, noise.generator(1, "train", 0))
    assert noisy.dtype == np.float32
    assert noisy.shape == GRAY.shape
    assert noisy.min() >= 0
    assert noisy.max() == 1  # some of each kind is clipped


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
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
    kind=st.sampled_from(get_args(noise.Kind)),
    low=st.floats(0, 100, width=32),
    high=st.floats(0, 100, width=32),
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(0, 5), st.integers(1, 20)),
)
def test_any_noise_stays_in_0_1_and_grows_with_the_amount(
    kind: noise.Kind, low: float, high: float, seed: int, shape: tuple[int, int]
) -> None:
    low, high = sorted((low, high))
    clean = noise.generator(seed, "test", 0).random(shape, np.float32)

    def corrupt(amount: float) -> noise.Images:
        return noise.corrupt(clean, kind, amount, noise.generator(seed, "val", 3))

    less, more = corrupt(low), corrupt(high)
    np.testing.assert_array_equal(less, corrupt(low))
    for noisy in (less, more):
        assert noisy.dtype == np.float32
        assert noisy.shape == shape
        assert ((noisy >= 0) & (noisy <= 1)).all()
    assert (np.abs(more - clean) >= np.abs(less - clean)).all()
    if kind == "uniform":
        assert (less >= clean).all()
