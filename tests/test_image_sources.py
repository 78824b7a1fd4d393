"""Folders of pictures and CSVs as data: load, split and add_noise."""

import bz2
import itertools
import lzma
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from denoiser.base.errors import InputError
from pipeline.base.npy import open_npy
from stages import add_noise, load, split
from tests.conftest import SetParams, write_csv

Load = Callable[..., None]


def save(path: str, pixels: object) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


@pytest.fixture
def load_with(set_params: SetParams) -> Load:
    """Runs `load` on the folders `train` and `test`, with parameters of the section `load`."""

    def run(**params: Any) -> None:
        set_params(load={"train": "train", "test": "test"} | params)
        load.main()

    return run


def loaded(name: str) -> Any:
    """The pixels of each gray image, or the labels, that `load` wrote."""
    array = np.load(f"data/images/{name}.npy")
    return array.reshape(len(array), -1).tolist() if array.ndim > 1 else array.tolist()


def test_sub_folders_are_classes_in_alphabetical_order(load_with: Load) -> None:
    for name, value in {"dogs/b.png": 1, "cats/deep/z.png": 2, "dogs/a.png": 3}.items():
        save(f"train/{name}", [[value]])
    save("test/one.png", [[6]])
    Path("train/.DS_Store").touch()
    load_with()
    assert loaded("train_images") == [[2], [3], [1]]
    assert loaded("train_labels") == [0, 1, 1]
    assert loaded("test_labels") == [-1]
    load_with(label=None)
    assert loaded("train_labels") == [-1, -1, -1]


def test_pictures_are_cut_into_squares(load_with: Load, capfd: pytest.CaptureFixture[str]) -> None:
    """They cover a picture; the last ones end at its edges."""
    for name in ("train", "test"):
        save(f"{name}/a.png", np.arange(12).reshape(3, 4))
        save(f"{name}/small.png", [[1, 2, 3, 4]])
    load_with(side=2, stride=1)
    assert loaded("train_images")[2:5] == [[2, 3, 6, 7], [4, 5, 8, 9], [5, 6, 9, 10]]
    assert "train/small.png is left out: 4x1 pixels" in capfd.readouterr().out
    assert Path("data/images/train_pictures.csv").read_text().endswith("\na.png,4,3,6\n")
    save("test/a.png", np.arange(15).reshape(3, 5))
    load_with(side=2, stride=None, limit=5)
    squares = [[0, 1, 5, 6], [2, 3, 7, 8], [3, 4, 8, 9], [5, 6, 10, 11], [7, 8, 12, 13]]
    assert loaded("test_images") == squares


def test_folders_that_are_rejected(load_with: Load) -> None:
    save("test/dogs/a.png", [[1]])
    cases: list[tuple[dict[str, tuple[int, int]], int | None, str]] = [
        ({}, None, "train: the folder has no pictures"),
        ({"a.png": (2, 3)}, None, r"train/a\.png has 3x2 pixels.*load\.side"),
        ({"a.png": (2, 2), "b.png": (3, 3)}, None, r"train/b\.png has 3x3 pixels.*load\.side"),
        ({"a/a.png": (2, 2), "b.png": (2, 2)}, None, r"b\.png is in none of them"),
        ({"a.png": (5, 9)}, 6, "no pictures of at least 6x6 pixels"),
        ({"cats/a.png": (1, 1), "dogs/a.png": (1, 1)}, None, "only one of them has cats"),
        ({"a.png": (2, 2)}, None, "train has images of 2x2 .* test of 1x1"),
    ]
    for pictures, side, message in cases:
        shutil.rmtree("train", ignore_errors=True)
        Path("train").mkdir()
        for name, shape in pictures.items():
            save(f"train/{name}", np.zeros(shape))
        with pytest.raises(InputError, match=message):
            load_with(side=side)
        assert not Path("data/images").exists()


def test_other_archives_than_gzip_and_linked_folders_are_rejected(load_with: Load) -> None:
    archives = {"zip": b"PK\x03\x04", "bzip2": bz2.compress(b"1,2"), "xz": lzma.compress(b"1,2")}
    for kind, archive in archives.items():
        Path("train").write_bytes(archive)
        with pytest.raises(InputError, match=f"^train is compressed with {kind}: extract the CSV"):
            load_with()
    Path("train").unlink()
    for name in ("train/dogs/a.png", "cats/b.png"):
        save(name, [[1]])
    Path("train/cats").symlink_to("../cats")
    with pytest.raises(InputError, match="^train/cats is a link to a folder, which DVC does not"):
        load_with()


