"""Folders of pictures as data: the stages load, split and add_noise."""

import bz2
import csv
import lzma
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.base import files
from pipeline.base.errors import InputError
from stages import add_noise, load, split
from tests.conftest import SetParams, write_csv


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


def images(split: str) -> list[list[int]]:
    loaded: list[list[int]] = np.load(f"data/images/{split}_images.npy").tolist()
    return loaded


def labels(split: str) -> list[int]:
    loaded: list[int] = np.load(f"data/images/{split}_labels.npy").tolist()
    return loaded


def test_sub_folders_are_classes_in_alphabetical_order(folders: SetParams) -> None:
    for name in ("train", "test"):
        save(f"{name}/dogs/b.png", [[1]])
        save(f"{name}/cats/deep/z.png", [[2]])
        save(f"{name}/dogs/a.png", [[3]])
        Path(name, ".DS_Store").touch()
    load.main()
    assert images("train") == [[2], [3], [1]]
    assert labels("train") == [0, 1, 1]


def test_without_sub_folders_or_with_label_null_there_are_no_labels(folders: SetParams) -> None:
    save("train/a/one.png", [[5]])
    save("test/one.png", [[6]])
    load.main()
    assert labels("train") == [0]
    assert labels("test") == [-1]
    folders(load={"label": None})
    load.main()
    assert labels("train") == [-1]


def test_pictures_are_cut_into_squares(
    folders: SetParams, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = np.arange(12).reshape(3, 4)
    for name in ("train", "test"):
        save(f"{name}/a.png", picture)
        save(f"{name}/small.png", [[1, 2, 3, 4]])
    folders(load={"side": 2, "stride": 1})
    load.main()
    assert images("train")[:4] == [[0, 1, 4, 5], [1, 2, 5, 6], [2, 3, 6, 7], [4, 5, 8, 9]]
    assert "train/small.png is left out: 4x1 pixels" in capfd.readouterr().out
    with open("data/images/train_pictures.csv") as file:
        assert list(csv.reader(file))[1:] == [["a.png", "4", "3", "6"]]
    folders(load={"side": 2, "stride": None, "limit": 3})
    load.main()
    assert images("test") == [[0, 1, 4, 5], [2, 3, 6, 7], [4, 5, 8, 9]]


def test_colors_are_loaded_as_rgb_or_as_gray(folders: SetParams) -> None:
    for name in ("train", "test"):
        save(f"{name}/a.png", [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]])
    folders(load={"color": "rgb"})
    load.main()
    assert images("train") == [[255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]]
    folders(load={"color": "gray"})
    load.main()
    assert images("train") == [[76, 150, 29, 9]]  # ITU-R 601: 0.299, 0.587, 0.114


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ({}, "train: the folder has no pictures"),
        ({"a.png": (2, 3)}, r"train/a\.png has 3x2 pixels.*load\.side"),
        ({"a.png": (2, 2), "b.png": (3, 3)}, r"train/b\.png has 3x3 pixels.*load\.side"),
        ({"a/a.png": (2, 2), "b.png": (2, 2)}, r"b\.png is in none of them"),
    ],
)
def test_folders_that_are_rejected(
    folders: SetParams, pictures: dict[str, tuple[int, int]], message: str
) -> None:
    Path("train").mkdir()
    for name, shape in pictures.items():
        save(f"train/{name}", np.zeros(shape))
    with pytest.raises(InputError, match=message):
        load.main()
    assert not Path("data/images").exists()


def test_pictures_that_are_all_too_small_are_an_error(folders: SetParams) -> None:
    save("train/a.png", np.zeros((5, 9)))
    folders(load={"side": 6})
    with pytest.raises(InputError, match="no pictures of at least 6x6 pixels"):
        load.main()


