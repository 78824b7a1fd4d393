"""dvc.yaml and the imports: what a stage depends on, and that DVC can restore all outputs."""

import ast
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import networkx
import pandas as pd
import pytest
import yaml
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides

from pipeline.base import params
from stages import check
from tests.conftest import ROOT

PIPELINE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = PIPELINE["stages"]
PARAMS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "params.yaml").read_text())
KINDS = ("outs", "metrics", "plots")
ORDER = list(STAGES)


def outputs_of(stage: dict[str, Any]) -> set[Path]:
    entries = [entry for kind in KINDS for entry in stage.get(kind, [])]
    return {
        Path(path) for entry in entries for path in ([entry] if isinstance(entry, str) else entry)
    }


def test_stages_are_in_order_and_dvc_can_restore_them() -> None:
    written = set[Path]()
    for name, stage in STAGES.items():
        assert re.fullmatch(rf"exec (env \S+ )?python -m stages {name}", stage["cmd"])
        read = {
            Path(dep) for dep in stage["deps"] if dep.startswith(("data/", "metrics/", "model"))
        }
        assert read <= written
        written |= outputs_of(stage)
    assert PIPELINE["artifacts"]["denoiser"]["path"] in STAGES["export"]["outs"]
    # In a fresh clone, DVC could not restore a stage that depends on a path in an output folder.
    defaults = [PARAMS["load"]["train"], PARAMS["load"]["test"]]
    for dep in [*defaults, *(dep for stage in STAGES.values() for dep in stage["deps"])]:
        assert not written & set(Path(dep).parents), dep
    # Nor does DVC use its run cache for a stage with an uncached output under `outs`.
    for stage in STAGES.values():
        assert all(isinstance(out, str) for out in stage.get("outs", []))
        for entry in [*stage.get("metrics", []), *stage.get("plots", [])]:
            assert [options["cache"] for options in entry.values()] == [False]


AMOUNTS = " ".join(f"amounts.{kind}=[0.55]" for kind in PARAMS["robustness"]["amounts"])
# Another value of each parameter, in the form that `-S` expects.
SECTIONS = {
    "fetch": "source=digits",
    "load": "train=data/mine.csv test=data/mine.csv noisy_train=data/mine.csv "
    "noisy_test=data/mine.csv label=null color=rgb side=64 stride=32 limit=100",
    "split": "validation_fraction=0.1 validation_pictures=['*a*'] seed=1",
    "noise": "kind=gaussian amount=[0.1,0.9] clip=false seed=1",
    "baselines": "methods=[tv,ridge] pca_components=32",
    "model": "kind=unet encoder=[256,64] decoder=[] filters=[8,16] convolutions=1 "
    "activation=silu residual=true standardize=true",
    "train": "start=data/mine.onnx epochs=3 batch_size=64 optimizer=adamw learning_rate=1e-4 "
    "schedule=cosine warmup=0.1 weight_decay=0.01 loss=psnr fresh_noise=true "
    "augment.flip=true augment.rotate=true augment.gray=0.5 patience=null "
    "precision=mixed_bfloat16 seed=1",
    "runtime": "backend=jax device=cpu portable=false",
    "predict": "ensemble=true",
    "robustness": f"images=10 {AMOUNTS} seed=1",
    "classifier": "epochs=1 batch_size=64 learning_rate=0.01 seed=1",
    "plot": "images=5 colormap=gray",
}
CHANGES = {
    f"{section}.{change.split('=')[0]}": change.split("=")[1]
    for section, changes in SECTIONS.items()
    for change in changes.split()
}

