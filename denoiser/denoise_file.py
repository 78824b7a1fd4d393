"""Denoises a picture file, page by page."""

import contextlib
import itertools
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from denoiser import picture_files, picture_output
from denoiser.model import Denoiser
from denoiser.picture_files import Picture
from denoiser.picture_output import Page
from denoiser.picture_paths import Job


class Options(NamedTuple):
    """The options of the command that concern a picture; its help describes them."""

    strength: float = 1.0
    ensemble: bool = False
    white: float | None = None
    quality: int | None = None


def denoise_file(job: Job, denoiser: Denoiser, options: Options) -> list[str]:
    """Denoises each page of a TIFF, or another picture; only a TIFF stores several pages.

    Returns what was not read or not written, as clauses for the user. Raises InputError if a
    picture cannot be read or written.
    """
    limit = None if job.format.pages else 1
    # Closed, because Windows does not replace a file that is open.
    with contextlib.closing(picture_files.read_pages(job.source, options.white)) as originals:
        first = itertools.islice(originals, limit)
        pages = [denoise_page(job, page, denoiser, options) for page in first]
    written = picture_output.write(job.target, job.format, pages, options.quality)
    losses = pages[0][1].losses + written
    if (frames := pages[0][1].frames) > len(pages) == 1:
        losses.append(f"only the first of its {frames} frames is denoised")
    return list(dict.fromkeys(losses))


def denoise_page(job: Job, original: Picture, denoiser: Denoiser, options: Options) -> Page:
    """The denoised pixels of a page, and the original without its pixels, which take memory."""
    noisy = original.image()
    dtype = original.pixels.dtype if job.format.bits == 16 else np.uint8
    settings = {"unit": "pixel", "unit_scale": True, "leave": False, "disable": None}
    with tqdm(total=noisy[:, :, 0].size, desc=job.source, **settings) as bar:
        bands = denoiser.bands(noisy, options.strength, options.ensemble, bar.update)
        pixels = np.concatenate([picture_output.to_pixels(band, dtype) for band in bands])
    return pixels, original._replace(pixels=np.empty((0, 0, 1), original.pixels.dtype))