def test_a_file_that_is_no_picture_is_named(folders: SetParams) -> None:
    save("train/a.png", [[1]])
    Path("train/notes.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"train/notes\.txt"):
        load.main()
    assert not Path("data/images").exists()


def test_names_that_are_not_utf_8_and_several_pages(
    folders: SetParams, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("train", "test"):
        random_pictures(name, 3, 2, 2)
        Path(name, "p0.png").rename(os.fsdecode(f"{name}/caf".encode() + b"\xe9.png"))
        small = os.fsdecode(f"{name}/smal".encode() + b"\xe9.tif")
        page = Image.new("L", (1, 1))
        page.save(small, save_all=True, append_images=[page])
    folders(load={"side": 2, "noisy_train": "train", "train": "./train", "noisy_test": "test"})
    load.main()
    split.main()
    printed = capfd.readouterr().out
    assert r"train/smal\udce9.tif is left out: 1x1 pixels" in printed
    assert "only the first of its 2 pages or frames is read" in printed
    folders(load={"test": "./test"}, noise={"kind": "pairs"})
    add_noise.main()
    np.testing.assert_array_equal(np.load("data/noisy/x_val.npy"), np.load("data/split/x_val.npy"))


def test_folders_with_different_classes_are_rejected(folders: SetParams) -> None:
    save("train/cats/a.png", [[1]])
    save("train/dogs/a.png", [[1]])
    save("test/dogs/a.png", [[1]])
    with pytest.raises(InputError, match="only one of them has cats"):
        load.main()


def test_the_validation_set_has_no_square_of_a_training_picture(folders: SetParams) -> None:
    random_pictures("train", 10, 6, 6)
    random_pictures("test", 1, 6, 6)
    folders(load={"side": 3})
    load.main()
    split.main()
    rows = {name: np.load(f"data/split/rows_{name}.npy") for name in ("train", "val")}
    pictures = {name: set((values // 4).tolist()) for name, values in rows.items()}
    assert len(pictures["train"]) == 8
    assert pictures["train"] | pictures["val"] == set(range(10))
    assert sorted([*rows["train"], *rows["val"]]) == list(range(40))
    x, all_images = np.load("data/split/x_val.npy"), np.array(images("train"))
    assert (np.rint(x * 255) == all_images[rows["val"]]).all()


@pytest.fixture
def pairs(folders: SetParams) -> SetParams:
    """A workspace with folders of clean and noisy pictures of 6x4 pixels."""
    for seed, name in enumerate(["train", "test", "noisy_train", "noisy_test"]):
        random_pictures(name, 5, 4, 6, seed)
    folders(
        load={"side": 2, "noisy_train": "noisy_train", "noisy_test": "noisy_test"},
        noise={"kind": "pairs"},
    )
    return folders


def test_pairs_belong_to_the_same_picture_and_place(pairs: SetParams) -> None:
    load.main()
    split.main()
    add_noise.main()
    assert sorted(path.name for path in Path("data/noisy").iterdir()) == [
        "x_test.npy", "x_train.npy", "x_val.npy",
    ]  # fmt: skip
    for name, source in (("train", "train"), ("val", "train"), ("test", "test")):
        clean, noisy = (files.load_npy(f"data/{kind}/x_{name}.npy") for kind in ("split", "noisy"))
        assert clean.shape == noisy.shape
        clean_squares, noisy_squares = squares_of(source), squares_of(f"noisy_{source}")
        for a, b in zip(clean, noisy, strict=True):
            place = clean_squares.index(np.rint(a * 255).tolist())
            assert np.rint(b * 255).tolist() == noisy_squares[place]


def squares_of(folder: str) -> list[list[float]]:
    """All squares of 2x2 pixels of the pictures of a folder, cut by hand."""
    result = []
    for path in sorted(Path(folder).iterdir()):
        pixels = np.asarray(Image.open(path), float)
        result += [pixels[y : y + 2, x : x + 2].ravel().tolist() for y in (0, 2) for x in (0, 2, 4)]
    return result


def rename(folder: str) -> None:
    Path(folder, "p3.png").rename(Path(folder, "q.png"))


def crop(folder: str) -> None:
    save(f"{folder}/p3.png", np.zeros((4, 5)))


def delete(folder: str) -> None:
    Path(folder, "p4.png").unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename, r"has p4\.png,6,4,6 instead of p3\.png,6,4,6"),
        (crop, r"has p3\.png,5,4,6 instead of p3\.png,6,4,6"),
        (delete, r"has nothing instead of p4\.png"),
    ],
)
def test_pairs_that_do_not_match_are_rejected(
    pairs: SetParams, change: Callable[[str], None], message: str
) -> None:
    change("noisy_train")
    load.main()
    split.main()
    with pytest.raises(InputError, match=message):
        add_noise.main()
    assert not Path("data/noisy").exists()


def test_pairs_of_csvs_must_have_the_same_number_of_images(set_params: SetParams) -> None:
    paths = {"train": 6, "test": 3, "noisy_train": 5, "noisy_test": 3}
    for name, rows in paths.items():
        write_csv(Path(f"{name}.csv"), rows)
    set_params(load={name: f"{name}.csv" for name in paths}, noise={"kind": "pairs"})
    load.main()
    split.main()
    with pytest.raises(InputError, match=re.escape("noisy_train.csv has 5 images of 9 values")):
        add_noise.main()


@pytest.mark.parametrize("kind", ["zip", "bzip2", "xz"])
def test_other_compressed_files_are_named(set_params: SetParams, kind: str) -> None:
    write_csv(Path("train.csv"), 6)
    content = Path("train.csv").read_bytes()
    if kind == "zip":
        with zipfile.ZipFile("train", "w") as archive:
            archive.write("train.csv")
    else:
        Path("train").write_bytes({"bzip2": bz2, "xz": lzma}[kind].compress(content))
    set_params(load={"train": "train", "test": "train.csv"})
    with pytest.raises(InputError, match=f"^train is compressed with {kind}: extract the CSV"):
        load.main()
    assert not Path("data/images").exists()
