"""pipeline/image_io/image_csv.py: the files that it reads and those that it rejects."""

import contextlib
import csv
import io
import itertools
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.image_io import image_csv
from pipeline.image_io.image_csv_text import Color

Rows = tuple[list[int] | None, list[list[int]]]


def read(text: str | bytes, label: str | None = "label", color: Color = "gray") -> Rows:
    """Labels, if any, and images of a CSV."""
    data = text.encode() if isinstance(text, str) else text
    all_labels: list[int] = []
    all_images: list[list[int]] = []
    unlabeled = set()
    for labels, images in image_csv.read(io.BytesIO(data), label, color):
        assert images.dtype == np.uint8
        unlabeled.add(labels is None)
        if labels is not None:
            assert labels.dtype == np.uint8
            assert labels.shape == (len(images),)
            all_labels += labels.tolist()
        all_images += images.tolist()
    assert len(unlabeled) == 1
    return None if True in unlabeled else all_labels, all_images


HEADER = "label,pixel1,pixel2,pixel3,pixel4\n"
PLAIN = HEADER + "7,0,1,2,255\n0,9,8,7,6\n"
EXPECTED = ([7, 0], [[0, 1, 2, 255], [9, 8, 7, 6]])


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.removesuffix("\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r\n").removesuffix("\r\n"),
        "\ufeff" + PLAIN,  # a byte-order mark
        "label,pixel0,pixel1,pixel2,pixel3\n7,0,1,2,255\n0,9,8,7,6\n",
        '"label","pixel1","pixel2","pixel3","pixel4"\n7,"0","1","2","255"\n0,9,8,7,6\n',
        "pixel4,pixel2,label,pixel1,pixel3\n255,1,7,0,2\n6,8,0,9,7\n",
        PLAIN + "\n\n",
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace(",1,", ",001,"),
        PLAIN.replace(",1,", ",1.0,"),
        PLAIN.replace("7,0,1,2,255", '7.0,"00.0",1.00,2,255.0'),
        PLAIN.replace("pixel4", "pixel004"),
    ],
)
def test_reads_variants_of_the_schema(text: str) -> None:
    assert read(text) == EXPECTED


