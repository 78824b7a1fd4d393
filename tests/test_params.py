"""stages/params.py, every stage's section, and stages/check.py."""

from pathlib import Path
from typing import Any

import pytest

from stages import check, params, train
from stages.errors import StageError
from tests.conftest import SetParams


def test_the_projects_own_file_is_right(workspace: Path) -> None:
    assert (workspace / "params.yaml").exists()
    check.main()


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("fetch", "source", "mnist", "fetch.source is 'mnist': input should be 'fashion-mnist', "),
        ("load", "limit", 0, "load.limit is 0: input should be greater than or equal to 1"),
        ("load", "train_csv", "", "load.train_csv is ''"),
        ("split", "validation_fraction", 1, "split.validation_fraction is 1: "),
        ("split", "validation_fraction", 0, "split.validation_fraction is 0: "),
        ("split", "seed", 2**32, "split.seed is 4294967296: "),
        ("noise", "kind", "salt", "noise.kind is 'salt': input should be 'uniform', 'gaussian'"),
        ("noise", "amount", -0.1, "noise.amount is -0.1: "),
        ("noise", "amount", "0.9", "noise.amount is '0.9': input should be a valid number"),
        ("noise", "amount", float("nan"), "noise.amount is nan: "),
        ("noise", "amount", [0.9], "noise.amount is [0.9]: value error, a range is two numbers"),
        ("noise", "amount", [0.1, 101], "noise.amount is 101: "),
        ("noise", "amount", [0.9, 0.1], "noise.amount is [0.9, 0.1]: value error, the first "),
        ("model", "encoder", [], "model.encoder is []: "),
        ("model", "encoder", [64, 0], "model.encoder.1 is 0: "),
        ("model", "encoder", 64, "model.encoder is 64: "),
        ("model", "filters", [], "model.filters is []: "),
        ("model", "convolutions", 0, "model.convolutions is 0: "),
        ("model", "activation", "rélu", "model.activation is 'rélu': "),
        ("train", "epochs", 0, "train.epochs is 0: "),
        ("train", "epochs", 1.5, "train.epochs is 1.5: "),
        ("train", "epochs", True, "train.epochs is True: "),
        ("train", "learning_rate", 0, "train.learning_rate is 0: "),
        ("train", "schedule", "one-cycle", "train.schedule is 'one-cycle': "),
        ("train", "warmup", 1, "train.warmup is 1: "),
        ("train", "weight_decay", -1, "train.weight_decay is -1: "),
        ("train", "augment", {"flip": 1, "shift": 0}, "train.augment.flip is 1: "),
        ("train", "augment", {"turn": True}, "train.augment.flip is missing; "),
        ("train", "patience", 0, "train.patience is 0: "),
        ("train", "backend", "theano", "train.backend is 'theano': "),
        ("train", "device", "tpu", "train.device is 'tpu': "),
        ("robustness", "images", 0, "robustness.images is 0: "),
        ("robustness", "amounts", {"salt": [1]}, "robustness.amounts.salt.[key] is 'salt': "),
        ("robustness", "amounts", {"masking": [1.1]}, "robustness.amounts is {'masking': [1.1]}: "),
        ("robustness", "amounts", {"uniform": []}, "robustness.amounts.uniform is []: "),
        ("robustness", "amounts", {"uniform": [-1]}, "robustness.amounts.uniform.0 is -1: "),
        ("classifier", "epochs", 0, "classifier.epochs is 0: "),
        ("plot", "images", 101, "plot.images is 101: "),
        ("train", "epoch", 3, "train.epoch is not a parameter (did you mean 'epochs'?)"),
        ("plot", "colour", "red", "plot.colour is not a parameter"),
    ],
)
def test_refuses(set_params: SetParams, section: str, key: str, value: Any, message: str) -> None:
    set_params(**{section: {key: value}})
    with pytest.raises(StageError) as error:
        check.main()
    assert f"params.yaml: {message}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["salt_and_pepper", "masking"])
def test_refuses_a_share_of_more_than_all_pixels(set_params: SetParams, kind: str) -> None:
    for right in (1, [0.5, 1]):
        set_params(noise={"kind": kind, "amount": right})
        check.main()
    for wrong in (1.1, [0.5, 1.1]):
        set_params(noise={"kind": kind, "amount": wrong})
        with pytest.raises(StageError, match=f"{kind} takes a share of the pixels, at most 1"):
            check.main()


def test_refuses_what_is_missing_or_unknown(workspace: Path) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("noise:", "nose:").replace("  epochs:", "  epoch:"))
    with pytest.raises(StageError) as error:
        check.main()
    assert "'nose' is not a section (did you mean 'noise'?)" in str(error.value)
    assert "the section 'noise' is missing" in str(error.value)
    assert "train.epochs is missing" in str(error.value)


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [\n", "\ttrain: 1\n"])
def test_refuses_what_is_no_mapping(workspace: Path, text: str) -> None:
    (workspace / "params.yaml").write_text(text)
    with pytest.raises(StageError, match=r"^params\.yaml (is not YAML|holds no sections)"):
        check.main()


@pytest.mark.parametrize("spelling", ["1e-3", "0.001", "1E-3", "1.0e-03", ".1e-2"])
def test_reads_numbers_as_dvc_does(workspace: Path, spelling: str) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("learning_rate: 0.001", f"learning_rate: {spelling}"))
    assert params.read("train", train.Train).learning_rate == 0.001
