"""Fashion-MNIST itself: where it comes from, that it is the official one, and a short real run."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from stages import fashion_mnist
from tests.conftest import Clone, SetParams, offline, refused, run_stage


def install(folder: Path, idx: dict[str, bytes]) -> dict[str, str]:
    """An environment in which a `dpkg` says that the package put these files there."""
    env = offline(folder)
    for name, content in idx.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    listing = "\n".join(str(path) for path in folder.iterdir())
    script = folder / "bin/dpkg"
    script.write_text(f"#!{folder}/bin/sh\necho '{listing}'\n")
    script.chmod(0o755)
    return env


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in MNIST's own format."""
    header = [0x800 + array.ndim, *array.shape]
    return struct.pack(f">{len(header)}i", *header) + array.tobytes()


def test_a_file_that_is_not_the_official_one_is_an_error(
    workspace: Path, set_params: SetParams
) -> None:
    set_params(fetch={"source": "fashion-mnist"})
    fake = {
        name: idx(np.zeros((2, 28, 28) if "images" in name else 2, np.uint8))
        for name in fashion_mnist.CHECKSUMS
    }
    done = run_stage("fetch", install(workspace, fake))
    assert "is not the official file (its sha256 differs)" in refused(done)
    assert not (workspace / "data/raw").exists()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the pipeline has run on Fashion-MNIST, for one epoch, up to the scores."""
    clone = Clone.of_workspace(tmp_path_factory.mktemp("clone"))
    clone.set_params(
        fetch={"source": "fashion-mnist"},
        baselines={"methods": ["pca", "ridge"]},  # the filters take a minute
        train={"epochs": 1},
    )
    try:
        clone.run("dvc", "repro", "evaluate")
    except AssertionError as error:
        if fashion_mnist.NOWHERE in str(error) and "CI" not in os.environ:
            pytest.skip(fashion_mnist.NOWHERE)
        raise
    return clone


def test_real_run(clone: Clone) -> None:
    data = clone.folder / "data"
    assert np.load(data / "split/x_train.npy", mmap_mode="r").shape == (48000, 784)
    assert np.load(data / "split/x_val.npy", mmap_mode="r").shape == (12000, 784)
    assert np.load(data / "split/x_test.npy", mmap_mode="r").shape == (10000, 784)
    assert np.bincount(np.load(data / "images/train_labels.npy")).tolist() == [6000] * 10
    scores = clone.read_json("metrics/evaluation.json")
    assert scores["val"]["noisy"]["psnr"] == pytest.approx(7.2, abs=0.05)
    assert 15 < scores["val"]["denoised"]["psnr"] < 19
    assert 15 < scores["test"]["denoised"]["psnr"] < 19
    baselines = clone.read_json("metrics/baselines.json")
    for split in ("val", "test"):  # as others found them, in code of their own
        assert baselines[split]["pca"]["psnr"] == pytest.approx(18.2, abs=0.1)
        assert baselines[split]["ridge"]["psnr"] == pytest.approx(18.99, abs=0.05)


def test_the_csvs_hold_the_official_images(clone: Clone) -> None:
    """`load` reads back, from the CSVs that `fetch` wrote, what the checksums are of."""
    for split, prefix in (("train", "train"), ("test", "t10k")):
        for what, shape in (("images", (-1, 28, 28)), ("labels", (-1,))):
            array = np.load(clone.folder / f"data/images/{split}_{what}.npy")
            algorithm, _, checksum = fashion_mnist.CHECKSUMS[
                f"{prefix}-{what}-idx{len(shape)}-ubyte"
            ].partition(":")
            assert hashlib.new(algorithm, idx(array.reshape(shape))).hexdigest() == (checksum)


def test_every_source_gives_the_same_csvs(
    clone: Clone, workspace: Path, set_params: SetParams
) -> None:
    set_params(fetch={"source": "fashion-mnist"})
    files = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = np.load(clone.folder / f"data/images/{split}_images.npy").reshape(-1, 28, 28)
        labels = np.load(clone.folder / f"data/images/{split}_labels.npy")
        files[f"{prefix}-images-idx3-ubyte"] = idx(images)
        files[f"{prefix}-labels-idx1-ubyte"] = idx(labels)

    def fetched(folder: Path) -> list[bytes]:
        return [(folder / f"data/raw/{split}.csv").read_bytes() for split in ("train", "test")]

    expected = fetched(clone.folder)
    (workspace / "installed").mkdir()
    done = run_stage("fetch", install(workspace / "installed", files))
    assert "Debian's package dataset-fashion-mnist, installed: found" in done.stdout
    assert fetched(workspace) == expected

    (workspace / "home").mkdir()
    cache = workspace / "home/.keras/datasets/fashion-mnist"
    cache.mkdir(parents=True)
    for name, content in files.items():
        (cache / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    done = run_stage("fetch", offline(workspace / "home"))
    assert "keras.datasets.fashion_mnist: found" in done.stdout
    assert fetched(workspace) == expected