@pytest.mark.parametrize("size", [1, 2, 7, 40, 64])
def test_result_does_not_depend_on_the_block_size(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(image_csv, "BLOCK", size)
    assert read(PLAIN) == EXPECTED


def test_pixels_are_sorted_by_number_not_by_name() -> None:
    numbers = sorted(range(1, 17), key=str)  # 1, 10, 11, …
    header = ",".join(["label", *(f"pixel{number}" for number in numbers)])
    row = ",".join(["3", *map(str, numbers)])
    assert read(f"{header}\n{row}\n") == ([3], [list(range(1, 17))])


def numbered(count: int, first: int = 1, width: int = 1) -> str:
    """A header with the names of pixels."""
    return ",".join(f"pixel{number:0{width}}" for number in range(first, first + count))


RGB = list(range(100, 112))  # an RGB image of 2x2
FER = "emotion,pixels,Usage\n0,70 80 82 72,Training\n6,1 2 3 255,PublicTest\n"


@pytest.mark.parametrize(
    ("text", "label", "color", "expected"),
    [
        pytest.param(
            "label,pixel0,pixel1,pixel2,pixel3\n7,0,1,2,255\n", "label", "gray",
            ([7], [[0, 1, 2, 255]]), id="Digit Recognizer, train",
        ),
        pytest.param(
            "pixel0,pixel1,pixel2,pixel3\n0,1,2,255\n", "label", "gray",
            (None, [[0, 1, 2, 255]]), id="Digit Recognizer, test",
        ),
        pytest.param(
            "pixel0,pixel1,pixel2,pixel3\n0,1,2,255\n", None, "gray",
            (None, [[0, 1, 2, 255]]), id="Digit Recognizer, test, label=None",
        ),
        pytest.param(
            "label,1x1,1x2,2x1,2x2\n7,0,1,2,255\n", "label", "gray",
            ([7], [[0, 1, 2, 255]]), id="MNIST in CSV",
        ),
        pytest.param(
            "2x1,1x2,label,1x1,2x2\n2,1,7,0,255\n", "label", "gray",
            ([7], [[0, 1, 2, 255]]), id="row and column in any order",
        ),
        pytest.param(
            "7,0,1,2,255\n0,9,8,7,6\n", "label", "gray", EXPECTED, id="no header",
        ),
        pytest.param(
            '"7","0","1","2","255"\r\n0.0,9.0,8.0,7.0,6.0', "digit", "gray", EXPECTED,
            id="no header, quotes and floats",
        ),
        pytest.param(
            "\ufeff0,1,2,255\n9,8,7,6\n", None, "gray", (None, EXPECTED[1]),
            id="no header, no label, a byte-order mark",
        ),
        pytest.param(
            "pixel0000,pixel0001,pixel0002,pixel0003,label\n0,1,2,255,7\n9,8,7,6,0\n", "label",
            "gray", EXPECTED, id="HAM10000, gray",
        ),
        pytest.param(
            numbered(12, 0, width=4) + ",label\n" + ",".join(map(str, RGB)) + ",4\n", "label",
            "rgb", ([4], [RGB]), id="HAM10000, RGB",
        ),
        pytest.param(
            "3," + ",".join(map(str, RGB)) + "\n", "label", "rgb", ([3], [RGB]),
            id="no header, RGB",
        ),
        pytest.param(
            "label,1x1,1x2,1x3\n9,1,2,3\n", "label", "rgb", ([9], [[1, 2, 3]]),
            id="row and column, RGB",
        ),
        pytest.param(
            FER, "emotion", "gray", ([0, 6], [[70, 80, 82, 72], [1, 2, 3, 255]]), id="FER2013",
        ),
        pytest.param(
            FER, None, "gray", (None, [[70, 80, 82, 72], [1, 2, 3, 255]]),
            id="FER2013, label=None",
        ),
        pytest.param(
            'emotion, Usage, pixels\n0,"a, b"," 70  80 82 72 "\n', "emotion", "gray",
            ([0], [[70, 80, 82, 72]]), id="FER2013, spaces",
        ),
        pytest.param(
            "pixels\n70 80 82 72\n\n1 2 3 255\n", "emotion", "gray",
            (None, [[70, 80, 82, 72], [1, 2, 3, 255]]), id="FER2013, test",
        ),
        pytest.param(
            "emotion,pixels\n1,7 8 9\n", "emotion", "rgb", ([1], [[7, 8, 9]]),
            id="one cell, RGB",
        ),
        pytest.param(
            ",label,pixel1,pixel2,pixel3,pixel4\n0,7,0.0,1.0,2.0,255.0\n1000,0,9.0,8.0,7.0,6.0\n",
            "label", "gray", EXPECTED, id="pandas, an index without a name",
        ),
        pytest.param(
            "Unnamed: 0.1,Unnamed: 0,label,0,1,2,3\n0,a,7,0,1,2,255\n1,b,0,9,8,7,6\n", "label",
            "gray", EXPECTED, id="pandas, an index that was read and written, numbers as names",
        ),
        pytest.param(
            ",0,1,2,3\n0,0,1,2,255\n", None, "gray", (None, [[0, 1, 2, 255]]),
            id="pandas, an index, no label",
        ),
        pytest.param(
            "d,class,a,c,b\n0,7,1,2,255\n9,0,8,7,6\n", "class", "gray", EXPECTED,
            id="names without numbers",
        ),
    ],
)  # fmt: skip
def test_reads_other_formats(text: str, label: str | None, color: Color, expected: Rows) -> None:
    assert read(text, label, color) == expected


@pytest.mark.parametrize(
    ("block", "index", "expected"),
    [
        (b"1,2\n", 0, b"1,2\n"),
        (b'"1",""\r\n2,"3"\r\n', 0, b"1,\r\n2,3\r\n"),
        (b"1.0,2.0\r\n3.0,4\n", 0, b"1,2\r\n3,4\n"),
        (b"1.5,2.00,.0\n", 0, b"1.5,2.00,\n"),
        (b"9,1,2\n\n,3,4", 1, b"1,2\n\n3,4"),
        (b'a,b,1\n"c,d",2\n', 2, b'1\n"c,d",2\n'),
    ],
)
def test_simplify(block: bytes, index: int, expected: bytes) -> None:
    assert image_csv.simplify(block, index) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (HEADER, "no rows"),
        (HEADER + "\n\n", "no rows"),
        ("pixel1,pixel2,pixel4,pixel5\n1,2,3,4\n", "'pixel3' is missing"),
        ('"label,pixel1\n1,2\n', "first line is not"),
        ("label,label,pixel1\n1,2,3\n", "'label' appears twice"),
        ("label\n1\n", "0 pixel columns"),
        ("label,pixel1,pixel2,pixel3\n1,2,3,4\n", "3 pixel columns"),
        ("label,pixel1,pixel2,pixel3,pixel3\n1,2,3,4,5\n", "'pixel3' appears twice"),
        ("label,pixel1,pixel2,pixel3,pixel5\n1,2,3,4,5\n", "'pixel4' is missing"),
        ("label,pixel1,pixel2,pixel3,pixel4,id\n1,2,3,4,5,6\n", "column 'id'"),
        ("label,pixel1,pixel2,pixel3,pixel03\n1,2,3,4,5\n", "'pixel3' and 'pixel03' have the same"),
        ("label,pixel00,pixel01,pixel02,pixel04\n1,2,3,4,5\n", "column 'pixel03' is missing"),
        ("label,pixel2,pixel3,pixel4,pixel5\n1,2,3,4,5\n", "column 'pixel1' is missing"),
        ("label,1x1,1x2,2x1,2x3\n1,2,3,4,5\n", "column '1x3' is missing"),
        ("label,1x1,1x2,1x3,1x4\n1,2,3,4,5\n", "numbered as 1x4, which is not a square"),
        ("label,1x2,999999x1\n1,2,3\n", "column '1x1' is missing"),
        ("label,1x1x1,1x1x2,1x2x1,1x2x2\n1,2,3,4,5\n", "column '1x1x1' is neither 'label' nor"),
        ("label,pixel1,pixel2,pixel3,Pixel4\n1,2,3,4,5\n", "'Pixel4' is neither 'label' nor"),
        ("label,pixel1,,\n1,2,3,4,5\n", "'' appears twice"),
        ("label,pixel1,\n1,2,3\n", "column '' is neither 'label' nor a name like 'pixel1'"),
        (",label,pixel1\n0,1,2,\n", "row 1 (line 2) has 4 cells instead of 3"),
        (",label,pixel1\n0,1\n", "row 1 (line 2) has 2 cells instead of 3"),
        (",label,pixel1\n0,1,2\n1,,2\n", "row 2 (line 3), column 'label': ''"),
        ("1,2\n3,256\n", "row 2 (line 2), column '2': '256' is not an integer from 0 to 255"),
        ("1,-2\n", "row 1 (line 1), column '2': '-2'"),
        ("\n1,1e1\n", "row 1 (line 2), column '2': '1e1'"),
        ("1,2\n3,4,5\n", "row 2 (line 2) has 3 cells instead of 2"),
        ("0,1,2,3,4\n7,0,1,2,255\n", "first line, 0 to 4 in order, is either a header or an image"),
        ("5;0;0;0;0\n", "commas must separate"),
        (HEADER + "1,0,0,0,256\n", "row 1 (line 2), column 'pixel4': '256'"),
        (HEADER + "1,0,0,0,0\n\n1,-1,0,0,0\n", "row 2 (line 4), column 'pixel1': '-1'"),
        (HEADER + "1,0,12.5,0,0\n", "column 'pixel2': '12.5'"),
        (HEADER + "1,0,12.,0,0\n", "column 'pixel2': '12.'"),
        (HEADER + "1,0,.0,0,0\n", "column 'pixel2': '.0'"),
        (HEADER + "1,0,1.0.0,0,0\n", "column 'pixel2': '1.0.0'"),
        (HEADER + "1,0,256.0,0,0\n", "column 'pixel2': '256.0'"),
        (HEADER + "1,0,-1.0,0,0\n", "column 'pixel2': '-1.0'"),
        (HEADER + '1,0,"1,1",0\n', "row 1 (line 2) has 4 cells instead of 5"),
        (HEADER + '1,0,"1,1",0,0\n', "column 'pixel2': '1,1'"),
        (HEADER + "1,0,,0,0\n", "column 'pixel2': ''"),
        (HEADER + "1,0, 1,0,0\n", "column 'pixel2': ' 1'"),
        (HEADER + "1,0,0x1,0,0\n", "column 'pixel2': '0x1'"),
        (HEADER + "1,0,1e1,0,0\n", "column 'pixel2': '1e1'"),
        (HEADER + "1,0,nan,0,0\n", "column 'pixel2': 'nan'"),
        (HEADER + "1,0,٣,0,0\n", "column 'pixel2': '٣'"),
        (HEADER + '1,0,"1"2,0,0\n', "row 1 (line 2)"),
        (HEADER + '1,0,"12,0,0\n', "row 1 (line 2)"),
        (HEADER + "256,0,0,0,0\n", "column 'label': '256'"),
        (HEADER + "1,0,0,0\n", "row 1 (line 2) has 4 cells"),
        (HEADER + "1,0,0,0,0\n1,0,0,0,0,0\n", "row 2 (line 3) has 6 cells"),
        (PLAIN.replace(",", ";"), "no column 'label'"),
        (PLAIN.replace(",", "\t"), "no column 'label'"),
        (HEADER + "1;0;0;0;0\n", "row 1 (line 2) has 1 cells"),
        (PLAIN.encode("utf-16"), "first line is not"),
        (HEADER.encode() + b"1,0,\xff,0,0\n", "row 1 (line 2) is not CSV in UTF-8"),
        (PLAIN.replace("\n", "\r"), "first line is not"),
        (b"\x00" * 100, "no column 'label'"),
        ("1" * 1_000_000 + "x", "no column 'label'"),
        ("x" * image_csv.MAX_HEADER, "first line is longer"),
        (HEADER + "1," * (9 << 20), "one of its lines is longer"),
        ("label," + ",".join(f"pixel{n}" for n in range(257**2)) + "\n1\n", "larger than 256x256"),
    ],
)
def test_rejects_invalid_files(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError) as error:
        read(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1 2 3 256", "row 2 (line 4), column 'pixels': '256' is not an integer from 0 to 255"),
        ("1 2 3 -4", "row 2 (line 4), column 'pixels': '-4'"),
        ("1 2 3", "row 2 (line 4) has 3 numbers in column 'pixels' instead of 4"),
        ("1 2 3 4 5", "row 2 (line 4) has 5 numbers in column 'pixels' instead of 4"),
        ("", "row 2 (line 4) has 0 numbers in column 'pixels' instead of 4"),
        ("1,2", "row 2 (line 4) has 4 cells instead of 3"),
    ],
)
@pytest.mark.parametrize("size", [7, 1000])
def test_rejects_invalid_pixels_in_one_cell(
    monkeypatch: pytest.MonkeyPatch, cell: str, message: str, size: int
) -> None:
    monkeypatch.setattr(image_csv, "BLOCK", size)
    with pytest.raises(ValueError, match=re.escape(message)):
        read(f"emotion,pixels,Usage\n1,1 2 3 4,a\n\n1,{cell},b\n", "emotion")


