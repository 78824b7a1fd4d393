"""The columns of a CSV of images, found by their names, and its rows as text."""

import collections
import csv
import functools
import itertools
import re
from dataclasses import dataclass
from typing import Literal

from denoiser import layout

Color = Literal["gray", "rgb"]

MAX_SIDE = 256
ANY_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?")
UNNAMED = re.compile(r"(Unnamed: [0-9.]+)?")  # the name of an index that pandas wrote
PIXEL = re.compile(r"[^0-9]*[0-9]{1,6}([^0-9]+[0-9]{1,6})?")  # the name of a pixel
CELL = re.compile(r"0*(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.0+)?")  # an integer from 0 to 255
PLAIN_CELLS = frozenset(map(str, range(256)))  # a quick check of many cells

csv.field_size_limit(8 * 3 * MAX_SIDE**2)  # enough for an image in one cell


@dataclass
class Schema:
    """The columns of a CSV."""

    names: list[str]  # of all columns; without a header: their numbers, from 1
    used: list[int]  # the positions of the label, if any, and of the pixels in their order
    labeled: bool
    color: Color
    header: bool = True
    index: int = 0  # the number of columns of an index, which come first and are not used
    in_one_cell: bool = False  # the pixels of an image are in one cell, separated by spaces
    values: int | None = None  # per image; if they are in one cell, None until a row is read

    @functools.cached_property
    def order(self) -> slice | list[int]:
        """The positions of the used columns in a table without the index columns."""
        order = [position - self.index for position in self.used]
        return slice(None) if order == list(range(len(order))) else order


def find_columns(cells: list[str], label: str | None, color: Color) -> Schema:
    """The schema of a CSV whose first line has these cells; see `image_csv.read`.

    A first line of nothing but numbers is not a header. Raises ValueError if the columns do not fit
    `label` and `color`.
    """
    cells = [cell.strip() for cell in cells]
    if all(map(ANY_NUMBER.fullmatch, cells)):
        return without_header(cells, label, color)
    return with_header(cells, label, color)


def without_header(cells: list[str], label: str | None, color: Color) -> Schema:
    """The schema of a CSV whose first row has these cells. The label, if any, comes first."""
    count = len(cells)
    if count > 3 and cells == [str(number) for number in range(count)]:
        raise ValueError(
            f"its first line, 0 to {count - 1} in order, is either a header or an image: replace "
            "the header by names such as pixel0, or put a header before the image"
        )
    values, other = (count, count - 1) if label is None else (count - 1, count)
    found, other_found = color_of(values), color_of(other)
    if found != color and (other_found == color or (other_found and not found)):
        advice = "if it has no labels, set load.label to null"
        if label is None:
            advice = "if the first one is the label, set load.label to a name for it, such as label"
        raise ValueError(f"it has no header and {count} columns: {advice}")
    check_size(values, color, f"it has {values} pixel columns")
    names = [str(number) for number in range(1, count + 1)]
    return Schema(names, list(range(count)), label is not None, color, header=False, values=values)


def with_header(names: list[str], label: str | None, color: Color) -> Schema:
    """The schema of a CSV with these names of columns. An index without a name is not used."""
    index = len(list(itertools.takewhile(UNNAMED.fullmatch, names)))
    for name, count in collections.Counter(names[index:]).items():
        if count > 1:
            raise ValueError(f"its column {name[:20]!r} appears twice")
    if label is None and "label" in names:
        raise ValueError("it has a column 'label': set load.label to label")
    labels = [name for name in names if name == label]
    pixels, others = find_pixels([name for name in names[index:] if name != label])
    in_one_cell = pixels == ["pixels"]
    unclear = others or not (in_one_cell or all(map(PIXEL.fullmatch, pixels)))
    if label is not None and not labels and unclear:
        raise ValueError(
            f"it has no column {label!r}, but for example {(others or pixels)[0][:20]!r}: set "
            "load.label to the name of the label column, or to null if there is none "
            "(commas must separate the columns)"
        )
    if others and not in_one_cell:
        advice = "" if labels else "; if it is the label, set load.label to its name"
        raise ValueError(
            f"its column {others[0][:20]!r} is neither {label or 'label'!r} "
            f"nor a name like {(pixels or ['pixel1'])[0][:20]!r}{advice}"
        )
    if not in_one_cell:
        pixels = sort_pixels(pixels, color)
    position = {name: index for index, name in enumerate(names)}
    used = [position[name] for name in labels + pixels]
    values = None if in_one_cell else len(pixels)
    return Schema(names, used, bool(labels), color, True, index, in_one_cell, values)


