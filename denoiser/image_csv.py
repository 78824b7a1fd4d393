"""Reads images from CSVs in Kaggle's schema: `label,pixel1,…,pixel784`, integers 0-255."""

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
MAX_CELL = 8  # bytes per cell of a row: enough for `"255",` and leading zeros
MAX_HEADER = 24 * (MAX_PIXELS + 1)  # bytes: enough for `"pixel65535",` per column
BLOCK = 256 << 10  # bytes parsed at a time: small enough to stay in the cache of the processor


def read(file: BinaryIO) -> Iterator[tuple[UInt8, UInt8]]:
    """Yields blocks of (labels, images), both uint8, shapes (n,) and (n, pixels), in row order.

    Images are square, up to 256x256. The columns may be in any order, and the numbers of the
    pixels start at 0 or 1. `file` is uncompressed. Memory is bounded whatever it contains.

    Raises ValueError if the file does not follow the schema, with the row and the column if the
    error is in a cell.
    """
    names, line = read_header(file)
    columns = ["label", *pixel_columns(names)]
    position = {name: index for index, name in enumerate(names)}
    order = [position[column] for column in columns]
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
    """The column names and the number of the line after the header. Raises ValueError."""
    line = 1
    while header := file.readline(MAX_HEADER):
        line += 1
        if len(header) == MAX_HEADER:
            raise ValueError(f"its first line is longer than a header of {MAX_PIXELS} pixels")
        try:
            text = header.decode("utf-8-sig")
            names = next(csv.reader([text]), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"its first line is not a CSV header in UTF-8: {error}") from None
        if names:
            return names, line
    raise ValueError("it is empty")


def pixel_columns(names: list[str]) -> list[str]:
    """The names of the pixel columns, sorted by their numbers. Raises ValueError."""
    if "label" not in names:
        raise ValueError("it has no column 'label' (its first line must be a header with commas)")
    for name, count in collections.Counter(names).items():
        if count > 1:
            raise ValueError(f"its column {name[:20]!r} appears twice")
    pixels: dict[int, str] = {}
    for name in names:
        if name == "label":
            continue
        if not re.fullmatch(r"pixel(0|[1-9]\d{0,5})", name, re.ASCII):
            raise ValueError(
                f"its column {name[:20]!r} is neither 'label' nor a name like 'pixel1'"
            )
        pixels[int(name[5:])] = name
    first = 0 if 0 in pixels else 1
    for number in range(first, first + len(pixels)):
        if number not in pixels:
            raise ValueError(f"its column 'pixel{number}' is missing")
    if not pixels or math.isqrt(len(pixels)) ** 2 != len(pixels):
        raise ValueError(
            f"it has {len(pixels)} pixel columns, which is not the size of a square image"
        )
    if len(pixels) > MAX_PIXELS:
        raise ValueError(f"its images are larger than 256x256: {len(pixels)} pixels")
    return [pixels[number] for number in sorted(pixels)]


def line_blocks(file: BinaryIO, max_line: int) -> Iterator[bytes]:
    """Yields the rest of the file in blocks of whole lines.

    Raises ValueError if a line is longer than `max_line` bytes and than BLOCK bytes.
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
                raise ValueError("one of its lines is longer than any valid row")
    if rest:
        yield rest


def parse(block: bytes, columns: int) -> UInt8:
    """The cells of whole lines, shape (n, columns). Raises ValueError for an invalid cell.

    It works on all bytes at once, in less than half of the time of Arrow's reader, which handles
    each of the hundreds of columns separately (benchmarks/README.md).
    """
    if b'"' in block:
        block = re.sub(rb'(^|,)"(\d*)"(?=,|\r?$)', rb"\1\2", block, flags=re.MULTILINE)
    if block.translate(None, b"0123456789,\r\n"):
        raise ValueError("it contains other characters than digits and commas")
    # Padded, so that each byte of the block has three bytes before it and one after it.
    text = np.frombuffer(b"\n\n\n" + block + b"\n", np.uint8)
    digit = text >= ord("0")
    third, second, first, after = digit[:-4], digit[1:-3], digit[2:-2], digit[4:]
    here = digit[3:-1]
    if (third & second & first & here).any():
        fewer = re.sub(rb"(?<!\d)0+(?=\d)", b"", block)  # leading zeros
        if len(fewer) == len(block):
            raise ValueError("it contains a number of more than three digits")
        return parse(fewer, columns)
    comma = text[3:] == ord(",")
    if (comma[:-1] & ~(first & after)).any():
        raise ValueError("it contains an empty cell")
    value = text & 15  # of a digit
    value *= digit
    number = np.multiply(value[1:-3] * first, 100, dtype=np.uint16)
    number += value[2:-2] * np.uint8(10)
    number += value[3:-1]
    ends = np.flatnonzero(here & ~after)
    cells: npt.NDArray[np.uint16] = number[ends]
    if cells.max() > 255:
        raise ValueError("it contains a number above 255")
    last = ~comma[1:][ends]  # True for the last cell of a line
    if last.sum() * columns != len(cells) or not last[columns - 1 :: columns].all():
        raise ValueError("its lines differ in their number of cells")
    return cells.astype(np.uint8).reshape(-1, columns)


def explain(block: bytes, names: list[str], row: int, line: int) -> str | None:
    """Describes the first invalid row of a block that starts at row `row`, line `line`."""
    for number, text in enumerate(block.split(b"\n"), start=line):
        if not text.strip(b"\r"):
            continue
        where = f"row {row} (line {number})"
        try:
            cells = next(csv.reader([text.decode("utf-8").removesuffix("\r")], strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            return f"{where} is not CSV in UTF-8: {error}"
        if len(cells) != len(names):
            return f"{where} has {len(cells)} cells, but the header has {len(names)}"
        for name, cell in zip(names, cells, strict=True):
            if not re.fullmatch("0*[0-9]{1,3}", cell) or int(cell) > 255:
                return f"{where}, column '{name}': {cell[:20]!r} is not an integer from 0 to 255"
        row += 1
    return None
