"""Ten times the rows: the time and the memory of each stage.

`python -m benchmarks.scale SMALL` writes the CSVs into the current folder: ten times the images of
the clone SMALL, shifted a pixel further each time. It is a process of its own, as the kernel counts
what the process that starts another holds as held by that one.
"""

import functools
import shutil
import sys
from pathlib import Path

from benchmarks.measure import CSVS, Row, Run, alternately, clone, ratio, run

STAGES = ("load", "split", "noise", "baselines", "predict", "evaluate")
BASELINES = {"methods": ["mean", "pca", "ridge"]}  # the filters take an image at a time
TIMES = 10


def rows() -> list[Row]:
    peaks: dict[str, list[float]] = {}

    def work(stage: str, folder: Path, size: str) -> float:
        done: Run = run("python", "-m", f"stages.{stage}", folder=folder)
        peaks.setdefault(f"{stage} {size}", []).append(done.peak)
        return done.seconds

    with (
        clone("predict", baselines=BASELINES, train={"epochs": 1}) as small,
        clone(baselines=BASELINES) as large,
    ):
        (large / "models").mkdir(exist_ok=True)
        shutil.copy(small / "models/autoencoder.keras", large / "models")
        run("python", "-m", "benchmarks.scale", str(small), folder=large)
        contenders = {
            f"{stage} {size}": functools.partial(work, stage, folder, size)
            for stage in STAGES
            for size, folder in (("small", small), ("large", large))
        }
        took = alternately(contenders)
    result = []
    for stage in STAGES:
        small_one, large_one = f"{stage} small", f"{stage} large"
        grown = ratio(took[large_one], took[small_one])
        result += [
            Row(
                f"`{stage}`, 600,000 rows and not 60,000",
                "s",
                took[large_one],
                limit=took[small_one],
                note=f"{grown:.1f} times the time of 60,000 (limit)",
            ),
            Row("peak memory of the same", "MB", peaks[large_one], limit=peaks[small_one]),
        ]
    return result


def write_csvs(small: str) -> None:
    import numpy as np

    from stages import fetch, files

    for csv in CSVS:
        name = Path(csv).stem
        images, labels = (
            files.load_npy(f"{small}/data/images/{name}_{kind}.npy")
            for kind in ("images", "labels")
        )
        shifted = [np.roll(images, shift, axis=1) for shift in range(TIMES)]
        Path(csv).parent.mkdir(exist_ok=True, parents=True)
        fetch.write_csv(Path(csv), np.concatenate(shifted), np.tile(labels, TIMES))


if __name__ == "__main__":
    write_csvs(sys.argv[1])
