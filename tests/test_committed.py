"""What is committed belongs together; no data is needed to see that."""

import json

import pytest
import yaml

from tests.conftest import Clone
from tools import verify

KEPT_BY_DVC = ("data/", "models/")


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.of_head(tmp_path_factory.mktemp("head"))


def test_there_is_nothing_to_do(head: Clone) -> None:
    output = head.run("dvc", "repro", "--dry", "--allow-missing")
    assert "Running stage" not in output
    assert output.count("didn't change, skipping") == len(
        yaml.safe_load((head.folder / "dvc.yaml").read_text())["stages"]
    )


def test_only_what_dvc_keeps_is_missing_and_nothing_else_differs(head: Clone) -> None:
    status = json.loads(head.run("dvc", "status", "--json"))
    found = [
        (path, state)
        for changes in status.values()
        for change in changes
        for kind in ("changed deps", "changed outs")
        for path, state in change.pop(kind, {}).items()
    ]
    assert not any(change for changes in status.values() for change in changes)
    assert [path for path, _ in found if not path.startswith(KEPT_BY_DVC)] == []
    assert {state for _, state in found} == {"deleted", "not in cache"}


@pytest.mark.parametrize("name", ["metrics/evaluation.json", "metrics/plots/first.png"])
def test_a_committed_file_that_is_gone_or_changed_shows(head: Clone, name: str) -> None:
    """So that the test before this one can fail."""
    path = head.folder / name
    content = path.read_bytes()
    for damage in (path.unlink, lambda: path.write_bytes(content + b"\n")):
        damage()
        with pytest.raises(AssertionError):
            test_only_what_dvc_keeps_is_missing_and_nothing_else_differs(head)
        path.write_bytes(content)


def test_the_quick_reference_has_the_outputs_of_the_pipeline(head: Clone) -> None:
    whole, quick = (
        verify.Result.read(folder) for folder in (head.folder, head.folder / verify.QUICK)
    )
    assert set(whole.hashes()) == set(quick.hashes())
    assert quick.params()["fetch"] == {"source": "digits"}
    assert whole.params() == yaml.safe_load((head.folder / "params.yaml").read_text())
