"""Reads images from CSVs in Kaggle's schema: `label,pixel1,…,pixel784`, whole numbers 0-255."""

import collections
import csv
import math
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]

MAX_PIXELS = 256 * 256
MAX_CELL = 8  # bytes in a row for each cell: room for `"255",` and leading zeros
MAX_HEADER = 24 * (MAX_PIXELS + 1)  # bytes: room for `"pixel65535",` and then some
BLOCK = 256 << 10  # bytes parsed at a time: few enough to stay in a processor's cache


def read(file: BinaryIO) -> Iterator[tuple[UInt8, UInt8]]:
    """Yields blocks of (labels, images), shapes (n,) and (n, pixels), in the order of the rows.

    `file` is uncompressed. Images are square, up to 256x256; the columns may come in any
    order, and the pixels count from 0 or from 1. Memory is bounded, whatever the file holds.

    Raises ValueError, with row and column where there is one, for a file that is anything else.
    """
    names, line = read_header(file)
    columns = ["label", *pixel_columns(names)]
    places = {name: place for place, name in enumerate(names)}
    order = [places[column] for column in columns]
    row = 1
    for block in line_blocks(file, MAX_CELL * len(names)):
        if block.strip():
            try:
                table = parse(block, len(names))
            except ValueError as error:
                raise ValueError(explain(block, names, row, line) or str(error)) from None
            if columns != names:
                table = table[:, order]
            yield table[:, 0], table[:, 1:]
            row += len(table)
        line += block.count(b"\n")
    if row == 1:
        raise ValueError("it has a header but no rows")


def read_header(file: BinaryIO) -> tuple[list[str], int]:
    """The column names, and the number of the line after them. Raises ValueError as `read` does."""
    line = 1
    while header := file.readline(MAX_HEADER):
        line += 1
        if len(header) == MAX_HEADER:
            raise ValueError(f"its first line is longer than a header of {MAX_PIXELS} pixels")
        try:
            text = header.decode("utf-8-sig")
            names = next(csv.reader([text]), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"its first line is no CSV header in UTF-8: {error}") from None
        if names:
            return names, line
    raise ValueError("it is empty")


def pixel_columns(names: list[str]) -> list[str]:
    """The pixel columns of a header, by their numbers. Raises ValueError as `read` does."""
    if "label" not in names:
        raise ValueError("it has no column 'label' (is its first line a header with commas?)")
    for name, count in collections.Counter(names).items():
        if count > 1:
            raise ValueError(f"its column {name[:20]!r} is repeated")
    pixels: dict[int, str] = {}
    for name in names:
        if name == "label":
            continue
        if not re.fullmatch(r"pixel(0|[1-9]\d{0,5})", name, re.ASCII):
            raise ValueError(f"its column {name[:20]!r} is neither 'label' nor such as 'pixel1'")
        pixels[int(name[5:])] = name
    first = 0 if 0 in pixels else 1
    for number in range(first, first + len(pixels)):
        if number not in pixels:
            raise ValueError(f"its column 'pixel{number}' is missing")
    if not pixels or math.isqrt(len(pixels)) ** 2 != len(pixels):
        raise ValueError(f"it has {len(pixels)} pixel columns, which make no square image")
    if len(pixels) > MAX_PIXELS:
        raise ValueError(f"its images are larger than 256x256: {len(pixels)} pixels")
    return [pixels[number] for number in sorted(pixels)]


def line_blocks(file: BinaryIO, max_line: int) -> Iterator[bytes]:
    """Yields the rest of `file` in blocks of whole lines.

    Raises ValueError at a line of more than `max_line` and BLOCK bytes.
    """
    rest = b""
    while chunk := file.read(BLOCK):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield rest + chunk[:end]
            rest = chunk[end:]
        else:
            rest += chunk
            if len(rest) > max_line:
                raise ValueError("one of its lines is longer than a row can be")
    if rest:
        yield rest


def parse(block: bytes, columns: int) -> UInt8:
    """The cells of whole lines, shape (n, columns). Raises ValueError for cells as `read` does.

    It looks at all bytes at once, which takes a third of the time of Arrow's and pandas' readers:
    they hand over each column by itself, and there are hundreds (benchmarks/README.md).
    """
    if b'"' in block:
        block = re.sub(rb'(^|,)"(\d*)"(?=,|\r?$)', rb"\1\2", block, flags=re.MULTILINE)
    if block.translate(None, b"0123456789,\r\n"):
        raise ValueError("there is more in it than digits and commas")
    # The block from its fourth byte on, with what comes before and after each byte.
    text = np.frombuffer(b"\n\n\n" + block + b"\n", np.uint8)
    digit = text >= ord("0")
    third, second, first, after = digit[:-4], digit[1:-3], digit[2:-2], digit[4:]
    here = digit[3:-1]
    if (third & second & first & here).any():
        fewer = re.sub(rb"(?<!\d)0+(?=\d)", b"", block)  # leading zeros
        if len(fewer) == len(block):
            raise ValueError("there is a number of more than three digits in it")
        return parse(fewer, columns)
    comma = text[3:] == ord(",")
    if (comma[:-1] & ~(first & after)).any():
        raise ValueError("there is an empty cell in it")
    value = text & 15  # of a digit
    value *= digit
    number = np.multiply(value[1:-3] * first, 100, dtype=np.uint16)
    number += value[2:-2] * np.uint8(10)
    number += value[3:-1]
    ends = np.flatnonzero(here & ~after)
    cells: npt.NDArray[np.uint16] = number[ends]
    if cells.max() > 255:
        raise ValueError("there is a number above 255 in it")
    last = ~comma[1:][ends]  # whether a cell is the last of its line
    if last.sum() * columns != len(cells) or not last[columns - 1 :: columns].all():
        raise ValueError("there are lines with more cells or with fewer")
    return cells.astype(np.uint8).reshape(-1, columns)


def explain(block: bytes, names: list[str], row: int, line: int) -> str | None:
    """What is wrong with the first bad row of `block`, which starts at row `row`, line `line`."""
    for number, text in enumerate(block.split(b"\n"), start=line):
        if not text.strip(b"\r"):
            continue
        where = f"row {row} (line {number})"
        try:
            cells = next(csv.reader([text.decode("utf-8").removesuffix("\r")], strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            return f"{where} is no CSV in UTF-8: {error}"
        if len(cells) != len(names):
            return f"{where} has {len(cells)} cells, and the header {len(names)}"
        for name, cell in zip(names, cells, strict=True):
            if not re.fullmatch("0*[0-9]{1,3}", cell) or int(cell) > 255:
                return f"{where}, column '{name}': {cell[:20]!r} is no whole number from 0 to 255"
        row += 1
    return None
