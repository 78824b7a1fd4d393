"""Reads images from CSVs: one square image per row, with integers from 0 to 255."""

import contextlib
import csv
import itertools
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from denoiser import layout
from pipeline.image_io.image_csv_text import MAX_SIDE, Color, Schema, find_columns, plain_rows

UInt8 = npt.NDArray[np.uint8]

MAX_PIXELS = MAX_SIDE**2
MAX_CELL = 8  # bytes per cell of a row: enough for `"255.0",` and leading zeros
MAX_HEADER = 24 * (MAX_PIXELS + 1)  # bytes per channel: enough for `"pixel65535",` per column
BLOCK = 256 << 10  # bytes parsed at a time: small enough to stay in the cache of the processor


def read(
    file: BinaryIO, label: str | None = "label", color: Color = "gray"
) -> Iterator[tuple[UInt8 | None, UInt8]]:
    """Yields blocks of (labels, images), both uint8, in row order.

    Images have shape (n, side*side*channels), in the layout of denoiser/layout.py, up to 256x256.
    Labels have shape (n,). `label` is the name of their column. If `label` is None, or if the
    header names nothing but numbered pixels, labels are None in all blocks. `file` is uncompressed.
    Memory is bounded whatever it contains.

    The columns are in any order if the first line is a header:

    - The names of the pixels differ only in their numbers: `pixel1`, or row and column as in `1x1`.
      They start at 0 or 1. If no name has a number, the pixels are in the order of the file.
    - Or the column `pixels` has all pixels of an image, separated by spaces. Then other columns,
      whose names have no numbers, are ignored.
    - An index that pandas wrote, without a name or named `Unnamed: 0`, is ignored.

    Without a header, the first column is the label, unless `label` is None. `255.0` means 255.

    Raises ValueError if the file is invalid. The message names the row, and the column if a cell is
    invalid. It names load.label or load.color if another value of the parameter may fit the file.
    """
    channels = layout.CHANNELS[color]
    first, cells, line = read_first_line(file, channels * MAX_HEADER)
    schema = find_columns(cells, label, color)
    max_cells = channels * MAX_PIXELS if schema.in_one_cell else len(cells)
    blocks = line_blocks(file, MAX_CELL * max_cells)
    if not schema.header:
        blocks, line = itertools.chain([first], blocks), line - 1
    row = 1
    for block in blocks:
        if block.strip():
            table = parse_block(block, schema, row, line)
            yield (table[:, 0], table[:, 1:]) if schema.labeled else (None, table)
            row += len(table)
        line += block.count(b"\n")
    if row == 1:
        raise ValueError("it has a header but no rows")


def read_first_line(file: BinaryIO, max_bytes: int) -> tuple[bytes, list[str], int]:
    """The first line that is not empty, its cells, and the number of the line after it.

    Raises ValueError.
    """
    line = 1
    while header := file.readline(max_bytes):
        line += 1
        if len(header) == max_bytes:
            raise ValueError(f"its first line is longer than a header of {MAX_PIXELS} pixels")
        try:
            text = header.decode("utf-8-sig")
            cells = next(csv.reader([text], strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"its first line is not a CSV header in UTF-8: {error}") from None
        if cells:
            return text.encode(), cells, line
    raise ValueError("it is empty")


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


def parse_block(block: bytes, schema: Schema, row: int, line: int) -> UInt8:
    """The labels, if any, and the images of whole lines, side by side.

    The block starts at row `row`, line `line`. Raises ValueError.
    """
    columns = len(schema.used)
    if schema.index + columns == len(schema.names) and not schema.in_one_cell:
        with contextlib.suppress(ValueError):
            return parse(simplify(block, schema.index), columns)[:, schema.order]
    rows = plain_rows(block, schema, row, line)
    return parse("\n".join(rows).encode(), rows[0].count(",") + 1)


def simplify(block: bytes, index: int) -> bytes:
    """The block without the first `index` columns, quotes around integers, and `.0` after them."""
    if index:
        block = re.sub(rb'^(?:[^,"\n]*,){%d}' % index, b"", block, flags=re.MULTILINE)
    if b'"' in block:
        block = re.sub(rb'(^|,)"(\d*)"(?=,|\r?$)', rb"\1\2", block, flags=re.MULTILINE)
    if b"." in block:
        for end in (b",", b"\r", b"\n"):
            block = block.replace(b".0" + end, end)
    return block


def parse(block: bytes, columns: int) -> UInt8:
    """The cells of whole lines, shape (n, columns). Raises ValueError for an invalid cell.

    It works on all bytes at once, in less than half of the time of Arrow's reader, which handles
    each of the hundreds of columns separately (benchmarks/README.md).
    """
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
