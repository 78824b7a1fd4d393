"""Markdown tables, and their insertion into documents."""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from denoiser.base.errors import InputError


def to_markdown(table: pd.DataFrame, digits: int | Mapping[str, int] = 2) -> str:
    """A table with its index as the first column; a dash stands for a missing value.

    `digits` is the number of decimals, for all columns or by column; a column without an entry
    keeps its values as they are.
    """
    by_column = dict.fromkeys(map(str, table), digits) if isinstance(digits, int) else digits
    texts = [number for number, name in enumerate(table, start=1) if str(name) not in by_column]
    formats = ("", *(f".{by_column.get(str(name), 0)}f" for name in table))
    cells = table.astype(object).where(table.notna(), None)
    return cells.to_markdown(floatfmt=formats, missingval="–", disable_numparse=[0, *texts])


def insert_tables(path: Path, tables: Mapping[str, str]) -> None:
    """Replaces the text between `<!-- begin NAME -->` and `<!-- end -->` in a Markdown file.

    Raises InputError if the document has a marker for an unknown table.
    """

    def table(marker: re.Match[str]) -> str:
        if marker["name"] not in tables:
            raise InputError(f"{path}: there is no table '{marker['name']}'")
        return f"<!-- begin {marker['name']} -->\n{tables[marker['name']]}\n<!-- end -->"

    pattern = r"<!-- begin (?P<name>[\w-]+) -->\n.*?<!-- end -->"
    path.write_text(re.sub(pattern, table, path.read_text(), flags=re.DOTALL))
