"""pipeline/image_csv.py: the files that it reads and those that it rejects."""

import csv
import io
import itertools
import re
import tracemalloc

import numpy as np
import pytest

from denoiser.base.images import COLORS
from pipeline import image_csv

Rows = tuple[list[int] | None, list[list[int]]]  # labels and images


def read(text: str | bytes, label: str | None = "label", color: str = "gray") -> Rows:
    """Labels, if any, and the values of each image of a CSV."""
    file = io.BytesIO(text.encode() if isinstance(text, str) else text)
    labels, images = zip(*image_csv.read(file, label, color), strict=True)
    assert {block.dtype for block in images} == {np.dtype("u1")}
    assert {block.shape[2:] for block in images} == {(images[0].shape[1], COLORS[color])}
    values = [image.ravel().tolist() for block in images for image in block]
    return None if labels[0] is None else np.concatenate(labels).tolist(), values


def pixel_names(count: int, first: int = 1) -> str:
    return ",".join(f"pixel{number}" for number in range(first, first + count))


HEADER = "label,pixel1,pixel2,pixel3,pixel4\n"
PLAIN = HEADER + "7,0,1,2,255\n0,9,8,7,6\n"
FER = "emotion,pixels,Usage\n7,0 1 2 255,Training\n0,9 8 7 6,PublicTest\n"
FORMATS: list[tuple[str, str | None]] = [  # and load.label, which is in the last cases not a column
    (PLAIN.removesuffix("\n"), "label"),
    ("\ufeff" + PLAIN.replace("\n", "\r\n"), "label"),  # a byte-order mark
    ('"label","pixel1","pixel2","pixel3","pixel4"\n7,"0","1","2","255"\n0,9,8,7,6\n', "label"),
    ("pixel4,pixel2,class,pixel1,pixel3\n255,1,7,0,2\n6,8,0,9,7\n", "class"),
    ("\n" + PLAIN.replace("\n", "\n\n") + "\n", "label"),
    (PLAIN.replace(",1,", ",0000001,").replace("pixel4", "pixel004"), "label"),
    (PLAIN.replace("7,0,1,2,255", '7.0,"00.0",1.00,2,255.0'), "label"),
    ("2x1,1x2,label,1x1,2x2\n2,1,7,0,255\n7,8,0,9,6\n", "label"),
    ('"7","0","1","2","255"\r\n0.0,9.0,8.0,7.0,6.0', "label"),  # no header
    (",label,0,1,2,3\n0,7,0.0,1.0,2.0,255.0\n1000,0,9.0,8.0,7.0,6.0\n", "label"),
    ("Unnamed: 0.1,Unnamed: 0,label,0,1,2,3\n0,a,7,0,1,2,255\n1,b,0,9,8,7,6\n", "label"),
    ("d,label,a,c,b\n0,7,1,2,255\n9,0,8,7,6\n", "label"),
    (FER, "emotion"),
    ('emotion, Usage, pixels\n7,"a, b"," 0  1 2 255 "\n0,," 9 8 7 6"', "emotion"),
    (FER, None),
    ("pixels\n0 1 2 255\n\n9 8 7 6\n", "emotion"),
    ("pixel0,pixel1,pixel2,pixel3\n0,1,2,255\n9,8,7,6\n", "label"),
    ("\ufeff0,1,2,255\n9,8,7,6\n", None),
    (",0,1,2,3\n0,0,1,2,255\n1,9,8,7,6\n", None),
]


@pytest.mark.parametrize(("text", "label"), FORMATS)
def test_reads_each_format(text: str, label: str | None) -> None:
    labels = [7, 0] if (text, label) in FORMATS[:14] else None
    assert read(text, label) == (labels, [[0, 1, 2, 255], [9, 8, 7, 6]])


CELLS = "256 -1 12.5 12. .0 1.0.0 256.0 -1.0 0x1 1e1 +1 nan ٣ 00000001".split()


@pytest.mark.parametrize("cell", [*CELLS, "", " 1", '"1,1"', "9" * 400])
@pytest.mark.parametrize("label", ["0", '"0"'])
def test_an_invalid_cell_is_named(cell: str, label: str) -> None:
    shown = cell.strip('"')[:20]
    column = f"column 'pixel2': '{shown}' is not an integer from 0 to 255"
    with pytest.raises(ValueError, match=re.escape(f"row 2 (line 4): {column}")):
        read(HEADER + f"1,0,0,0,0\n\n{label},0,{cell},0,0\n1,0,0,0,0\n")


