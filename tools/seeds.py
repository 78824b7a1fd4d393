"""`make seeds NAME=small`: trains a preset with five seeds and stores its scores.

Only train.seed differs; the split and the noise stay. The PSNR of each seed is stored in
presets/seeds.csv.
"""

import json
import sys

import pandas as pd

from pipeline.base.process import lock_folder, run_main
from tools import experiment
from tools.command import read_committed
from tools.measurements import processor

SCORES = experiment.PRESETS / "seeds.csv"
SEEDS = range(1, 6)


def main() -> None:
    preset = experiment.preset_argument()
    lock_folder(experiment.PRESETS, "experiment")  # as in `make experiment`
    changes, rows = experiment.overrides(preset), []
    for seed in SEEDS:
        name = f"{preset}-seed-{seed}"
        experiment.run_experiment(name, [*changes, f"train.seed={seed}"])
        rows.append({"seed": seed} | scores(name))
    experiment.replace_rows(SCORES, preset, pd.DataFrame(rows))


def scores(name: str) -> dict[str, float | str]:
    """The PSNR of an experiment in dB, and how it was computed."""
    commit = experiment.commit_of(name)
    evaluation = json.loads(read_committed(commit, "metrics/evaluation.json"))
    psnr = {f"{split}_psnr": evaluation[split]["denoised"]["psnr"] for split in ("val", "test")}
    return psnr | {"processor": processor(), "commit": experiment.code_of(commit)}


if __name__ == "__main__":
    sys.exit(run_main(main))