EVALUATION = {"predict", "robustness", "classify", "evaluate", "plot"}
RERUN = {
    "fetch": set(ORDER[1:]),
    "load": set(ORDER[2:]),
    "split": set(ORDER[3:]),
    "noise": {"add_noise", "baselines", "train", "export"} | EVALUATION,
    "baselines": {"baselines", "classify", "evaluate", "plot"},
    "model": {"train", "export"} | EVALUATION,
    "train": {"train", "export"} | EVALUATION,
    "runtime": {"train", "export", "classifier"} | EVALUATION,
    "predict": EVALUATION,
    "robustness": {"robustness"},
    "classifier": {"classifier", "classify"},
    "plot": {"plot"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The pipeline and its lock."""
    folder = tmp_path_factory.mktemp("project")
    Repo.init(str(folder), no_scm=True)
    (folder / "data").mkdir()
    for name in ("mine.csv", "mine.onnx"):
        (folder / "data" / name).touch()
    for name in ("dvc.yaml", "dvc.lock"):
        shutil.copy(ROOT / name, folder)
    return Repo(str(folder))


@pytest.mark.parametrize("name", CHANGES)
def test_a_parameter_reruns_exactly_the_stages_that_it_affects(
    project: Repo, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Besides `check`, which depends on all parameters."""
    monkeypatch.chdir(project.root_dir)
    shutil.copy(ROOT / "params.yaml", ".")
    changes = [f"{name}={CHANGES[name]}"]
    if name == "model.residual":  # rejected with the default network and loss
        changes += ["model.kind=unet", "train.loss=mse"]
    if name == "train.start":
        changes += ["model.kind=conv"]
    apply_overrides("params.yaml", changes)
    check.main()
    index = Repo().index if name.startswith("load.") else project.index  # paths of CSVs
    changed = {
        stage
        for stage in index.stages
        for dep in stage.deps
        if isinstance(dep, ParamsDependency) and dep.status()
    }
    names = {stage.name for stage in changed}
    assert "check" in names
    rerun = [networkx.ancestors(index.graph, stage) for stage in changed if stage.name != "check"]
    names |= {stage.name for stages in rerun for stage in stages}
    assert names - {"check"} == RERUN.get(name, RERUN[name.split(".")[0]])


ALLOWED = {  # the packages that each package may import
    "denoiser": "",
    "training": "denoiser",
    "pipeline": "denoiser",
    "stages": "denoiser training pipeline",
    "tools": "denoiser training pipeline stages",
    "benchmarks": "denoiser training pipeline stages tools",
}
MODULES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]
# `denoiser` runs without these.
FORBIDDEN = {"dvc", "dvclive", "jax", "keras", "matplotlib", "pandas", "pydantic", "tensorflow"}


def imported_names(path: Path) -> set[str]:
    """The full names that a module imports, anywhere in its code; some are not modules."""
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not supported"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_packages_below_and_no_stage_imports_another(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    imported = {name.split(".")[0] for name in imported_names(path)}
    own = set() if package == "stages" else {package}
    assert imported & ALLOWED.keys() <= own | set(ALLOWED[package].split())
    if path.parent.name == "base":  # what most modules need, needs no other module
        assert all(other.parent.name == "base" for other in project_modules(path))
    assert package != "denoiser" or not imported & FORBIDDEN


def project_modules(path: Path) -> set[Path]:
    """A module, and all modules of the project that it imports, also through other modules."""
    found, new = set[Path](), {path}
    while new:
        found |= new
        names = set[str]().union(*map(imported_names, new))
        paths = {ROOT / f"{name.replace('.', '/')}.py" for name in names}
        new = {path for path in paths if path.exists()} - found
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_its_code_and_parameters(stage: str) -> None:
    """Of the folders `base`, whose modules most stages import, a stage depends on all modules."""
    module = ROOT / f"stages/{stage}.py"
    deps = {ROOT / dep for dep in STAGES[stage]["deps"]}
    assert ROOT / "requirements.txt" in deps
    imported = project_modules(module)
    assert [path for path in imported if not deps & {path, *path.parents}] == []
    folders = {path for path in deps if path.name == "base"}
    assert folders == {path.parent for path in imported if path.parent.name == "base"}
    assert {path for path in deps if path.suffix == ".py"} <= imported
    assert not deps & {ROOT / package for package in ALLOWED}
    listed = STAGES[stage].get("params", [])
    if stage == "check":  # it validates all parameters
        assert listed == [{params.FILE: None}]
        return
    read = re.findall(r"params\.read\(params\.(\w+)\)", module.read_text())
    assert {name.split(".")[0] for name in listed} == {section.lower() for section in read}
    # Only these parameters of the section affect results.
    runtime = {name for name in listed if name.startswith("runtime")}
    assert runtime in (set(), {"runtime.backend", "runtime.device", "runtime.portable"})


def test_each_stage_has_a_module_each_parameter_a_change_and_no_name_occurs_twice() -> None:
    assert list(CHANGES) == list(pd.json_normalize(PARAMS))
    counts = Counter(path.stem for path in MODULES if not path.stem.startswith("__"))
    assert [name for name, count in counts.items() if count > 1] == []
    assert {path.stem for path in (ROOT / "stages").glob("[!_]*.py")} == STAGES.keys()
