"""Experiments from DVC's queue, at once: the real thing."""

import csv
import json
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


def run_queue(clone: Clone) -> None:
    """Runs what is queued, two at a time; all of them have to end well."""
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
    run_queue(clone)

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
    other = clone.run("git", "show", f"{clone.experiment('other')}:metrics/evaluation.json")
    noisy = json.loads(other)["val"]["noisy"]["psnr"]
    assert float(rows["other"]["val.denoised.psnr"]) > noisy

    assert clone.run("git", "show", f"{clone.experiment('same')}:dvc.lock") == digits.lock
    assert clone.run("git", "status", "--short") == ""  # and the workspace is as it was


def test_a_grid_repeats_no_stage_that_the_workspace_has_run(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.after_repro(tmp_path, digits)
    grid = ["-S", "train.epochs=1", "-S", "model.encoder=[32,16],[16,8]"]
    queued = clone.run("dvc", "exp", "run", "--queue", *grid)
    names = re.findall("Queued experiment '(.*)'", queued)
    run_queue(clone)
    for name in names:
        log = clone.run("dvc", "queue", "logs", name)
        assert "epoch   1/1  loss" in log
        assert not re.search(r"\r(?!\n)", log)  # no line over and over
        ran = re.findall("Running stage '(.*)'", log)
        assert ran == ["check", "train", "predict", "robustness", "classify", "evaluate", "plot"]
    table = csv.DictReader(clone.run("sh", "-c", f"{make_table()} --csv").splitlines())
    rows = {row["Experiment"]: row["model.encoder"] for row in table}
    assert [rows[name] for name in names] == ["[32, 16]", "[16, 8]"]
