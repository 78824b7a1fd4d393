"""`make search`: trials that are real experiments, interrupted and pruned."""

import contextlib
import csv
import json
import os
import re
import signal
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from denoiser.base.errors import InputError
from tests.conftest import Clone, wait_for
from tools import search
from tools.command import set_params as change_params

SPACE = {
    "train.learning_rate": {"low": 0.0001, "high": 0.01, "log": True},
    "model.encoder": [[32, 16], [16]],
}


def write(folder: Path, **changes: object) -> None:
    """Writes a small search.yaml."""
    content = {"study": "small", "base": [], "space": SPACE} | changes
    (folder / search.FILE).write_text(yaml.dump(content))


def open_study(folder: Path) -> optuna.Study:
    """The study of the search.yaml in a folder."""
    content = search.Search(**yaml.safe_load((folder / search.FILE).read_text()))
    return search.open_study(content, f"sqlite:///{folder}/search.db")


@pytest.mark.slow
def test_a_search_repeats_the_trial_of_a_killed_search(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.with_cache_of(tmp_path, digits)
    # Enough epochs for a call of `dvc exp show`, which takes seconds.
    write(clone.folder, base=["train.epochs=300", "train.patience=null"])
    search_process = clone.start("python", "-m", "tools.search", "1")
    try:
        wait_for(search_process, "epoch ")
        rows = csv.DictReader(clone.run("dvc", "exp", "show", "--csv").splitlines())
        (step,) = (row["step"] for row in rows if row["State"] == "Running")
        assert int(step) > 0
        search_process.kill()
        search_process.communicate()  # also waits for DVC, which has the same pipe
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(search_process.pid, signal.SIGKILL)
    assert '"state": "running"' not in clone.run("dvc", "exp", "show", "--json")
    with sqlite3.connect(tmp_path / "search.db") as database:  # instead of GRACE_PERIOD seconds
        earlier = "datetime(heartbeat, '-1 minute')"
        database.execute(f"UPDATE trial_heartbeats SET heartbeat = {earlier}")
    output = clone.run("python", "-m", "tools.search", "1")
    interrupted, trial = open_study(clone.folder).trials
    assert (interrupted.state, trial.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert trial.params == interrupted.params
    assert clone.run("dvc", "exp", "list", "--name-only").split() == ["small-0"]
    params = clone.committed("small-0", "params.yaml")
    assert params["train"]["learning_rate"] == trial.params["train.learning_rate"]
    assert params["model"]["encoder"] == json.loads(trial.params["model.encoder"])
    assert params["train"]["epochs"] == 300
    scores = clone.committed("small-0", "metrics/evaluation.json")
    assert scores["val"]["denoised"]["psnr"] == trial.value
    assert "best of 1 trials: small-0, PSNR" in output


@pytest.mark.slow
def test_a_pruned_trial_is_not_recorded_as_an_experiment(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.with_cache_of(tmp_path, digits)
    write(clone.folder, base=["train.epochs=1000", "train.patience=null"])
    study = open_study(clone.folder)
    better = optuna.create_trial(  # than any real one in each epoch
        value=90.0,
        params={"train.learning_rate": 1e-3, "model.encoder": "[16]"},
        distributions={
            "train.learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True),
            "model.encoder": optuna.distributions.CategoricalDistribution(["[32,16]", "[16]"]),
        },
        user_attrs={"experiment": "better"},
        intermediate_values=dict.fromkeys(range(1000), 0.0),
    )
    study.add_trials([better] * 5)
    output = clone.run("python", "-m", "tools.search", "6")
    assert study.trials[-1].state == TrialState.PRUNED
    assert int(re.findall("small-5: pruned after (.*) epochs", output)[0]) > search.WARMUP
    assert "failed to reproduce 'train'" in output
    assert "best of 6 trials: better, PSNR 90.00 dB" in output
    assert clone.run("dvc", "exp", "list", "--name-only") == ""
    assert clone.run("git", "status", "--short") == " M search.yaml\n"


def test_rejects_invalid_definitions(workspace: Path) -> None:
    definitions: list[tuple[dict[str, Any], str]] = [
        ({"space": {"train.learning_rat": [1]}}, "did you mean 'train.learning_rate'?"),
        ({"space": {"train.loss": ["mse", "mae"]}}, "'train.loss' cannot be searched"),
        ({"space": {}}, "space: "),
        ({"space": {"train.epochs": {"low": 5, "high": 1}}}, "low must not be above high"),
        ({"space": {"train.learning_rate": {"low": 0, "high": 1, "log": True}}}, "above 0"),
        ({"space": {"train.warmup": {"low": 0.0, "high": 1.5}}}, "train.warmup=1.5: params.yaml: "),
        ({"space": {"model.activation": ["relu", "rlu"]}}, "model.activation=rlu: params.yaml: "),
        ({"base": ["unet_small"]}, "base: 'unet_small' is neither an override"),
        ({"base": ["train.epoch=3"]}, "base: "),
        ({"space": {"train.epochs": {"low": 1}}}, "space.train.epochs.Range.high: "),
        ({"study": "two words"}, "study: "),
        ({"bases": []}, "bases: "),
    ]
    for changes, message in definitions:
        write(workspace, **changes)
        with pytest.raises(InputError, match=rf"^search\.yaml: .*{re.escape(message)}"):
            search.read()
    write(workspace, space={"train.augment.flip": [True, False]})  # a nested parameter
    assert search.read().space == {"train.augment.flip": [True, False]}


def test_experiments_of_another_search_are_not_replaced(tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path)
    write(tmp_path)
    head = clone.run("git", "rev-parse", "HEAD").strip()
    clone.run("git", "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/small-7", head)
    output = clone.fail("python", "-m", "tools.search", "1")
    assert "another search has created experiments named small-…: remove them" in output
    assert clone.experiment("small-7")


def test_a_study_keeps_its_space(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And needs a database."""
    write(workspace)
    for _ in range(2):
        open_study(workspace)
    write(workspace, base=["train.epochs=3"])
    with pytest.raises(InputError, match="'small' was started with another base, space or params"):
        open_study(workspace)
    write(workspace)
    open_study(workspace)
    change_params(workspace, noise={"amount": 0.5})
    with pytest.raises(InputError, match="'small' was started with another base, space or params"):
        open_study(workspace)
    write(workspace, base=["train.epochs=3"], study="other")
    open_study(workspace)
    content = search.Search(study="third", base=[], space={"train.epochs": [1]})
    with pytest.raises(InputError, match=r"^STORAGE: .*readonly"):
        search.open_study(content, "sqlite:///file:search.db?mode=ro&uri=true")
    monkeypatch.setattr(search, "ATTEMPTS", 1)
    with pytest.raises(InputError, match="^STORAGE: "):
        search.open_storage("no database")


def test_suggested_values_lie_in_the_space() -> None:
    """Lists, nulls, strings, integers and floats, in the form that `-S` expects."""
    values = {"list": "[32,16]", "null": "null", "word": "relu", "n": 3, "x": 3}
    spaces: dict[str, Any] = {"list": [[32, 16], [16]], "null": [None, 5], "word": ["relu", "gelu"]}
    spaces["n"] = search.Range(low=1, high=4, log=True)
    spaces["x"] = search.Range(low=1, high=4.5)
    trial = optuna.trial.FixedTrial(values)
    assert {name: search.suggest(trial, name, spaces[name]) for name in spaces} == values
    assert trial.distributions["n"] == optuna.distributions.IntDistribution(1, 4, log=True)
    assert trial.distributions["x"] == optuna.distributions.FloatDistribution(1, 4.5)
