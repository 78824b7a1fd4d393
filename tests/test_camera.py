"""tools/camera.py, and tools/pairs.py, which applies it to folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoiser.base.errors import InputError
from tools import camera, pairs

GRADIENT = np.linspace(0, 1, 101)


def smooth_picture(side: int = 96) -> np.ndarray:
    """A picture of few, large shapes, which demosaicing does not change much."""
    small = np.random.default_rng(0).integers(40, 216, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def test_the_curve_of_srgb_and_its_inverse() -> None:
    # 0.5 and 0.2 in sRGB are 21.4 % and 3.3 % of the light (IEC 61966-2-1).
    np.testing.assert_allclose(camera.to_light(np.array([0.5, 0.2])), [0.21404, 0.03310], atol=1e-5)
    np.testing.assert_allclose(camera.to_srgb(camera.to_light(GRADIENT)), GRADIENT, atol=1e-6)
    np.testing.assert_allclose(camera.to_srgb(np.array([-0.1, 1.2])), [0, 1])


@pytest.mark.parametrize("edge_aware", [True, False])
def test_the_mosaic_of_one_color_is_developed_to_it(edge_aware: bool) -> None:
    color = np.array([0.2, 0.5, 0.8])
    raw = camera.mosaic(np.broadcast_to(color, (6, 8, 3)))
    np.testing.assert_array_equal(raw[:2, :2], [[0.2, 0.5], [0.5, 0.8]])
    developed = camera.demosaic(raw, edge_aware)
    np.testing.assert_allclose(developed, np.broadcast_to(color, (6, 8, 3)), atol=2e-5)
    # Values below black and above white are kept, so that noise does not change the mean.
    np.testing.assert_allclose(camera.demosaic(raw - 0.3, edge_aware)[..., 0], -0.1, atol=2e-5)


def test_blurs_act_on_brightness_and_on_colors() -> None:
    image = np.random.default_rng(0).random((40, 40, 3)).astype(np.float32) / 2 + 0.25
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_array_equal(camera.smooth(image, 0, 0), image)
    assert camera.smooth(image, 1, 0).std() < 0.4 * image.std()
    colorless = camera.smooth(image, 0, 3)
    np.testing.assert_allclose(colorless @ luma, image @ luma, atol=2e-3)
    assert np.ptp(colorless, axis=2).mean() < 0.3 * np.ptp(image, axis=2).mean()


def test_the_pair_differs_by_noise_alone_which_is_stronger_in_bright_light() -> None:
    picture = smooth_picture()
    errors, noises = [], []
    for seed in range(40):
        clean, noisy = camera.take_picture(picture, [7, seed])
        assert clean.shape == noisy.shape == picture.shape
        errors.append(noisy.mean() - clean.mean())
        noises.append((noisy.astype(float) - clean).std())
    assert np.abs(errors).max() < 3  # of 255
    assert min(noises) < 2 < 6 < max(noises)  # low to high ISO
    np.testing.assert_array_equal(camera.take_picture(picture, [7, 39]), (clean, noisy))


def test_a_part_of_the_picture_is_enlarged() -> None:
    ramp = np.repeat(np.arange(100, dtype=np.uint8)[None, :, None], 40, 0).repeat(3, 2)
    for seed in range(20):
        part = camera.enlarge(ramp, np.random.default_rng(seed)).astype(float)
        assert part.shape == ramp.shape
        zoom = 99 / (part[20, -1, 0] - part[20, 0, 0])
        assert 0.95 < zoom < 4.2
        np.testing.assert_allclose(np.diff(part[:, 10:90, 0], axis=1).mean(), 1 / zoom, atol=0.02)


def test_neighboring_pixels_have_similar_noise() -> None:
    """The noise of a camera is smoothed; independent noise has no correlation."""
    correlations = []
    for seed in range(10):
        clean, noisy = camera.take_picture(np.full((128, 128, 3), 120, np.uint8), [1, seed])
        noise = (noisy.astype(float) - clean)[..., 1]
        correlations.append(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1])
    assert np.median(correlations) > 0.2


def test_pairs_of_folders_are_simulated_and_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture = smooth_picture()
    for name in ("photos/2024/a.png", "clean/b.png", "noisy/b.png"):
        Path(name).parent.mkdir(parents=True)
        Image.fromarray(picture).save(name)
    pairs.write("pairs", "photos", "clean", "noisy")
    found = sorted(str(path) for path in Path("pairs").rglob("*.png"))
    names = "given/b.png", "simulated/2024/a.png.png", "simulated/b.png.png"
    assert found == [f"pairs/{side}/{name}" for side in ("clean", "noisy") for name in names]
    expected = camera.take_picture(picture, [*b"2024/a.png", 0])
    for side, pixels in zip(pairs.SIDES, expected, strict=True):
        np.testing.assert_array_equal(Image.open(f"pairs/{side}/{names[1]}"), pixels)
    pairs.write("pairs", "photos")  # replaces the folder
    assert not Path("pairs/clean/given").exists()
    Path("photos/text.txt").write_text("no picture")
    Path("same").mkdir()
    Image.fromarray(picture).save("same/b.png")
    for arguments, message in (
        (("pairs", "photos"), "photos/text.txt is not a picture"),
        (("pairs", "photos", "clean", "gone"), "gone is not a folder"),
        (("pairs", "same", "clean", "noisy"), "same and clean both have b.png"),
    ):
        with pytest.raises(InputError, match=message):
            pairs.write(*arguments)
        assert Path("pairs/noisy/simulated/2024/a.png.png").exists()
