"""`make verify`: recomputes the committed result in a fresh clone, and compares.

With QUICK=1 a small result on scikit-learn's digits, with the libraries of .venv; without, the
whole default run, with libraries of its own. `make reference` makes the small result anew.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from stages.errors import StageError, run
from tools.params_file import set_params

Params = dict[str, dict[str, Any]]

QUICK = Path("benchmarks/digits")
QUICK_PARAMS: Params = {"fetch": {"source": "digits"}, "train": {"epochs": 3}}
EVALUATION = "metrics/evaluation.json"
LIMITS = {"psnr": 0.3, "ssim": 0.02}  # what another processor or a GPU stays within


class Result(NamedTuple):
    """What a run left: `dvc.lock`, and each metric of evaluation.json by its dotted name."""

    lock: dict[str, Any]
    metrics: pd.Series

    @classmethod
    def read(cls, folder: Path) -> "Result":
        lock = yaml.safe_load((folder / "dvc.lock").read_text())
        return cls(lock, read_metrics((folder / EVALUATION).read_text()))

    def hashes(self) -> dict[str, str]:
        """The hash of each output."""
        stages = self.lock["stages"].values()
        return {out["path"]: out["md5"] for stage in stages for out in stage["outs"]}

    def params(self) -> Params:
        """All of params.yaml, as the stage `check` saw it."""
        found: Params = self.lock["stages"]["check"]["params"]["params.yaml"]
        return found


def read_metrics(evaluation: str) -> pd.Series:
    """Each metric of an evaluation.json by its dotted name."""
    return pd.json_normalize(json.loads(evaluation)).iloc[0].astype(float)


def main() -> None:
    quick, update = (flag in sys.argv for flag in ("--quick", "--update"))
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder)
        subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
        if update:
            recompute(clone, QUICK_PARAMS)
            for name in ("dvc.lock", EVALUATION):
                (QUICK / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(clone / name, QUICK / name)
            return
        committed = Result.read(clone / QUICK if quick else clone)
        if not quick:
            subprocess.run(["make", "setup"], cwd=clone, check=True)
        recompute(clone, committed.params())
        words, beyond = compare(committed, Result.read(clone))
        print(f"\n{words}")
        if beyond:
            raise StageError("; ".join(beyond))


def recompute(clone: Path, params: Params) -> None:
    """Runs the pipeline in a clone, from nothing, with these parameters."""
    set_params(clone, **params)
    path = f"{clone}/.venv/bin:{os.environ['PATH']}"
    if subprocess.run(["dvc", "repro"], cwd=clone, env=os.environ | {"PATH": path}).returncode:
        raise StageError("`dvc repro` failed in a fresh clone, see above")


def compare(committed: Result, here: Result) -> tuple[str, list[str]]:
    """What differs, in words, and which scores differ by more than their limit."""
    old, new = committed.hashes(), here.hashes()
    differing = [path for path in sorted(old | new) if old.get(path) != new.get(path)]
    if not differing:
        return f"identical: all {len(new)} outputs have the committed hashes", []
    table = pd.DataFrame({"committed": committed.metrics, "here": here.metrics})
    both_null = table.isna().all(axis=1)  # SSIM of images that are too small for it
    table["drift"] = (table["here"] - table["committed"]).mask(both_null, 0)
    lines = [f"{len(differing)} of {len(old | new)} outputs differ:"]
    lines += [f"  {path}" for path in differing]
    lines += ["", table.to_string(float_format="{:.4f}".format), ""]
    beyond = []
    for metric, limit in LIMITS.items():
        drift = table["drift"].filter(regex=rf"\.{metric}$").abs().fillna(math.inf).max()
        lines.append(f"{metric.upper()} drifts by {drift:.4f} at most, and may by {limit}")
        if drift > limit:
            beyond.append(f"{metric.upper()} drifts by {drift:.4f}, more than {limit}")
    return "\n".join(lines), beyond


if __name__ == "__main__":
    sys.exit(run(main))
