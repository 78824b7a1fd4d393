"""The command `denoise`, which denoises pictures with a trained model."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from tqdm import tqdm

from denoiser import arguments, model, picture_paths
from denoiser.base.errors import InputError
from denoiser.denoise_file import Options, denoise_file

INTERRUPTED = 130  # the exit status after Ctrl-C


def main(words: Sequence[str] | None = None) -> int:
    """Runs the program and returns the exit status: 0, or 1 if there was any error."""
    given = arguments.parse(words)
    for name, mode in (("stdin", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed, or pythonw.exe
            setattr(sys, name, open(os.devnull, mode))
    try:
        if given.page:
            from denoiser import page  # imports Gradio, which takes seconds

            sys.stdout = sys.stdout or sys.stderr  # Gradio needs it
            model.silence()
            page.serve(given.model, given.device)
            return 0
        jobs = find_jobs(given)
        model.silence()
        denoiser = model.Denoiser(given.model, given.device, given.threads)
        if denoiser.warning:
            report(denoiser.warning)
        options = Options(given.strength, given.ensemble, given.white, given.quality)
        return denoise_all(jobs, denoiser, options)
    except (InputError, OSError) as error:
        report(str(error))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def find_jobs(given: argparse.Namespace) -> list[picture_paths.Job]:
    """The pictures to denoise; reports the paths that are left out. Raises InputError."""
    jobs, left_out = picture_paths.find_jobs(given.images, given.output, given.overwrite)
    if given.skip_existing:
        done = {job for job in jobs if picture_paths.identity(job.target)}
        left_out["because their outputs exist"] = sorted(job.source for job in done)
        jobs = [job for job in jobs if job not in done]
    for reason, paths in left_out.items():
        if paths:
            more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
            report(f"skipped {len(paths)} {reason}: {', '.join(paths[:3])}{more}")
    return jobs


def denoise_all(
    jobs: Sequence[picture_paths.Job], denoiser: model.Denoiser, options: Options
) -> int:
    """Denoises all pictures, prints errors and losses, and returns the exit status."""
    status = 0
    # None: a progress bar only if standard error is a terminal.
    for job in tqdm(jobs, unit="picture", disable=True if len(jobs) == 1 else None):
        try:
            losses = denoise_file(job, denoiser, options)
        except (InputError, OSError, MemoryError) as error:
            text = str(error) or "there is not enough memory"
            report(text if job.source in text else f"{job.source}: {text}")
            status = 1
            continue
        for loss in losses:
            report(f"{job.source}: {loss}")
    return status


def report(line: str) -> None:
    """Prints a line on standard error, above the progress bar."""
    with contextlib.suppress(OSError):  # nobody reads it: the pictures go on
        tqdm.write(" ".join(line.splitlines()), file=sys.stderr)