def find_pixels(names: list[str]) -> tuple[list[str], list[str]]:
    """The names of the pixel columns and of the other columns, both in the order of the file.

    The names of pixels differ only in their numbers, one or two. If no name has one or two numbers,
    the column `pixels` has all pixels; without such a column, all names without numbers are pixels.
    """
    patterns = {name: re.sub("[0-9]+", "0", name) for name in names if PIXEL.fullmatch(name)}
    if patterns:
        [(common, _)] = collections.Counter(patterns.values()).most_common(1)
        pixels = [name for name in names if patterns.get(name) == common]
    elif "pixels" in names:
        pixels = ["pixels"]
    else:
        pixels = [name for name in names if not re.search("[0-9]", name)]
    found = set(pixels)
    return pixels, [name for name in names if name not in found]


def sort_pixels(names: list[str], color: Color) -> list[str]:
    """The names of the pixel columns in the order of their numbers, if they have numbers.

    Raises ValueError if a number is missing, or if the number of pixels is wrong.
    """
    start = f"it has {len(names)} pixel columns"
    if not all(map(PIXEL.fullmatch, names)) or not names:
        check_size(len(names), color, start)
        return names
    place: dict[tuple[int, int], str] = {}  # row and column; row 0 if a name has one number
    for name in names:
        numbers = [int(number) for number in re.findall("[0-9]+", name)]
        y, x = [0, *numbers][-2:]
        if (y, x) in place:
            raise ValueError(f"its columns {place[y, x]!r} and {name!r} have the same number")
        place[y, x] = name
    rows, columns = (range(int(0 not in axis), max(axis) + 1) for axis in zip(*place, strict=True))
    for y in rows:
        for x in columns:
            if (y, x) not in place:
                missing = renumber(min(names, key=len), y, x)
                raise ValueError(f"its column {missing!r} is missing")
    check_size(len(names), color, start)
    if len(numbers) == 2 and len(rows) * layout.CHANNELS[color] != len(columns):
        raise ValueError(
            f"{start}, numbered as {len(rows)}x{len(columns)}, which is not a square image"
        )
    return [place[numbers] for numbers in sorted(place)]


def renumber(name: str, y: int, x: int) -> str:
    """The name with other numbers, with zeros in front if they are shorter than its numbers."""
    numbers = iter([y, x][-len(re.findall("[0-9]+", name)) :])
    return re.sub("[0-9]+", lambda match: str(next(numbers)).zfill(len(match[0])), name)


def color_of(values: int) -> Color | None:
    """The color of square images with this number of values; None if there are no such images."""
    try:
        _, channels = layout.side_and_channels(values)
    except ValueError:
        return None
    return "gray" if channels == 1 else "rgb"


def check_size(values: int, color: Color, start: str) -> None:
    """Raises ValueError if no image has so many values; the message starts with `start`."""
    found = color_of(values)
    if found is None:
        raise ValueError(f"{start}, which is not the size of a square image")
    side, _ = layout.side_and_channels(values)
    if found != color:
        kind = {"gray": "a gray", "rgb": "an RGB"}[found]
        raise ValueError(
            f"{start}, the size of {kind} image of {side}x{side}: set load.color to {found}"
        )
    if side > MAX_SIDE:
        raise ValueError(f"{start}, an image larger than {MAX_SIDE}x{MAX_SIDE}")


def plain_rows(block: bytes, schema: Schema, row: int, line: int) -> list[str]:
    """The used cells of each row, separated by commas: label and pixels, integers from 0 to 255.

    `block` consists of whole lines and starts at row `row`, line `line`. Sets `schema.values` if it
    is None. Raises ValueError for the first invalid row.
    """
    rows: list[str] = []
    for number, text in enumerate(block.split(b"\n"), start=line):
        if text.strip(b"\r"):
            try:
                rows.append(plain_row(text, schema))
            except ValueError as error:
                raise ValueError(f"row {row + len(rows)} (line {number}){error}") from None
    return rows


def plain_row(text: bytes, schema: Schema) -> str:
    """One row of `plain_rows`. The message of ValueError continues that of `plain_rows`."""
    try:
        cells = next(csv.reader([text.decode().removesuffix("\r")], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f" is not CSV in UTF-8: {error}") from None
    if len(cells) != len(schema.names):
        raise ValueError(f" has {len(cells)} cells instead of {len(schema.names)}")
    cells = [cells[index] for index in schema.used]
    if schema.in_one_cell:
        cells[-1:] = cells[-1].split()
        count = len(cells) - schema.labeled
        start = f" has {count} numbers in column 'pixels'"
        if schema.values is None:
            check_size(count, schema.color, start)
            schema.values = count
        if count != schema.values:
            raise ValueError(f"{start} instead of {schema.values}")
    if not PLAIN_CELLS.issuperset(cells):
        for index, cell in enumerate(cells):
            if not CELL.fullmatch(cell):
                name = schema.names[schema.used[min(index, len(schema.used) - 1)]]
                raise ValueError(
                    f", column {name[:20]!r}: {cell[:20]!r} is not an integer from 0 to 255"
                )
        cells = [cell.partition(".")[0] for cell in cells]
    return ",".join(cells)
