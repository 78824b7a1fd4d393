"""denoiser/image_csv.py: the files that it reads and those that it rejects."""

import contextlib
import csv
import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from denoiser import image_csv

Rows = tuple[list[int], list[list[int]]]


def read(text: str | bytes) -> Rows:
    """Labels and images of a CSV."""
    data = text.encode() if isinstance(text, str) else text
    blocks = list(image_csv.read(io.BytesIO(data)))
    for labels, images in blocks:
        assert labels.dtype == images.dtype == np.uint8
    return (
        [label for labels, _ in blocks for label in labels.tolist()],
        [image for _, images in blocks for image in images.tolist()],
    )


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (HEADER, "no rows"),
        (HEADER + "\n\n", "no rows"),
        ("pixel1,pixel2,pixel3,pixel4\n1,2,3,4\n", "no column 'label'"),
        ("label,label,pixel1\n1,2,3\n", "'label' appears twice"),
        ("label\n1\n", "0 pixel columns"),
        ("label,pixel1,pixel2,pixel3\n1,2,3,4\n", "3 pixel columns"),
        ("label,pixel1,pixel2,pixel3,pixel3\n1,2,3,4,5\n", "'pixel3' appears twice"),
        ("label,pixel1,pixel2,pixel3,pixel5\n1,2,3,4,5\n", "'pixel4' is missing"),
        ("label,pixel1,pixel2,pixel3,pixel4,id\n1,2,3,4,5,6\n", "column 'id'"),
        ("label,pixel1,pixel2,pixel3,pixel04\n1,2,3,4,5\n", "column 'pixel04'"),
        (HEADER + "1,0,0,0,256\n", "row 1 (line 2), column 'pixel4': '256'"),
        (HEADER + "1,0,0,0,0\n\n1,-1,0,0,0\n", "row 2 (line 4), column 'pixel1': '-1'"),
        (HEADER + "1,0,12.5,0,0\n", "column 'pixel2': '12.5'"),
        (HEADER + "1,0,12.0,0,0\n", "column 'pixel2': '12.0'"),
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


def test_errors_count_the_rows_of_earlier_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_csv, "BLOCK", 25)
    with pytest.raises(ValueError, match=r"row 9 \(line 10\), column 'pixel1': 'x'"):
        read(HEADER + "1,0,0,0,0\n" * 8 + "1,x,0,0,0\n")


def test_reads_the_largest_images() -> None:
    header = ",".join(["label", *(f"pixel{number}" for number in range(256**2))])
    _, images = read(f"{header}\n5{',255' * 256**2}\n")
    assert images == [[255] * 256**2]


def read_cell_by_cell(data: bytes) -> Rows:
    """Labels and images of a valid CSV."""
    header, *rows = filter(None, csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    label = header.index("label")
    pixels = sorted(set(range(len(header))) - {label}, key=lambda index: int(header[index][5:]))
    return [int(row[label]) for row in rows], [[int(row[i]) for i in pixels] for row in rows]


@pytest.mark.parametrize("text", [PLAIN, '"pixel0","label"\r\n"12",3\r\n4,"5"\r\n'])
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
    st.binary(max_size=200) | st.text('label,pixel0123456789"\r\n', max_size=200).map(str.encode)
)
def test_any_bytes_are_read_correctly_or_rejected(data: bytes) -> None:
    try:
        result = read(b"label,pixel1\n" + data)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert result == read_cell_by_cell(b"label,pixel1\n" + data)
