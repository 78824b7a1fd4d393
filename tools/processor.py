"""Describes the processor, for tables of measurements."""

import os
import platform
from pathlib import Path


def describe() -> str:
    """The model, the number of cores and the vector extensions, as in "AMD EPYC, 2 cores, AVX2"."""
    model, flags = platform.processor() or platform.machine(), set[str]()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        lines = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
        fields = {name.strip(): value.strip() for name, _, value in lines}
        model, flags = fields.get("model name", model), set(fields.get("flags", "").split())
    names = {"avx2": "AVX2", "avx512f": "AVX-512", "amx_bf16": "AMX"}
    extensions = [name for flag, name in names.items() if flag in flags]
    return ", ".join([model, f"{os.cpu_count()} cores", *extensions[-2:]])
