"""pipeline/data_sets.py: the sources of Fashion-MNIST, and the real data up to `split`."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from pipeline import data_sets
from tests.conftest import Clone, error_line, offline, run_python, run_stage


def encode(array: np.ndarray) -> bytes:
    """An IDX file, the format of MNIST."""
    header = [0x800 + array.ndim, *array.shape]
    return struct.pack(f">{len(header)}i", *header) + array.tobytes()


def write(folder: Path, idx: dict[str, bytes]) -> Path:
    """Writes the files compressed to a folder."""
    folder.mkdir(parents=True)
    for name, content in idx.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    return folder


def script(home: Path, name: str, text: str) -> None:
    """Writes a command that is found in the environment `offline(home)`."""
    path = home / "bin" / name
    path.write_text(f"#!{home}/bin/sh\n{text}\n")
    path.chmod(0o755)


def installed(home: Path, idx: dict[str, bytes]) -> dict[str, str]:
    """An environment in which `dpkg` lists these files as those of the installed package."""
    env = offline(write(home, idx))
    script(home, "dpkg", f"for name in {home}/*.gz; do echo $name; done")
    return env


def test_a_wrong_or_broken_file_and_every_source_are_named(workspace: Path) -> None:
    zeros = dict.fromkeys(data_sets.CHECKSUMS, encode(np.zeros((2, 28, 28), np.uint8)))
    env = installed(workspace / "home", zeros)
    path = workspace / "home/train-images-idx3-ubyte.gz"
    message = error_line(run_stage("fetch", env))
    assert f"{path.stem} from Debian's package" in message
    assert "is not the official file" in message
    path.write_bytes(path.read_bytes()[:-9])
    assert f"{path} is broken" in error_line(run_stage("fetch", env))
    path.unlink()  # then the other sources are tried
    assert f"installed (it has no {path.name})" in error_line(run_stage("fetch", env))
    script(path.parent, "dpkg", "echo 'not installed' >&2; exit 1")
    script(path.parent, "apt-get", 'case "$*" in *download*) : > a.deb;; esac')
    script(path.parent, "dpkg-deb", "echo 'not a Debian package' >&2; exit 2")
    message = error_line(run_stage("fetch", env))
    assert "installed (not installed)" in message
    assert "keras.datasets.fashion_mnist (URL fetch failure" in message
    assert "downloaded (not a Debian package)" in message
    assert "fetch.source=digits" in message
    assert not Path("data/raw").exists()


@pytest.mark.slow
def test_every_source_gives_the_official_images(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first source is the one that `dvc repro load` finds."""
    clone = Clone.of_workspace(tmp_path / "clone", fetch={"source": "fashion-mnist"})
    try:
        clone.run("dvc", "repro", "load")
    except AssertionError as error:
        if data_sets.UNAVAILABLE in str(error) and "CI" not in os.environ:
            pytest.skip(data_sets.UNAVAILABLE)
        raise
    data, official = clone.folder / "data", {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images, labels = (np.load(data / f"images/{split}_{x}.npy") for x in ("images", "labels"))
        for name, array in (("images-idx3", images[..., 0]), ("labels-idx1", labels)):
            official[f"{prefix}-{name}-ubyte"] = encode(array)
    # The checksum of the official file with its header (Fashion-MNIST's README names its MD5).
    md5 = hashlib.md5(official["train-labels-idx1-ubyte"]).hexdigest()
    assert md5 == "9018921c3c673c538a1fc5bad174d6f9"
    write(workspace / "b/.keras/datasets/fashion-mnist", official)
    code = "from pipeline import data_sets; data_sets.fashion_mnist()"  # verifies the checksums
    (line,) = run_python("-c", code, env=offline(workspace / "b")).stdout.splitlines()
    assert "keras.datasets.fashion_mnist" in line.split(";")[0]
    monkeypatch.setenv("PATH", installed(workspace / "a", official)["PATH"])
    arrays = data_sets.from_installed_package()
    assert [hashlib.sha256(x.tobytes()).hexdigest() for x in arrays] == list(
        data_sets.CHECKSUMS.values()
    )
