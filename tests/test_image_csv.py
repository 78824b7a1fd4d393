"""denoiser/image_csv.py: every spelling of the schema that it takes, and each that it refuses."""

import contextlib
import csv
import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from denoiser import image_csv


def read(text: str | bytes) -> tuple[list[int], list[list[int]]]:
    """Labels and images of a CSV, as lists."""
    data = text.encode() if isinstance(text, str) else text
    blocks = list(image_csv.read(io.BytesIO(data)))
    for labels, images in blocks:
        assert labels.dtype == images.dtype == np.uint8
    return (
        [label for labels, _ in blocks for label in labels.tolist()],
        [image for _, images in blocks for image in images.tolist()],
    )


PLAIN = "label,pixel1,pixel2,pixel3,pixel4\n7,0,1,2,255\n0,9,8,7,6\n"
EXPECTED = ([7, 0], [[0, 1, 2, 255], [9, 8, 7, 6]])


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.removesuffix("\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r\n").removesuffix("\r\n"),
        "\ufeff" + PLAIN,
        "label,pixel0,pixel1,pixel2,pixel3\n7,0,1,2,255\n0,9,8,7,6\n",
        '"label","pixel1","pixel2","pixel3","pixel4"\n7,"0","1","2","255"\n0,9,8,7,6\n',
        "pixel4,pixel2,label,pixel1,pixel3\n255,1,7,0,2\n6,8,0,9,7\n",
        PLAIN + "\n\n",
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace(",1,", ",001,"),
    ],
    ids=[
        "plain",
        "no last newline",
        "CRLF",
        "CRLF, no last newline",
        "byte-order mark",
        "from pixel0",
        "quoted",
        "columns in another order",
        "empty lines at the end",
        "empty lines between",
        "leading zeros",
    ],
)
def test_reads(text: str) -> None:
    assert read(text) == EXPECTED


@pytest.mark.parametrize("size", [1, 2, 7, 40, 64])
def test_block_size_does_not_matter(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(image_csv, "BLOCK", size)
    assert read(PLAIN) == EXPECTED


def test_pixels_go_by_number_not_by_name() -> None:
    names = [f"pixel{number}" for number in range(1, 17)]
    values = [str(number) for number in range(1, 17)]
    order = sorted(range(16), key=lambda index: names[index])  # pixel1, pixel10, pixel11, …
    header = ",".join(["label", *(names[index] for index in order)])
    row = ",".join(["3", *(values[index] for index in order)])
    assert read(f"{header}\n{row}\n") == ([3], [list(range(1, 17))])


HEADER = "label,pixel1,pixel2,pixel3,pixel4\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (HEADER, "no rows"),
        (HEADER + "\n\n", "no rows"),
        ("pixel1,pixel2,pixel3,pixel4\n1,2,3,4\n", "no column 'label'"),
        ("label,label,pixel1\n1,2,3\n", "'label' is repeated"),
        ("label\n1\n", "0 pixel columns"),
        ("label,pixel1,pixel2,pixel3\n1,2,3,4\n", "3 pixel columns"),
        ("label,pixel1,pixel2,pixel3,pixel3\n1,2,3,4,5\n", "'pixel3' is repeated"),
        ("label,pixel1,pixel2,pixel3,pixel5\n1,2,3,4,5\n", "'pixel4' is missing"),
        ("label,pixel1,pixel2,pixel3,pixel4,id\n1,2,3,4,5,6\n", "'id' is neither"),
        ("label,pixel1,pixel2,pixel3,pixel04\n1,2,3,4,5\n", "'pixel04' is neither"),
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
        (HEADER + '1,0,"1"2,0,0\n', "row 1 (line 2) is no CSV"),
        (HEADER + '1,0,"12,0,0\n', "row 1 (line 2) is no CSV"),
        (HEADER + "256,0,0,0,0\n", "column 'label': '256'"),
        (HEADER + "1,0,0,0\n", "row 1 (line 2) has 4 cells, and the header 5"),
        (HEADER + "1,0,0,0,0\n1,0,0,0,0,0\n", "row 2 (line 3) has 6 cells, and the header 5"),
        (PLAIN.replace(",", ";"), "no column 'label'"),
        (PLAIN.replace(",", "\t"), "no column 'label'"),
        (HEADER + "1;0;0;0;0\n", "row 1 (line 2) has 1 cells"),
        (PLAIN.encode("utf-16"), "no CSV header in UTF-8"),
        (HEADER.encode() + b"1,0,\xff,0,0\n", "row 1 (line 2) is no CSV in UTF-8"),
        (PLAIN.replace("\n", "\r"), "no CSV header"),
        (b"\x00" * 100, "no column 'label'"),
        ("x" * image_csv.MAX_HEADER, "longer than a header"),
        (HEADER + "1," * (9 << 20), "longer than a row can be"),
        ("label," + ",".join(f"pixel{n}" for n in range(257**2)) + "\n1\n", "larger than 256x256"),
    ],
)
def test_refuses(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError) as error:
        read(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_row_numbers_count_on_from_block_to_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_csv, "BLOCK", 25)
    with pytest.raises(ValueError, match=r"row 9 \(line 10\), column 'pixel1': 'x'"):
        read(HEADER + "1,0,0,0,0\n" * 8 + "1,x,0,0,0\n")


