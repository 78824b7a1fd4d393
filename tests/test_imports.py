"""Imports between packages run in one direction, and dvc.yaml covers those of each stage."""

import ast
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pipeline import params
from tests.conftest import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ALLOWED = {  # the packages that each package may import
    "denoiser": set[str](),
    "training": {"denoiser"},
    "pipeline": {"denoiser"},
    "stages": {"denoiser", "training", "pipeline"},
    "tools": {"denoiser", "training", "pipeline", "stages"},
    "benchmarks": {"denoiser", "training", "pipeline", "stages", "tools"},
}
MODULES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]
# `denoiser` needs none of these, so that it can be used without them.
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


def import_closure(path: Path) -> set[Path]:
    """A module and the project's modules that it imports, directly or indirectly."""
    seen, new = set[Path](), {path}
    while new:
        seen |= new
        names = set[str]().union(*map(imported_names, new))
        paths = {ROOT / f"{name.replace('.', '/')}.py" for name in names}
        new = {path for path in paths if path.exists()} - seen
    return seen


def sections(stage: str) -> set[str]:
    """The sections of params.yaml that the module of a stage reads."""
    calls = [
        node
        for node in ast.walk(ast.parse((ROOT / f"stages/{stage}.py").read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "params.read"
    ]
    return {ast.unparse(call.args[0]).removeprefix("params.").lower() for call in calls}


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_those_below(package: str) -> None:
    found = {
        path.name: wrong
        for path in (ROOT / package).rglob("*.py")
        if (wrong := {n.split(".")[0] for n in imported_names(path)} & (ALLOWED.keys() - {package}))
        - ALLOWED[package]
    }
    assert found == {}


def test_a_stage_imports_no_other_stage() -> None:
    for path in (ROOT / "stages").glob("*.py"):
        assert not [name for name in imported_names(path) if name.startswith("stages")], path


def test_denoiser_does_without_the_packages_of_training() -> None:
    for path in (ROOT / "denoiser").glob("*.py"):
        assert not {name.split(".")[0] for name in imported_names(path)} & FORBIDDEN, path


def test_no_module_name_occurs_twice() -> None:
    counts = Counter(path.stem for path in MODULES if not path.stem.startswith("__"))
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("stage", STAGES)
def test_the_dependencies_of_a_stage_cover_its_code_and_parameters(stage: str) -> None:
    deps = {ROOT / dep for dep in STAGES[stage]["deps"]}
    assert ROOT / "requirements.txt" in deps
    for path in import_closure(ROOT / f"stages/{stage}.py"):
        assert deps & {path, *path.parents}, path
    listed = STAGES[stage].get("params", [])
    if stage == "check":  # it validates all parameters
        assert listed == [{params.FILE: None}]
    else:
        assert {name.split(".")[0] for name in listed} == sections(stage)
        # Only these parameters of the section affect results.
        runtime = {name for name in listed if name.startswith("runtime")}
        assert runtime in (set(), {"runtime.backend", "runtime.device"})


def test_each_stage_has_a_module_of_its_name() -> None:
    assert {path.stem for path in (ROOT / "stages").glob("[!_]*.py")} == STAGES.keys()
    for name, stage in STAGES.items():
        assert stage["cmd"].startswith("exec ")
        assert stage["cmd"].endswith(f" python -m stages.{name}")
