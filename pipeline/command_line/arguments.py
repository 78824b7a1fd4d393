"""The arguments of `python -m denoiser`."""

import argparse
import contextlib
import math
from collections.abc import Sequence

from denoiser import noise
from pipeline.command_line.image_output import FORMATS

DESCRIPTION = "Denoises pictures with a trained model."


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parses the arguments; exits with status 2 if they are invalid."""
    parser = argparse.ArgumentParser("python -m denoiser", description=DESCRIPTION)
    parser.add_argument(
        "image",
        help="a picture, a folder of pictures with its sub-folders, or - for standard input",
    )
    parser.add_argument(
        *("-o", "--output"),
        required=True,
        help=f"a file that ends with {', '.join(FORMATS)}; a folder if the input is a folder; or - "
        "for standard output (PNG)",
    )
    parser.add_argument("--model", default="models/autoencoder.keras", help="default: %(default)s")
    parser.add_argument("--overwrite", action="store_true", help="allow outputs to replace inputs")
    parser.add_argument(
        "--ensemble",
        action="store_true",
        help="average the results for eight flips and rotations, in eight times the time",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu"),
        default="auto",
        help="auto: the GPU if there is one; default: %(default)s",
    )
    parser.add_argument(
        "--white",
        type=positive,
        metavar="VALUE",
        help="the value of white in pictures of 16 or 32 bits or of floating point; "
        "default: the value that the file states",
    )
    parser.add_argument(
        "--noisy",
        nargs="?",
        const="uniform:0.9",
        type=parse_noise,
        metavar="KIND:AMOUNT",
        help="add noise first, such as gaussian:25/255, and print PSNR and SSIM; "
        f"default: %(const)s; kinds: {', '.join(noise.NOISE_KINDS)}",
    )
    parser.add_argument(
        "--unclipped", action="store_true", help="do not clip the picture with noise to [0, 1]"
    )
    parser.add_argument(
        "--clean",
        help="the clean picture, or a folder with the same file names; prints PSNR and SSIM",
    )
    options = parser.parse_args(arguments)
    if options.unclipped and not options.noisy:
        parser.error("--unclipped requires --noisy")
    return options


def positive(text: str) -> float:
    """Parses a positive number. Raises ArgumentTypeError for argparse."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")


def parse_noise(text: str) -> tuple[noise.NoiseKind, float]:
    """Parses KIND:AMOUNT, where AMOUNT may be a fraction. Raises ArgumentTypeError for argparse."""
    name, _, number = text.partition(":")
    numerator, slash, denominator = number.partition("/")
    for kind in noise.NOISE_KINDS:
        if kind == name:
            with contextlib.suppress(ValueError, ZeroDivisionError):
                amount = float(numerator) / (float(denominator) if slash else 1)
                if 0 <= amount <= (1 if kind in noise.FRACTION_KINDS else 100):
                    return kind, amount
    raise argparse.ArgumentTypeError(f"{text!r} is not a valid noise such as uniform:0.9")