RGB_28 = "2352 pixel columns, the size of an RGB image of 28x28: set load.color to rgb"
GRAY_28 = "784 pixel columns, the size of a gray image of 28x28: set load.color to gray"
NULL = "columns: if it has no labels, set load.label to null"
NAME = "columns: if the first one is the label, set load.label to a name for it, such as label"


@pytest.mark.parametrize(
    ("text", "label", "color", "message"),
    [
        (f"label,{numbered(2352)}\n", "label", "gray", RGB_28),
        (f"label,{numbered(784)}\n", "label", "rgb", GRAY_28),
        (numbered(2352), None, "gray", RGB_28),
        ("1" + ",2" * 2352, "label", "gray", RGB_28),
        ("1" + ",2" * 783, None, "rgb", GRAY_28),
        ("1" + ",2" * 784, None, "gray", f"no header and 785 {NAME}"),
        ("1" + ",2" * 2352, None, "gray", f"no header and 2353 {NAME}"),
        ("1" + ",2" * 783, "label", "gray", f"no header and 784 {NULL}"),
        ("1" + ",2" * 2351, "label", "gray", f"no header and 2352 {NULL}"),
        ("1" + ",2" * 48, "label", "gray", f"no header and 49 {NULL}"),  # or RGB, 4x4
        ("1" + ",2" * 5, "label", "gray", "5 pixel columns, which is not the size of a square"),
        (f"emotion,{numbered(4)}\n", "label", "gray", "'label', but for example 'emotion': set"),
        (f"emotion,{numbered(4)}\n", None, "gray", "if it is the label, set load.label"),
        (f"label,{numbered(4)}\n", "digit", "gray", "'label': set load.label to the name of the"),
        (f"label,{numbered(4)}\n", None, "gray", "a column 'label': set load.label to label"),
        ("a,b,c,d\n1,2,3,4\n", "label", "gray", "no column 'label', but for example 'a'"),
        (FER, "label", "gray", "'emotion': set load.label to the name of the label column"),
        ("label,pixels\n", None, "gray", "a column 'label': set load.label to label"),
        (FER, "emotion", "rgb", "row 1 (line 2) has 4 numbers in column 'pixels', the size of a "
         "gray image of 2x2: set load.color to gray"),
        ("pixels\n1 2 3\n", None, "gray", "an RGB image of 1x1: set load.color to rgb"),
        ("pixels\n1 2\n", None, "gray", "2 numbers in column 'pixels', which is not the size"),
        ("pixels\n" + "1 " * 257**2, None, "gray", "an image larger than 256x256"),
        ("pixels\n" + "1 " * (9 << 20), None, "gray", "one of its lines is longer"),
        ("pixels,pixel2\n1,2\n", None, "gray", "'pixels' is neither 'label' nor a name like"),
    ],
)  # fmt: skip
def test_errors_name_the_parameter_that_does_not_suit_the_file(
    text: str, label: str | None, color: Color, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read(text, label, color)


def test_errors_count_the_rows_of_earlier_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_csv, "BLOCK", 25)
    with pytest.raises(ValueError, match=r"row 9 \(line 10\), column 'pixel1': 'x'"):
        read(HEADER + "1,0,0,0,0\n" * 8 + "1,x,0,0,0\n")


