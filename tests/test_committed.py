"""The committed results belong to the code in the working tree; no data is needed to see that."""

import json

import pandas as pd
import pytest
import yaml

from denoiser import scores
from tests.conftest import ROOT, Clone
from tools import experiment, results, verify

STORED_BY_DVC = ("data/", "models/")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.of_workspace(tmp_path_factory.mktemp("clone"))


def test_no_stage_has_to_run(clone: Clone) -> None:
    output = clone.run("dvc", "repro", "--dry", "--allow-missing")
    assert "Running stage" not in output
    stages = yaml.safe_load((clone.folder / "dvc.yaml").read_text())["stages"]
    assert output.count("didn't change, skipping") == len(stages)


def test_only_files_stored_by_dvc_are_missing_and_no_others_differ(clone: Clone) -> None:
    status = json.loads(clone.run("dvc", "status", "--json"))
    changes = [
        (path, state)
        for stage in status.values()
        for change in stage
        for kind in ("changed deps", "changed outs")
        for path, state in change.pop(kind, {}).items()
    ]
    assert not any(change for stage in status.values() for change in stage)
    assert [path for path, _ in changes if not path.startswith(STORED_BY_DVC)] == []
    assert {state for _, state in changes} == {"deleted", "not in cache"}


def test_the_small_result_has_the_outputs_of_the_pipeline(clone: Clone) -> None:
    default, small = (
        verify.Result.read(folder) for folder in (clone.folder, clone.folder / verify.QUICK)
    )
    assert set(default.hashes()) == set(small.hashes())
    assert small.params()["fetch"] == {"source": "digits"}
    assert default.params() == clone.read_params()


def test_no_score_that_the_pipeline_computes_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    table = experiment.read_rows(experiment.SCORES).set_index(["method", "preset"]).sort_index()
    presets = table.index.get_level_values("preset")
    labelled = [name for name in set(presets) if results.read_params(name)["load"]["label"]]
    metrics = [f"{split}_{metric}" for split in ("val", "test") for metric in scores.METRICS]
    empty = []
    for cells in (
        table[["processor", "commit"]],
        table.drop("clean")[metrics],
        table.loc[["model"], ["val_loss", "epochs", "minutes"]],
        table[presets.isin(labelled)].loc[["noisy input", "model", "clean"], ["accuracy"]],
        pd.read_csv(experiment.ROBUSTNESS, index_col=["kind", "preset"]),
    ):
        empty += cells.index[cells.isna().any(axis=1)].unique().tolist()
    assert not empty, "run `make experiment` for these presets"
    assert table["commit"].str.fullmatch("[0-9a-f]{7}").all()  # no "+": the code was committed
