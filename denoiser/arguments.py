"""The arguments of `python -m denoiser`."""

import argparse
import contextlib
import math
from collections.abc import Sequence

from denoiser import noise
from denoiser.model import DENOISER, DEVICES
from denoiser.picture_output import FORMATS


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parses the arguments; exits with status 2 if they are invalid."""
    parser = argparse.ArgumentParser(
        "python -m denoiser", description="Denoises pictures with a trained model."
    )
    add = parser.add_argument
    add("image", help="a picture, a folder with pictures and sub-folders, or - for standard input")
    output = f"a file that ends with {', '.join(FORMATS)}; a folder if the input is a folder; or - "
    add("-o", "--output", required=True, help=output + "for standard output (PNG)")
    add("--model", default=DENOISER, help="default: %(default)s")
    add("--overwrite", action="store_true", help="allow outputs to replace inputs")
    average = "average the results for eight flips and rotations, in eight times the time"
    add("--ensemble", action="store_true", help=average)
    device = "auto: the GPU if there is one; default: %(default)s"
    add("--device", choices=DEVICES, default="auto", help=device)
    white = "the value of white in pictures of 16 or 32 bits or of floating point; default: the "
    add("--white", type=positive, metavar="VALUE", help=white + "value that the file states")
    add(
        "--noisy",
        nargs="?",
        const="uniform:0.9",
        type=parse_noise,
        metavar="KIND:AMOUNT",
        help="add noise first, such as gaussian:25/255, and print scores; "
        f"default: %(const)s; kinds: {', '.join(noise.KINDS)}",
    )
    add("--unclipped", action="store_true", help="do not clip the picture with noise to [0, 1]")
    add("--clean", help="the clean picture, or a folder with the same file names; prints scores")
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


def parse_noise(text: str) -> tuple[str, float]:
    """Parses KIND:AMOUNT, where AMOUNT may be a fraction. Raises ArgumentTypeError for argparse."""
    kind, _, number = text.partition(":")
    try:
        if kind not in noise.KINDS:
            raise ValueError(f"the kind must be {', '.join(noise.KINDS)}")
        amount = noise.fraction(number)
        noise.check_amount(kind, amount)
    except ValueError as error:
        message = f"{text!r} is not a valid noise such as uniform:0.9: {error}"
        raise argparse.ArgumentTypeError(message) from error
    return kind, amount