@pytest.mark.parametrize(("color", "count"), [("gray", 256**2), ("rgb", 3 * 256**2)])
def test_reads_the_largest_images(color: Color, count: int) -> None:
    expected = ([5], [[255] * count])
    assert read(f"label,{numbered(count, 0)}\n5{',255' * count}\n", color=color) == expected
    assert read(f"5{',255' * count}\n", color=color) == expected
    assert read(f"label,pixels\n5,{' 255' * count}\n", color=color) == expected


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
    for position, byte in itertools.product(range(len(valid)), range(256)):
        changed = valid[:position] + bytes([byte]) + valid[position + 1 :]
        try:
            result = read(changed)
        except ValueError as error:
            assert "\n" not in str(error)
            rejected += 1
        else:
            assert result == read_cell_by_cell(changed), changed
    assert rejected > 0.8 * 256 * len(valid)
    for position in range(len(valid)):
        missing = valid[:position] + valid[position + 1 :]
        repeated = valid[: position + 1] + valid[position:]
        for changed in (missing, repeated):
            with contextlib.suppress(ValueError):
                assert read(changed) == read_cell_by_cell(changed), changed


def pixel_names(side: int, channels: int, kind: str) -> list[str]:
    """The names of the pixel columns in a format."""
    if kind == "1x1":
        axes = range(1, side + 1), range(1, side * channels + 1)
        return [f"{row}x{column}" for row, column in itertools.product(*axes)]
    return [kind.format(number) for number in range(side**2 * channels)]


