"""pipeline/params.py and stages/check.py."""

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from denoiser.errors import InputError
from pipeline import params
from stages import check
from tests.conftest import SetParams, write_csv


def check_error() -> str:
    """The message of `check`, which must fail."""
    with pytest.raises(InputError) as error:
        check.main()
    assert not Path("data").exists()
    return str(error.value)


def test_params_yaml_is_valid(workspace: Path) -> None:
    check.main()
    assert Path("data/checked").exists()


def test_every_choice_has_its_names() -> None:
    """Parameters without limits of length, unlike paths, are choices."""
    choices = {
        f"{name}.{key}"
        for name, section in params.SECTIONS.items()
        for key, field in section.model_fields.items()
        if field.annotation in (str, list[str]) and not field.metadata
    }
    assert check.CHOICES.keys() == choices | {"robustness.amounts"}


INVALID = """
load.limit=0  load.train=''  load.side=0  split.seed=4294967296
split.validation_fraction=0  split.validation_fraction=1
noise.amount=-0.1  noise.amount='0.9'  noise.amount=nan  noise.amount=[0.9]
noise.amount=[0.1,101]  noise.amount=[0.9,0.1]  noise.clip=1
model.encoder=[]  model.encoder=[64,0]  model.encoder=64  model.filters=[]  model.convolutions=0
train.epochs=0  train.epochs=1.5  train.epochs=true  train.learning_rate=0  train.loss=1
train.warmup=1  train.weight_decay=-1  train.augment.flip=1  train.augment.shift=-1
train.patience=0  runtime.steps_per_execution=0  predict.ensemble=8
robustness.images=0  robustness.amounts.masking=[1.1]  robustness.amounts.uniform=[]
robustness.amounts.uniform=[-1]  classifier.epochs=0  plot.images=101
fetch.source=mnist  load.color=blue  noise.kind=salt  baselines.methods=[mean,none]
model.kind=none  model.activation=none  train.optimizer=none  train.schedule=linear
train.loss=none  train.precision=float64  runtime.backend=torch  runtime.device=tpu
+robustness.amounts.salt=[1]  plot.colormap=red
"""


@pytest.mark.parametrize("override", INVALID.split())
def test_rejects_invalid_values(workspace: Path, override: str) -> None:
    apply_overrides(workspace / "params.yaml", [override])
    name = override.lstrip("+").split("=")[0].removesuffix(".masking").removesuffix(".salt")
    message = check_error()
    assert message.startswith(f"params.yaml: {name}"), message
    assert message.count(f"{name.split('.')[0]}.") == 1  # no other parameter is rejected


def test_names_the_choices_and_the_closest_one(set_params: SetParams) -> None:
    set_params(
        model={"kind": "u-net"}, baselines={"methods": ["tv", "meddian"]}, runtime={"device": "tpu"}
    )
    assert check_error() == (
        "params.yaml: baselines.methods: 'meddian' is not one of mean, median, gaussian, nlm, tv, "
        "pca, ridge (did you mean 'median'?); "
        "params.yaml: model.kind: 'u-net' is not one of dense, conv, unet (did you mean 'unet'?); "
        "params.yaml: runtime.device: 'tpu' is not one of auto, cpu, gpu (did you mean 'gpu'?)"
    )


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("train", "epoch", 3, "train.epoch is not a parameter (did you mean 'epochs'?)"),
        ("load", "train_csv", "a.csv", "load.train_csv is not a parameter (did you mean 'train'?)"),
        ("plot", "size", 3, "plot.size is not a parameter"),
        ("train", "augment", {"flip": True, "rotate": True}, "train.augment.shift is missing"),
        ("train", "backend", "jax", "train.backend is now runtime.backend"),
        ("train", "device", "cpu", "train.device is now runtime.device"),
        ("train", "tensorboard", True, "train.tensorboard is now runtime.tensorboard"),
    ],
)
def test_rejects_unknown_missing_and_former_names(
    set_params: SetParams, section: str, key: str, value: Any, message: str
) -> None:
    set_params(**{section: {key: value}})
    assert check_error() == f"params.yaml: {message}"


