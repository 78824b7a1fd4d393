"""Experiments from DVC's queue, at once: the real thing."""

import csv
import re
import subprocess
import time
from pathlib import Path

from tests.conftest import ROOT, Clone


def make_table() -> str:
    """What `make table` runs."""
    lines = subprocess.run(
        ["make", "-n", "--no-print-directory", "table"], cwd=ROOT, capture_output=True, text=True
    )
    return lines.stdout.splitlines()[-1]


def test_two_queued_experiments_at_once(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path)
    clone.set_params(fetch={"source": "digits"})
    clone.run("git", "commit", "-qam", "digits")
    changes = {
        "same": ["train.epochs=15"],
        "other": [
            "model.encoder=[32,16]",
            "train.epochs=1",
            "noise.kind=gaussian",
            "noise.amount=0.75",
        ],
    }
    for name, change in changes.items():
        flags = [word for setting in change for word in ("-S", setting)]
        clone.run("dvc", "exp", "run", "--queue", "-n", name, *flags)
    clone.run("dvc", "queue", "start", "--jobs", "2")
    try:
        for _ in range(100):
            status = clone.run("dvc", "queue", "status")
            if not re.search("Queued|Running", status):
                break
            time.sleep(4)  # each question takes a core for a second
    finally:
        clone.run("dvc", "queue", "stop", "--kill")
    assert status.count("Success") == 2, status

    table = csv.DictReader(clone.run("sh", "-c", f"{make_table()} --csv").splitlines())
    rows = {row["Experiment"]: row for row in table}
    assert set(table.fieldnames or ()) == {
        "Experiment", "rev", "typ", "State", "val_loss", "epochs", "accuracy.denoised",
        "val.denoised.psnr", "val.denoised.ssim", "test.denoised.psnr", "test.denoised.ssim",
        "model.encoder", "noise.amount", "noise.kind", "train.epochs",
    }  # fmt: skip
    assert rows["other"]["model.encoder"] == "[32, 16]"
    assert rows["other"]["train.epochs"] == "1"
    assert (rows["other"]["noise.kind"], rows["other"]["noise.amount"]) == ("gaussian", "0.75")
    assert float(rows["other"]["val.denoised.psnr"]) != float(rows["same"]["val.denoised.psnr"])

    run = clone.run("git", "for-each-ref", "--format=%(refname)", "refs/exps/**/same").strip()
    assert clone.run("git", "show", f"{run}:dvc.lock") == digits.lock
    assert clone.run("git", "status", "--short") == ""  # and the workspace is as it was
