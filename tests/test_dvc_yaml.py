"""dvc.yaml: what each stage depends on is what it imports and is given, no less and no more."""

import ast
import shutil
from pathlib import Path
from typing import Any

import networkx
import pytest
import yaml
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides

from stages import check
from tests.conftest import ROOT

STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ORDER = [
    "check",
    "fetch",
    "load",
    "split",
    "noise",
    "baselines",
    "train",
    "predict",
    "robustness",
    "classifier",
    "classify",
    "evaluate",
    "plot",
]


def imported(path: Path) -> set[Path]:
    """The project's modules that one imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not looked at here"
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        else:
            continue
        for name in names:
            module = Path(name.replace(".", "/"))
            packages = [folder / "__init__.py" for folder in (module, *module.parents)]
            found |= {ROOT / path for path in (module.with_suffix(".py"), *packages)}
    return {path for path in found if path.exists()}


def closure(path: Path) -> set[str]:
    """A module and the project's modules that it imports, directly or through others."""
    seen, new = set[Path](), {path}
    while new:
        seen |= new
        new = set[Path]().union(*map(imported, new)) - seen
    return {str(path.relative_to(ROOT)) for path in seen}


def test_stages_come_in_the_order_of_the_data() -> None:
    assert list(STAGES) == ORDER


@pytest.mark.parametrize("name", ORDER)
def test_code_deps_are_the_import_closure(name: str) -> None:
    deps = [dep for dep in STAGES[name]["deps"] if dep.endswith(".py")]
    assert deps == sorted(closure(ROOT / f"stages/{name}.py"))


@pytest.mark.parametrize("name", ORDER)
def test_every_stage_depends_on_the_libraries(name: str) -> None:
    assert "requirements.txt" in STAGES[name]["deps"]
    assert STAGES[name]["cmd"] == f"exec python -m stages.{name}"


def test_stages_do_not_import_each_other() -> None:
    for name in ORDER[1:]:  # `check` asks all of them what parameters they take
        others = {f"stages/{other}.py" for other in ORDER if other != name}
        assert not closure(ROOT / f"stages/{name}.py") & others


def test_the_core_knows_no_stages() -> None:
    for path in (ROOT / "denoiser").glob("*.py"):
        assert not {name for name in closure(path) if not name.startswith("denoiser/")}


def test_what_git_holds_is_no_out() -> None:
    """DVC would not use its run cache for a stage with an uncached `outs:` entry."""
    for stage in STAGES.values():
        assert all(isinstance(out, str) for out in stage.get("outs", []))
        for entry in [*stage.get("metrics", []), *stage.get("plots", [])]:
            assert [options["cache"] for options in entry.values()] == [False]


# Parameters. For each, another value as `-S` takes it.
CHANGES = {
    "fetch.source": "digits",
    "load.train_csv": "data/mine.csv",
    "load.test_csv": "data/mine.csv",
    "load.limit": "100",
    "split.validation_fraction": "0.1",
    "split.seed": "1",
    "noise.kind": "gaussian",
    "noise.amount": "[0.1,0.9]",
    "noise.seed": "1",
    "baselines.methods": "[tv,ridge]",
    "baselines.pca_components": "32",
    "model.kind": "unet",
    "model.encoder": "[256,64]",
    "model.decoder": "[]",
    "model.filters": "[8,16]",
    "model.convolutions": "1",
    "model.activation": "gelu",
    "train.epochs": "3",
    "train.batch_size": "64",
    "train.optimizer": "adamw",
    "train.learning_rate": "1e-4",
    "train.schedule": "cosine",
    "train.warmup": "0.1",
    "train.weight_decay": "0.01",
    "train.loss": "psnr",
    "train.fresh_noise": "true",
    "train.augment.flip": "true",
    "train.augment.shift": "2",
    "train.patience": "null",
    "train.precision": "mixed_bfloat16",
    "train.steps_per_execution": "1",
    "train.tensorboard": "true",
    "train.backend": "jax",
    "train.device": "cpu",
    "train.seed": "1",
    "robustness.images": "10",
    "robustness.amounts.uniform": "[0.5]",
    "robustness.amounts.gaussian": "[0.5]",
    "robustness.amounts.salt_and_pepper": "[0.5]",
    "robustness.amounts.speckle": "[0.5]",
    "robustness.amounts.poisson": "[0.5]",
    "robustness.amounts.masking": "[0.75]",
    "robustness.seed": "1",
    "classifier.epochs": "1",
    "classifier.batch_size": "64",
    "classifier.learning_rate": "0.01",
    "classifier.seed": "1",
    "plot.images": "5",
}

JUDGES = {"predict", "robustness", "classify", "evaluate", "plot"}
RERUN = {
    "fetch": set(ORDER[1:]),
    "load": set(ORDER[2:]),
    "split": set(ORDER[3:]),
    "noise": {"noise", "baselines", "train"} | JUDGES,
    "baselines": {"baselines", "classify", "evaluate", "plot"},
    "model": {"train"} | JUDGES,
    "train": {"train"} | JUDGES,
    "train.backend": {"train", "classifier"} | JUDGES,
    "train.device": {"train", "classifier"} | JUDGES,
    "robustness": {"robustness", "plot"},
    "classifier": {"classifier", "classify"},
    "plot": {"plot"},
}


def test_every_parameter_is_changed_here() -> None:
    def leaves(node: dict[str, Any], before: str = "") -> list[str]:
        found = []
        for name, value in node.items():
            path = f"{before}{name}"
            found += leaves(value, f"{path}.") if isinstance(value, dict) else [path]
        return found

    assert list(CHANGES) == leaves(yaml.safe_load((ROOT / "params.yaml").read_text()))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What DVC looks at: the pipeline, its parameters, and its lock."""
    folder = tmp_path_factory.mktemp("project")
    Repo.init(str(folder), no_scm=True)
    for name in ("dvc.yaml", "dvc.lock", "params.yaml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.mark.parametrize("name", CHANGES)
def test_a_parameter_reruns_the_stages_that_it_decides(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """All of them, and no others; but for `check`, which looks at every parameter."""
    path = project / "params.yaml"
    before = path.read_text()
    monkeypatch.chdir(project)
    try:
        apply_overrides(path, [f"{name}={CHANGES[name]}"])
        check.main()
        index = Repo().index
        changed = {
            stage
            for stage in index.stages
            for dep in stage.deps
            if isinstance(dep, ParamsDependency) and dep.status()
        }
    finally:
        path.write_text(before)
    checked = {stage for stage in changed if stage.name == "check"}
    assert checked
    rerun = {
        each.name
        for stage in changed - checked
        for each in (stage, *networkx.ancestors(index.graph, stage))  # those that need it
    }
    assert rerun == RERUN.get(name, RERUN[name.split(".")[0]])
