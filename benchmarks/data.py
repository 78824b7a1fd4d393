"""From the CSVs to noisy arrays: the guide's cells against the stages load, split and add_noise."""

from collections.abc import Iterable
from functools import partial

from benchmarks.measure import CSVS, Row, Values, clone, ratio, run, run_alternately

STAGES = ("load", "split", "add_noise")
PREPARE = f"from benchmarks.guide_script import prepare; prepare{CSVS}"


def rows() -> list[Row]:
    with clone("add_noise") as folder:
        python = partial(run, "python", "-c", folder=folder)
        contenders = {
            "guide": partial(python, PREPARE),
            "imports of guide": partial(python, "import benchmarks.guide_script"),
            "empty program": partial(python, ""),
        }
        for stage in STAGES:
            contenders[stage] = partial(run, "python", "-m", f"stages.{stage}", folder=folder)
            contenders[f"imports of {stage}"] = partial(python, f"import stages.{stage}")
        seconds, peaks = run_alternately(contenders)

    def without_imports(name: str) -> Values:
        """The seconds of a contender without its imports, but with the start of Python."""
        parts = seconds[name], seconds[f"imports of {name}"], seconds["empty program"]
        return [whole - imports + empty for whole, imports, empty in zip(*parts, strict=True)]

    guide, here = without_imports("guide"), total(map(without_imports, STAGES))
    work = "CSV of 60,000 rows to noisy arrays"
    note, goal = f"{ratio(here, guide):.2f} of the guide's time", "limit: the goal for each stage"
    return [
        Row(f"{work}, without imports", "s", here, guide, note=note),
        Row(
            f"{work}, with imports",
            "s",
            total(seconds[stage] for stage in STAGES),
            seconds["guide"],
        ),
        *(
            Row(f"peak memory of `{stage}`", "MB", peaks[stage], peaks["guide"], {}, [600], goal)
            for stage in STAGES
        ),
    ]


def total(values: Iterable[Values]) -> Values:
    """The sum of each round."""
    return [sum(seconds) for seconds in zip(*values, strict=True)]