TO_RGB, TO_GRAY, TO_NULL = "set load.color to rgb", "set load.color to gray", "load.label to null"
INVALID: list[tuple[str | bytes, str | None, str, str]] = [
    ("", "label", "gray", "empty"),
    (HEADER + "\n", "label", "gray", "no rows"),
    (PLAIN.encode("utf-16"), "label", "gray", "not CSV in UTF-8"),
    (PLAIN.replace("\n", "\r"), "label", "gray", "not CSV"),
    ("label,label,pixel1\n1,2,3\n", "label", "gray", "'label' appears twice"),
    (f"label,{pixel_names(4)},id\n1,2,3,4,5,6\n", "label", "gray", "column 'id' is neither"),
    ("pixel1,pixel2,pixel4,pixel5\n1,2,3,4\n", "label", "gray", "pixel 3 is missing"),
    (f"label,{pixel_names(4, 2)}\n1,2,3,4,5\n", "label", "gray", "pixel 1 is missing"),
    ("label,pixel1,pixel2,pixel02,pixel3\n", "label", "gray", "pixel 3 is missing"),
    ("label,1x1,1x2,1x3,1x4\n1,2,3,4,5\n", "label", "gray", "pixel 2x1 is missing"),
    ("label\n1\n", "label", "gray", "images of 0 values"),
    (f"label,{pixel_names(5)}\n", "label", "gray", "images of 5 values"),
    ("0,1,2,3,4\n7,0,1,2,255\n", "label", "gray", "0,1,2,… is either a header or an image"),
    ("5;0;0;0;0\n", "label", "gray", "commas must separate"),
    ("1" * 1_000_000 + "x", "label", "gray", "neither a pixel nor the label"),
    (HEADER + "1," * (9 << 20), "label", "gray", "longer than any valid row"),
    (f"label,{pixel_names(257**2, 0)}\n1\n", "label", "gray", "larger than 256x256"),
    ("pixels\n" + "1 " * 257**2, None, "gray", "larger than 256x256"),
    (",label,pixel1\n0,1,2\n1,,2\n", "label", "gray", "row 2 (line 3): column 'label': ''"),
    ("1,2\n3,256\n", "label", "gray", "row 2 (line 2): column 'pixel1': '256'"),
    (PLAIN + "1,0\n1,0,0,0,0\n", "label", "gray", "row 3 (line 4): it has 2 cells instead of 5"),
    (HEADER + '1,0,"12,0,0\n', "label", "gray", "row 1 (line 2): the line is not CSV"),
    (HEADER.encode() + b"1,0,\xff,0,0\n", "label", "gray", "row 1 (line 2): the line is not CSV"),
    (FER + "\n1,1 2 3 256,a\n", "emotion", "gray", "row 3 (line 5): column 'pixels': '256'"),
    (FER + "\n1,1 2 3,a\n", "emotion", "gray", "row 3 (line 5): it has 4 values, but the first"),
    (FER + "\n1,1,2,a\n", "emotion", "gray", "row 3 (line 5): it has 4 cells instead of 3"),
    (f"label,{pixel_names(2352)}\n", "label", "gray", TO_RGB),
    (f"label,{pixel_names(784)}\n", "label", "rgb", TO_GRAY),
    (FER, "emotion", "rgb", TO_GRAY),
    ("1" + ",2" * 784, None, "gray", "or to any name if there is no header"),
    ("1" + ",2" * 783, "label", "gray", TO_NULL),
    (f"label,{pixel_names(4)}\n", None, "gray", "column 'label' is neither"),
    ("a,b,c,d\n1,2,3,4\n", "label", "gray", "load.label is 'label'"),
    (FER, "label", "gray", "column 'emotion' is neither"),
    ("pixels,pixel2\n1,2\n", None, "gray", "column 'pixels' is neither"),
]


@pytest.mark.parametrize(("text", "label", "color", "message"), INVALID)
def test_names_the_row_or_the_remedy(
    text: str | bytes, label: str | None, color: str, message: str
) -> None:
    with pytest.raises(ValueError) as error:
        read(text, label, color)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("separator", [",", " "])
def test_reads_the_largest_images(separator: str) -> None:
    pixels = pixel_names(3 * 256**2) if separator == "," else "pixels"
    text = f"label,{pixels}\n5,{separator.join(['254'] * 3 * 256**2)}\n"
    [(_, images)] = image_csv.read(io.BytesIO(text.encode()), "label", "rgb")
    assert images.shape == (1, 256, 256, 3)
    assert (images == 254).all()


def test_memory_does_not_grow_with_the_rows_while_the_labels_are_kept() -> None:
    peaks = []
    for rows in (1000, 10_000):
        file = io.BytesIO(("7" + ",200" * 784 + "\n").encode() * rows)
        tracemalloc.start()
        labels = [block for block, _ in image_csv.read(file) if block is not None]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (np.concatenate(labels) == np.full(rows, 7)).all()
    assert peaks[1] < 1.1 * peaks[0]


QUOTED = 'pixel0,pixel1,label,pixel2,pixel3\r\n"12","0",7,3,1\r\n4,"5",6.0,255,0\r\n'


@pytest.mark.parametrize(("text", "label"), [(PLAIN, 0), (QUOTED, 2)])
def test_a_changed_byte_in_a_row_is_read_correctly_or_rejected(text: str, label: int) -> None:
    valid = text.encode()
    places, rejected = range(text.index("\n") + 1, len(valid)), 0
    for place, new in itertools.product(places, [b"", *map(bytes, np.ndindex(256))]):
        changed = valid[:place] + new + valid[place + 1 :]
        try:
            result = read(changed)
        except ValueError:
            rejected += 1
            continue
        rows = [*filter(None, csv.reader(io.StringIO(changed.decode(), newline="")))][1:]
        images = [[int(float(cell)) for cell in row] for row in rows]
        assert result == ([image.pop(label) for image in images], images), changed
    assert rejected > 0.8 * 256 * len(places)
