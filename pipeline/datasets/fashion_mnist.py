"""The official Fashion-MNIST, from the first source that is available."""

import gzip
import hashlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.base.errors import InputError

UInt8 = npt.NDArray[np.uint8]

TIMEOUT = 30  # seconds without an answer
PACKAGE = "dataset-fashion-mnist"
UNAVAILABLE = "Fashion-MNIST is not available from any source"

# Checksums of the official IDX files, uncompressed.
CHECKSUMS = {
    "train-images-idx3-ubyte": (
        "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "t10k-images-idx3-ubyte": (
        "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "train-labels-idx1-ubyte": "md5:9018921c3c673c538a1fc5bad174d6f9",
    "t10k-labels-idx1-ubyte": "md5:15d484375f8d13e6eb1aabb0c3f46965",
}


class Unavailable(Exception):
    """Raised if a source cannot provide the data; the message gives the reason."""


def load() -> dict[str, tuple[UInt8, UInt8]]:
    """Images (n, 784) and labels (n,), uint8, of "train" (60,000) and "test" (10,000).

    Raises InputError if no source is available, or if one provides other data.
    """
    sources: dict[str, Callable[[], dict[str, bytes]]] = {
        f"Debian's package {PACKAGE}, installed": from_installed_package,
        "keras.datasets.fashion_mnist": from_keras,
        f"Debian's package {PACKAGE}, downloaded": from_downloaded_package,
    }
    tried = []
    for source, read in sources.items():
        print(f"Fashion-MNIST from {source}: ", end="", flush=True)
        try:
            idx = read()
        except Unavailable as reason:
            print(reason, flush=True)
            tried.append(f"{source} ({reason})")
            continue
        for name, checksum in CHECKSUMS.items():
            algorithm, _, expected = checksum.partition(":")
            if hashlib.new(algorithm, idx[name]).hexdigest() != expected:
                raise InputError(
                    f"{name} from {source} is not the official file (its {algorithm} checksum "
                    "differs): remove this copy and try again"
                )
        print("found", flush=True)
        data = {}
        for split, prefix in (("train", "train"), ("test", "t10k")):
            images = np.frombuffer(idx[f"{prefix}-images-idx3-ubyte"], np.uint8, offset=16)
            labels = np.frombuffer(idx[f"{prefix}-labels-idx1-ubyte"], np.uint8, offset=8)
            data[split] = images.reshape(-1, 784), labels
        return data
    raise InputError(
        f"{UNAVAILABLE}; tried: {'; '.join(tried)}. Connect to the internet or install Debian's "
        f"package {PACKAGE}. To run on scikit-learn's digits instead, which need no download, run: "
        "dvc exp run -S fetch.source=digits"
    )


def from_installed_package() -> dict[str, bytes]:
    """Reads the four IDX files of the installed package."""
    if not shutil.which("dpkg"):
        raise Unavailable("dpkg is not available")
    listing = subprocess.run(["dpkg", "-L", PACKAGE], capture_output=True, text=True)
    if listing.returncode:
        raise Unavailable("not installed")
    return read_idx([Path(line) for line in listing.stdout.splitlines()])


def from_keras() -> dict[str, bytes]:
    """Rebuilds the four IDX files from the arrays that Keras downloads or has cached."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from keras.datasets import fashion_mnist  # takes seconds; only needed here

    socket.setdefaulttimeout(TIMEOUT)  # Keras sets no timeout
    try:
        arrays = fashion_mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception, a broken cache any type
        raise Unavailable(" ".join(str(error).split())) from error
    return {
        name: struct.pack(f">{1 + array.ndim}i", 0x800 + array.ndim, *array.shape) + array.tobytes()
        for split, prefix in zip(arrays, ("train", "t10k"), strict=True)
        for name, array in zip(
            (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"), split, strict=True
        )
    }


def from_downloaded_package() -> dict[str, bytes]:
    """Downloads the package to a temporary folder and reads the four IDX files from there."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Unavailable("apt-get is not available")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("lists/partial", "cache/archives/partial", "files"):
            Path(folder, name).mkdir(parents=True)
        options = {
            "Dir::State::Lists": f"{folder}/lists",
            "Dir::Cache": f"{folder}/cache",
            "APT::Sandbox::User": "",  # the user _apt cannot read a folder of root's
            "Acquire::Retries": 2,
            "Acquire::http::Timeout": TIMEOUT,
            "Acquire::https::Timeout": TIMEOUT,
        }
        apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
        for command in ([*apt, "update"], [*apt, "download", PACKAGE]):
            try:
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, timeout=20 * TIMEOUT
                )
            except subprocess.TimeoutExpired:
                raise Unavailable(f"apt-get took over {20 * TIMEOUT} s") from None
        packages = list(Path(folder).glob(f"{PACKAGE}_*.deb"))
        if not packages:
            raise Unavailable(" ".join(done.stderr.split()) or "apt-get does not find the package")
        unpack = ["dpkg-deb", "-x", str(packages[0]), f"{folder}/files"]
        done = subprocess.run(unpack, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(" ".join(done.stderr.split()))
        return read_idx(list(Path(folder, "files").rglob("*")))


def read_idx(paths: list[Path]) -> dict[str, bytes]:
    """The decompressed contents of the four IDX files among `paths`, by name."""
    idx = {}
    for name in CHECKSUMS:
        for path in paths:
            if path.name == f"{name}.gz" and path.is_file():
                try:
                    idx[name] = gzip.decompress(path.read_bytes())
                except (OSError, EOFError) as error:
                    raise InputError(f"{path} is broken: {error}") from error
    if missing := CHECKSUMS.keys() - idx.keys():
        raise Unavailable(f"it has no {', '.join(sorted(missing))}")
    return idx
