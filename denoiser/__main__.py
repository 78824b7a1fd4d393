"""Denoises pictures with a trained model: `python -m denoiser photo.png -o clean.png`."""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from denoiser import arguments, noise, picture_files, picture_output, picture_paths, scores
from denoiser.errors import InputError
from denoiser.model import Denoiser
from denoiser.picture_files import Float32, Pixels

INTERRUPTED = 130  # the exit status after Ctrl-C
SEED = 42  # of the noise

Scores = npt.NDArray[np.float64]  # (metrics, 2): of the noisy and of the denoised image


def main(words: Sequence[str] | None = None) -> int:
    """Runs the program and returns the exit status: 0, or 1 if there was any error."""
    options = arguments.parse(words)
    try:
        jobs, left_out = picture_paths.find_jobs(
            options.image, options.output, options.clean, options.overwrite
        )
        denoiser = Denoiser(options.model, options.device)
        if left_out:
            more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
            names = ", ".join(left_out[:3]) + more
            report(f"{options.image}: skipped because of their suffixes: {names}")
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
    """Denoises a picture; returns its scores if noise is added or the clean picture is given."""
    picture = picture_files.read(job.source, options.white)
    if picture.frames > 1:
        report(f"{job.source}: only the first of its {picture.frames} frames is denoised")
    clean = noisy = picture.image()
    if job.clean is not None:
        clean = picture_files.read(job.clean, options.white).image()
    if clean.shape != noisy.shape:
        raise InputError(
            f"{job.source}: the clean picture {job.clean} differs in its size or its number of "
            "channels: pass the one that belongs to it"
        )
    if options.noisy:
        kind, amount = options.noisy
        rng = np.random.default_rng(SEED)
        noisy = noise.add_noise(noisy[None], kind, amount, rng, clip=not options.unclipped)[0]
    scored, dtype = options.noisy or options.clean, picture_output.dtype_for(picture, job.target)
    height, width, _ = noisy.shape
    denoised, pixels = list[Float32](), list[Pixels]()
    with tqdm(
        total=height * width, unit="pixel", unit_scale=True, desc=job.source, leave=False,
        disable=None,
    ) as bar:  # fmt: skip
        for raw in denoiser(noisy, options.ensemble, bar.update):
            band = np.clip(raw, 0, 1)
            pixels.append(picture_output.to_pixels(band, dtype))
            if scored:  # otherwise not kept, because it needs much more memory than its pixels
                denoised.append(band)
    picture_output.write(job.target, np.concatenate(pixels), picture)
    if not scored:
        return None
    pairs = ((clean[None], image[None]) for image in (noisy, np.concatenate(denoised)))
    return np.array(list(scores.score_all(pairs).values()))


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


if __name__ == "__main__":
    sys.exit(main())