@given(
    data=st.data(),
    side=st.integers(1, 4),
    color=st.sampled_from(["gray", "rgb"]),
    kind=st.sampled_from(["pixel{}", "pixel{:04}", "1x1", "{}", "no header", "one cell"]),
    label=st.sampled_from(["first", "last", None]),
    index=st.sampled_from([None, "", "Unnamed: 0"]),
    cell=st.sampled_from(["{}", "{}.0"]),
    block=st.sampled_from([10, 1000]),
)
def test_a_table_in_any_format_is_read_back(
    data: st.DataObject, side: int, color: Color, kind: str, label: str | None, index: str | None,
    cell: str, block: int,
) -> None:  # fmt: skip
    """The formats are written here by string operations only."""
    channels = 3 if color == "rgb" else 1
    image = st.lists(st.integers(0, 255), min_size=side**2 * channels, max_size=side**2 * channels)
    table = data.draw(st.lists(st.tuples(st.integers(0, 255), image), min_size=1, max_size=4))
    if kind == "no header":
        label, index = label and "first", None
    names = ["pixels"] if kind == "one cell" else pixel_names(side, channels, kind)
    lines = [names] + [[cell.format(value) for value in pixels] for _, pixels in table]
    if kind == "one cell":
        lines[1:] = [[" ".join(pixels)] for pixels in lines[1:]]
    column = ["class", *(str(number) for number, _ in table)]
    if label == "first":
        lines = [[value, *line] for value, line in zip(column, lines, strict=True)]
    elif label == "last":
        lines = [[*line, value] for value, line in zip(column, lines, strict=True)]
    if index is not None:
        lines = [[str(row) if row else index, *line] for row, line in enumerate(lines)]
    assume(kind != "{}" or label or index is not None)  # a header of nothing but numbers
    text = "\n".join(",".join(line) for line in lines[kind == "no header" :])
    assume(not text.startswith("0,1,2,3"))  # could be a header
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_csv, "BLOCK", block)
        result = read(text, label and "class", color)
    assert result == ([number for number, _ in table] if label else None, [x for _, x in table])


@given(data=st.data(), side=st.integers(1, 6), first=st.integers(0, 1))
def test_any_table_is_read_back(data: st.DataObject, side: int, first: int) -> None:
    names = ["label", *(f"pixel{number}" for number in range(first, first + side**2))]
    row = st.lists(st.integers(0, 255), min_size=len(names), max_size=len(names))
    table = data.draw(st.lists(row, min_size=1, max_size=8))
    order = data.draw(st.permutations(range(len(names))))
    spelling = data.draw(st.sampled_from(["{}", "{:03}", '"{}"']))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
    lines = [",".join(names[index] for index in order)]
    lines += [",".join(spelling.format(cells[index]) for index in order) for cells in table]
    text = end.join(lines) + end
    assert read(text) == ([cells[0] for cells in table], [cells[1:] for cells in table])


@given(
    st.binary(max_size=200) | st.text('label,pixel0123456789."\r\n', max_size=200).map(str.encode)
)
def test_any_bytes_are_read_correctly_or_rejected(data: bytes) -> None:
    try:
        result = read(b"label,pixel1\n" + data)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert result == read_cell_by_cell(b"label,pixel1\n" + data)
