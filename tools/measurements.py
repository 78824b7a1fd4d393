"""The measurements in benchmarks/results, which `make bench` writes, and their processor."""

import dataclasses
import json
import os
import platform
import statistics
from pathlib import Path

from denoiser.base.devices import query_gpus

FOLDER = Path(__file__).parent.parent / "benchmarks/results"  # a file for each benchmark

Values = list[float]


@dataclasses.dataclass
class Row:
    """A row of the table. The lists hold one value per round, in the unit of the row."""

    work: str
    unit: str
    here: Values  # of this project
    guide: Values = dataclasses.field(default_factory=list)  # of the guide's code
    peers: dict[str, Values] = dataclasses.field(default_factory=dict)  # of other contenders
    note: str = ""
    processor: str = ""  # filled in by `save`


def save(name: str, rows: list[Row]) -> None:
    """Writes the rows of a benchmark on this machine's processor; keeps those on other ones."""
    this = processor()
    records = [dataclasses.asdict(row) for row in load(name) if row.processor != this]
    records += [dataclasses.asdict(row) | {"processor": this} for row in rows]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(records, indent=1) + "\n")


def load(name: str) -> list[Row]:
    """The rows of a benchmark; none if it was never run."""
    path = FOLDER / f"{name}.json"
    return [Row(**record) for record in json.loads(path.read_text())] if path.exists() else []


def median(values: Values) -> str:
    """The median with three or four digits, '' without values."""
    if not values:
        return ""
    value = statistics.median(values)
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def processor() -> str:
    """The GPU if there is one, the processor, its cores and vector extensions.

    For example "AMD EPYC, 2 cores, AVX2", or "NVIDIA H200, AMD EPYC, 2 cores, AVX2".
    """
    model, flags = platform.processor() or platform.machine(), set[str]()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        lines = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
        fields = {name.strip(): value.strip() for name, _, value in lines}
        model, flags = fields.get("model name", model), set(fields.get("flags", "").split())
    names = {"avx2": "AVX2", "avx512f": "AVX-512", "amx_bf16": "AMX"}
    extensions = [name for flag, name in names.items() if flag in flags]
    return ", ".join([*query_gpus("name")[:1], model, f"{os.cpu_count()} cores", *extensions[-2:]])
