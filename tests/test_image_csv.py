"""pipeline/image_csv.py: the files that it reads and those that it rejects."""

import csv
import io
import itertools
import re
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from denoiser.base.images import COLORS
from pipeline import image_csv

Rows = tuple[list[int] | None, list[list[int]]]  # labels and images


def read(
    text: str | bytes, label: str | None = "label", color: str = "gray", block: int = 10_000
) -> Rows:
    """Labels, if any, and the values of each image of a CSV that is read in blocks."""
    file = io.BytesIO(text.encode() if isinstance(text, str) else text)
    with mock.patch.object(image_csv, "BLOCK", block):
        label_blocks, image_blocks = zip(*image_csv.read(file, label, color), strict=True)
    images = np.concatenate(image_blocks)
    assert images.dtype == np.uint8
    assert images.shape[2:] == (images.shape[1], COLORS[color])
    values = images.reshape(len(images), -1).tolist()
    if label_blocks[0] is None:
        return None, values
    labels = np.concatenate(label_blocks)
    assert labels.dtype == np.uint8
    return labels.tolist(), values


def pixel_names(count: int, first: int = 1) -> str:
    return ",".join(f"pixel{number}" for number in range(first, first + count))


HEADER = "label,pixel1,pixel2,pixel3,pixel4\n"
PLAIN = HEADER + "7,0,1,2,255\n0,9,8,7,6\n"
IMAGES = [[0, 1, 2, 255], [9, 8, 7, 6]]
EXPECTED: Rows = ([7, 0], IMAGES)
FER = "emotion,pixels,Usage\n0,70 80 82 72,Training\n6,1 2 3 255,PublicTest\n"
FER_IMAGES = [[70, 80, 82, 72], [1, 2, 3, 255]]
FER_SPACES = 'emotion, Usage, pixels\n0,"a, b"," 70  80 82 72 "\n6,," 1 2 3 255"'
VARIANTS = [
    PLAIN,
    PLAIN.removesuffix("\n"),
    PLAIN.replace("\n", "\r\n"),
    "\ufeff" + PLAIN,  # a byte-order mark
    '"label","pixel1","pixel2","pixel3","pixel4"\n7,"0","1","2","255"\n0,9,8,7,6\n',
    "pixel4,pixel2,label,pixel1,pixel3\n255,1,7,0,2\n6,8,0,9,7\n",
    "\n" + PLAIN.replace("\n", "\n\n") + "\n",
    PLAIN.replace(",1,", ",0000001,"),
    PLAIN.replace("7,0,1,2,255", '7.0,"00.0",1.00,2,255.0'),
    PLAIN.replace("pixel4", "pixel004"),
    "2x1,1x2,label,1x1,2x2\n2,1,7,0,255\n7,8,0,9,6\n",
    '"7","0","1","2","255"\r\n0.0,9.0,8.0,7.0,6.0',
    ",label,pixel1,pixel2,pixel3,pixel4\n0,7,0.0,1.0,2.0,255.0\n1000,0,9.0,8.0,7.0,6.0\n",
    "Unnamed: 0.1,Unnamed: 0,label,0,1,2,3\n0,a,7,0,1,2,255\n1,b,0,9,8,7,6\n",
    "d,label,a,c,b\n0,7,1,2,255\n9,0,8,7,6\n",
]


@pytest.mark.parametrize(
    ("text", "label", "expected"),
    [
        *((text, "label", EXPECTED) for text in VARIANTS),
        ("pixel0,pixel1,pixel2,pixel3\n0,1,2,255\n9,8,7,6\n", "label", (None, IMAGES)),
        ("\ufeff0,1,2,255\n9,8,7,6\n", None, (None, IMAGES)),
        (",0,1,2,3\n0,0,1,2,255\n1,9,8,7,6\n", None, (None, IMAGES)),
        (FER, "emotion", ([0, 6], FER_IMAGES)),
        (FER, None, (None, FER_IMAGES)),
        (FER_SPACES, "emotion", ([0, 6], FER_IMAGES)),
        ("pixels\n70 80 82 72\n\n1 2 3 255\n", "emotion", (None, FER_IMAGES)),
    ],
)
def test_reads_each_format(text: str, label: str | None, expected: Rows) -> None:
    for block in (1, 30, 10_000):
        assert read(text, label, block=block) == expected


CELLS = "256 -1 12.5 12. .0 1.0.0 256.0 -1.0 0x1 1e1 nan ٣ 00000001".split()