@pytest.mark.parametrize("kind", ["salt_and_pepper", "masking"])
@pytest.mark.parametrize(("valid", "invalid"), [(1, 1.1), ([0.5, 1], [0.5, 1.1])])
def test_rejects_fractions_above_1(
    set_params: SetParams, kind: str, valid: Any, invalid: Any
) -> None:
    set_params(noise={"kind": kind, "amount": invalid})
    message = check_error()
    assert f"noise.amount is {invalid}" in message
    assert kind in message
    set_params(noise={"amount": valid})
    check.main()


@pytest.mark.parametrize("key", ["train", "test"])
def test_rejects_source_none_with_the_csvs_of_fetch(set_params: SetParams, key: str) -> None:
    """They would be empty."""
    own = {"train": "my/train.csv", "test": "my/test.csv"}
    for path in own.values():
        write_csv(Path(path), 1)
    set_params(fetch={"source": "none"}, load=own | {key: "./data/raw/train.csv"})
    assert f"params.yaml: load.{key} is ./data/raw/train.csv" in check_error()
    set_params(load=own)
    check.main()


@pytest.mark.parametrize("path", ["data/noisy/train", "./data/split", "data/../data/images/x"])
def test_rejects_data_in_a_folder_that_a_stage_replaces(set_params: SetParams, path: str) -> None:
    set_params(load={"noisy_train": path})
    assert f"load.noisy_train is {path}, in a folder that a stage replaces" in check_error()


def test_rejects_a_path_that_does_not_exist(set_params: SetParams) -> None:
    set_params(load={"test": "data/mine/pictures"})
    assert check_error().endswith("load.test is data/mine/pictures, which does not exist")
    Path("data/mine").mkdir(parents=True)
    Path("data/mine.dvc").touch()  # DVC tracks the folder, and can restore it
    check.main()


def test_rejects_pairs_without_noisy_images(set_params: SetParams) -> None:
    set_params(noise={"kind": "pairs"})
    message = check_error()
    assert "load.noisy_train and load.train are both data/raw/train.csv" in message
    pairs = {"noisy_train": "noisy/train.csv", "noisy_test": "noisy/test.csv"}
    for path in pairs.values():
        write_csv(Path(path), 1)
    set_params(load=pairs, train={"fresh_noise": True})
    assert "set train.fresh_noise to false" in check_error()
    set_params(train={"fresh_noise": False})
    check.main()


@pytest.mark.parametrize(
    ("invalid", "message", "remedy"),
    [
        (
            "model.residual=true",
            "train.loss is 'binary_crossentropy', which needs results from 0 to 1",
            "train.loss=psnr",
        ),
        (
            "load.side=10 train.loss=ssim",
            "load.side is 10, but train.loss 'ssim' needs at least 11",
            "load.side=11",
        ),
        (
            "load.side=8 baselines.pca_components=65",
            "baselines.pca_components is 65, but a square has 64 values",
            "load.color=rgb",
        ),
        ("load.side=65", "baselines.methods contains pca or ridge, which need", "load.side=64"),
        (
            "load.side=37 load.color=rgb",
            "baselines.methods contains pca or ridge, which need",
            "baselines.methods=[tv]",
        ),
    ],
)
def test_rejects_values_that_contradict_each_other(
    workspace: Path, invalid: str, message: str, remedy: str
) -> None:
    apply_overrides(workspace / "params.yaml", invalid.split())
    assert check_error().startswith(f"params.yaml: {message}")
    apply_overrides(workspace / "params.yaml", [remedy])
    check.main()


def test_reports_all_missing_and_unknown_names(workspace: Path) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("noise:", "nose:").replace("  epochs:", "  epoch:"))
    message = check_error()
    assert "'nose' is not a section (did you mean 'noise'?)" in message
    assert "the section 'noise' is missing" in message
    assert "train.epochs is missing" in message


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [\n", "\ttrain: 1\n"])
def test_rejects_files_without_sections(workspace: Path, text: str) -> None:
    (workspace / "params.yaml").write_text(text)
    assert check_error().startswith("params.yaml ")


@pytest.mark.parametrize("spelling", ["1e-3", "0.001", "1E-3", "1.0e-03", ".1e-2"])
def test_reads_numbers_as_dvc_does(workspace: Path, spelling: str) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("learning_rate: 0.001", f"learning_rate: {spelling}"))
    assert params.read(params.Train).learning_rate == 0.001
