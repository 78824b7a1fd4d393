"""denoiser/classical.py, compared with scikit-learn and with results computed by hand."""

import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge

from denoiser import classical, noise, scores
from denoiser.classical import PENALTIES

RNG = np.random.default_rng(0)
CLEAN = (RNG.random((300, 3)) @ RNG.random((3, 16)) / 3).astype(np.float32).reshape(300, 2, 8, 1)
NOISY = noise.add_noise(CLEAN, "gaussian", 0.1, np.random.default_rng(1))


# Fitted to blocks of 7, 93 and 200 images.
LINEAR = classical.Linear(zip(*(np.split(x, [7, 100]) for x in (NOISY, CLEAN)), strict=True), 16)


@pytest.mark.parametrize("penalty", [1e-4, 0.1, 10])
def test_ridge_equals_scikit_learn(penalty: float) -> None:
    noisy, clean = (images.reshape(300, 16).astype(float) for images in (NOISY, CLEAN))
    alpha = penalty * noisy.var(axis=0).mean() * len(noisy)
    expected = Ridge(alpha).fit(noisy, clean).predict(noisy).reshape(NOISY.shape)
    np.testing.assert_allclose(LINEAR.ridge(penalty)(NOISY), expected.clip(0, 1), atol=1e-5)


@pytest.mark.parametrize("components", [1, 3, 16])
def test_pca_equals_scikit_learn(components: int) -> None:
    noisy, clean = (images.reshape(300, 16).astype(float) for images in (NOISY, CLEAN))
    codes = PCA(components).fit_transform(noisy)
    expected = LinearRegression().fit(codes, clean).predict(codes).reshape(NOISY.shape)
    np.testing.assert_allclose(LINEAR.pca(components)(NOISY), expected.clip(0, 1), atol=1e-5)


def test_pca_accepts_constant_pixels() -> None:
    noisy, clean = NOISY.copy(), CLEAN.copy()
    noisy[:, 0, 3] = clean[:, 0, 3] = 0.25
    denoised = classical.Linear([(noisy, clean)], 16).pca(16)(noisy)
    np.testing.assert_allclose(denoised[:, 0, 3], 0.25, atol=1e-5)
    assert np.isfinite(denoised).all()


def test_mean_removes_a_constant() -> None:
    noisy = CLEAN + np.float32(0.2)
    _, denoiser = classical.TUNED["mean"](noisy, CLEAN)
    np.testing.assert_allclose(denoiser(noisy), CLEAN, atol=1e-6)


@pytest.mark.parametrize("name", ["median", "gaussian", "non_local_means", "total_variation"])
def test_filters_smooth_each_image_and_each_channel_separately(name: str) -> None:
    method, setting = getattr(classical, name), 3 if name == "median" else 0.2
    images = RNG.random((2, 8, 13, 3), np.float32)
    filtered = method(images, setting)
    assert filtered.dtype == np.float32
    assert filtered.std() < images.std()
    for image, expected in zip(images, filtered, strict=True):
        for channel in range(3):
            plane = method(image[None, :, :, channel, None], setting)[0, :, :, 0]
            np.testing.assert_allclose(plane, expected[:, :, channel], atol=1e-6)


@pytest.mark.parametrize("weight", [0.05, 0.2, 1])
def test_total_variation_equals_scikit_image(weight: float) -> None:
    images = RNG.random((4, 12, 9, 1), np.float32)
    # scikit-image returns the image before the last of its iterations.
    settings = {"weight": weight, "eps": 0, "max_num_iter": classical.TV_ITERATIONS + 1}
    expected = [denoise_tv_chambolle(image[:, :, 0], **settings) for image in images]
    denoised = classical.total_variation(images, weight)
    np.testing.assert_allclose(denoised[..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("contrast", [0.5, 0])
def test_affine_correction_restores_brightness_and_contrast(contrast: float) -> None:
    levels = np.linspace(0.2, 0.8, 9, dtype=np.float32).reshape(9, 1, 1, 1)
    correct = classical.affine_correction(levels * contrast + 0.3, levels)
    expected = levels if contrast else np.full_like(levels, 0.5)  # the mean
    np.testing.assert_allclose(correct(levels * contrast + 0.3), expected, atol=1e-5)


def test_a_filter_is_tuned_for_the_highest_psnr() -> None:
    clean = np.zeros((1, 16, 16, 1), np.float32)
    clean[:, :, 8:] = 1
    spot = clean.copy()
    spot[:, 4:6, 2:5] = 1  # most pixels of a window of 3x3 pixels, a minority in larger windows
    noisy = spot * 0.5 + 0.3
    setting, denoiser = classical.TUNED["median"](noisy, clean)
    assert setting == 5
    np.testing.assert_allclose(denoiser(noisy), clean, atol=1e-6)


def test_ridge_is_tuned_for_the_highest_psnr() -> None:
    penalty, denoiser = classical.LINEAR["ridge"](LINEAR, NOISY, CLEAN, 1)
    psnr = {p: scores.score(CLEAN, LINEAR.ridge(p)(NOISY))["psnr"].mean() for p in PENALTIES}
    assert penalty == max(psnr, key=lambda penalty: psnr[penalty])
    np.testing.assert_array_equal(denoiser(NOISY), LINEAR.ridge(penalty)(NOISY))
