"""Folders of pictures and CSVs as data: the stages load, split and add_noise."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoiser.errors import InputError
from pipeline import image_sources
from pipeline.npy import load_npy
from stages import add_noise, load, split
from tests.conftest import SetParams


def save(path: str, pixels: object) -> None:
    """Writes a picture."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def random_pictures(folder: str, count: int, height: int, width: int, seed: int = 0) -> None:
    """Writes gray pictures of random pixels, p0.png, p1.png, ..."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        save(f"{folder}/p{number}.png", rng.integers(0, 256, (height, width)))


@pytest.fixture
def folders(set_params: SetParams) -> SetParams:
    """A workspace whose data are the folders `train` and `test`."""
    set_params(load={"train": "train", "test": "test"})
    return set_params


def loaded(name: str) -> list[list[int]]:
    """The values of each image, or the labels, that `load` wrote."""
    array = np.load(f"data/images/{name}.npy")
    return array.reshape(len(array), -1).tolist() if array.ndim > 1 else array.tolist()


def test_cut_covers_an_image_and_the_last_squares_end_at_its_edges() -> None:
    image = np.arange(30, dtype=np.uint8).reshape(3, 5, 2)
    rows = list(image_sources.cut(image, 2, 2))
    assert [row.shape for row in rows] == [(3, 2, 2, 2)] * 2
    for row, y in zip(rows, (0, 1), strict=True):
        for square, x in zip(row, (0, 2, 3), strict=True):
            assert (square == image[y : y + 2, x : x + 2]).all()


def test_sub_folders_are_classes_in_alphabetical_order(folders: SetParams) -> None:
    for name in ("train", "test"):
        save(f"{name}/dogs/b.png", [[1]])
        save(f"{name}/cats/deep/z.png", [[2]])
        save(f"{name}/dogs/a.png", [[3]])
        Path(name, ".DS_Store").touch()
    load.main()
    assert loaded("train_images") == [[2], [3], [1]]
    assert loaded("train_labels") == [0, 1, 1]


def test_without_sub_folders_or_with_label_null_there_are_no_labels(folders: SetParams) -> None:
    save("train/a/one.png", [[5]])
    save("test/one.png", [[6]])
    load.main()
    assert loaded("train_labels") == [0]
    assert loaded("test_labels") == [-1]
    folders(load={"label": None})
    load.main()
    assert loaded("train_labels") == [-1]


def test_pictures_are_cut_into_squares(
    folders: SetParams, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("train", "test"):
        save(f"{name}/a.png", np.arange(12).reshape(3, 4))
        save(f"{name}/small.png", [[1, 2, 3, 4]])
    folders(load={"side": 2, "stride": 1})
    load.main()
    assert loaded("train_images")[2:5] == [[2, 3, 6, 7], [4, 5, 8, 9], [5, 6, 9, 10]]
    assert "train/small.png is left out: 4x1 pixels" in capfd.readouterr().out
    with open("data/images/train_pictures.csv") as file:
        assert list(csv.reader(file))[1:] == [["a.png", "4", "3", "6"]]
    folders(load={"side": 2, "stride": None, "limit": 3})
    load.main()
    assert loaded("test_images") == [[0, 1, 4, 5], [2, 3, 6, 7], [4, 5, 8, 9]]


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ("rgb", [[[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]]]),
        ("gray", [[[[76], [150]], [[29], [9]]]]),  # ITU-R 601: 0.299, 0.587, 0.114
    ],
)
def test_colors_are_loaded_as_rgb_or_as_gray(
    folders: SetParams, color: str, expected: list[object]
) -> None:
    for name in ("train", "test"):
        save(f"{name}/a.png", [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]])
    folders(load={"color": color})
    load.main()
    assert np.load("data/images/train_images.npy").tolist() == expected


@pytest.mark.parametrize(
    ("pictures", "side", "message"),
    [
        ({}, None, "train: the folder has no pictures"),
        ({"a.png": (2, 3)}, None, r"train/a\.png has 3x2 pixels.*load\.side"),
        ({"a.png": (2, 2), "b.png": (3, 3)}, None, r"train/b\.png has 3x3 pixels.*load\.side"),
        ({"a/a.png": (2, 2), "b.png": (2, 2)}, None, r"b\.png is in none of them"),
        ({"a.png": (5, 9)}, 6, "no pictures of at least 6x6 pixels"),
        ({"cats/a.png": (1, 1), "dogs/a.png": (1, 1)}, None, "only one of them has cats"),
        ({"a.png": (1, 1), "notes.txt": None}, None, r"train/notes\.txt"),
        ({"a.png": (2, 2)}, None, "train has images of 2x2 .* test of 1x1"),
    ],
)
def test_folders_that_are_rejected(
    folders: SetParams, pictures: dict[str, tuple[int, int] | None], side: int | None, message: str
) -> None:
    Path("train").mkdir()
    for name, shape in pictures.items():
        if shape is None:
            Path("train", name).write_text("no picture")
        else:
            save(f"train/{name}", np.zeros(shape))
    save("test/dogs/a.png", [[1]])
    folders(load={"side": side})
    with pytest.raises(InputError, match=message):
        load.main()
    assert not Path("data/images").exists()


def test_names_that_are_not_utf_8_and_several_pages(
    folders: SetParams, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("train", "test"):
        random_pictures(name, 3, 2, 2)
        Path(name, "p0.png").rename(os.fsdecode(f"{name}/caf".encode() + b"\xe9.png"))
        page = Image.new("L", (1, 1))
        small = os.fsdecode(f"{name}/smal".encode() + b"\xe9.tif")
        page.save(small, save_all=True, append_images=[page])
    folders(load={"side": 2, "noisy_train": "train", "train": "./train", "noisy_test": "test"})
    load.main()
    split.main()
    printed = capfd.readouterr().out
    assert r"train/smal\udce9.tif is left out: 1x1 pixels" in printed
    assert "only the first of its 2 pages or frames is read" in printed
    folders(load={"test": "./test"}, noise={"kind": "pairs"})
    add_noise.main()
    np.testing.assert_array_equal(
        load_npy("data/noisy/x_val.npy"), load_npy("data/split/x_val.npy")
    )
