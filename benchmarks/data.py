"""From the CSVs to noisy arrays, in memory at most: the guide's cells, and the three stages."""

from pathlib import Path

from benchmarks.measure import CSVS, Row, Run, alternately, clone, ratio, run

STAGES = {"load": "denoiser.image_csv", "split": "sklearn.model_selection", "noise": "numpy"}
PREPARE = f"from benchmarks.guide_script import prepare; prepare{CSVS}"


def rows() -> list[Row]:
    peaks: dict[str, list[float]] = {name: [] for name in ("guide", *STAGES)}

    def kept(name: str, done: Run) -> float:
        peaks[name].append(done.peak)
        return done.seconds

    with clone("noise") as folder:
        took = alternately(
            {
                "guide": lambda: kept("guide", python(folder, PREPARE)),
                "guide's imports": lambda: python(folder, "import benchmarks.guide_script").seconds,
                "here": lambda: sum(
                    kept(name, run("python", "-m", f"stages.{name}", folder=folder))
                    for name in STAGES
                ),
                "here's imports": lambda: sum(
                    python(folder, f"import stages.{name}, {library}").seconds
                    for name, library in STAGES.items()
                ),
                "empty": lambda: python(folder, "").seconds,
            }
        )
    # Importing starts an interpreter, too, which counts.
    guide, here = (
        [
            whole - imports + starts * empty
            for whole, imports, empty in zip(
                took[name], took[f"{name}'s imports"], took["empty"], strict=True
            )
        ]
        for name, starts in (("guide", 1), ("here", len(STAGES)))
    )
    return [
        Row(
            "CSV of 60,000 rows to noisy arrays, without imports",
            "s",
            here,
            guide,
            note=f"{ratio(here, guide):.2f} of the guide's time",
        ),
        Row("the same with imports", "s", took["here"], took["guide"]),
        *(
            Row(f"peak memory of `{name}`", "MB", peaks[name], peaks["guide"], limit=[600])
            for name in STAGES
        ),
    ]


def python(folder: Path, code: str) -> Run:
    return run("python", "-c", code, folder=folder)
