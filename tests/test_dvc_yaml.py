"""dvc.yaml: what each stage depends on is what it imports and is given, no less and no more."""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

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
