"""The arguments of the command `denoise`."""

import argparse
import contextlib
import math
from collections.abc import Sequence

from denoiser.base.devices import DEVICES
from denoiser.model import MODELS
from denoiser.picture_output import FORMATS


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parses the arguments; exits with status 2 if they are invalid."""
    parser = argparse.ArgumentParser(
        "denoise",
        description="Denoises pictures. photo.jpg becomes photo-denoised.jpg, and a folder becomes "
        "a folder, unless there is an output.",
    )
    add = parser.add_argument
    picture = "a picture, a folder with pictures and sub-folders, or - for standard input"
    add("images", nargs="*", metavar="image", help=picture)
    output = f"a file that ends with {', '.join(FORMATS)}; a folder if the input is a folder or "
    add("-o", "--output", help=output + "several pictures; or - for standard output (PNG)")
    listed = "a file with the path of a picture or folder in each line; -: standard input"
    add("--files-from", metavar="FILE", help=listed)
    model = f"{', '.join(MODELS)}, or an ONNX file; default: %(default)s"
    add("--model", default=MODELS[0], help=model)
    strength = "from 0 to 1: the share of the denoised picture in the output; default: 1"
    add("--strength", type=parse_strength, default=1.0, metavar="SHARE", help=strength)
    add("--overwrite", action="store_true", help="allow outputs to replace inputs")
    average = "average the results for eight flips and rotations, in eight times the time"
    add("--ensemble", action="store_true", help=average)
    device = "auto: the GPU if there is one; default: %(default)s"
    add("--device", choices=DEVICES, default="auto", help=device)
    add("--page", action="store_true", help="start a local web page and print its address")
    white = "the value of white in pictures of 16 or 32 bits or of floating point; default: the "
    add("--white", type=positive, metavar="VALUE", help=white + "value that the file states")
    options = parser.parse_args(arguments)
    if bool(options.images) + bool(options.files_from) + options.page != 1:
        parser.error("pass pictures or folders, or --files-from, or --page")
    return options


def positive(text: str) -> float:
    """Parses a positive number. Raises ArgumentTypeError for argparse."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")


def parse_strength(text: str) -> float:
    """Parses a number from 0 to 1. Raises ArgumentTypeError for argparse."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