def test_names_that_are_not_utf_8_and_what_is_not_read_are_printed(
    load_with: Load, set_params: SetParams, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, number in itertools.product(("train", "test"), range(3)):
        save(os.fsdecode(f"{name}/{number}".encode() + b"\xe9.png"), [[number, 7], [8, 9]])
    page = Image.new("CMYK", (1, 1))
    page.save(os.fsdecode(b"train/smal\xe9.tif"), save_all=True, append_images=[page])
    Image.fromarray(np.full((1, 1), 999, np.uint16)).save("train/tiny.png")
    load_with(side=2, noisy_train="train", train="./train", noisy_test="test", test="./test")
    split.main()
    printed = capfd.readouterr().out
    assert r"train/smal\udce9.tif is left out: 1x1 pixels" in printed
    assert "its CMYK colors are converted to RGB" in printed
    assert "only the first of its 2 pages or frames is read" in printed
    assert "train/tiny.png: its 16 bits per channel are reduced to 8" in printed
    set_params(noise={"kind": "pairs"})
    add_noise.main()
    assert (open_npy("data/noisy/x_val.npy") == open_npy("data/split/x_val.npy")).all()


@pytest.fixture
def pairs(set_params: SetParams) -> None:
    """A workspace with folders of clean pictures of 6x4 pixels and their negatives."""
    rng = np.random.default_rng(0)
    for name, number in itertools.product(("train", "test"), range(5)):
        pixels = rng.integers(0, 256, (4, 6))
        save(f"{name}/p{number}.png", pixels)
        save(f"noisy_{name}/p{number}.png", 255 - pixels)
    paths = {"noisy_train": "noisy_train", "noisy_test": "noisy_test"}
    set_params(load=paths | {"side": 2}, noise={"kind": "pairs"})


def test_pairs_are_of_one_place_and_pictures_are_not_divided(pairs: None, load_with: Load) -> None:
    load_with()
    split.main()
    add_noise.main()
    images, rows = np.load("data/images/train_images.npy") / 255, {}
    for name in ("train", "val"):
        rows[name] = np.load(f"data/split/rows_{name}.npy")
        clean, noisy = (open_npy(f"data/{kind}/x_{name}.npy") for kind in ("split", "noisy"))
        np.testing.assert_allclose(clean, images[rows[name]], atol=1e-6)
        np.testing.assert_allclose(noisy, 1 - clean, atol=1e-6)
    assert not {*rows["train"] // 6} & {*rows["val"] // 6}  # a picture has six squares


def test_pairs_that_do_not_match_are_rejected(pairs: None, load_with: Load) -> None:
    load_with()
    path = Path("noisy_train/p3.png")
    changes: list[tuple[Callable[[], object], str]] = [
        (path.with_name("p4.png").unlink, r"has nothing instead of p4\.png"),
        (lambda: save(str(path), np.zeros((4, 5))), r"has p3\.png,5,4,6 instead of p3\.png,6"),
        (lambda: path.rename(path.with_name("q.png")), r"has q\.png,.* instead of p3\.png,"),
    ]
    for change, message in changes:
        change()
        with pytest.raises(InputError, match=message):
            add_noise.main()
        assert not Path("data/noisy").exists()


def test_pairs_of_csvs_must_have_the_same_number_of_images_in_the_same_order(
    set_params: SetParams, capfd: pytest.CaptureFixture[str]
) -> None:
    names = "train", "test", "noisy_train", "noisy_test"
    set_params(load={name: f"{name}.csv" for name in names}, noise={"kind": "pairs"})
    table = write_csv(Path("test.csv"), 9).assign(label=np.arange(9) // 2)
    for name in names:
        order = [0, 1, 4, 5, 2, 3, 6, 7, 8] if name == "noisy_train" else [*range(9)]
        table.iloc[order].to_csv(f"{name}.csv", index=False)
    for label in ("label", None):
        for name in names if label is None else ():
            pd.read_csv(f"{name}.csv").drop(columns="label").to_csv(f"{name}.csv", index=False)
        set_params(load={"label": label})
        load.main()
        split.main()
        if label:
            message = r"noisy_train\.csv must .* 4 of their labels differ, first that of row 3"
            with pytest.raises(InputError, match=message):
                add_noise.main()
            assert not Path("data/noisy").exists()
    capfd.readouterr()
    add_noise.main()
    first, second = capfd.readouterr().out.splitlines()
    assert first == "row n of noisy_train.csv is taken as the noisy copy of row n of train.csv"
    assert "row n of noisy_test.csv" in second
    pd.read_csv("noisy_train.csv")[:5].to_csv("noisy_train.csv", index=False)
    with pytest.raises(InputError, match=r"noisy_train\.csv has .*\(5, 3, 3, 1\)"):
        add_noise.main()
