"""Folders of pictures and CSVs as data: the stages load, split and add_noise."""

import bz2
import itertools
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoiser.errors import InputError
from pipeline import image_sources
from pipeline.npy import load_npy
from stages import add_noise, load, split
from tests.conftest import SetParams, write_csv


def save(path: str, pixels: object) -> None:
    """Writes a picture."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


@pytest.fixture
def folders(set_params: SetParams) -> SetParams:
    """A workspace whose data are the folders `train` and `test`."""
    set_params(load={"train": "train", "test": "test"})
    return set_params


def loaded(name: str) -> list[object]:
    """The values of each image, or the labels, that `load` wrote."""
    array = np.load(f"data/images/{name}.npy")
    return list(array.reshape(len(array), -1).tolist() if array.ndim > 1 else array.tolist())


def test_cut_covers_an_image_and_the_last_squares_end_at_its_edges() -> None:
    image = np.arange(30, dtype=np.uint8).reshape(3, 5, 2)
    expected = [[image[y : y + 2, x : x + 2] for x in (0, 2, 3)] for y in (0, 1)]
    np.testing.assert_array_equal(list(image_sources.cut(image, 2, 2)), expected)


def test_sub_folders_are_classes_in_alphabetical_order(folders: SetParams) -> None:
    for name, value in {"dogs/b.png": 1, "cats/deep/z.png": 2, "dogs/a.png": 3}.items():
        save(f"train/{name}", [[value]])
    save("test/one.png", [[6]])
    Path("train/.DS_Store").touch()
    load.main()
    assert loaded("train_images") == [[2], [3], [1]]
    assert loaded("train_labels") == [0, 1, 1]
    assert loaded("test_labels") == [-1]
    folders(load={"label": None})
    load.main()
    assert loaded("train_labels") == [-1, -1, -1]


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
    assert Path("data/images/train_pictures.csv").read_text().endswith("\na.png,4,3,6\n")
    folders(load={"side": 2, "stride": None, "limit": 3})
    load.main()
    assert loaded("test_images") == [[0, 1, 4, 5], [2, 3, 6, 7], [4, 5, 8, 9]]


def test_colors_are_loaded_as_rgb_or_as_gray(folders: SetParams) -> None:
    colors = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]]
    gray = [[[76], [150]], [[29], [9]]]  # ITU-R 601: 0.299, 0.587, 0.114
    for name in ("train", "test"):
        save(f"{name}/a.png", colors)
    for color, expected in {"rgb": colors, "gray": gray}.items():
        folders(load={"color": color})
        load.main()
        assert load_npy("data/images/train_images.npy").tolist() == [expected]


@pytest.mark.parametrize(
    ("pictures", "side", "message"),
    [
        ({}, None, "train: the folder has no pictures"),
        ({"a.png": (2, 3)}, None, r"train/a\.png has 3x2 pixels.*load\.side"),
        ({"a.png": (2, 2), "b.png": (3, 3)}, None, r"train/b\.png has 3x3 pixels.*load\.side"),
        ({"a/a.png": (2, 2), "b.png": (2, 2)}, None, r"b\.png is in none of them"),
        ({"a.png": (5, 9)}, 6, "no pictures of at least 6x6 pixels"),
        ({"cats/a.png": (1, 1), "dogs/a.png": (1, 1)}, None, "only one of them has cats"),
        ({"a.png": (2, 2)}, None, "train has images of 2x2 .* test of 1x1"),
    ],
)
def test_folders_that_are_rejected(
    folders: SetParams, pictures: dict[str, tuple[int, int]], side: int | None, message: str
) -> None:
    Path("train").mkdir()
    for name, shape in pictures.items():
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
        for number, file in enumerate([b"a.png", b"caf\xe9.png", b"z.png"]):
            save(os.fsdecode(f"{name}/".encode() + file), [[number, 7], [8, 9]])
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
    assert (load_npy("data/noisy/x_val.npy") == load_npy("data/split/x_val.npy")).all()


@pytest.fixture
def pairs(folders: SetParams) -> None:
    """A workspace with folders of clean and noisy pictures of 6x4 pixels."""
    rng = np.random.default_rng(0)
    for name, number in itertools.product("train test noisy_train noisy_test".split(), range(5)):
        save(f"{name}/p{number}.png", rng.integers(0, 256, (4, 6)))
    paths = {"noisy_train": "noisy_train", "noisy_test": "noisy_test"}
    folders(load={"side": 2, **paths}, noise={"kind": "pairs"})


def test_pairs_are_of_the_same_place_and_pictures_are_not_divided(pairs: None) -> None:
    load.main()
    split.main()
    add_noise.main()
    train, val = (np.load(f"data/split/rows_{name}.npy") for name in ("train", "val"))
    assert not {*train // 6} & {*val // 6}  # a picture has six squares
    for kind, folder in {"split": "train", "noisy": "noisy_train"}.items():
        pictures = [np.asarray(Image.open(path)) for path in sorted(Path(folder).iterdir())]
        places = itertools.product(pictures, (0, 2), (0, 2, 4))
        squares = np.stack([picture[y : y + 2, x : x + 2] for picture, y, x in places])
        for name, rows in {"train": train, "val": val}.items():
            x = load_npy(f"data/{kind}/x_{name}.npy")
            assert (np.rint(x[..., 0] * 255) == squares[rows]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.rename(path.with_name("q.png")), r"has p4\.png,.* instead of p3\.png,"),
        (lambda path: save(str(path), np.zeros((4, 5))), r"has p3\.png,5,4,6 instead of p3\.png,6"),
        (lambda path: path.with_name("p4.png").unlink(), r"has nothing instead of p4\.png"),
    ],
)
def test_pairs_that_do_not_match_are_rejected(
    pairs: None, change: Callable[[Path], None], message: str
) -> None:
    change(Path("noisy_train/p3.png"))
    load.main()
    with pytest.raises(InputError, match=message):
        add_noise.main()
    assert not Path("data/noisy").exists()


def test_pairs_of_csvs_must_have_the_same_number_of_images(set_params: SetParams) -> None:
    paths = {"train": 6, "test": 3, "noisy_train": 5, "noisy_test": 3}
    for name, rows in paths.items():
        write_csv(Path(f"{name}.csv"), rows)
    set_params(load={name: f"{name}.csv" for name in paths}, noise={"kind": "pairs"})
    load.main()
    with pytest.raises(InputError, match=r"noisy_train\.csv has .*\(5, 3, 3, 1\)"):
        add_noise.main()


def test_csvs_compressed_by_other_programs_than_gzip_are_rejected(folders: SetParams) -> None:
    archives = {"zip": b"PK\x03\x04", "bzip2": bz2.compress(b"1,2"), "xz": lzma.compress(b"1,2")}
    for kind, archive in archives.items():
        Path("train").write_bytes(archive)
        with pytest.raises(InputError, match=f"^train is compressed with {kind}: extract the CSV"):
            load.main()
