"""Denoises a picture file, page by page."""

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from denoiser import picture_files, picture_output, scores
from denoiser.base import noise
from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from denoiser.model import Denoiser
from denoiser.picture_files import Picture, Pixels
from denoiser.picture_paths import Job

SEED = 42  # of the noise

Scores = npt.NDArray[np.float64]  # (metrics, 2): of the noisy and of the denoised image


class Options(NamedTuple):
    """The options of the command that concern a picture; its help describes them."""

    strength: float = 1.0
    ensemble: bool = False
    white: float | None = None
    noisy: tuple[str, float] | None = None  # the kind and the amount of the noise
    clip: bool = True


class Outcome(NamedTuple):
    """What became of a picture besides its output."""

    losses: list[str]  # what was not read or not written, as clauses for the user
    scores: Scores | None  # the mean of the pages; None without noise and clean picture


def denoise_file(job: Job, denoiser: Denoiser, options: Options) -> Outcome:
    """Denoises each page of a TIFF, or another picture; only a TIFF stores several pages.

    There are scores if noise is added or if the job has a clean picture. Raises InputError if a
    picture cannot be read or written, or if the clean picture has another size.
    """
    limit = None if job.format.pages else 1
    originals = itertools.islice(picture_files.read_pages(job.source, options.white), limit)
    cleans = picture_files.read_pages(job.clean, options.white) if job.clean else iter(())
    mismatch = InputError(
        f"{job.source}: the clean picture {job.clean} differs in its size or its number of "
        "channels or pages: pass the one that belongs to it"
    )
    rng, pages, results = np.random.default_rng(SEED), list[picture_output.Page](), list[Scores]()
    for original in originals:
        clean = next(cleans, None)
        if job.clean and (clean is None or clean.pixels.shape != original.pixels.shape):
            raise mismatch
        noisy = original.image()
        if options.noisy:
            noisy = noise.add_noise(noisy[None], *options.noisy, rng, clip=options.clip)[0]
        reference = original if options.noisy and clean is None else clean
        pixels, result = denoise_page(job, original, noisy, reference, denoiser, options)
        pages.append((pixels, original))
        results += [] if result is None else [result]
    if limit is None and next(cleans, None):
        raise mismatch
    losses = [loss for _, original in pages for loss in original.losses]
    losses += picture_output.write(job.target, job.format, pages)
    if (frames := pages[0][1].frames) > len(pages):
        losses.append(f"only the first of its {frames} frames is denoised")
    return Outcome(list(dict.fromkeys(losses)), np.mean(results, axis=0) if results else None)


def denoise_page(
    job: Job,
    original: Picture,
    noisy: Float32,
    clean: Picture | None,
    denoiser: Denoiser,
    options: Options,
) -> tuple[Pixels, Scores | None]:
    """The denoised pixels of a page, and its scores if there is a clean picture."""
    dtype = original.pixels.dtype if job.format.bits == 16 else np.uint8
    height, width, _ = noisy.shape
    denoised, pixels = list[Float32](), list[Pixels]()
    with tqdm(
        total=height * width, unit="pixel", unit_scale=True, desc=job.source, leave=False,
        disable=None,
    ) as bar:  # fmt: skip
        for band in denoiser.bands(noisy, options.strength, options.ensemble, bar.update):
            pixels.append(picture_output.to_pixels(band, dtype))
            if clean is not None:  # otherwise not kept: floats need much more memory than pixels
                denoised.append(band)
    if clean is None:
        return np.concatenate(pixels), None
    pairs = ((clean.image()[None], image[None]) for image in (noisy, np.concatenate(denoised)))
    return np.concatenate(pixels), np.array(list(scores.score_all(pairs).values()))
