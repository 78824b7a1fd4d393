"""Reads images from CSVs: one square image per row, with integers from 0 to 255."""

import csv
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from denoiser.base.images import COLORS, UInt8

Lines = dict[int, bytes]  # by their number in the file, from 1

MAX_SIDE = 256
MAX_LINE = 24 * (3 * MAX_SIDE**2 + 1)  # bytes: enough for a name such as `"pixel196607",` per cell
BLOCK = 256 << 10  # bytes of lines that are parsed at a time
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?")
UNNAMED = re.compile(r"(Unnamed: [0-9.]+)?")  # the name of an index that pandas wrote
PIXEL = re.compile(r"[^0-9]*[0-9]{1,6}([^0-9]+[0-9]{1,6})?")  # the name of a pixel
CELLS = {  # the value of each valid cell
    f"{'0' * zeros}{value}{end}": value
    for zeros, value, end in itertools.product(range(7), range(256), ("", ".0", ".00"))
}

csv.field_size_limit(MAX_LINE)


def read(
    file: BinaryIO, label: str | None = "label", color: str = "gray"
) -> Iterator[tuple[UInt8 | None, UInt8]]:
    """Yields blocks of (labels, images) in row order, both uint8.

    Labels have shape (n,), images (n, side, side, channels), with up to 256x256 pixels. `label` is
    the name of the column of labels; labels are None if it is None, or if the header names nothing
    but numbered pixels. 255.0 in the file means 255. Memory is bounded.

    Without a header, the label, if any, is the first column. With a header, the columns are in any
    order, and an index that pandas wrote, without a name or named `Unnamed: 0`, is ignored:

    - The names of the pixels differ only in their numbers: `pixel1`, or row and column as in `1x1`.
      They start at 0 or 1. If no name has a number, the pixels are in the order of the file.
    - Or the column `pixels` has all pixels of an image, separated by spaces. Then other columns,
      whose names have no numbers, are ignored.

    Raises ValueError if the file is invalid, with its row and column, and with load.label or
    load.color if another value of the parameter may fit the file.
    """
    blocks = read_lines(file)
    first = next(blocks)
    names = [cell.strip() for line in first.values() for cell in split(line)]
    if all(map(NUMBER.fullmatch, names)):  # no header
        if len(names) > 3 and names == [str(number) for number in range(len(names))]:
            raise ValueError("its line 0,1,2,… is either a header or an image: name the columns")
        blocks = itertools.chain([first], blocks)
        names = [f"pixel{number}" for number in range(1, len(names) + 1)]
        names = names if label is None else [label, *names[:-1]]
    used = find_columns(names, label, color)
    order, row, width = np.array(used), 1, 0 if names[used[-1]] == "pixels" else len(used)
    plain = width == len(names)
    for lines in blocks:
        table = parse_integers(lines, order) if plain else None
        if table is None:
            table = parse_cells(lines, names, used, row, width)
        row, width = row + len(lines), table.shape[1]
        labels, pixels = (table[:, 0], table[:, 1:]) if label in names else (None, table)
        side = find_side(pixels.shape[1], color)
        yield labels, pixels.reshape(-1, side, side, COLORS[color])
    if row == 1:
        raise ValueError("it has a header but no rows")


def read_lines(file: BinaryIO) -> Iterator[Lines]:
    """Yields blocks of lines that are not empty, first a block of one line. Raises ValueError."""
    number, size = 1, 0
    while block := file.read(size) + file.readline(MAX_LINE):
        if len(block) >= MAX_LINE and not block.endswith(b"\n"):
            raise ValueError("one of its lines is longer than any valid row")
        lines = block.removesuffix(b"\n").split(b"\n")
        if found := {n: line for n, line in enumerate(lines, number) if line.strip(b"\r")}:
            yield found
            size = BLOCK
        number += len(lines)
    if not size:
        raise ValueError("it is empty")


def parse_integers(lines: Lines, order: npt.NDArray[np.intp]) -> UInt8 | None:
    """The columns in this order, shape (n, columns), if all cells are plain integers; else None."""
    text = b"\n".join([*(line.removesuffix(b"\r") for line in lines.values()), b""])
    text = text.replace(b".0,", b",").replace(b".0\n", b"\n") if b"." in text else text
    characters, shape = np.frombuffer(text, np.uint8), (len(lines), len(order))
    ends = np.flatnonzero(characters < ord("0"))  # of the cells
    digits = np.diff(ends, prepend=-1) - 1  # of each cell
    wrong = len(ends) != math.prod(shape) or digits.min() < 1 or digits.max() > 3
    row_ends = characters[ends[len(order) - 1 :: len(order)]]
    if wrong or (row_ends != ord("\n")).any() or text.translate(None, b"0123456789,\n"):
        return None
    ones, tens, hundreds = (characters[ends - place] - np.uint16(ord("0")) for place in (1, 2, 3))
    values = ones + 10 * tens * (digits > 1) + 100 * hundreds * (digits > 2)
    return values.astype(np.uint8).reshape(shape)[:, order] if values.max() < 256 else None


