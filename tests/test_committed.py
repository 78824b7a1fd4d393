"""The committed results, tables and documents belong to the code and files in the working tree."""

import hashlib
import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from benchmarks.__main__ import table as benchmark_table
from denoiser.model import FOLDER, MODELS
from pipeline import scores
from tests.conftest import ROOT, Clone
from tools import experiment, results, verify

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.of_workspace(tmp_path_factory.mktemp("clone"))


def test_no_stage_has_to_run(clone: Clone) -> None:
    # Files that systems and editors leave beside the code are no dependencies.
    left = ".DS_Store .noise.py.swp noise.py~ .#noise.py noise.py.bak noise.py.orig".split()
    (clone.folder / "pipeline/base/.ipynb_checkpoints").mkdir()
    for name in (*left, ".ipynb_checkpoints/noise.py"):
        (clone.folder / "pipeline/base" / name).touch()
    output = clone.run("dvc", "repro", "--dry", "--allow-missing")
    assert "Running stage" not in output
    stages = yaml.safe_load((clone.folder / "dvc.yaml").read_text())["stages"]
    assert output.count("didn't change, skipping") == len(stages)
    clone.run("git", "clean", "-fdxq", "pipeline")
    # Files that DVC stores are missing; no others differ.
    status = json.loads(clone.run("dvc", "status", "--json"))
    changes = [
        (path, state)
        for stage in status.values()
        for change in stage
        for kind in ("changed deps", "changed outs")
        for path, state in change.pop(kind, {}).items()
    ]
    assert not any(change for stage in status.values() for change in stage)
    assert [path for path, _ in changes if not path.startswith(("data/", "models/"))] == []
    assert {state for _, state in changes} == {"deleted", "not in cache"}


def test_the_small_result_has_the_outputs_of_the_pipeline(clone: Clone) -> None:
    default = verify.Result.of_run(clone.folder)
    small = verify.Result(**clone.read_json(str(verify.REFERENCE)))
    assert default.outputs.keys() == small.outputs.keys()
    stages = yaml.safe_load((clone.folder / "dvc.yaml").read_text())["stages"]
    lock = yaml.safe_load((clone.folder / "dvc.lock").read_text())["stages"]
    assert lock.keys() == stages.keys()  # DVC keeps those of deleted stages
    assert small.params["fetch"] == {"source": "digits"}
    # `make verify` writes these parameters, and metrics/robustness.csv has the order of the noises.
    assert list(small.params["robustness"]["amounts"]) == list(
        default.params["robustness"]["amounts"]
    )
    assert default.params == clone.read_params()


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


def test_make_results_changes_nothing_and_requires_scores(clone: Clone) -> None:
    """The tables and pictures are those that the command creates from the committed scores."""
    clone.run("python", "-m", "tools.results")
    assert clone.run("git", "status", "--short") == ""
    preset = clone.folder / "presets/new.yaml"
    preset.write_text("# Noise that is not scored.\n- noise.amount=0.7\n")
    assert "make experiment NAME=new" in clone.fail("python", "-m", "tools.results")
    preset.unlink()


def test_each_model_of_the_package_is_that_of_its_origin() -> None:
    origins = experiment.read_rows(experiment.ORIGINS).set_index("preset")
    assert set(origins.index) == set(MODELS)
    for name, sha256 in origins["sha256"].items():
        model = (FOLDER / f"{name}.onnx").read_bytes()
        assert hashlib.sha256(model).hexdigest() == sha256, f"make experiment NAME={name}"


def test_every_table_of_numbers_is_created_by_a_command() -> None:
    """Outside of the markers, no document has a table with a decimal number."""
    for document in results.DOCUMENTS:
        text = (ROOT / document).read_text()
        text = re.sub(r"<!-- begin .*?<!-- end -->", "", text, flags=re.DOTALL)
        assert not re.findall(r"^\|.*\d\.\d\d.*", text, re.MULTILINE), document
    assert benchmark_table() in (ROOT / "benchmarks/README.md").read_text()


def test_tests_that_share_a_clone_run_in_one_worker(request: pytest.FixtureRequest) -> None:
    """pytest-xdist ignores groups with some versions of pytest."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    assert alone or request.node.nodeid.endswith("@committed")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_the_documents_exist(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert "://" in target or (page.parent / target).exists(), target
    folders = "stages|denoiser|training|pipeline|tools|tests|docs"
    for name in re.findall(rf"`((?:{folders})/[\w/.]+)`", text):
        assert "NAME" in name or (ROOT / name).exists(), name
