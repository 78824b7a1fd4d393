"""From the CSVs to noisy arrays: the guide's cells against the stages load, split and add_noise."""

from functools import partial

from benchmarks.measure import CSVS, Run, clone, ratio, run, run_alternately
from tools.measurements import Row

STAGES = ("load", "split", "add_noise")
# A program that prints the seconds of a call, without those of the imports.
TIMED = "import time; {}; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def rows() -> list[Row]:
    code = {"guide": TIMED.format("from benchmarks.guide_script import prepare", f"prepare{CSVS}")}
    for stage in STAGES:
        code[stage] = TIMED.format(f"from stages import {stage}", f"{stage}.main()")
    with clone("add_noise") as folder:

        def timed(name: str) -> Run:
            result = run("python", "-c", code[name], folder=folder)
            return result._replace(seconds=float(result.output.split()[-1]))

        seconds, peaks = run_alternately({name: partial(timed, name) for name in code})
    here = [sum(times) for times in zip(*(seconds[stage] for stage in STAGES), strict=True)]
    guide, goal = seconds["guide"], "limit: the goal for each stage"
    work = "CSV of 60,000 rows to noisy arrays, without imports"
    return [
        Row(work, "s", here, guide, note=f"{ratio(here, guide):.2f} of the guide's time"),
        *(
            Row(f"peak memory of `{stage}`", "MB", peaks[stage], peaks["guide"], {}, [600], goal)
            for stage in STAGES
        ),
    ]
