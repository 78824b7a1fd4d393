"""`make bench`: runs all benchmarks, or with `ONLY=training_step` one module.

The rows of each module are saved in results/. The table of all rows is printed and written to
README.md.
"""

import importlib
import sys
from pathlib import Path

from benchmarks import measure
from tools import measurements
from tools.markdown import insert_tables

MODULES = "training_step gpu memory data repro whole".split()


def main(names: list[str]) -> None:
    for name in names or MODULES:
        print(f"{name}:", file=sys.stderr)
        measurements.save(name, importlib.import_module(f"benchmarks.{name}").rows())
    insert_tables(Path(__file__).parent / "README.md", {"bench": f"\n{table()}\n"})
    print(table())


def table() -> str:
    """The table of all saved rows."""
    return measure.table([row for name in MODULES for row in measurements.load(name)])


if __name__ == "__main__":
    main(sys.argv[1:])
