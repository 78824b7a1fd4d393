"""denoiser/baselines.py and its stage: by hand, and against scikit-learn."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge

from denoiser import baselines as core
from denoiser import noise, scores
from stages import baselines, split
from stages import noise as noising
from stages.errors import StageError
from tests.conftest import SetParams, one_core, run_stage

RNG = np.random.default_rng(0)
CLEAN = (RNG.random((300, 3)) @ RNG.random((3, 16)) / 3).astype(np.float32)
NOISY = noise.corrupt(CLEAN, "gaussian", 0.1, np.random.default_rng(1))


@pytest.fixture(scope="module")
def linear() -> core.Linear:
    """Of blocks of different sizes."""
    ends = [0, 7, 100, 300]
    blocks = [slice(*ends[place : place + 2]) for place in range(3)]
    return core.Linear(((NOISY[block], CLEAN[block]) for block in blocks), 16)


@pytest.mark.parametrize("penalty", [1e-4, 0.1, 10])
def test_ridge_is_scikit_learns(linear: core.Linear, penalty: float) -> None:
    alpha = penalty * linear.variances.mean() * len(NOISY)
    expected = Ridge(alpha).fit(NOISY.astype(float), CLEAN.astype(float)).predict(NOISY)
    np.testing.assert_allclose(linear.ridge(penalty)(NOISY), expected.clip(0, 1), atol=1e-5)


@pytest.mark.parametrize("components", [1, 3, 16])
def test_pca_is_scikit_learns_with_a_linear_read_out(linear: core.Linear, components: int) -> None:
    codes = PCA(components).fit_transform(NOISY.astype(float))
    expected = LinearRegression().fit(codes, CLEAN.astype(float)).predict(codes)
    np.testing.assert_allclose(linear.pca(components)(NOISY), expected.clip(0, 1), atol=1e-5)


def test_pca_takes_pixels_that_never_change() -> None:
    noisy, clean = NOISY.copy(), CLEAN.copy()
    noisy[:, 3] = clean[:, 3] = 0.25
    still = core.Linear([(noisy, clean)], 16).pca(16)(noisy)
    np.testing.assert_allclose(still[:, 3], 0.25, atol=1e-5)
    assert np.isfinite(still).all()


def test_mean_takes_off_that_of_the_noise() -> None:
    noisy = CLEAN + np.float32(0.2)
    np.testing.assert_allclose(core.mean(noisy, CLEAN)(noisy), CLEAN, atol=1e-6)


@pytest.mark.parametrize("method", ["median", "gaussian", "nlm", "tv"])
def test_filters_see_each_image_by_itself(method: core.Method) -> None:
    images = RNG.random((4, 64), np.float32)
    setting = core.GRIDS[method][1]
    together = core.filtered(method, setting, images)
    assert together.dtype == np.float32
    each = [core.filtered(method, setting, images[row : row + 1]) for row in range(4)]
    np.testing.assert_allclose(together, np.concatenate(each), atol=1e-6)
    assert together.std() < images.std()


def test_median_by_hand() -> None:
    image = np.zeros((1, 25), np.float32)
    image[0, [12, 6]] = 1  # two of the nine around the centre
    np.testing.assert_array_equal(core.filtered("median", 3, image), np.zeros((1, 25)))


def test_a_straight_line_mends_brightness_and_contrast() -> None:
    flat = np.linspace(0.2, 0.8, 9, dtype=np.float32)[:, None].repeat(25, axis=1)
    denoise = core.straightened("median", 3, flat * 0.5 + 0.3, flat)
    np.testing.assert_allclose(denoise(flat * 0.5 + 0.3), flat, atol=1e-5)


def test_tuning_finds_the_setting_of_highest_psnr() -> None:
    def at(setting: float) -> core.Denoise:
        return lambda images: images + np.float32(setting - 1.2)

    setting, denoise = core.tune("gaussian", at, CLEAN, CLEAN)
    assert setting == 1.2
    assert scores.score(CLEAN, denoise(CLEAN))["psnr"].min() > 90


# the stage


def test_stage_tunes_on_training_images_and_scores_the_others(noisy: Path) -> None:
    baselines.main()
    found = json.loads(Path("metrics/baselines.json").read_text())
    methods = ["mean", "median", "gaussian", "nlm", "tv", "pca", "ridge"]
    assert list(found) == ["val", "test", "settings"]
    assert [list(part) for part in found.values()] == [methods] * 3
    assert found["settings"]["pca"] == 64
    clean, test = np.load("data/split/x_test.npy"), np.load("data/noisy/x_test.npy")
    for method in methods:
        denoised = np.load(f"data/baselines/{method}.npy")
        assert denoised.shape == clean.shape
        assert found["test"][method] == scores.means(scores.score(clean, denoised))
    best = max(methods, key=lambda method: float(found["val"][method]["psnr"]))
    np.testing.assert_allclose(
        np.load("data/baselines/x_test.npy"), np.load(f"data/baselines/{best}.npy"), atol=1e-6
    )
    train = [np.load(f"data/{kind}/x_train.npy")[:8] for kind in ("noisy", "split")]
    np.testing.assert_array_equal(np.load("data/baselines/mean.npy"), core.mean(*train)(test))


def test_stage_gives_the_same_bytes_on_one_core_as_on_all(
    images: Path, set_params: SetParams
) -> None:
    """On images large enough that BLAS shares the work among cores."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 1500), ("test", 20)):
        np.save(f"data/images/{name}_images.npy", rng.integers(0, 256, (count, 784), np.uint8))
        np.save(f"data/images/{name}_labels.npy", np.zeros(count, np.uint8))
    split.main()
    noising.main()
    set_params(baselines={"methods": ["pca", "ridge"]})
    results = []
    for cores in (contextlib.nullcontext, one_core):
        with cores():
            assert run_stage("baselines").returncode == 0
        made = sorted(Path("data/baselines").iterdir())
        results.append([path.read_bytes() for path in [*made, Path("metrics/baselines.json")]])
    assert len(results[0]) == 4
    assert results[0] == results[1]


def test_stage_does_no_more_than_it_is_asked_for(noisy: Path, set_params: SetParams) -> None:
    set_params(baselines={"methods": []})
    baselines.main()
    found = json.loads(Path("metrics/baselines.json").read_text())
    assert found == {"val": {}, "test": {}, "settings": {}}
    assert list(Path("data/baselines").iterdir()) == []


def test_stage_refuses_more_components_than_pixels(noisy: Path, set_params: SetParams) -> None:
    set_params(baselines={"pca_components": 145})
    with pytest.raises(StageError, match=r"pca_components is 145, but an image has 144 pixels"):
        baselines.main()
