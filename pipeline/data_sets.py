"""The data sets that the stage `fetch` can write, by their name in the parameter fetch.source."""

import contextlib
import gzip
import hashlib
import http.client
import subprocess
import tempfile
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from denoiser.errors import InputError

UInt8 = npt.NDArray[np.uint8]
DataSet = dict[str, tuple[UInt8, UInt8]]  # images (n, 28, 28, 1) and labels (n,), by split

TIMEOUT = 30  # seconds without an answer
PACKAGE = "dataset-fashion-mnist"
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
UNAVAILABLE = "Fashion-MNIST is not available from any source"
CHECKSUMS = {  # SHA-256 of the official files, uncompressed
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


class Unavailable(Exception):
    """Raised if a source does not have the data. The message gives the reason."""


def fashion_mnist() -> DataSet:
    """The official Fashion-MNIST, 60,000 images for training and 10,000 for testing.

    Raises InputError if no source is available, or if the first available one has other data.
    """
    sources: dict[str, Callable[[str], list[Path]]] = {
        f"Debian's package {PACKAGE}, installed": installed_package,
        "the cache of Keras": keras_cache,
        URL: download,
        f"Debian's package {PACKAGE}, downloaded": downloaded_package,
    }
    tried = []
    for source, find in sources.items():
        print(f"Fashion-MNIST from {source}: ", end="", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            try:
                paths = find(folder)
                train_x, train_y, test_x, test_y = (read(name, paths) for name in CHECKSUMS)
            except Unavailable as reason:
                print(reason, flush=True)
                tried.append(f"{source} ({reason})")
                continue
        print("found", flush=True)
        images = [pixels[16:].reshape(-1, 28, 28, 1) for pixels in (train_x, test_x)]
        return {"train": (images[0], train_y[8:]), "test": (images[1], test_y[8:])}
    raise InputError(
        f"{UNAVAILABLE}; tried: {'; '.join(tried)}. Connect to the internet or install Debian's "
        f"package {PACKAGE}, or run on scikit-learn's digits, which need no download: "
        "dvc exp run -S fetch.source=digits"
    )


def installed_package(_: str) -> list[Path]:
    """The files of the installed package. Raises Unavailable."""
    return [Path(line) for line in run("dpkg", "-L", PACKAGE).splitlines()]


def keras_cache(_: str) -> list[Path]:
    """The files that keras.datasets.fashion_mnist has downloaded before."""
    return list(Path.home().glob(".keras/datasets/fashion-mnist/*.gz"))


def download(folder: str) -> list[Path]:
    """The files from the server that Keras uses, downloaded to a folder. Raises Unavailable."""
    paths = [Path(folder, f"{name}.gz") for name in CHECKSUMS]
    for path in paths:
        try:
            with urllib.request.urlopen(f"{URL}/{path.name}", timeout=TIMEOUT) as response:
                path.write_bytes(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(error) from error
    return paths


def downloaded_package(folder: str) -> list[Path]:
    """The files of the package, downloaded to a folder. Raises Unavailable."""
    Path(folder, "lists/partial").mkdir(parents=True)
    options = [
        f"Dir::State::Lists={folder}/lists",
        f"Dir::Cache={folder}",
        "APT::Sandbox::User=",  # the user _apt cannot read a folder of root's
        "Acquire::Retries=2",
        *(f"Acquire::{protocol}::Timeout={TIMEOUT}" for protocol in ("http", "https")),
    ]
    apt = ["apt-get", "-qq", *(f"-o{option}" for option in options)]
    with contextlib.suppress(Unavailable):  # a repository without the package may be down
        run(*apt, "update")
    run(*apt, "download", PACKAGE, folder=folder)
    run("dpkg-deb", "-x", *map(str, Path(folder).glob("*.deb")), f"{folder}/files")
    return list(Path(folder, "files").rglob("*.gz"))


def run(*command: str, folder: str | None = None) -> str:
    """The output of a command. Raises Unavailable if it is missing, fails or takes too long."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(error) from error
    if done.returncode:
        raise Unavailable(" ".join(done.stderr.split()) or f"{command[0]} failed")
    return done.stdout


def read(name: str, paths: list[Path]) -> UInt8:
    """The content of an official file, one of `paths`. Raises InputError or Unavailable."""
    path = next((path for path in paths if path.name == f"{name}.gz"), None)
    if path is None or not path.is_file():
        raise Unavailable(f"it has no {name}.gz")
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is broken: {error}; remove it and try again") from error
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[name]:
        raise InputError(f"{path} is not the official file: remove it and try again")
    return np.frombuffer(content, np.uint8)


def digits() -> DataSet:
    """scikit-learn's digits, enlarged to 28x28 pixels: 1,437 for training and 360 for testing."""
    from PIL import Image
    from sklearn.datasets import load_digits  # takes seconds; only needed here

    bunch = load_digits()
    small = (bunch.images * (255 / 16)).astype(np.uint8)
    # Pillow resizes integers in fixed-point arithmetic: the same bytes on every machine.
    large = [Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC) for image in small]
    images = np.stack([np.asarray(image) for image in large])[..., np.newaxis]
    labels = bunch.target.astype(np.uint8)
    return {"train": (images[:-360], labels[:-360]), "test": (images[-360:], labels[-360:])}


DATA_SETS: dict[str, Callable[[], DataSet]] = {"fashion-mnist": fashion_mnist, "digits": digits}
