"""`make verify`: recomputes the committed result in a fresh clone and compares the two.

With QUICK=1 it recomputes a small result on scikit-learn's digits with the packages in .venv,
otherwise the default result with newly installed packages. `--update` recomputes the committed
small result.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml
from dvc.utils.flatten import flatten

from denoiser.base.errors import InputError
from pipeline.base import params
from pipeline.base.process import run_main
from tools.command import clone_head, output, set_params

Params = dict[str, dict[str, Any]]

REFERENCE = Path("tests/reference/digits.json")  # the small result
QUICK_PARAMS: Params = {"fetch": {"source": "digits"}, "train": {"epochs": 3}}
EVALUATION = "metrics/evaluation.json"
LIMITS = {"psnr": 0.3, "ssim": 0.02}  # the allowed drift on another processor or a GPU


class Result(NamedTuple):
    """The result of a run."""

    params: Params
    outputs: dict[str, str]  # the hash of each output
    metrics: dict[str, float | None]  # those of evaluation.json by dotted name

    @classmethod
    def of_run(cls, folder: Path) -> "Result":
        """The result of the last run in a folder."""
        stages = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
        outputs = {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}
        metrics = flatten(json.loads((folder / EVALUATION).read_text()))
        return cls(stages["check"]["params"][params.FILE], outputs, metrics)


def main() -> None:
    quick, update = (flag in sys.argv for flag in ("--quick", "--update"))
    with tempfile.TemporaryDirectory() as folder:
        clone_head(clone := Path(folder, "clone"))
        if update:
            recompute(clone, QUICK_PARAMS)
            result = Result.of_run(clone)._asdict()
            REFERENCE.write_text(json.dumps(result, indent=1) + "\n")
            return
        reference = json.loads((clone / REFERENCE).read_text())
        committed = Result(**reference) if quick else Result.of_run(clone)
        if not quick:
            subprocess.run(["make", "setup"], cwd=clone, check=True)
        recompute(clone, committed.params)
        text, failures = compare(committed, Result.of_run(clone))
        print(f"\n{text}")
        if failures:
            raise InputError("; ".join(failures))


def recompute(clone: Path, params: Params) -> None:
    """Runs the pipeline in a clone with these parameters and an empty cache.

    A cache that is configured for the user or the system would restore the result of an earlier
    run, without computing anything.
    """
    set_params(clone, **params)
    output("dvc", "--cd", str(clone), "cache", "dir", "--local", str(clone / ".dvc/cache"))
    path = f"{clone}/.venv/bin:{os.environ['PATH']}"
    if subprocess.run(["dvc", "repro"], cwd=clone, env=os.environ | {"PATH": path}).returncode:
        raise InputError("`dvc repro` failed in a fresh clone, see above")


def compare(committed: Result, recomputed: Result) -> tuple[str, list[str]]:
    """A report of the differences, and the metrics whose drift exceeds its limit."""
    old, new = committed.outputs, recomputed.outputs
    different = [path for path in sorted(old | new) if old.get(path) != new.get(path)]
    if not different:
        return f"identical: all {len(new)} outputs have the committed hashes", []
    columns = {"committed": committed.metrics, "recomputed": recomputed.metrics}
    table = pd.DataFrame(columns, dtype=float)
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
