"""dvc.yaml: each parameter reruns the stages that it affects, and DVC can restore all outputs."""

import shutil
from pathlib import Path
from typing import Any

import dvc.api
import networkx
import pytest
import yaml
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides

from stages import check
from tests.conftest import ROOT, Clone

STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "params.yaml").read_text())
KINDS = ("outs", "metrics", "plots")
ORDER = [
    "check", "fetch", "load", "split", "add_noise", "baselines", "train", "export", "predict",
    "robustness", "classifier", "classify", "evaluate", "plot",
]  # fmt: skip


def test_no_stage_depends_on_a_path_inside_an_output_folder() -> None:
    """In a fresh clone, DVC could not restore such a stage from its run cache."""
    entries = [e for stage in STAGES.values() for kind in KINDS for e in stage.get(kind, [])]
    folders = {Path(path) for e in entries for path in ([e] if isinstance(e, str) else e)}
    defaults = [PARAMS["load"]["train"], PARAMS["load"]["test"]]
    for dep in [*defaults, *(dep for stage in STAGES.values() for dep in stage["deps"])]:
        assert not folders & set(Path(dep).parents), dep


def test_stages_are_in_the_order_of_the_data_and_outputs_in_git_are_metrics_or_plots() -> None:
    """DVC does not use its run cache for a stage with an uncached output under `outs`."""
    assert list(STAGES) == ORDER
    for stage in STAGES.values():
        assert all(isinstance(out, str) for out in stage.get("outs", []))
        for entry in [*stage.get("metrics", []), *stage.get("plots", [])]:
            assert [options["cache"] for options in entry.values()] == [False]


def test_dvc_finds_the_model_as_an_artifact(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.with_cache_of(tmp_path / "clone", digits)
    shutil.copy(digits.folder / "dvc.lock", clone.folder)
    clone.run("git", "commit", "-qam", "The lock of a run on digits")
    clone.run("git", "tag", "-a", "denoiser@v1.0.0", "-m", "The first version")
    shown = dvc.api.artifacts_show("denoiser", repo=str(clone.folder))
    assert shown["path"] == "models/denoiser.onnx"
    assert shown["rev"] == clone.run("git", "rev-parse", "HEAD").strip()
    clone.run("dvc", "artifacts", "get", ".", "denoiser", "--out", "got.onnx")
    model = digits.folder / "models/denoiser.onnx"
    assert (clone.folder / "got.onnx").read_bytes() == model.read_bytes()


AMOUNTS = " ".join(f"amounts.{kind}=[0.55]" for kind in PARAMS["robustness"]["amounts"])
# Another value of each parameter, in the form that `-S` expects.
SECTIONS = {
    "fetch": "source=digits",
    "load": "train=data/mine.csv test=data/mine.csv noisy_train=data/mine.csv "
    "noisy_test=data/mine.csv label=null color=rgb side=64 stride=32 limit=100",
    "split": "validation_fraction=0.1 seed=1",
    "noise": "kind=gaussian amount=[0.1,0.9] clip=false seed=1",
    "baselines": "methods=[tv,ridge] pca_components=32",
    "model": "kind=unet encoder=[256,64] decoder=[] filters=[8,16] convolutions=1 activation=gelu "
    "residual=true standardize=true",
    "train": "epochs=3 batch_size=64 optimizer=adamw learning_rate=1e-4 schedule=cosine warmup=0.1 "
    "weight_decay=0.01 loss=psnr fresh_noise=true augment.flip=true augment.rotate=true "
    "augment.shift=2 patience=null precision=mixed_bfloat16 seed=1",
    "runtime": "backend=jax device=cpu steps_per_execution=1 tensorboard=true",
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
    "runtime.steps_per_execution": set[str](),
    "runtime.tensorboard": set[str](),
    "predict": EVALUATION,
    "robustness": {"robustness"},
    "classifier": {"classifier", "classify"},
    "plot": {"plot"},
}


def test_every_parameter_is_changed_here() -> None:
    def leaves(node: Any, prefix: str = "") -> list[str]:
        if not isinstance(node, dict):
            return [prefix[:-1]]
        return [path for name in node for path in leaves(node[name], f"{prefix}{name}.")]

    assert list(CHANGES) == leaves(PARAMS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The pipeline and its lock."""
    folder = tmp_path_factory.mktemp("project")
    Repo.init(str(folder), no_scm=True)
    (folder / "data").mkdir()
    (folder / "data/mine.csv").touch()
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
    loss = ["train.loss=mse"] if name == "model.residual" else []  # the default one is rejected
    apply_overrides("params.yaml", [f"{name}={CHANGES[name]}", *loss])
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
