"""The two commands of the README."""

from benchmarks.measure import clone, seconds
from tools.measurements import Row


def commands() -> list[Row]:
    """The minutes of each command in a fresh clone, with the installation of the packages."""
    rows = []
    for name in ("repro", "test"):
        with clone() as folder:
            minutes = seconds(folder, "make", name) / 60
        rows.append(Row(f"`make {name}` in a fresh clone, with set-up", "min", [minutes]))
    return rows
