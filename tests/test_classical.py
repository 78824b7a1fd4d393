"""denoiser/classical.py, compared with scikit-learn and with results computed by hand."""

import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge

from denoiser import classical, noise, scores

RNG = np.random.default_rng(0)
CLEAN = (RNG.random((300, 3)) @ RNG.random((3, 16)) / 3).astype(np.float32)
NOISY = noise.add_noise(CLEAN, "gaussian", 0.1, np.random.default_rng(1))


@pytest.fixture(scope="module")
def linear() -> classical.Linear:
    """Fitted to blocks of 7, 93 and 200 images."""
    blocks = zip(np.split(NOISY, [7, 100]), np.split(CLEAN, [7, 100]), strict=True)
    return classical.Linear(blocks, 16)


@pytest.mark.parametrize("penalty", [1e-4, 0.1, 10])
def test_ridge_equals_scikit_learn(linear: classical.Linear, penalty: float) -> None:
    noisy, clean = NOISY.astype(float), CLEAN.astype(float)
    alpha = penalty * noisy.var(axis=0).mean() * len(noisy)
    expected = Ridge(alpha).fit(noisy, clean).predict(noisy)
    np.testing.assert_allclose(linear.ridge(penalty)(NOISY), expected.clip(0, 1), atol=1e-5)


@pytest.mark.parametrize("components", [1, 3, 16])
def test_pca_equals_scikit_learn(linear: classical.Linear, components: int) -> None:
    codes = PCA(components).fit_transform(NOISY.astype(float))
    expected = LinearRegression().fit(codes, CLEAN.astype(float)).predict(codes)
    np.testing.assert_allclose(linear.pca(components)(NOISY), expected.clip(0, 1), atol=1e-5)


def test_pca_accepts_constant_pixels() -> None:
    noisy, clean = NOISY.copy(), CLEAN.copy()
    noisy[:, 3] = clean[:, 3] = 0.25
    denoised = classical.Linear([(noisy, clean)], 16).pca(16)(noisy)
    np.testing.assert_allclose(denoised[:, 3], 0.25, atol=1e-5)
    assert np.isfinite(denoised).all()


def test_subtract_mean_removes_a_constant() -> None:
    noisy = CLEAN + np.float32(0.2)
    np.testing.assert_allclose(classical.subtract_mean(noisy, CLEAN)(noisy), CLEAN, atol=1e-6)


@pytest.mark.parametrize("method", ["median", "gaussian", "nlm", "tv"])
def test_filters_smooth_each_image_separately(method: str) -> None:
    images = RNG.random((4, 64), np.float32)
    setting = classical.GRIDS[method][1]
    filtered = classical.apply_filter(method, setting, images)
    assert filtered.dtype == np.float32
    separate = [classical.apply_filter(method, setting, image[None]) for image in images]
    np.testing.assert_allclose(filtered, np.concatenate(separate), atol=1e-6)
    assert filtered.std() < images.std()


@pytest.mark.parametrize("method", classical.GRIDS)
def test_filters_smooth_each_channel_separately(method: str) -> None:
    planes = np.random.default_rng(0).random((3, 81), np.float32)
    setting = classical.GRIDS[method][1]
    expected = classical.apply_filter(method, setting, planes)
    color = classical.apply_filter(method, setting, planes.T.reshape(1, -1))
    np.testing.assert_allclose(color.reshape(81, 3).T, expected, atol=1e-6)


def test_median_removes_isolated_pixels() -> None:
    image = np.zeros((1, 25), np.float32)
    image[0, [12, 6]] = 1  # two of the nine pixels of the window around the center
    np.testing.assert_array_equal(classical.apply_filter("median", 3, image), np.zeros((1, 25)))


@pytest.mark.parametrize("weight", [0.05, 0.2, 1])
def test_total_variation_equals_scikit_image(weight: float) -> None:
    images = RNG.random((4, 12, 12), np.float32)
    # scikit-image returns the image before the last of its iterations.
    iterations = classical.TV_ITERATIONS + 1
    expected = [
        denoise_tv_chambolle(image, weight, eps=0, max_num_iter=iterations) for image in images
    ]
    np.testing.assert_allclose(classical.total_variation(images, weight), expected, atol=1e-5)


def test_affine_correction_restores_brightness_and_contrast() -> None:
    flat = np.linspace(0.2, 0.8, 9, dtype=np.float32)[:, None].repeat(25, axis=1)
    noisy = flat * 0.5 + 0.3
    correct = classical.affine_correction(noisy, flat)
    np.testing.assert_allclose(correct(noisy), flat, atol=1e-5)


def test_affine_correction_accepts_constant_images() -> None:
    noisy, clean = np.zeros((2, 25), np.float32), np.full((2, 25), 0.5, np.float32)
    correct = classical.affine_correction(noisy, clean)
    np.testing.assert_allclose(correct(noisy), clean)


def test_a_filter_is_tuned_for_the_highest_psnr() -> None:
    squares = np.zeros((1, 16, 16), np.float32)
    squares[:, :, 8:] = 1
    clean = squares.reshape(1, 256).copy()
    squares[:, 4:6, 2:5] = 1  # most pixels of a window of 3x3 pixels, a minority in larger windows
    noisy = squares.reshape(1, 256) * 0.5 + 0.3
    setting, denoiser = classical.tune_filter("median", noisy, clean)
    assert setting == 5
    np.testing.assert_allclose(denoiser(noisy), clean, atol=1e-6)


def test_ridge_is_tuned_for_the_highest_psnr(linear: classical.Linear) -> None:
    penalty, denoiser = classical.tune_ridge(linear, NOISY, CLEAN)
    np.testing.assert_array_equal(denoiser(NOISY), linear.ridge(penalty)(NOISY))
    results = [linear.ridge(other)(NOISY) for other in classical.PENALTIES]
    best = max(scores.score(CLEAN, result)["psnr"].mean() for result in results)
    assert scores.score(CLEAN, denoiser(NOISY))["psnr"].mean() == best
