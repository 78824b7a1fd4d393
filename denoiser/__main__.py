"""Denoises pictures with a trained model: `python -m denoiser photo.png -o clean.png`."""

import argparse
import contextlib
import functools
import io
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from tqdm import tqdm

from denoiser import noise, scores, tiles
from pipeline.base import files
from pipeline.base.errors import InputError

if TYPE_CHECKING:
    import keras

SUFFIXES = (".png", ".jpg", ".jpeg")
MAX_TILE = 128  # side in pixels, for networks that accept images of any size
SEED = 42


class Picture(NamedTuple):
    """Pixels of shape (height, width, 1 or 3) in [0, 1], and an alpha channel or None."""

    pixels: npt.NDArray[np.float32]
    alpha: Image.Image | None


def main(arguments: list[str] | None = None) -> int:
    """Runs the program and returns the exit status: 0, or 1 if there was any error."""
    options = build_parser().parse_args(arguments)
    status = 0
    try:
        paths = list(input_output_paths(options.image, options.output))
        model = load_model(options.model)
    except (InputError, OSError) as error:
        report(str(error))
        return 1
    for source, target in tqdm(paths, unit="image", disable=len(paths) == 1):
        try:
            picture = read(source)
            noisy = add_noise(picture, *options.noisy) if options.noisy else picture
            denoised = Picture(denoise(model, noisy.pixels), picture.alpha)
            if options.clean:
                clean = Path(options.clean)
                picture = read(str(clean / Path(source).name if clean.is_dir() else clean))
            if options.clean or options.noisy:
                before, after = psnr(picture, noisy), psnr(picture, denoised)
                report(f"{source}: {before} noisy, {after} denoised")
            write(denoised, target)
        except (InputError, OSError, Image.DecompressionBombError) as error:
            report(f"{source}: {error}")
            status = 1
    return status


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m denoiser", description=__doc__)
    parser.add_argument("image", help="a PNG or JPEG, a folder of them, or - for standard input")
    parser.add_argument(
        "-o", "--output", required=True, help="a file, a folder, or - for standard output (PNG)"
    )
    parser.add_argument("--model", default="models/autoencoder.keras", help="default: %(default)s")
    parser.add_argument(
        "--noisy",
        nargs="?",
        const="uniform:0.9",
        type=parse_noise,
        metavar="KIND:AMOUNT",
        help="add noise first and print the PSNR; default: %(const)s; "
        f"kinds: {', '.join(noise.NOISE_KINDS)}",
    )
    parser.add_argument(
        "--clean", help="the clean image, or a folder with the same file names; prints the PSNR"
    )
    return parser


def parse_noise(text: str) -> tuple[noise.NoiseKind, float]:
    """Parses KIND:AMOUNT. Raises ArgumentTypeError for argparse."""
    name, _, number = text.partition(":")
    for kind in noise.NOISE_KINDS:
        if kind == name:
            try:
                amount = float(number)
            except ValueError:
                break
            if 0 <= amount <= (1 if kind in noise.FRACTION_KINDS else 100):
                return kind, amount
    raise argparse.ArgumentTypeError(f"{text!r} is not a valid noise such as uniform:0.9")


def input_output_paths(image: str, output: str) -> Iterator[tuple[str, str]]:
    """Yields the input and output path of each picture. Raises InputError."""
    folder = Path(image)
    if not folder.is_dir():
        if output != "-" and Path(output).suffix.lower() not in SUFFIXES:
            raise InputError(f"{output}: the name must end with {', '.join(SUFFIXES)}")
        if not Path(output).parent.is_dir():
            raise InputError(f"{output}: the folder does not exist")
        yield image, output
        return
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not names:
        raise InputError(f"{image}: the folder has no PNG or JPEG")
    if output == "-" or Path(output).is_file():
        raise InputError(f"{output}: if the input is a folder, the output must be a folder")
    Path(output).mkdir(parents=True, exist_ok=True)
    yield from ((str(folder / name), str(Path(output) / name)) for name in names)


def load_model(path: str) -> "keras.Model":
    """Imports Keras, which takes seconds, and loads a model. Raises InputError if it fails."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such model; run `dvc repro`, or pass another with --model")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with silence_stderr():
            import keras

            return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many types; ValueError for code in a Lambda layer
        raise InputError(f"{path} cannot be loaded: {error}") from error


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


def read(path: str) -> Picture:
    """Reads a picture, rotated upright. Raises OSError or DecompressionBombError."""
    with Image.open(io.BytesIO(sys.stdin.buffer.read()) if path == "-" else path) as file:
        image = ImageOps.exif_transpose(file)
        if image.mode[0] in "IF":  # 16 bits: `convert` would clip them at 255
            values = np.clip(np.asarray(image, np.float32) / np.float32(65535), 0, 1)
            return Picture(values[:, :, None], None)
        alpha = None
        if image.has_transparency_data:
            image = image.convert("RGBA" if image.mode in ("P", "RGB", "RGBA") else "LA")
            alpha = image.getchannel("A")
        image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
        pixels = np.asarray(image, np.float32) / np.float32(255)
        return Picture(pixels.reshape(image.height, image.width, -1), alpha)


def add_noise(picture: Picture, kind: noise.NoiseKind, amount: float) -> Picture:
    """The picture with noise, which is the same in every run."""
    rng = np.random.default_rng(SEED)
    rows = noise.add_noise(picture.pixels.reshape(1, -1), kind, amount, rng)
    return picture._replace(pixels=rows.reshape(picture.pixels.shape))


def denoise(model: "keras.Model", pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Denoises each channel separately, as a grayscale image."""
    side = min(MAX_TILE, max(pixels.shape[:2]))
    try:
        network = resize(model, side)
    except ValueError:
        network, side = model, math.isqrt(model.input_shape[1])
    channels = np.moveaxis(pixels, 2, 0)
    return np.stack(
        [tiles.denoise(channel, network.predict_on_batch, side) for channel in channels], axis=2
    )


@functools.cache
def resize(model: "keras.Model", side: int) -> "keras.Model":
    """The model for images of side x side pixels; cached, because Keras compiles it on first use.

    Raises ValueError if the model accepts images of one size only.
    """
    from denoiser import models

    return models.for_side(model, side)


def psnr(clean: Picture, picture: Picture) -> str:
    """The PSNR as text, at most 100 dB. Raises InputError if the pictures differ in shape."""
    if clean.pixels.shape != picture.pixels.shape:
        raise InputError("the clean image differs in its size or its number of channels")
    rows = (each.pixels.reshape(1, -1).astype(np.float64) for each in (clean, picture))
    return f"{scores.psnr(*rows)[0]:.2f} dB"


def write(picture: Picture, path: str) -> None:
    """Writes a file atomically, or a PNG to standard output."""
    values = np.rint(picture.pixels * 255).astype(np.uint8)
    image = Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)
    jpeg = Path(path).suffix.lower() in (".jpg", ".jpeg")
    if picture.alpha is not None and not jpeg:  # JPEG has no transparency
        image.putalpha(picture.alpha)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG" if jpeg else "PNG", **({"quality": 95} if jpeg else {}))
    if path == "-":
        sys.stdout.buffer.write(encoded.getvalue())
        return
    with files.atomic_write(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def report(line: str) -> None:
    """Prints a line on standard error, above the progress bar."""
    tqdm.write(" ".join(line.split()), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
