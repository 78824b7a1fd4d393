"""Reads images from CSVs: one square image per row, with integers from 0 to 255."""

import csv
import itertools
import math
import re
import statistics
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from denoiser.base.images import COLORS, UInt8

BLOCK = 256 << 10  # bytes of lines that are parsed at a time
MAX_LINE = 24 * (3 * 256**2 + 1)  # bytes: enough for a name such as `"pixel196607",` per cell
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?")
UNNAMED = re.compile(r"(Unnamed: [0-9.]+)?")  # the name of an index that pandas wrote
PIXEL = re.compile(r"[^0-9]*[0-9]{1,6}([^0-9]+[0-9]{1,6})?")  # the name of a pixel
CELLS = {f"{'0' * n}{x}{end}": x for n in range(7) for x in range(256) for end in ("", ".0", ".00")}


def read(
    file: BinaryIO, label: str | None = "label", color: str = "gray"
) -> Iterator[tuple[UInt8 | None, UInt8]]:
    """Yields blocks of labels (n,) and images (n, side, side, channels), uint8, in row order.

    `label` names the column of the labels; without a header, it is the first. Labels are None if
    `label` is None or the header has no such column. The pixels are either the columns whose names
    differ only in their numbers, as in `pixel1` or `1x1` (row x column), from 0 or 1; or, without
    numbers, all columns; or the column `pixels`, in which spaces separate them. A leading index
    without a name or named `Unnamed: 0` is ignored. Raises ValueError if the file is invalid.
    """
    lines, row, rows, width = read_lines(file), 1, 1, 0
    if not (first := next(lines, None)):
        raise ValueError("it is empty")
    names = [name.strip() for name in split(first[1])]
    if all(map(NUMBER.fullmatch, names)):  # no header
        if len(names) > 3 and names == [str(number) for number in range(len(names))]:
            raise ValueError("its line 0,1,2,… is either a header or an image: name the columns")
        lines = itertools.chain([first], lines)
        names = ["pixel0" if label is None else label, *map("pixel{}".format, range(1, len(names)))]
    used, labelled = find_columns(names, label, color), int(label in names)
    while block := dict(itertools.islice(lines, rows)):
        table = parse_integers([*block.values()], len(names), used)
        if table is None:
            table = parse_cells(block, names, used, row, width)
        row, width = row + len(block), table.shape[1]
        rows = max(1, BLOCK // len(max(block.values(), key=len)))  # for the next block
        side = find_side(width - labelled, color)
        images = table[:, labelled:].reshape(-1, side, side, COLORS[color])
        yield table[:, 0].copy() if labelled else None, images  # a view would keep the table alive
    if row == 1:
        raise ValueError("it has a header but no rows")


def read_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yields the number, from 1, of each line that is not empty, and the line."""
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), 1):
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            raise ValueError("one of its lines is longer than any valid row")
        if content := line.rstrip(b"\r\n"):
            yield number, content


def parse_integers(lines: list[bytes], columns: int, used: list[int]) -> UInt8 | None:
    """The used columns, shape (n, len(used)), if all cells are plain integers; else None.

    pandas.read_csv takes 3.5 times as long, and accepts cells such as `1e1`, `12.` and `+1`.
    """
    text = b"\n".join([*lines, b""])
    text = text.replace(b".0,", b",").replace(b".0\n", b"\n") if b"." in text else text
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(characters < ord("0"))  # of the cells
    digits = np.diff(ends, prepend=-1) - 1  # of each cell
    wrong = len(ends) != len(lines) * columns or digits.min() < 1 or digits.max() > 3
    row_ends = characters[ends[columns - 1 :: columns]]
    if wrong or (row_ends != ord("\n")).any() or text.translate(None, b"0123456789,\n"):
        return None
    ones, tens, hundreds = (characters[ends - place] - np.uint16(ord("0")) for place in (1, 2, 3))
    values = ones + 10 * tens * (digits > 1) + 100 * hundreds * (digits > 2)
    table = values.astype(np.uint8).reshape(-1, columns)
    return table[:, used] if values.max() < 256 else None


def parse_cells(
    lines: dict[int, bytes], names: list[str], used: list[int], row: int, width: int
) -> UInt8:
    """The used columns, shape (n, width), of any lines; the first row sets `width` if it is 0."""
    table = bytearray()
    for index, (number, line) in enumerate(lines.items(), row):
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
                wrong = values.index(-1)
                name, cell = names[used[min(wrong, len(used) - 1)]][:20], cells[wrong][:20]
                raise ValueError(f"column {name!r}: {cell!r} is not an integer from 0 to 255")
            table += bytes(values)
        except ValueError as error:
            raise ValueError(f"row {index} (line {number}): {error}") from None
    return np.frombuffer(table, np.uint8).reshape(-1, width)


def split(line: bytes) -> list[str]:
    """The cells of a line. Raises ValueError."""
    limit = csv.field_size_limit(MAX_LINE)  # a cell of the column `pixels` may exceed the default
    try:
        return next(csv.reader([line.decode("utf-8-sig")], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"the line is not CSV in UTF-8: {error}") from None
    finally:
        csv.field_size_limit(limit)


def find_columns(names: list[str], label: str | None, color: str) -> list[int]:
    """The positions of the label, if any, and of the pixels in their order. Raises ValueError."""
    named = [*itertools.dropwhile(lambda n: n != label and UNNAMED.fullmatch(n), names)]
    if len(set(named)) < len(named):
        raise ValueError(f"its column {statistics.mode(named)[:20]!r} appears twice")
    others = [name for name in named if name != label]
    known = label in named or (label is None and "label" not in others)
    kinds = {name: re.sub("[0-9]+", "0", name) for name in others if PIXEL.fullmatch(name)}
    if not kinds and "pixels" in others and (known or len(others) == 1):
        return [*(names.index(name) for name in named if name == label), names.index("pixels")]
    if not kinds and known:
        kinds = {name: "" for name in others if not re.search("[0-9]", name)}
    kind = statistics.mode(kinds.values()) if kinds else ""
    places = {n: tuple(map(int, re.findall("[0-9]+", n))) for n in kinds if kinds[n] == kind}
    if rest := [name for name in others if name not in places]:
        raise ValueError(
            f"its column {rest[0][:20]!r} is neither a pixel nor the label (load.label is "
            f"{label!r}): remove it, or set load.label to the name of the label column, or to null "
            "if there is none (commas must separate the columns)"
        )
    side = find_side(len(places), color)
    starts = [min(1, *axis) for axis in zip(*places.values(), strict=True)]
    shape = [side, side * COLORS[color]] if len(starts) == 2 else [len(places)]
    ranges = (range(start, start + size) for start, size in zip(starts, shape, strict=False))
    pixels = sorted(places, key=places.__getitem__)
    for name, place in zip(pixels, itertools.product(*ranges), strict=False):
        if places[name] != place:
            raise ValueError(f"its pixel {'x'.join(map(str, place))} is missing")
    position = {name: index for index, name in enumerate(names)}
    return [position[name] for name in named if name == label] + [position[n] for n in pixels]


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
    if sides[color] > 256:
        raise ValueError(f"its images of {values} values are larger than 256x256")
    return sides[color]
