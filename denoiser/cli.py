"""The command `denoise`, which denoises pictures with a trained model."""

import argparse
import importlib.util
import itertools
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from denoiser import arguments, picture_files, picture_output, picture_paths, scores
from denoiser.base import noise
from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from denoiser.model import Denoiser
from denoiser.picture_files import Picture, Pixels
from denoiser.picture_output import Page

INTERRUPTED = 130  # the exit status after Ctrl-C
SEED = 42  # of the noise

Scores = npt.NDArray[np.float64]  # (metrics, 2): of the noisy and of the denoised image


def main(words: Sequence[str] | None = None) -> int:
    """Runs the program and returns the exit status: 0, or 1 if there was any error."""
    options = arguments.parse(words)
    try:
        if options.page:
            from denoiser import page  # imports Gradio, which takes seconds

            page.main(options.model, options.device)
            return 0
        listed = options.files_from and picture_paths.read_list(options.files_from)
        images = options.images or listed
        if not images:
            raise InputError(f"{options.files_from}: the file has no lines")
        several = len(images) > 1 or bool(options.files_from)
        jobs, left_out = picture_paths.find_jobs(
            images, options.output, options.clean, options.overwrite, several
        )
        if (options.noisy or options.clean) and not importlib.util.find_spec("skimage"):
            raise InputError("scores need the package scikit-image: pip install scikit-image")
        denoiser = Denoiser(options.model, options.device)
        if denoiser.warning:
            report(denoiser.warning)
        if left_out:
            more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
            report(f"skipped because of their suffixes: {', '.join(left_out[:3])}{more}")
        return run(jobs, denoiser, options)
    except (InputError, OSError) as error:
        report(str(error))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def run(jobs: list[picture_paths.Job], denoiser: Denoiser, options: argparse.Namespace) -> int:
    """Denoises all pictures, prints errors and scores, and returns the exit status."""
    results, status = list[Scores](), 0
    # None: a progress bar only if standard error is a terminal.
    for job in tqdm(jobs, unit="picture", disable=True if len(jobs) == 1 else None):
        try:
            result = denoise_picture(job, denoiser, options)
        except (InputError, OSError, MemoryError) as error:
            text = str(error) or "there is not enough memory"
            report(text if job.source in text else f"{job.source}: {text}")
            status = 1
            continue
        if result is not None:
            report(f"{job.source}: {describe(result)}")
            results.append(result)
    if len(results) > 1:
        report(f"mean of {len(results)} pictures: {describe(np.mean(results, axis=0))}")
    return status


def denoise_picture(
    job: picture_paths.Job, denoiser: Denoiser, options: argparse.Namespace
) -> Scores | None:
    """Denoises each page of a TIFF, or another picture; returns the mean scores of its pages.

    It has scores if noise is added or the clean picture is given. Only a TIFF stores several pages.
    """
    limit = None if picture_output.format_of(job.target) == "TIFF" else 1
    originals = itertools.islice(picture_files.read_pages(job.source, options.white), limit)
    cleans = picture_files.read_pages(job.clean, options.white) if job.clean else iter(())
    mismatch = InputError(
        f"{job.source}: the clean picture {job.clean} differs in its size or its number of "
        "channels or pages: pass the one that belongs to it"
    )
    rng, pages, results = np.random.default_rng(SEED), list[Page](), list[Scores]()
    for original in originals:
        clean = next(cleans, None)
        if job.clean and (clean is None or clean.pixels.shape != original.pixels.shape):
            raise mismatch
        dtype = picture_output.dtype_for(original, job.target)
        pixels, result = denoise_page(job.source, original, clean, dtype, rng, denoiser, options)
        pages.append((pixels, original))
        results += [] if result is None else [result]
    if limit is None and next(cleans, None):
        raise mismatch
    losses = [loss for _, original in pages for loss in original.losses]
    losses += picture_output.write(job.target, pages)
    if (frames := pages[0][1].frames) > len(pages):
        losses.append(f"only the first of its {frames} frames is denoised")
    for loss in dict.fromkeys(losses):
        report(f"{job.source}: {loss}")
    return np.mean(results, axis=0) if results else None


def denoise_page(
    name: str,
    original: Picture,
    clean_original: Picture | None,
    dtype: npt.DTypeLike,
    rng: np.random.Generator,
    denoiser: Denoiser,
    options: argparse.Namespace,
) -> tuple[Pixels, Scores | None]:
    """The denoised pixels of a page, and its scores if it has a clean original or gets noise."""
    noisy = original.image()
    clean = noisy if clean_original is None else clean_original.image()
    if options.noisy:
        kind, amount = options.noisy
        noisy = noise.add_noise(noisy[None], kind, amount, rng, clip=not options.unclipped)[0]
    scored = options.noisy or options.clean
    height, width, _ = noisy.shape
    denoised, pixels = list[Float32](), list[Pixels]()
    with tqdm(
        total=height * width, unit="pixel", unit_scale=True, desc=name, leave=False, disable=None
    ) as bar:
        for band in denoiser.bands(noisy, options.strength, options.ensemble, bar.update):
            pixels.append(picture_output.to_pixels(band, dtype))
            if scored:  # otherwise not kept, because it needs much more memory than its pixels
                denoised.append(band)
    if not scored:
        return np.concatenate(pixels), None
    pairs = ((clean[None], image[None]) for image in (noisy, np.concatenate(denoised)))
    return np.concatenate(pixels), np.array(list(scores.score_all(pairs).values()))


def describe(result: Scores) -> str:
    """The scores as text; - for a metric that is undefined for such a small picture."""
    parts = []
    for metric, values in zip(scores.METRICS.values(), result, strict=True):
        noisy, denoised = (f"{value:.{metric.digits}f}".replace("nan", "-") for value in values)
        parts.append(f"{metric.label} {noisy} noisy, {denoised} denoised")
    return "; ".join(parts)


def report(line: str) -> None:
    """Prints a line on standard error, above the progress bar."""
    tqdm.write(" ".join(line.splitlines()), file=sys.stderr)
