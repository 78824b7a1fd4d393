"""`make bench`: runs all benchmarks, or with `ONLY=training_step` one of them.

The rows of each benchmark are saved in results/. The table of all rows is printed and written to
README.md.
"""

import os
import sys
from pathlib import Path

from benchmarks.measure import cell
from benchmarks.rows import commands, training_step
from tools import measurements
from tools.markdown import insert_tables

BENCHMARKS = {"training_step": training_step, "commands": commands}


def main(names: list[str]) -> None:
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # for `python`
    for name in names or BENCHMARKS:
        print(f"{name}:", file=sys.stderr)
        measurements.save(name, BENCHMARKS[name]())
    insert_tables(Path(__file__).parent / "README.md", {"bench": f"\n{table()}\n"})
    print(table())


def table() -> str:
    """All saved rows in Markdown: one table per processor."""
    rows = [row for name in BENCHMARKS for row in measurements.load(name)]
    lines: list[str] = []
    for processor in dict.fromkeys(row.processor for row in rows):
        lines += ["", f"Measured on {processor}:", ""]
        lines += ["| work | guide's code | compared with | this project | note |"]
        lines += ["|" + " --- |" * 5]
        for row in rows:
            if row.processor == processor:
                peers = "; ".join(f"{peer} {cell(values)}" for peer, values in row.peers.items())
                cells = cell(row.guide), peers, cell(row.here), row.note
                lines.append(f"| {row.work} ({row.unit}) | {' | '.join(cells)} |")
    return "\n".join(lines[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
