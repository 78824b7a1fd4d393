"""Denoises pictures with a trained model: `python -m denoiser photo.png -o clean.png`."""

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from denoiser.band_noise import noisy_rows
from denoiser.band_scores import BandScores
from denoiser.picture_denoiser import PictureDenoiser, picture_denoiser
from denoiser.tiles import Rows
from pipeline.base import params
from pipeline.base.errors import InputError
from pipeline.command_line import arguments, picture_paths
from pipeline.command_line.image_output import Output
from pipeline.image_io import image_files
from pipeline.keras_runtime import backend, model_files
from pipeline.keras_runtime.backend_params import Backend

INTERRUPTED = 130  # the exit status after Ctrl-C


class Scores(NamedTuple):
    """The scores of the input and of the output, or their means."""

    psnr_noisy: float
    psnr_denoised: float
    ssim_noisy: float
    ssim_denoised: float

    def __str__(self) -> str:
        # SSIM is NaN for pictures under 11x11 pixels.
        noisy, denoised = ("-" if math.isnan(ssim) else f"{ssim:.4f}" for ssim in self[2:])
        return (
            f"PSNR {self.psnr_noisy:.2f} dB noisy, {self.psnr_denoised:.2f} dB denoised; "
            f"SSIM {noisy} noisy, {denoised} denoised"
        )


def main(words: Sequence[str] | None = None) -> int:
    """Runs the program and returns the exit status: 0, or 1 if there was any error."""
    options = arguments.parse(words)
    try:
        jobs, left_out = picture_paths.find_jobs(
            options.image, options.output, options.clean, options.overwrite
        )
        denoise = load_denoiser(options.model, options.device, options.ensemble)
        if left_out:
            more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
            names = ", ".join(left_out[:3]) + more
            report(f"{options.image}: skipped because of their suffixes: {names}")
        return run(jobs, denoise, options)
    except (InputError, OSError) as error:
        report(str(error))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def load_denoiser(path: str, device: str, average: bool) -> PictureDenoiser:
    """Starts Keras, which takes seconds, and loads a model. Raises InputError if it fails."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such model; run `dvc repro`, or pass another with --model")
    with silence_stderr():
        start_keras(device)
        model = model_files.load_model(path)
    try:
        return picture_denoiser(model, average)
    except ValueError as error:
        raise InputError(f"{path} is not a denoiser: {error}; pass another with --model") from error


def start_keras(device: str) -> None:
    """Starts Keras, with train.backend of params.yaml if the current folder is the project's."""
    try:
        name: str = params.read("train", Backend).backend
    except (InputError, OSError):
        name = "tensorflow"
    backend.configure(name, device)


@contextlib.contextmanager
def silence_stderr() -> Iterator[None]:
    """Discards what native code, such as TensorFlow's, writes to standard error."""
    stderr = os.dup(2)
    with open(os.devnull, "w") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def run(
    jobs: list[picture_paths.Job], denoise: PictureDenoiser, options: argparse.Namespace
) -> int:
    """Denoises all pictures, prints errors and scores, and returns the exit status."""
    results, status = list[Scores](), 0
    # None: a progress bar only if standard error is a terminal.
    for job in tqdm(jobs, unit="picture", disable=True if len(jobs) == 1 else None):
        try:
            scores = denoise_file(job, denoise, options)
        except (InputError, OSError, MemoryError) as error:
            text = str(error) or "there is not enough memory"
            report(text if job.source in text else f"{job.source}: {text}")
            status = 1
            continue
        if scores is not None:
            report(f"{job.source}: {scores}")
            results.append(scores)
    if len(results) > 1:
        means = Scores(*np.mean(np.array(results), axis=0).tolist())
        report(f"mean of {len(results)} pictures: {means}")
    return status


def denoise_file(
    job: picture_paths.Job, denoise: PictureDenoiser, options: argparse.Namespace
) -> Scores | None:
    """Denoises a picture; returns its scores if noise is added or the clean picture is given.

    Raises InputError if a picture cannot be read or written, or if the clean one differs in shape.
    """
    picture = image_files.read(job.source, options.white)
    if picture.frames > 1:
        report(f"{job.source}: only the first of its {picture.frames} frames is denoised")
    clean = picture if job.clean is None else image_files.read(job.clean, options.white)
    if clean.shape != picture.shape:
        raise InputError(
            f"{job.source}: the clean picture {job.clean} differs in its size or its number of "
            "channels: pass the one that belongs to it"
        )
    height, width, _ = picture.shape
    rows: Rows = picture.rows
    if options.noisy:
        kind, amount = options.noisy
        rows = noisy_rows(picture.rows, height, kind, amount, clip=not options.unclipped)
    scored = bool(options.noisy or options.clean)
    before, after = BandScores(), BandScores()
    output, top = Output(picture, job.target), 0
    with tqdm(
        total=height * width, unit="pixel", unit_scale=True, desc=job.source, leave=False,
        disable=None,
    ) as bar:  # fmt: skip
        for raw in denoise(rows, picture.shape, bar.update):
            band = np.clip(raw, 0, 1, out=raw)
            output.append(band)
            if scored:
                original = clean.rows(top, top + len(band))
                before.add(original, rows(top, top + len(band)))
                after.add(original, band)
            top += len(band)
    output.write()
    return Scores(before.psnr(), after.psnr(), before.ssim(), after.ssim()) if scored else None


def report(line: str) -> None:
    """Prints a line on standard error, above the progress bar."""
    tqdm.write(" ".join(line.splitlines()), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