def test_reads_the_largest_images() -> None:
    header = ",".join(["label", *(f"pixel{number}" for number in range(256**2))])
    _, images = read(f"{header}\n5{',255' * 256**2}\n")
    assert images == [[255] * 256**2]


def by_hand(data: bytes) -> tuple[list[int], list[list[int]]]:
    """Labels and images of a CSV that is right, read cell by cell."""
    header, *rows = filter(None, csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    label = header.index("label")
    pixels = sorted(set(range(len(header))) - {label}, key=lambda index: int(header[index][5:]))
    return [int(row[label]) for row in rows], [[int(row[i]) for i in pixels] for row in rows]


SPELLINGS = {
    "plain": "label,pixel1,pixel2,pixel3,pixel4\n7,0,1,2,255\n0,98,8,7,6\n",
    "quoted": '"pixel0","label"\r\n"12",3\r\n4,"5"\r\n',
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_whatever_byte_is_wrong_it_is_read_right_or_refused(spelling: str) -> None:
    right = SPELLINGS[spelling].encode()
    refused = 0
    for place, byte in itertools.product(range(len(right)), range(256)):
        wrong = right[:place] + bytes([byte]) + right[place + 1 :]
        try:
            result = read(wrong)
        except ValueError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            assert result == by_hand(wrong), wrong
    assert refused > 0.8 * 256 * len(right)
    for place in range(len(right)):  # a byte that is missing, or there twice
        for wrong in (right[:place] + right[place + 1 :], right[: place + 1] + right[place:]):
            with contextlib.suppress(ValueError):
                assert read(wrong) == by_hand(wrong), wrong


@given(data=st.data(), side=st.integers(1, 6), first=st.integers(0, 1))
def test_reads_back_whatever_is_written(data: st.DataObject, side: int, first: int) -> None:
    names = ["label", *(f"pixel{number}" for number in range(first, first + side**2))]
    cell = st.integers(0, 255)
    table = data.draw(
        st.lists(st.lists(cell, min_size=len(names), max_size=len(names)), min_size=1, max_size=8)
    )
    order = data.draw(st.permutations(range(len(names))))
    spell = data.draw(st.sampled_from(["{}", "{:03}", '"{}"']))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
    lines = [",".join(names[index] for index in order)]
    lines += [",".join(spell.format(row[index]) for index in order) for row in table]
    assert read(end.join(lines) + end) == ([row[0] for row in table], [row[1:] for row in table])


@given(
    st.binary(max_size=200) | st.text('label,pixel0123456789"\r\n', max_size=200).map(str.encode)
)
def test_any_bytes_are_read_right_or_refused(data: bytes) -> None:
    try:
        result = read(b"label,pixel1\n" + data)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert result == by_hand(b"label,pixel1\n" + data)
