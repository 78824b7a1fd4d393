"""Denoises pictures with the trained model: `python -m denoiser photo.png -o clean.png`."""

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
import skimage.metrics
from PIL import Image, ImageOps
from tqdm import tqdm

from denoiser import noise, tiles

if TYPE_CHECKING:
    import keras

SUFFIXES = (".png", ".jpg", ".jpeg")
TILE = 128  # pixels a side, of networks that take images of any size
SEED = 42


class Wrong(Exception):
    """What is wrong, where, and what to do about it, in one line."""


class Picture(NamedTuple):
    """A picture: (height, width, 1 or 3) in [0, 1], and how opaque it is, which nothing changes."""

    pixels: npt.NDArray[np.float32]
    alpha: Image.Image | None


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 1 if anything was wrong."""
    options = parser().parse_args(arguments)
    wrong = 0
    try:
        work = list(pairs(options.image, options.output))
        model = load(options.model)
    except (Wrong, OSError) as error:
        tell(str(error))
        return 1
    for source, target in tqdm(work, unit="image", disable=len(work) == 1):
        try:
            picture = read(source)
            noisy = corrupt(picture, *options.noisy) if options.noisy else picture
            denoised = Picture(denoise(model, noisy.pixels), picture.alpha)
            if options.clean:
                clean = Path(options.clean)
                picture = read(str(clean / Path(source).name if clean.is_dir() else clean))
            if options.clean or options.noisy:
                tell(f"{source}: {psnr(picture, noisy)} noisy, {psnr(picture, denoised)} denoised")
            write(denoised, target)
        except (Wrong, OSError, Image.DecompressionBombError) as error:
            tell(f"{source}: {error}")
            wrong = 1
    return wrong


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("python -m denoiser", description=__doc__)
    made.add_argument("image", help="a PNG or JPEG, a folder of them, or - for standard input")
    made.add_argument("-o", "--output", required=True, help="a file, a folder, or - for a PNG")
    made.add_argument("--model", default="models/autoencoder.keras", help="default: %(default)s")
    made.add_argument(
        "--noisy",
        nargs="?",
        const="uniform:0.9",
        type=kind_and_amount,
        metavar="KIND:AMOUNT",
        help=f"corrupt it first, to try; default: %(const)s; kinds: {', '.join(noise.KINDS)}",
    )
    made.add_argument("--clean", help="the clean original, or a folder of them: prints the PSNR")
    return made


def kind_and_amount(text: str) -> tuple[noise.Kind, float]:
    """Raises ArgumentTypeError, as argparse wants it."""
    name, _, number = text.partition(":")
    for kind in noise.KINDS:
        if kind == name:
            try:
                amount = float(number)
            except ValueError:
                break
            if 0 <= amount <= (1 if kind in noise.SHARES else 100):
                return kind, amount
    raise argparse.ArgumentTypeError(f"{text!r} is no noise such as uniform:0.9")


def pairs(image: str, output: str) -> Iterator[tuple[str, str]]:
    """What to read and where to write it, for each picture. Raises Wrong."""
    folder = Path(image)
    if not folder.is_dir():
        if output != "-" and Path(output).suffix.lower() not in SUFFIXES:
            raise Wrong(f"{output}: its name has to end with one of {', '.join(SUFFIXES)}")
        yield image, output
        return
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not names:
        raise Wrong(f"{image}: there is no PNG or JPEG in this folder")
    if output == "-" or Path(output).is_file():
        raise Wrong(f"{output}: of a folder of pictures, a folder is made")
    Path(output).mkdir(parents=True, exist_ok=True)
    yield from ((str(folder / name), str(Path(output) / name)) for name in names)


def load(path: str) -> "keras.Model":
    """Starts Keras, which takes seconds, and loads a model. Raises Wrong if it is not one."""
    if not Path(path).is_file():
        raise Wrong(f"{path}: there is no such model: run `dvc repro`, or name one with --model")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with quiet():
            import keras

            return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds; code in a Lambda layer is a ValueError
        raise Wrong(f"{path} cannot be loaded: {error}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps off standard error what libraries write there past Python: TensorFlow's banner."""
    error = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(error, 2)
        os.close(error)


def read(path: str) -> Picture:
    """A picture, upright. Raises OSError or DecompressionBombError if it is none."""
    with Image.open(io.BytesIO(sys.stdin.buffer.read()) if path == "-" else path) as file:
        image = ImageOps.exif_transpose(file)
        if image.mode[0] in "IF":  # Pillow would cut 16 bits off at 255
            values = np.clip(np.asarray(image, np.float32) / np.float32(65535), 0, 1)
            return Picture(values[:, :, None], None)
        alpha = None
        if image.has_transparency_data:
            image = image.convert("RGBA" if image.mode in ("P", "RGB", "RGBA") else "LA")
            alpha = image.getchannel("A")
        image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
        pixels = np.asarray(image, np.float32) / np.float32(255)
        return Picture(pixels.reshape(image.height, image.width, -1), alpha)


def corrupt(picture: Picture, kind: noise.Kind, amount: float) -> Picture:
    """The same with noise, always the same one."""
    rng = np.random.default_rng(SEED)
    rows = noise.corrupt(picture.pixels.reshape(1, -1), kind, amount, rng)
    return picture._replace(pixels=rows.reshape(picture.pixels.shape))


def denoise(model: "keras.Model", pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each channel by itself, as a gray image."""
    side = min(TILE, max(pixels.shape[:2]))
    try:
        network = resized(model, side)
    except ValueError:
        network, side = model, math.isqrt(model.input_shape[1])
    channels = np.moveaxis(pixels, 2, 0)
    return np.stack(
        [tiles.denoise(each, network.predict_on_batch, side) for each in channels], axis=2
    )


@functools.cache
def resized(model: "keras.Model", side: int) -> "keras.Model":
    """The network for images of this side, kept: Keras compiles it when it is first used.

    Raises ValueError where it takes images of one size only.
    """
    from denoiser import models

    return models.for_side(model, side)


def psnr(clean: Picture, picture: Picture) -> str:
    """The PSNR in words. Raises Wrong where the two differ in size."""
    if clean.pixels.shape != picture.pixels.shape:
        raise Wrong("the clean original is of another size, or not of the same colours")
    if np.array_equal(clean.pixels, picture.pixels):
        return "the original itself,"
    ratio = skimage.metrics.peak_signal_noise_ratio(clean.pixels, picture.pixels, data_range=1)
    return f"{ratio:.2f} dB"


def write(picture: Picture, path: str) -> None:
    """Writes a file, whole or not at all; a PNG to standard output."""
    values = np.rint(picture.pixels * 255).astype(np.uint8)
    image = Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)
    jpeg = Path(path).suffix.lower() in (".jpg", ".jpeg")
    if picture.alpha is not None and not jpeg:  # a JPEG has none
        image.putalpha(picture.alpha)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG" if jpeg else "PNG", **({"quality": 95} if jpeg else {}))
    if path == "-":
        sys.stdout.buffer.write(encoded.getvalue())
        return
    temporary = Path(path).with_name(f".tmp-{Path(path).name}")
    try:
        temporary.write_bytes(encoded.getvalue())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # there where the disk is full


def tell(line: str) -> None:
    """A line on standard error, above the progress bar."""
    tqdm.write(" ".join(line.split()), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
