"""The first `dvc repro` of a new user: the default parameters in a fresh clone."""

from benchmarks.measure import clone, run
from tools.measurements import Row


def rows() -> list[Row]:
    with clone() as folder:
        minutes = run("dvc", "repro", folder=folder).seconds / 60
    return [Row("first `dvc repro`, without installing packages", "min", [minutes])]
