"""From the CSVs to noisy arrays: the guide's cells against the stages load, split and add_noise."""

from functools import partial

from benchmarks.measure import CSVS, alternately, clone, ratio, run
from tools.measurements import Row

STAGES = ("load", "split", "add_noise")
# A program that prints the seconds of a call, without those of the imports.
TIMED = "import time; {}; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def rows() -> list[Row]:
    code = {"guide": TIMED.format("from benchmarks.guide_script import prepare", f"prepare{CSVS}")}
    for stage in STAGES:
        code[stage] = TIMED.format(f"from stages import {stage}", f"{stage}.main()")
    with clone("add_noise") as folder:

        def seconds(name: str) -> float:
            return float(run("python", "-c", code[name], folder=folder).output.split()[-1])

        times = alternately({name: partial(seconds, name) for name in code})
    here = [sum(values) for values in zip(*(times[stage] for stage in STAGES), strict=True)]
    work = "CSV of 60,000 rows to noisy arrays, without imports"
    note = f"{ratio(here, times['guide']):.2f} of the guide's time"
    return [Row(work, "s", here, times["guide"], note=note)]