@pytest.mark.parametrize("cell", [*CELLS, "", " 1", '"1,1"', "9" * 30])
@pytest.mark.parametrize("label", ["0", '"0"'])
def test_an_invalid_cell_is_named(cell: str, label: str) -> None:
    shown = cell.strip('"')[:20]
    column = f"column 'pixel2': '{shown}' is not an integer from 0 to 255"
    with pytest.raises(ValueError, match=re.escape(f"row 2 (line 4): {column}")):
        read(HEADER + f"1,0,0,0,0\n\n{label},0,{cell},0,0\n1,0,0,0,0\n")


INVALID: list[tuple[str | bytes, str]] = [
    ("", "empty"),
    (HEADER + "\n", "no rows"),
    ('"label,pixel1\n1,2\n', "not CSV"),
    (PLAIN.encode("utf-16"), "not CSV in UTF-8"),
    (PLAIN.replace("\n", "\r"), "not CSV"),
    ("label,label,pixel1\n1,2,3\n", "'label' appears twice"),
    ("label,pixel1,,\n1,2,3,4,5\n", "'' appears twice"),
    ("label,pixel1,pixel2,pixel3,pixel4,id\n1,2,3,4,5,6\n", "column 'id' is neither"),
    ("label,pixel1,pixel2,pixel3,Pixel4\n1,2,3,4,5\n", "column 'Pixel4' is neither"),
    ("pixel1,pixel2,pixel4,pixel5\n1,2,3,4\n", "pixel 3 is missing"),
    ("label,pixel2,pixel3,pixel4,pixel5\n1,2,3,4,5\n", "pixel 1 is missing"),
    ("label,1x1,1x2,1x3,1x4\n1,2,3,4,5\n", "pixel 2x1 is missing"),
    ("label\n1\n", "images of 0 values"),
    ("label,pixel1,pixel2,pixel3,pixel4,pixel5\n", "images of 5 values"),
    ("0,1,2,3,4\n7,0,1,2,255\n", "0,1,2,… is either a header or an image"),
    ("5;0;0;0;0\n", "commas must separate"),
    (b"\x00" * 100, "neither a pixel nor the label"),
    ("1" * 1_000_000 + "x", "neither a pixel nor the label"),
    ("x" * image_csv.MAX_LINE, "longer than any valid row"),
    (f"label,{pixel_names(257**2, 0)}\n1\n", "larger than 256x256"),
    (",label,pixel1\n0,1,2,\n", "row 1 (line 2): it has 4 cells instead of 3"),
    (",label,pixel1\n0,1,2\n1,,2\n", "row 2 (line 3): column 'label': ''"),
    ("1,2\n3,256\n", "row 2 (line 2): column 'pixel1': '256'"),
    (HEADER + "256,0,0,0,0\n", "row 1 (line 2): column 'label': '256'"),
    (HEADER + "1,0,0,0,0\n1,0,0,0,0,0\n", "row 2 (line 3): it has 6 cells instead of 5"),
    (HEADER + '1,0,"12,0,0\n', "row 1 (line 2): the line is not CSV"),
    (HEADER.encode() + b"1,0,\xff,0,0\n", "row 1 (line 2): the line is not CSV in UTF-8"),
    (HEADER + "1," * (9 << 20), "longer than any valid row"),
]
TO_RGB, TO_GRAY, TO_NULL = "set load.color to rgb", "set load.color to gray", "load.label to null"
UNSUITABLE = [
    (f"label,{pixel_names(2352)}\n", "label", "gray", TO_RGB),
    (f"label,{pixel_names(784)}\n", "label", "rgb", TO_GRAY),
    ("1" + ",2" * 784, None, "gray", "or to any name if there is no header"),
    ("1" + ",2" * 783, "label", "gray", TO_NULL),
    ("1" + ",2" * 48, "label", "gray", TO_NULL),  # or RGB, 4x4
    (FER, "emotion", "rgb", TO_GRAY),
    ("pixels\n1 2\n", None, "gray", "images of 2 values are not square"),
    ("pixels\n" + "1 " * 257**2, None, "gray", "larger than 256x256"),
    (f"emotion,{pixel_names(4)}\n", "label", "gray", "column 'emotion' is neither"),
    (f"label,{pixel_names(4)}\n", "digit", "gray", "load.label is 'digit'"),
    (f"label,{pixel_names(4)}\n", None, "gray", "column 'label' is neither"),
    ("a,b,c,d\n1,2,3,4\n", "label", "gray", "column 'a' is neither"),
    (FER, "label", "gray", "column 'emotion' is neither"),
    ("pixels,pixel2\n1,2\n", None, "gray", "column 'pixels' is neither"),
    (FER + "\n1,1 2 3 256,a\n", "emotion", "gray", "row 3 (line 5): column 'pixels': '256'"),
    (FER + "\n1,1 2 3,a\n", "emotion", "gray", "row 3 (line 5): it has 4 values, but the"),
    (FER + "\n1,1,2,a\n", "emotion", "gray", "row 3 (line 5): it has 4 cells instead of 3"),
]


