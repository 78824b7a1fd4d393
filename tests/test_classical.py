"""pipeline/classical.py, compared with scikit-learn and by hand, and stages/baselines.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline

from denoiser.base.errors import InputError
from pipeline import classical, scores
from pipeline.base import noise
from stages import baselines
from tests.conftest import SetParams, one_core, run_stages

RNG = np.random.default_rng(0)
CLEAN = (RNG.random((300, 3)) @ RNG.random((3, 16)) / 3).astype(np.float32).reshape(300, 2, 8, 1)
NOISY = noise.add_noise(CLEAN, "gaussian", 0.1, np.random.default_rng(1))
# Fitted to blocks of 7, 93 and 200 images.
LINEAR = classical.Linear(zip(*(np.split(x, [7, 100]) for x in (NOISY, CLEAN)), strict=True), 16)


def test_linear_methods_equal_scikit_learn() -> None:
    noisy, clean = (images.reshape(300, 16).astype(float) for images in (NOISY, CLEAN))
    scale = noisy.var(axis=0).mean() * len(noisy)
    models = [(LINEAR.ridge(x), Ridge(x * scale)) for x in (1e-4, 0.1, 10)]
    models += [(LINEAR.pca(n), make_pipeline(PCA(n), LinearRegression())) for n in (1, 3, 16)]
    for denoise, model in models:
        expected = model.fit(noisy, clean).predict(noisy).reshape(NOISY.shape)
        np.testing.assert_allclose(denoise(NOISY), expected.clip(0, 1), atol=1e-5)


def test_pca_accepts_constant_pixels() -> None:
    noisy, clean = NOISY.copy(), CLEAN.copy()
    noisy[:, 0, 3] = clean[:, 0, 3] = 0.25
    denoised = classical.Linear([(noisy, clean)], 16).pca(16)(noisy)
    np.testing.assert_allclose(denoised[:, 0, 3], 0.25, atol=1e-5)
    assert np.isfinite(denoised).all()


@pytest.mark.parametrize("name", ["median", "gaussian", "non_local_means", "total_variation"])
def test_filters_smooth_each_image_and_each_channel_separately(name: str) -> None:
    method, setting = getattr(classical, name), 3 if name == "median" else 0.2
    images = RNG.random((2, 8, 13, 3), np.float32)
    filtered = method(images, setting)
    assert filtered.dtype == np.float32
    assert filtered.std() < images.std()
    for number, channel in np.ndindex(2, 3):
        plane = np.s_[number : number + 1, :, :, channel : channel + 1]
        np.testing.assert_allclose(method(images[plane], setting), filtered[plane], atol=1e-6)


def test_total_variation_equals_scikit_image() -> None:
    images = RNG.random((4, 12, 9, 1), np.float32)
    for weight in (0.05, 0.2, 1):
        # scikit-image returns the image before the last of its iterations.
        settings = {"weight": weight, "eps": 0, "max_num_iter": classical.TV_ITERATIONS + 1}
        expected = [denoise_tv_chambolle(image[:, :, 0], **settings) for image in images]
        denoised = classical.total_variation(images, weight)
        np.testing.assert_allclose(denoised[..., 0], expected, atol=1e-5)


def test_methods_are_tuned_for_the_highest_psnr() -> None:
    _, denoiser = classical.TUNED["mean"](CLEAN + np.float32(0.2), CLEAN)
    np.testing.assert_allclose(denoiser(CLEAN + np.float32(0.2)), CLEAN, atol=1e-6)
    constant = np.full_like(CLEAN, 0.3)  # the affine correction gives the mean
    correct = classical.affine_correction(constant, CLEAN)
    np.testing.assert_allclose(correct(constant), CLEAN.mean(), atol=1e-5)
    clean = np.zeros((1, 16, 16, 1), np.float32)
    clean[:, :, 8:] = 1
    spot = clean.copy()
    spot[:, 4:6, 2:5] = 1  # most pixels of a window of 3x3 pixels, a minority in larger windows
    setting, denoiser = classical.TUNED["median"](spot * 0.5 + 0.3, clean)
    assert setting == 5
    np.testing.assert_allclose(denoiser(spot * 0.5 + 0.3), clean, atol=1e-6)
    penalty, denoiser = classical.LINEAR["ridge"](LINEAR, NOISY, CLEAN, 1)
    denoised = [LINEAR.ridge(p)(NOISY) for p in classical.PENALTIES]
    psnr = [scores.score(CLEAN, images)["psnr"].mean() for images in denoised]
    assert penalty == classical.PENALTIES[int(np.argmax(psnr))]
    np.testing.assert_array_equal(denoiser(NOISY), LINEAR.ridge(penalty)(NOISY))


METHODS = list(classical.METHODS)
RESULTS = Path("metrics/baselines.json")


def save(name: str, clean: np.ndarray) -> None:
    """Writes clean images; the noisy images are the same in reverse order."""
    for folder, images in (("split", clean), ("noisy", clean[::-1])):
        Path("data", folder).mkdir(parents=True, exist_ok=True)
        np.save(f"data/{folder}/x_{name}.npy", images)


def test_methods_are_fitted_to_training_images_alone(noisy: Path, set_params: SetParams) -> None:
    baselines.main()
    results = json.loads(RESULTS.read_text())
    assert all(list(results[part]) == METHODS for part in ("val", "test", "settings"))
    assert results["settings"]["pca"] == 64
    clean = np.load("data/split/x_test.npy")
    images = {method: np.load(f"data/baselines/{method}.npy") for method in METHODS}
    for method, denoised in images.items():
        assert results["test"][method] == scores.means(scores.score(clean, denoised))
    best = max(METHODS, key=lambda method: float(results["val"][method]["psnr"]))
    assert results["best"] == best
    np.testing.assert_allclose(np.load("data/baselines/x_test.npy"), images[best], atol=1e-6)
    # The validation images and the clean test images affect no setting and no fit.
    for path in ("data/split/x_val.npy", "data/noisy/x_val.npy", "data/split/x_test.npy"):
        np.save(path, np.load(path)[::-1] / 2)
    baselines.main()
    assert json.loads(RESULTS.read_text())["settings"] == results["settings"]
    for method in METHODS:
        np.testing.assert_array_equal(np.load(f"data/baselines/{method}.npy"), images[method])

    set_params(baselines={"methods": []})
    baselines.main()
    assert json.loads(RESULTS.read_text()) == {"val": {}, "test": {}, "settings": {}, "best": None}
    assert list(Path("data/baselines").iterdir()) == []


def test_the_bytes_of_baselines_do_not_depend_on_the_number_of_cores(workspace: Path) -> None:
    """With images so large that BLAS uses several cores, and with several blocks of images."""
    for name, count in (("train", 1200), ("val", 300), ("test", 250)):
        save(name, RNG.random((count, 28, 28, 1), np.float32))
    run_stages("baselines")
    paths = [*sorted(Path("data/baselines").iterdir()), RESULTS]
    outputs = [path.read_bytes() for path in paths]
    assert len(outputs) == 9
    with one_core():
        run_stages("baselines")
    assert [path.read_bytes() for path in paths] == outputs


def test_rejects_images_that_linear_methods_cannot_be_fitted_to(set_params: SetParams) -> None:
    set_params(baselines={"pca_components": 65})
    for shape, message in (
        ((3, 65, 65, 1), "methods contains pca and ridge.* are 3 of 4225 values"),
        ((1, 8, 8, 1), "methods contains pca and ridge.* are 1 of 64 values"),
        ((2, 8, 8, 1), "pca_components is 65, .* 64 values"),
    ):
        save("train", np.zeros(shape, np.float32))
        with pytest.raises(InputError, match=rf"baselines.{message}"):
            baselines.main()
