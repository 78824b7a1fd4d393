"""`make verify`: recomputes the committed result in a fresh clone and compares the two.

With QUICK=1 it recomputes a small result on scikit-learn's digits with the packages in .venv,
otherwise the default result with newly installed packages. `--update` recomputes the committed
small result.
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

from denoiser.base.errors import InputError
from pipeline.base.process import run_main
from tools.command import clone_head, set_params

Params = dict[str, dict[str, Any]]

QUICK = Path("benchmarks/digits")
QUICK_PARAMS: Params = {"fetch": {"source": "digits"}, "train": {"epochs": 3}}
EVALUATION = "metrics/evaluation.json"
LIMITS = {"psnr": 0.3, "ssim": 0.02}  # the allowed drift on another processor or a GPU


class Result(NamedTuple):
    """The result of a run: dvc.lock, and the metrics of evaluation.json by dotted name."""

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
        """All parameters, as the stage `check` read them."""
        params: Params = self.lock["stages"]["check"]["params"]["params.yaml"]
        return params


def read_metrics(evaluation: str) -> pd.Series:
    """The metrics of the text of an evaluation.json by dotted name."""
    return pd.json_normalize(json.loads(evaluation)).iloc[0].astype(float)


def main() -> None:
    quick, update = (flag in sys.argv for flag in ("--quick", "--update"))
    with tempfile.TemporaryDirectory() as folder:
        clone = clone_head(Path(folder))
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
        text, failures = compare(committed, Result.read(clone))
        print(f"\n{text}")
        if failures:
            raise InputError("; ".join(failures))


def recompute(clone: Path, params: Params) -> None:
    """Runs the pipeline in a clone with these parameters and an empty cache."""
    set_params(clone, **params)
    path = f"{clone}/.venv/bin:{os.environ['PATH']}"
    if subprocess.run(["dvc", "repro"], cwd=clone, env=os.environ | {"PATH": path}).returncode:
        raise InputError("`dvc repro` failed in a fresh clone, see above")


def compare(committed: Result, recomputed: Result) -> tuple[str, list[str]]:
    """A report of the differences, and the metrics whose drift exceeds its limit."""
    old, new = committed.hashes(), recomputed.hashes()
    different = [path for path in sorted(old | new) if old.get(path) != new.get(path)]
    if not different:
        return f"identical: all {len(new)} outputs have the committed hashes", []
    table = pd.DataFrame({"committed": committed.metrics, "recomputed": recomputed.metrics})
    both_null = table.isna().all(axis=1)  # SSIM of images that are too small for it
    table["drift"] = (table["recomputed"] - table["committed"]).mask(both_null, 0)
    lines = [f"{len(different)} of {len(old | new)} outputs differ:"]
    lines += [f"  {path}" for path in different]
    lines += ["", table.to_string(float_format="{:.4f}".format), ""]
    failures = []
    for metric, limit in LIMITS.items():
        drift = table["drift"].filter(regex=rf"\.{metric}$").abs().fillna(math.inf).max()
        lines.append(f"largest drift of {metric.upper()}: {drift:.4f} (limit: {limit})")
        if drift > limit:
            failures.append(f"{metric.upper()} drifts by {drift:.4f}, more than {limit}")
    return "\n".join(lines), failures


if __name__ == "__main__":
    sys.exit(run_main(main))
