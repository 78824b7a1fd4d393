"""`make search`: trials that are real experiments, interrupted and pruned."""

import contextlib
import csv
import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from denoiser.base.errors import InputError
from tests.conftest import Clone
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


def wait_for_epochs(clone: Clone) -> None:
    """Waits until `dvc exp show` shows the progress of a running experiment."""
    steps = set()
    for _ in range(60):
        rows = csv.DictReader(clone.run("dvc", "exp", "show", "--csv").splitlines())
        steps |= {row["step"] for row in rows if row.get("State") == "Running"} - {"", "-", "!"}
        if len(steps) > 1:
            return
    pytest.fail("`dvc exp show` shows no progress")


@pytest.mark.slow
def test_a_search_repeats_the_trial_of_a_killed_search(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.with_cache_of(tmp_path, digits)
    # Enough epochs for two calls of `dvc exp show`, which take seconds.
    write(clone.folder, base=["train.epochs=500", "train.patience=null"])
    search_process = clone.start("python", "-m", "tools.search", "1")
    try:
        wait_for_epochs(clone)
        search_process.kill()
        search_process.communicate()  # also waits for DVC, which has the same pipe
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(search_process.pid, signal.SIGKILL)
    assert '"state": "running"' not in clone.run("dvc", "exp", "show", "--json")
    time.sleep(search.GRACE_PERIOD + search.HEARTBEAT)
    output = clone.run("python", "-m", "tools.search", "1")
    interrupted, trial = open_study(clone.folder).trials
    assert (interrupted.state, trial.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert trial.params == interrupted.params
    assert clone.run("dvc", "exp", "list", "--name-only").split() == ["small-0"]
    commit = clone.experiment("small-0")
    params = yaml.safe_load(clone.run("git", "show", f"{commit}:params.yaml"))
    assert params["train"]["learning_rate"] == trial.params["train.learning_rate"]
    assert params["model"]["encoder"] == json.loads(trial.params["model.encoder"])
    assert params["train"]["epochs"] == 500
    scores = json.loads(clone.run("git", "show", f"{commit}:metrics/evaluation.json"))
    assert scores["val"]["denoised"]["psnr"] == trial.value
    assert "best of 1 trials: small-0, PSNR" in output


@pytest.mark.slow
def test_a_pruned_trial_is_not_recorded_as_an_experiment(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.with_cache_of(tmp_path, digits)
    write(clone.folder, base=["train.epochs=1000", "train.patience=null"])
    study = open_study(clone.folder)
    distributions = {
        "train.learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True),
        "model.encoder": optuna.distributions.CategoricalDistribution(["[32,16]", "[16]"]),
    }
    for _ in range(5):  # trials that are better than any real one in each epoch
        study.add_trial(
            optuna.create_trial(
                value=90.0,
                params={"train.learning_rate": 1e-3, "model.encoder": "[16]"},
                distributions=distributions,
                user_attrs={"experiment": "better"},
                intermediate_values=dict.fromkeys(range(1000), 0.0),
            )
        )
    output = clone.run("python", "-m", "tools.search", "6")
    assert study.trials[-1].state == TrialState.PRUNED
    assert int(re.findall("small-5: pruned after (.*) epochs", output)[0]) > search.WARMUP
    assert "failed to reproduce 'train'" in output
    assert "best of 6 trials: better, PSNR 90.00 dB" in output
    assert clone.run("dvc", "exp", "list", "--name-only") == ""
    assert clone.run("git", "status", "--short") == " M search.yaml\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {"train.learning_rat": [1]}}, "did you mean 'train.learning_rate'?"),
        ({"space": {"train.loss": ["mse", "mae"]}}, "'train.loss' cannot be searched"),
        ({"space": {"noise.amount": [0.1]}}, "'noise.amount' cannot be searched"),
        ({"space": {}}, "search.yaml: space: "),
        ({"space": {"train.epochs": {"low": 5, "high": 1}}}, "low must not be above high"),
        ({"space": {"train.learning_rate": {"low": 0, "high": 1, "log": True}}}, "above 0"),
        ({"space": {"train.warmup": {"low": 0.0, "high": 1.5}}}, "train.warmup=1.5: params.yaml: "),
        ({"space": {"model.activation": ["relu", "rlu"]}}, "model.activation=rlu: params.yaml: "),
        ({"base": ["unet_small"]}, "base: 'unet_small' is neither an override"),
        ({"base": ["train.epoch=3"]}, "base: "),
        ({"space": {"train.epochs": {"low": 1}}}, "space.train.epochs.Range.high: "),
        ({"study": "two words"}, "search.yaml: study: "),
        ({"bases": []}, "search.yaml: bases: "),
    ],
)
def test_an_invalid_definition_is_rejected(
    workspace: Path, changes: dict[str, Any], message: str
) -> None:
    write(workspace, **changes)
    with pytest.raises(InputError, match=r"^search\.yaml: ") as error:
        search.read()
    assert message in str(error.value)
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


def test_a_study_cannot_change_its_space_and_needs_a_database(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    trial = optuna.trial.FixedTrial(
        {"list": "[32,16]", "null": "null", "word": "relu", "n": 3, "x": 3}
    )
    assert search.suggest(trial, "list", [[32, 16], [16]]) == "[32,16]"
    assert search.suggest(trial, "null", [None, 5]) == "null"
    assert search.suggest(trial, "word", ["relu", "gelu"]) == "relu"
    assert search.suggest(trial, "n", search.Range(low=1, high=4, log=True)) == 3
    assert search.suggest(trial, "x", search.Range(low=1, high=4.5)) == 3
    assert trial.distributions["n"] == optuna.distributions.IntDistribution(1, 4, log=True)
    assert trial.distributions["x"] == optuna.distributions.FloatDistribution(1, 4.5)