def parse_cells(lines: Lines, names: list[str], used: list[int], row: int, width: int) -> UInt8:
    """The cells of the used columns, shape (n, width); the first row sets `width` if it is 0.

    `row` is the row of the first line. Raises ValueError for the first invalid row.
    """
    table = bytearray()
    for number, line in lines.items():
        try:
            cells = split(line)
            if len(cells) != len(names):
                raise ValueError(f"it has {len(cells)} cells instead of {len(names)}")
            cells = [cells[position] for position in used]
            if names[used[-1]] == "pixels":
                cells[-1:] = cells[-1].split()
            width = width or len(cells)
            if len(cells) != width:
                raise ValueError(f"it has {len(cells)} values, but the first row has {width}")
            values = [CELLS.get(cell, -1) for cell in cells]
            if -1 in values:
                index = values.index(-1)
                name, cell = names[used[min(index, len(used) - 1)]][:20], cells[index][:20]
                raise ValueError(f"column {name!r}: {cell!r} is not an integer from 0 to 255")
            table += bytes(values)
        except ValueError as error:
            raise ValueError(f"row {row} (line {number}): {error}") from None
        row += 1
    return np.frombuffer(table, np.uint8).reshape(-1, width)


def split(line: bytes) -> list[str]:
    """The cells of a line. Raises ValueError."""
    try:
        return next(csv.reader([line.decode("utf-8-sig")], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"the line is not CSV in UTF-8: {error}") from None


def find_columns(names: list[str], label: str | None, color: str) -> list[int]:
    """The positions of the label, if any, and of the pixels in their order. Raises ValueError."""
    named = list(itertools.dropwhile(lambda n: n != label and UNNAMED.fullmatch(n), names))
    if len(set(named)) < len(named):
        raise ValueError(f"its column {Counter(named).most_common(1)[0][0][:20]!r} appears twice")
    labels, others = [n for n in named if n == label], [n for n in named if n != label]
    patterns = {name: re.sub("[0-9]+", "0", name) for name in others if PIXEL.fullmatch(name)}
    known = labels or (label is None and "label" not in others)
    pixels: list[str] = []
    if patterns:
        [(common, _)] = Counter(patterns.values()).most_common(1)
        pixels = [name for name in patterns if patterns[name] == common]
    elif "pixels" in others and (known or len(others) == 1):
        pixels = others = ["pixels"]
    elif known:
        pixels = [name for name in others if not re.search("[0-9]", name)]
    found = set(pixels)
    if rest := [name for name in others if name not in found]:
        raise ValueError(
            f"its column {rest[0][:20]!r} is neither a pixel nor the label (load.label is "
            f"{label!r}): remove it, or set load.label to the name of the label column, or to null "
            "if there is none (commas must separate the columns)"
        )
    pixels = pixels if pixels == ["pixels"] else sort_pixels(pixels, color)
    position = {name: index for index, name in enumerate(names)}
    return [position[name] for name in labels + pixels]


def sort_pixels(names: list[str], color: str) -> list[str]:
    """The names in the order of their numbers: one, a row and a column, or none.

    Raises ValueError if a number is missing, or if so many pixels are not an image.
    """
    side = find_side(len(names), color)
    numbers = {name: tuple(map(int, re.findall("[0-9]+", name))) for name in names}
    names = sorted(names, key=numbers.__getitem__)
    starts = [min(1, min(axis)) for axis in zip(*numbers.values(), strict=True)]
    shape = (len(names),) if len(starts) == 1 else (side, side * COLORS[color])
    for name, index in zip(names, np.ndindex(shape), strict=False):
        expected = tuple(start + i for start, i in zip(starts, index, strict=False))
        if numbers[name] != expected:
            raise ValueError(f"its pixel {'x'.join(map(str, expected))} is missing")
    return names


def find_side(values: int, color: str) -> int:
    """The side of a square image of so many values. Raises ValueError."""
    sides = {name: math.isqrt(values // channels) for name, channels in COLORS.items()}
    fit = [name for name, side in sides.items() if values and side**2 * COLORS[name] == values]
    if color not in fit:
        advice = "".join(f"set load.color to {name}, or " for name in fit)
        raise ValueError(
            f"its images of {values} values are not square in {color}: {advice}set load.label to "
            "null if no column is the label, or to any name if there is no header and the first is"
        )
    if sides[color] > MAX_SIDE:
        raise ValueError(f"its images of {values} values are larger than {MAX_SIDE}x{MAX_SIDE}")
    return sides[color]
