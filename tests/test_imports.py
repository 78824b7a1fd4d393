"""Imports between packages run in one direction, and dvc.yaml covers those of each stage."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pipeline import params
from tests.conftest import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ALLOWED = {  # the packages that each package may import
    "denoiser": "",
    "training": "denoiser",
    "pipeline": "denoiser",
    "stages": "denoiser training pipeline",
    "tools": "denoiser training pipeline stages",
    "benchmarks": "denoiser training pipeline stages tools",
}
MODULES = [path for package in ALLOWED for path in sorted((ROOT / package).glob("*.py"))]
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
    package = path.parent.name
    imported = {name.split(".")[0] for name in imported_names(path)}
    own = set() if package == "stages" else {package}
    assert imported & ALLOWED.keys() <= own | set(ALLOWED[package].split())
    assert package != "denoiser" or not imported & FORBIDDEN


@pytest.mark.parametrize("stage", STAGES)
def test_the_dependencies_of_a_stage_cover_its_code_and_parameters(stage: str) -> None:
    module = ROOT / f"stages/{stage}.py"
    deps = {ROOT / dep for dep in STAGES[stage]["deps"]}
    assert ROOT / "requirements.txt" in deps
    imported, new = set[Path](), {module}
    while new:
        imported |= new
        names = set[str]().union(*map(imported_names, new))
        paths = {ROOT / f"{name.replace('.', '/')}.py" for name in names}
        new = {path for path in paths if path.exists()} - imported
    assert [path for path in imported if not deps & {path, *path.parents}] == []
    listed = STAGES[stage].get("params", [])
    if stage == "check":  # it validates all parameters
        assert listed == [{params.FILE: None}]
        return
    read = re.findall(r"params\.read\(params\.(\w+)\)", module.read_text())
    assert {name.split(".")[0] for name in listed} == {section.lower() for section in read}
    # Only these parameters of the section affect results.
    runtime = {name for name in listed if name.startswith("runtime")}
    assert runtime in (set(), {"runtime.backend", "runtime.device"})


def test_each_stage_has_a_module_of_its_name_and_no_name_occurs_twice() -> None:
    counts = Counter(path.stem for path in MODULES if not path.stem.startswith("__"))
    assert [name for name, count in counts.items() if count > 1] == []
    assert {path.stem for path in (ROOT / "stages").glob("[!_]*.py")} == STAGES.keys()
    for name, stage in STAGES.items():
        assert re.fullmatch(rf"exec (env \S+ )?python -m stages\.{name}", stage["cmd"])
