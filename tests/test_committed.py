"""The committed results belong to the code in the working tree; no data is needed to see that."""

import json

import pytest
import yaml

from tests.conftest import Clone
from tools import verify

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
