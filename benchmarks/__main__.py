"""`make bench`: runs all benchmarks, or with `ONLY=training_step` one module.

The rows of each module are saved in results/. The table of all rows is printed and written to
README.md.
"""

import importlib
import sys
from pathlib import Path

from benchmarks import measure
from tools.markdown import insert_tables

MODULES = "training_step gpu memory data scale linear startup repro whole disk jobs".split()
FOLDER = Path(__file__).parent


def main(names: list[str]) -> None:
    for name in names or MODULES:
        print(f"{name}:", file=sys.stderr)
        measure.save(importlib.import_module(f"benchmarks.{name}").rows(), results(name))
    print(update_readme())


def update_readme() -> str:
    """Writes the table of all saved rows to README.md and returns it."""
    paths = [path for path in map(results, MODULES) if path.exists()]
    table = measure.table([row for path in paths for row in measure.load(path)])
    insert_tables(FOLDER / "README.md", {"bench": f"\n{table}\n"})
    return table


def results(name: str) -> Path:
    """The file with the rows of a module."""
    return FOLDER / "results" / f"{name}.json"


if __name__ == "__main__":
    main(sys.argv[1:])
