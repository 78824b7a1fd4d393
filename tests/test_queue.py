"""Queued experiments in a fresh clone with an empty cache, and the commands that compare them."""

import csv
import json
import re
import time

import pytest
import yaml

from tests.conftest import FAST, Clone
from tools.command import read_committed
from tools.experiment import commit_of

pytestmark = pytest.mark.slow

RATES = ["0.001", "0.003"]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A fresh clone after two experiments at a time; no other command ran before."""
    clone = Clone.of_workspace(tmp_path_factory.mktemp("grid"), **FAST)
    changes = ["fetch.source=digits", "train.epochs=1", f"train.learning_rate={','.join(RATES)}"]
    flags = [word for change in changes for word in ("-S", change)]
    clone.run("dvc", "exp", "run", "--queue", "-n", "grid", *flags)
    clone.run("dvc", "queue", "start", "--jobs", "2")
    try:
        for _ in range(600):  # `dvc queue status` occupies a core for a second
            if clone.run("git", "for-each-ref", "refs/exps").count("/grid-") == len(RATES):
                break
            time.sleep(1)
        while re.search("Queued|Running", status := clone.run("dvc", "queue", "status")):
            time.sleep(1)
    finally:
        clone.run("dvc", "queue", "stop", "--kill")
    assert status.count("Success") == 2, status
    return clone


def test_each_experiment_has_its_parameters_and_result(
    grid: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(grid.folder)
    models = set()
    for number, rate in enumerate(RATES, start=1):
        lock, params, scores = (
            yaml.safe_load(read_committed(commit_of(f"grid-{number}"), name))
            for name in ("dvc.lock", "params.yaml", "metrics/evaluation.json")
        )
        assert params["train"]["learning_rate"] == float(rate)
        models.add(str(lock["stages"]["train"]["outs"]))
        assert scores["val"]["denoised"]["psnr"] > scores["val"]["noisy"]["psnr"]
    assert len(models) == 2
    log = grid.run("dvc", "queue", "logs", "grid-2")
    assert re.findall(r"^epoch +(\d)/1  loss ", log, re.MULTILINE) == ["1"]
    assert not re.search(r"\r(?!\n)", log)  # no progress bars in the log


def test_the_table_has_the_scores_and_the_parameters_that_differ(grid: Clone) -> None:
    make_table = grid.run("make", "-n", "--no-print-directory", "table").splitlines()[-1]
    table = csv.DictReader(grid.run("sh", "-c", f"{make_table} --csv").splitlines())
    rows = {row["Experiment"]: row for row in table}
    assert set(table.fieldnames or ()) == {
        "Experiment", "rev", "typ", "State", "val_loss", "step", "accuracy.denoised",
        "val.denoised.psnr", "val.denoised.ssim", "test.denoised.psnr", "test.denoised.ssim",
        "fetch.source", "train.epochs", "train.learning_rate",
    }  # fmt: skip
    assert [rows[f"grid-{number}"]["train.learning_rate"] for number in (1, 2)] == RATES
    assert rows["grid-1"]["step"] == "1"
    assert grid.run("git", "status", "--short") == ""  # the workspace is unchanged


def test_dvc_draws_each_chart_of_both_experiments(grid: Clone) -> None:
    output = grid.run("dvc", "plots", "diff", "grid-1", "grid-2", "--json")
    plots = json.loads(output.strip().splitlines()[-1])["data"]
    charts = {
        "Loss": {"epoch", "loss"},
        "metrics/robustness.csv": {"amount", "PSNR (dB)"},
        "metrics/methods.csv": {"method", "PSNR (dB)"},
        "metrics/by_class.csv": {"class", "PSNR (dB)"},
    }
    for name, titles in charts.items():
        (chart,) = plots[name]
        text = json.dumps(chart["content"])
        assert all(f'"title": "{title}"' in text for title in titles), name
        assert {row["rev"] for row in chart["content"]["data"]["values"]} == {"grid-1", "grid-2"}
    kinds = {row["kind"] for row in plots["metrics/robustness.csv"][0]["content"]["data"]["values"]}
    assert kinds == set(grid.read_params()["robustness"]["amounts"])
    for name in ("best", "first", "methods", "worst"):
        revisions = [image["revisions"] for image in plots[f"metrics/plots/{name}.png"]]
        assert sorted(revisions) == [["grid-1"], ["grid-2"]]
