"""The data sets that the stage `fetch` can write, by their name in the parameter fetch.source."""

import contextlib
import gzip
import hashlib
import io
import socket
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from denoiser.base.devices import without_banners
from denoiser.base.errors import InputError
from denoiser.base.images import UInt8

DataSet = dict[str, tuple[UInt8, UInt8]]  # images (n, height, width, 1) and labels (n,), by split

TIMEOUT = 30  # seconds without an answer
PACKAGE = "dataset-fashion-mnist"
UNAVAILABLE = "Fashion-MNIST is not available from any source"
CHECKSUMS = {  # SHA-256 of the pixels or labels in the official files
    "train-images-idx3-ubyte": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
    "train-labels-idx1-ubyte": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
    "t10k-images-idx3-ubyte": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
    "t10k-labels-idx1-ubyte": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
}


class Unavailable(Exception):
    """Raised if a source does not have the data. The message gives the reason."""


def fashion_mnist() -> DataSet:
    """The official Fashion-MNIST, 60,000 images for training and 10,000 for testing.

    Raises InputError if no source is available, or if the first available one has other data.
    """
    sources: dict[str, Callable[[], list[UInt8]]] = {
        f"Debian's package {PACKAGE}, installed": from_installed_package,
        "keras.datasets.fashion_mnist": from_keras,
        f"Debian's package {PACKAGE}, downloaded": from_downloaded_package,
    }
    tried = dict[str, str]()  # the reason why a source is not available
    for source, load in sources.items():
        try:
            arrays = load()
        except Unavailable as reason:
            tried[source] = str(reason)
            continue
        for (name, checksum), array in zip(CHECKSUMS.items(), arrays, strict=True):
            if hashlib.sha256(array.tobytes()).hexdigest() != checksum:
                raise InputError(
                    f"{name} from {source} is not the official file: remove this copy and try again"
                )
        others = f"; not available: {', '.join(tried)}" if tried else ""
        print(f"Fashion-MNIST: {source}{others}", flush=True)
        train, train_labels, test, test_labels = arrays
        images = [array.reshape(-1, 28, 28, 1) for array in (train, test)]
        return {"train": (images[0], train_labels), "test": (images[1], test_labels)}
    reasons = "; ".join(f"{source} ({reason})" for source, reason in tried.items())
    raise InputError(
        f"{UNAVAILABLE}; tried: {reasons}. Connect to the internet or install Debian's "
        f"package {PACKAGE}, or run on scikit-learn's digits, which need no download: "
        "dvc exp run -S fetch.source=digits"
    )


def from_installed_package() -> list[UInt8]:
    """Reads the files of the installed package. Raises Unavailable."""
    return read(map(Path, run_command("dpkg", "-L", PACKAGE).splitlines()))


def from_keras() -> list[UInt8]:
    """The arrays that Keras downloads, or has downloaded before. Raises Unavailable."""
    with without_banners():
        from keras.datasets import fashion_mnist  # takes seconds; only needed here

    socket.setdefaulttimeout(TIMEOUT)  # Keras sets no timeout
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras prints its progress
            return [array for pair in fashion_mnist.load_data() for array in pair]
    except Exception as error:  # Keras raises a bare Exception, a broken cache any type
        raise Unavailable(" ".join(str(error).split())) from error


def from_downloaded_package() -> list[UInt8]:
    """Downloads the package to a temporary folder and reads its files. Raises Unavailable."""
    with tempfile.TemporaryDirectory() as folder:
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
            run_command(*apt, "update")
        run_command(*apt, "download", PACKAGE, folder=folder)
        run_command("dpkg-deb", "-x", *map(str, Path(folder).glob("*.deb")), f"{folder}/files")
        return read(Path(folder, "files").rglob("*.gz"))


def run_command(*command: str, folder: str | None = None) -> str:
    """The output of a command. Raises Unavailable if it is missing, fails or takes too long."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(error) from error
    if done.returncode:
        raise Unavailable(" ".join(done.stderr.split()) or f"{command[0]} failed")
    return done.stdout


def read(paths: Iterable[Path]) -> list[UInt8]:
    """The arrays of the files of CHECKSUMS among `paths`. Raises InputError or Unavailable."""
    by_name, arrays = {path.name: path for path in paths if path.is_file()}, []
    for name in CHECKSUMS:
        if f"{name}.gz" not in by_name:
            raise Unavailable(f"it has no {name}.gz")
        path = by_name[f"{name}.gz"]
        try:
            content = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path} is broken: {error}; remove it and try again") from error
        axes = content[3]  # the header of an IDX file: a magic number, and the length of each axis
        arrays.append(np.frombuffer(content, np.uint8, offset=4 + 4 * axes))
    return arrays


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
