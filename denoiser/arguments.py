"""The arguments of the command `denoise`."""

import argparse
import contextlib
import math
from collections.abc import Callable, Sequence

from denoiser import __version__
from denoiser.base.devices import DEVICES
from denoiser.model import MODELS
from denoiser.picture_output import FORMATS


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parses the arguments; exits with status 2 if they are invalid."""
    parser = argparse.ArgumentParser(
        "denoise",
        usage="%(prog)s [options] image ...",
        description="photo.jpg becomes photo-denoised.jpg, and the folder photos photos-denoised.",
    )
    add = parser.add_argument
    add("images", nargs="*", metavar="image", help="a picture, a folder, or - for standard input")
    output = f"a file ({', '.join(FORMATS)}), a folder, or - (PNG to standard output)"
    add("-o", "--output", metavar="OUT", help=output)
    add("--overwrite", action="store_true", help="allow outputs to replace inputs")
    add("--skip-existing", action="store_true", help="skip pictures whose output exists")
    model = f"{', '.join(MODELS)} or an ONNX file; default: %(default)s"
    add("--model", default=MODELS[0], metavar="NAME", help=model)
    strength = "from 0 to 1: the share of the denoised picture"
    add("--strength", type=share, default=1.0, metavar="SHARE", help=strength)
    add("--ensemble", action="store_true", help="average eight views, in eight times the time")
    white = "white in pictures of more than 8 bits"
    add("--white", type=positive, metavar="VALUE", help=white)
    quality = "of JPEG and WebP, from 1 to 100; default: 95"
    add("--quality", type=percentage, metavar="N", help=quality)
    device = f"{', '.join(DEVICES)}; auto: the GPU if there is one"
    add("--device", choices=DEVICES, default="auto", metavar="NAME", help=device)
    threads = "threads of the CPU; default: OMP_NUM_THREADS, or all"
    add("--threads", type=count, metavar="N", help=threads)
    page = "start a web page (with --model, --device)"
    add("--page", action="store_true", help=page)
    add("--version", action="version", version=f"%(prog)s {__version__}", help="print the version")
    options = parser.parse_args(arguments)
    if bool(options.images) == options.page:
        parser.error("pass pictures or folders, or --page")
    ignored = vars(options).keys() - {"images", "page", "model", "device"} if options.page else ()
    for name in sorted(ignored):
        if getattr(options, name) != parser.get_default(name):
            parser.error(f"--{name.replace('_', '-')} does not concern --page: leave it out")
    return options


def number(
    kind: Callable[[str], float], fits: Callable[[float], bool], description: str
) -> Callable[[str], float]:
    """A parser of numbers that fit. It raises ArgumentTypeError for argparse."""

    def parse(text: str) -> float:
        with contextlib.suppress(ValueError):
            if fits(value := kind(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is not {description}")

    return parse


positive = number(float, lambda value: 0 < value < math.inf, "a positive number")
share = number(float, lambda value: 0 <= value <= 1, "a number from 0 to 1")
percentage = number(int, lambda value: 1 <= value <= 100, "a whole number from 1 to 100")
count = number(int, lambda value: 0 < value <= 1024, "a whole number from 1 to 1024")
