"""The official Fashion-MNIST, from the first source that has it: the same bytes from each."""

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

from stages.errors import StageError

UInt8 = npt.NDArray[np.uint8]
Splits = dict[str, tuple[UInt8, UInt8]]  # of images (n, pixels) and labels (n,)

TIMEOUT = 30  # seconds without an answer
PACKAGE = "dataset-fashion-mnist"
NOWHERE = "Fashion-MNIST could not be had from anywhere"

# Of the official IDX files, uncompressed.
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
    """Why a source does not have the data."""


def splits() -> Splits:
    """The official 60,000 and 10,000 images, from the first source that has them."""
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
                raise StageError(
                    f"{name} from {source} is not the official file (its {algorithm} differs): "
                    "remove that copy and try again"
                )
        print("found", flush=True)
        return {
            split: (
                np.frombuffer(idx[f"{prefix}-images-idx3-ubyte"], np.uint8, offset=16).reshape(
                    -1, 784
                ),
                np.frombuffer(idx[f"{prefix}-labels-idx1-ubyte"], np.uint8, offset=8),
            )
            for split, prefix in (("train", "train"), ("test", "t10k"))
        }
    raise StageError(
        f"{NOWHERE}; tried: {'; '.join(tried)}. Either connect to the internet, or install "
        f"Debian's package {PACKAGE}, or set fetch.source to 'digits' for a smaller data set "
        "that needs no download, or to 'none' and load.train_csv and load.test_csv to your own CSVs"
    )  # fmt: skip


def from_installed_package() -> dict[str, bytes]:
    """The four IDX files where dpkg says that the package put them."""
    if not shutil.which("dpkg"):
        raise Unavailable("this is no Debian or Ubuntu")
    listing = subprocess.run(["dpkg", "-L", PACKAGE], capture_output=True, text=True)
    if listing.returncode:
        raise Unavailable("not installed")
    return read_idx([Path(line) for line in listing.stdout.splitlines()])


def from_keras() -> dict[str, bytes]:
    """The four IDX files, put together again from Keras's arrays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from keras.datasets import fashion_mnist  # seconds, and only where it is needed

    socket.setdefaulttimeout(TIMEOUT)  # Keras sets none
    try:
        arrays = fashion_mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception; a broken cache, whatever it likes
        raise Unavailable(" ".join(str(error).split())) from error
    return {
        name: struct.pack(f">{1 + array.ndim}i", 0x800 + array.ndim, *array.shape) + array.tobytes()
        for split, prefix in zip(arrays, ("train", "t10k"), strict=True)
        for name, array in zip(
            (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"), split, strict=True
        )
    }


def from_downloaded_package() -> dict[str, bytes]:
    """The four IDX files from the package, unpacked in a folder of its own, not installed."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Unavailable("there is no apt-get")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("lists/partial", "cache/archives/partial", "files"):
            Path(folder, name).mkdir(parents=True)
        options = {
            "Dir::State::Lists": f"{folder}/lists",
            "Dir::Cache": f"{folder}/cache",
            "APT::Sandbox::User": "",  # root's own folder is not open to the user _apt
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
            raise Unavailable(" ".join(done.stderr.split()) or "apt-get has no such package")
        subprocess.run(["dpkg-deb", "-x", packages[0], f"{folder}/files"], check=True)
        return read_idx(list(Path(folder, "files").rglob("*")))


def read_idx(paths: list[Path]) -> dict[str, bytes]:
    """The contents of the four IDX files among `paths`, decompressed, by their names."""
    idx = {}
    for name in CHECKSUMS:
        for path in paths:
            if path.name == f"{name}.gz" and path.is_file():
                try:
                    idx[name] = gzip.decompress(path.read_bytes())
                except (OSError, EOFError) as error:
                    raise StageError(f"{path} is broken: {error}") from error
    if missing := CHECKSUMS.keys() - idx.keys():
        raise Unavailable(f"it lacks {', '.join(sorted(missing))}")
    return idx
