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
    text = pd.DataFrame(index=table.index)
    for name, column in table.items():
        pattern = f"{{:.{by_column[str(name)]}f}}" if str(name) in by_column else "{}"
        text[str(name)] = [pattern.format(value) if pd.notna(value) else "–" for value in column]
    rows = [[str(table.index.name), *text.columns]]
    rows += [["---", *("---:" if name in by_column else "---" for name in text)]]
    rows += [[str(name), *values] for name, values in zip(text.index, text.to_numpy(), strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


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
