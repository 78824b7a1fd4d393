"""pipeline/datasets/fashion_mnist.py, and a short run on the real data."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets import fashion_mnist
from tests.conftest import Clone, SetParams, error_line, offline, run_stage

Idx = dict[str, bytes]


def encode(array: np.ndarray) -> bytes:
    """An IDX file, the format of MNIST."""
    header = [0x800 + array.ndim, *array.shape]
    return struct.pack(f">{len(header)}i", *header) + array.tobytes()


def zeros() -> Idx:
    """Files with two black images."""
    return {
        name: encode(np.zeros((2, 28, 28) if "images" in name else 2, np.uint8))
        for name in fashion_mnist.CHECKSUMS
    }


def install(folder: Path, idx: Idx) -> dict[str, str]:
    """An environment in which `dpkg` lists these files as those of the installed package."""
    folder.mkdir(exist_ok=True)
    env = offline(folder)
    for name, content in idx.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    listing = "\n".join(str(path) for path in folder.iterdir())
    script = folder / "bin/dpkg"
    script.write_text(f"#!{folder}/bin/sh\necho '{listing}'\n")
    script.chmod(0o755)
    return env


def fill_keras_cache(home: Path, idx: Idx) -> dict[str, str]:
    """An environment in which Keras has already downloaded these files."""
    cache = home / ".keras/datasets/fashion-mnist"
    cache.mkdir(parents=True)
    for name, content in idx.items():
        (cache / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    return offline(home)


@pytest.fixture
def fetch(workspace: Path, set_params: SetParams) -> Path:
    """A workspace in which the stage `fetch` writes Fashion-MNIST."""
    set_params(fetch={"source": "fashion-mnist"})
    return workspace


def test_rejects_files_with_another_checksum(fetch: Path) -> None:
    done = run_stage("fetch", install(fetch / "installed", zeros()))
    assert "train-images-idx3-ubyte from Debian's package" in error_line(done)
    assert not Path("data/raw").exists()


def test_reports_a_broken_file_of_the_installed_package(fetch: Path) -> None:
    env = install(fetch / "installed", zeros())
    path = fetch / "installed/t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    assert f"{path} is broken" in error_line(run_stage("fetch", env))
    assert not Path("data/raw").exists()


def test_reports_a_broken_cache_of_keras(fetch: Path) -> None:
    env = fill_keras_cache(fetch / "home", zeros())
    Path("home/.keras/datasets/fashion-mnist/train-labels-idx1-ubyte.gz").write_bytes(b"broken")
    message = error_line(run_stage("fetch", env))
    assert "keras.datasets.fashion_mnist" in message
    assert "gzip" in message
    assert not Path("data/raw").exists()


def test_a_package_that_cannot_be_unpacked_is_unavailable(fetch: Path) -> None:
    (fetch / "home").mkdir()
    env = offline(fetch / "home")
    for name, script in {
        "apt-get": 'case "$*" in *download*) : > dataset-fashion-mnist_1_all.deb;; esac',
        "dpkg": "exit 1",
        "dpkg-deb": "echo 'not a Debian package' >&2; exit 2",
    }.items():
        path = fetch / "home/bin" / name
        path.write_text(f"#!{fetch}/home/bin/sh\n{script}\n")
        path.chmod(0o755)
    message = error_line(run_stage("fetch", env))
    assert "downloaded (not a Debian package)" in message
    assert not Path("data/raw").exists()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone after `dvc repro split` on Fashion-MNIST."""
    clone = Clone.of_workspace(
        tmp_path_factory.mktemp("clone"),
        fetch={"source": "fashion-mnist"},
    )
    try:
        clone.run("dvc", "repro", "split")
    except AssertionError as error:
        if fashion_mnist.UNAVAILABLE in str(error) and "CI" not in os.environ:
            pytest.skip(fashion_mnist.UNAVAILABLE)
        raise
    return clone


@pytest.fixture(scope="module")
def official(clone: Clone) -> Idx:
    """The IDX files, rebuilt from the output of the stage `load`."""
    files = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = np.load(clone.folder / f"data/images/{split}_images.npy")
        labels = np.load(clone.folder / f"data/images/{split}_labels.npy")
        files[f"{prefix}-images-idx3-ubyte"] = encode(images.reshape(-1, 28, 28))
        files[f"{prefix}-labels-idx1-ubyte"] = encode(labels)
    return files


def test_split_of_the_official_images(clone: Clone) -> None:
    data = clone.folder / "data"
    assert np.load(data / "split/x_train.npy", mmap_mode="r").shape == (48000, 784)
    assert np.bincount(np.load(data / "images/train_labels.npy")).tolist() == [6000] * 10


def test_load_reads_the_official_images_from_the_csvs(official: Idx) -> None:
    for name, checksum in fashion_mnist.CHECKSUMS.items():
        algorithm, _, expected = checksum.partition(":")
        assert hashlib.new(algorithm, official[name]).hexdigest() == expected


def test_every_source_gives_the_same_csvs(fetch: Path, clone: Clone, official: Idx) -> None:
    def csvs(folder: Path) -> list[bytes]:
        return [(folder / f"data/raw/{split}.csv").read_bytes() for split in ("train", "test")]

    for source, env in {
        "Debian's package dataset-fashion-mnist, installed": install(fetch / "a", official),
        "keras.datasets.fashion_mnist": fill_keras_cache(fetch / "b", official),
    }.items():
        done = run_stage("fetch", env)
        assert f"{source}: found" in done.stdout
        assert csvs(fetch) == csvs(clone.folder)
