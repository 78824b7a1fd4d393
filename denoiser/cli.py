"""The command `denoise`, which denoises pictures with a trained model."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from denoiser import arguments, model, picture_paths, scores
from denoiser.base.errors import InputError
from denoiser.denoise_file import Options, Scores, denoise_file

INTERRUPTED = 130  # the exit status after Ctrl-C


def main(words: Sequence[str] | None = None) -> int:
    """Runs the program and returns the exit status: 0, or 1 if there was any error."""
    given = arguments.parse(words)
    try:
        if given.page:
            from denoiser import page  # imports Gradio, which takes seconds

            model.silence()
            page.serve(given.model, given.device)
            return 0
        jobs = find_jobs(given)
        if (given.noisy or given.clean) and not importlib.util.find_spec("skimage"):
            raise InputError("scores need the package scikit-image: pip install scikit-image")
        model.silence()
        denoiser = model.Denoiser(given.model, given.device)
        if denoiser.warning:
            report(denoiser.warning)
        settings = given.strength, given.ensemble, given.white, given.noisy, not given.unclipped
        return denoise_all(jobs, denoiser, Options(*settings))
    except (InputError, OSError) as error:
        report(str(error))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def find_jobs(given: argparse.Namespace) -> list[picture_paths.Job]:
    """The pictures to denoise; reports those that are left out. Raises InputError."""
    images = given.images
    if given.files_from:
        images = picture_paths.read_list(given.files_from)
        if not images:
            raise InputError(f"{given.files_from}: the file has no lines")
    several = len(images) > 1 or bool(given.files_from)
    paths = images, given.output, given.clean
    jobs, left_out = picture_paths.find_jobs(*paths, given.overwrite, several)
    if left_out:
        more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        report(f"skipped because of their suffixes: {', '.join(left_out[:3])}{more}")
    return jobs


def denoise_all(
    jobs: Sequence[picture_paths.Job], denoiser: model.Denoiser, options: Options
) -> int:
    """Denoises all pictures, prints errors and scores, and returns the exit status."""
    results, status = list[Scores](), 0
    # None: a progress bar only if standard error is a terminal.
    for job in tqdm(jobs, unit="picture", disable=True if len(jobs) == 1 else None):
        try:
            outcome = denoise_file(job, denoiser, options)
        except (InputError, OSError, MemoryError) as error:
            text = str(error) or "there is not enough memory"
            report(text if job.source in text else f"{job.source}: {text}")
            status = 1
            continue
        for loss in outcome.losses:
            report(f"{job.source}: {loss}")
        if outcome.scores is not None:
            report(f"{job.source}: {describe(outcome.scores)}")
            results.append(outcome.scores)
    if len(results) > 1:
        report(f"mean of {len(results)} pictures: {describe(np.mean(results, axis=0))}")
    return status


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
