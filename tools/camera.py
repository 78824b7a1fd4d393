"""Simulates a camera: develops a clean and a noisy picture from a clean color picture.

The noise is added to the light that the sensor measures, before demosaicing, smoothing and JPEG
spread it over neighboring pixels and over the colors: Brooks et al., "Unprocessing images for
learned raw denoising", 2019. The target of the training is the same development without noise and
without JPEG, not the original picture; a network trained on the original learns to sharpen.
"""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from denoiser.base.images import UInt8

Floats = npt.NDArray[np.floating[Any]]

# The enlargement of the picture: a large picture is smooth at the level of pixels. Half of the
# pictures are enlarged by less than 1.75, so that a network also learns to keep sharp pixels.
ZOOM = 1.0, 4.0
GAINS = 1.4, 2.2  # of red and blue, which the white balance multiplies
SHOT = 1e-5, 8e-3  # the variance of the light per unit of light: almost no noise to high ISO
READ_SLOPE, READ_OFFSET, READ_SPREAD = 2.18, 1.2, 0.26  # log variance in the dark, given log shot
BLACK, WHITE = 8192, 57344  # levels of the sensor; values below black and above white are kept
EDGE_AWARE = 0.5  # the probability of edge-aware instead of bilinear demosaicing
BLUR, BLUR_SIGMA = 0.7, (0.3, 1.1)  # probability, and standard deviation in pixels
CHROMA_BLUR, CHROMA_SIGMA = 0.8, (0.8, 5.0)
QUALITY = 80, 98  # of JPEG
HALF_CHROMA = 0.5  # the probability that JPEG stores the colors at half of the resolution


def take_picture(pixels: UInt8, seed: list[int]) -> tuple[UInt8, UInt8]:
    """The clean and the noisy development of a picture, with settings drawn at random.

    All have shape (height, width, 3) and the colors of sRGB. The results depend only on the
    arguments; on another processor, some values differ by rounding.
    """
    rng = np.random.default_rng(seed)
    light = to_light(enlarge(pixels, rng).astype(np.float32) / 255)
    gains = np.array([rng.uniform(*GAINS), 1, rng.uniform(*GAINS)], np.float32)
    raw = mosaic(light / gains)
    log_shot = rng.uniform(*np.log(SHOT))
    log_read = rng.normal(READ_SLOPE * log_shot + READ_OFFSET, READ_SPREAD)
    sigma = np.sqrt(raw * np.exp(log_shot) + np.exp(log_read))
    noisy = raw + sigma * rng.standard_normal(raw.shape)
    edge_aware = rng.random() < EDGE_AWARE
    blur = rng.uniform(*BLUR_SIGMA) if rng.random() < BLUR else 0.0
    chroma_blur = rng.uniform(*CHROMA_SIGMA) if rng.random() < CHROMA_BLUR else 0.0
    developed = [
        smooth(to_srgb(demosaic(plane, edge_aware) * gains), blur, chroma_blur)
        for plane in (raw, noisy)
    ]
    clean_pixels, noisy_pixels = (np.rint(image * 255).astype(np.uint8) for image in developed)
    half_chroma = bool(rng.random() < HALF_CHROMA)
    return clean_pixels, jpeg(noisy_pixels, int(rng.integers(*QUALITY, endpoint=True)), half_chroma)


def enlarge(pixels: UInt8, rng: np.random.Generator) -> UInt8:
    """A part of the picture, enlarged to the size of the picture by bicubic interpolation."""
    height, width, _ = pixels.shape
    zoom = ZOOM[0] + (ZOOM[1] - ZOOM[0]) * rng.random() ** 2
    part_height, part_width = round(height / zoom), round(width / zoom)
    left = int(rng.integers(width - part_width, endpoint=True))
    top = int(rng.integers(height - part_height, endpoint=True))
    box = left, top, left + part_width, top + part_height
    return np.asarray(
        Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC, box)
    )


def to_light(srgb: Floats) -> Floats:
    """Linear light, in [0, 1], of sRGB in [0, 1] (IEC 61966-2-1)."""
    return np.asarray(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4))


def to_srgb(light: Floats) -> Floats:
    """The inverse of `to_light`, for light clipped to [0, 1]."""
    light = np.clip(light, 0, 1)
    return np.asarray(
        np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    )


def mosaic(light: Floats) -> Floats:
    """The values of the sensor, shape (height, width): one color per pixel, in the order RGGB."""
    raw = light[:, :, 1].copy()
    raw[::2, ::2], raw[1::2, 1::2] = light[::2, ::2, 0], light[1::2, 1::2, 2]
    return raw


def demosaic(raw: Floats, edge_aware: bool) -> Floats:
    """All three colors of each pixel, interpolated by OpenCV."""
    import cv2  # takes 0.2 s; only needed here

    code = cv2.COLOR_BayerRGGB2RGB_EA if edge_aware else cv2.COLOR_BayerRGGB2RGB
    levels = np.rint(np.clip(BLACK + raw * (WHITE - BLACK), 0, 65535)).astype(np.uint16)
    colors: Floats = cv2.cvtColor(levels, code).astype(np.float32)
    return (colors - BLACK) / (WHITE - BLACK)


def smooth(image: Floats, sigma: float, chroma_sigma: float) -> Floats:
    """Blurs an image in [0, 1], as the noise reduction of cameras does, and its chroma further."""
    import cv2

    if sigma:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
    if chroma_sigma:
        luma, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
        chroma = [cv2.GaussianBlur(plane, (0, 0), chroma_sigma) for plane in chroma]
        merged = cv2.merge([luma, *chroma])
        image = np.asarray(cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB), np.float32)
    return np.clip(image, 0, 1)


def jpeg(pixels: UInt8, quality: int, half_chroma: bool) -> UInt8:
    """The pixels after compression by JPEG."""
    file = io.BytesIO()
    subsampling = "4:2:0" if half_chroma else "4:4:4"
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))
