"""`make bench`: measures, and prints the table of all rows; `ONLY=training` measures that alone.

Each module's rows are kept in results/, and the table of them all stands in README.md.
"""

import importlib
import re
import sys
from pathlib import Path

from benchmarks import measure

MODULES = ("training", "gpu", "memory", "data", "scale", "startup", "whole", "disk", "jobs")
HERE = Path(__file__).parent


def main(names: list[str]) -> None:
    for name in names or MODULES:
        print(f"{name}:", file=sys.stderr)
        measure.save(importlib.import_module(f"benchmarks.{name}").rows(), results(name))
    kept = [results(name) for name in MODULES if results(name).exists()]
    table = measure.table([row for path in kept for row in measure.load(path)])
    print(table)
    readme = HERE / "README.md"
    mark = "<!-- made by `make bench` -->\n"
    around = re.split(f"(?<={mark})[^#]*", readme.read_text())
    readme.write_text(f"\n{table}\n\n".join(around))


def results(name: str) -> Path:
    return HERE / "results" / f"{name}.json"


if __name__ == "__main__":
    main(sys.argv[1:])