@pytest.mark.parametrize(
    ("text", "label", "color", "message"),
    [*((text, "label", "gray", message) for text, message in INVALID), *UNSUITABLE],
)
def test_names_the_row_or_the_remedy(
    text: str | bytes, label: str | None, color: str, message: str
) -> None:
    for block in (7, 10_000):
        with pytest.raises(ValueError) as error:
            read(text, label, color, block)
        assert message in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("color", "count"), [("gray", 256**2), ("rgb", 3 * 256**2)])
def test_reads_the_largest_images(color: str, count: int) -> None:
    header = f"label,{pixel_names(count, 0)}\n"
    for text in (f"{header}5{',254' * count}\n", f"label,pixels\n5,{' 254' * count}\n"):
        [(_, images)] = image_csv.read(io.BytesIO(text.encode()), "label", color)
        assert images.shape == (1, 256, 256, COLORS[color])
        assert (images == 254).all()


def read_cell_by_cell(data: bytes) -> Rows:
    """Labels and images of a valid CSV with a label and numbered pixels."""
    header, *rows = filter(None, csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    label = header.index("label")
    pixels = sorted(set(range(len(header))) - {label}, key=lambda index: int(header[index][5:]))
    table = [[int(float(cell)) for cell in row] for row in rows]
    return [row[label] for row in table], [[row[i] for i in pixels] for row in table]


QUOTED = '"pixel0","label","pixel1","pixel2","pixel3"\r\n"12",3,"0",7,1\r\n4,"5",6.0,255,0\r\n'


@pytest.mark.parametrize("text", [PLAIN, QUOTED])
def test_a_changed_byte_is_read_correctly_or_rejected(text: str) -> None:
    valid = text.encode()
    rejected = 0
    for position, new in itertools.product(range(len(valid)), [b"", *map(bytes, np.ndindex(256))]):
        changed = valid[:position] + new + valid[position + 1 :]
        try:
            result = read(changed)
        except ValueError as error:
            assert "\n" not in str(error)
            rejected += 1
        else:
            assert result == read_cell_by_cell(changed), changed
    assert rejected > 0.8 * 256 * len(valid)


@given(
    data=st.data(),
    side=st.integers(1, 4),
    color=st.sampled_from([*COLORS]),
    kind=st.sampled_from(["pixel{}", "pixel{:04}", "{}x{}", "{}", "no header", "pixels"]),
    label=st.sampled_from([0, -1, None]),
    index=st.sampled_from([None, "", "Unnamed: 0"]),
    cell=st.sampled_from(["{}", "{}.0", '"{}"']),
    block=st.sampled_from([10, 1000]),
)
def test_a_table_in_any_format_is_read_back(
    data: st.DataObject, side: int, color: str, kind: str, label: int | None, index: str | None,
    cell: str, block: int,
) -> None:  # fmt: skip
    count = side**2 * COLORS[color]
    values = st.lists(st.integers(0, 255), min_size=count + 1, max_size=count + 1)
    table = data.draw(st.lists(values, min_size=1, max_size=4))
    axes = [side, side * COLORS[color]] if kind == "{}x{}" else [count]
    lines = [[kind.format(*place) for place in np.ndindex(*axes)]]
    lines += [[cell.format(value) for value in row[1:]] for row in table]
    if kind == "pixels":
        lines = [["pixels"], *([" ".join(map(str, row[1:]))] for row in table)]
    if label is not None:
        position = 0 if kind == "no header" or label == 0 else len(lines[0])
        for line, value in zip(lines, ["class", *(str(row[0]) for row in table)], strict=True):
            line.insert(position, value)
    if index is not None and kind != "no header":
        lines = [[str(row) if row else index, *line] for row, line in enumerate(lines)]
    lines = lines[kind == "no header" :]
    assume(not all(name.isdigit() for name in lines[0]) or kind == "no header")
    text = "\n".join(map(",".join, lines))
    assume(not text.startswith("0,1,2,3"))  # could be a header
    result = read(text, None if label is None else "class", color, block)
    assert result == (None if label is None else [x[0] for x in table], [x[1:] for x in table])
