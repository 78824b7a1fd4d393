"""pipeline/base/params.py and stages/check.py."""

import re
from pathlib import Path

import numpy as np
import pytest
from dvc.utils.hydra import apply_overrides

from denoiser.base.errors import InputError
from pipeline.base import params
from stages import check
from tests.conftest import write_csv


def check_error() -> str:
    """The message of `check`, which must fail."""
    with pytest.raises(InputError) as error:
        check.main()
    assert not Path("data").exists()
    return str(error.value)


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
split.validation_fraction=0  split.validation_fraction=1  split.validation_pictures='*a*'
noise.amount=-0.1  noise.amount='x'  noise.amount=25/0  noise.amount=nan  noise.amount=[0.9]
noise.amount=[0.1,101]  noise.amount=[0.9,0.1]  noise.clip=1
model.encoder=[]  model.encoder=[64,0]  model.encoder=64  model.filters=[]  model.filters=[1,2]
model.convolutions=0
train.epochs=0  train.epochs=1.5  train.epochs=true  train.learning_rate=0  train.loss=1
train.warmup=1  train.weight_decay=-1  train.augment.flip=1
train.patience=0  runtime.portable=1  predict.ensemble=8
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


NAMES = """
+train.epoch=3  train.epoch is not a parameter (did you mean 'epochs'?)
+load.train_csv=a.csv  load.train_csv is not a parameter (did you mean 'train'?)
+plot.size=3  plot.size is not a parameter
~train.augment.gray  train.augment.gray is missing
model.kind=u-net  model.kind: 'u-net' is not one of dense, conv, unet (did you mean 'unet'?)
"""


@pytest.mark.parametrize("line", NAMES.strip().splitlines())
def test_describes_unknown_missing_and_former_names(workspace: Path, line: str) -> None:
    override, message = line.split("  ")
    apply_overrides(workspace / "params.yaml", [override])
    assert check_error() == f"params.yaml: {message}"


# Parameters that contradict each other -> their remedy, then the message.
CONTRADICTIONS = """
noise.kind=masking noise.amount=1.1 -> noise.amount=1
  noise.amount is 1.1: the amount of masking noise must be from 0 to 1, as a fraction of the pixels
noise.amount=25 -> noise.amount=25/255
  noise.amount is 25.0: the amount of uniform noise must be from 0 to 2, as a fraction of white; \
write 25/255 for 25 of 255 levels
robustness.amounts.gaussian=[15] -> robustness.amounts.gaussian=[15/255,1]
  robustness.amounts.gaussian is [15.0]: the amount of gaussian noise must be from 0 to 2
noise.kind=salt_and_pepper noise.amount=[0.5,1.1] -> noise.amount=[0.5,1]
  noise.amount is (0.5, 1.1): the amount of salt_and_pepper noise
fetch.source=none load.train=./data/raw/train.csv load.test=my/test.csv -> load.train=my/train.csv
  load.train is ./data/raw/train.csv, which is empty with fetch.source 'none'
load.noisy_train=data/noisy/train -> load.noisy_train=my/train.csv
  load.noisy_train is data/noisy/train, in a folder that a stage replaces
load.test=data/../data/images/x -> load.test=my/test.csv
  load.test is data/../data/images/x, in a folder that a stage replaces
load.test=my/pictures -> load.test=my/tracked/pictures
  load.test is my/pictures, which does not exist
noise.kind=pairs load.noisy_test=my/test.csv -> load.noisy_train=my/train.csv
  noise.kind is 'pairs', but load.noisy_train and load.train are both data/raw/train.csv
noise.kind=pairs load.train=my/train.csv load.test=my/test.csv train.fresh_noise=true -> \
train.fresh_noise=false
  train.fresh_noise adds synthetic noise, which noise.kind 'pairs' excludes
train.start=my/train.onnx -> train.start=stages/train.py
  train.start is my/train.onnx, but model.kind 'dense' has new weights only
model.kind=unet train.start=my/train.onnx -> train.start=my/tracked/a.onnx
  train.start is my/train.onnx, which does not exist
model.residual=true -> model.residual=false
  model.residual has no effect on model.kind 'dense'
model.kind=unet model.residual=true -> train.loss=psnr
  train.loss is 'binary_crossentropy', which needs results from 0 to 1
"""


@pytest.mark.parametrize("case", re.findall("(.*) -> (.*)\n  (.*)", CONTRADICTIONS))
def test_rejects_contradictions(workspace: Path, case: tuple[str, str, str]) -> None:
    invalid, remedy, message = case
    for name in ("train.csv", "test.csv"):
        write_csv(Path("my", name), 1)
    Path("my/tracked.dvc").touch()  # DVC tracks the folder, and can restore it
    apply_overrides(workspace / "params.yaml", invalid.split())
    assert check_error().startswith(f"params.yaml: {message}")
    apply_overrides(workspace / "params.yaml", [remedy])
    check.main()


def test_reports_all_missing_and_unknown_names_and_files_without_sections(workspace: Path) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("noise:", "nose:").replace("  epochs:", "  epoch:"))
    message = check_error()
    assert "'nose' is not a section (did you mean 'noise'?)" in message
    assert "the section 'noise' is missing" in message
    assert "train.epochs is missing" in message
    for text in ("", "- 1\n", "a: [\n", "\ttrain: 1\n"):
        path.write_text(text)
        assert check_error().startswith("params.yaml ")


def test_amounts_of_noise_may_be_fractions_and_numbers_have_exponents(workspace: Path) -> None:
    changes = ["noise.amount=[15/255,1/2]", "robustness.amounts.gaussian=[25/255,1]"]
    apply_overrides(workspace / "params.yaml", changes)
    np.testing.assert_array_equal(params.read(params.Noise).amount, [15 / 255, 0.5])
    assert params.read(params.Robustness).amounts["gaussian"] == [25 / 255, 1]
    path = workspace / "params.yaml"
    text = path.read_text()
    for spelling in ("1e-3", "1E-3", "1.0e-03", ".1e-2"):  # of YAML 1.2, as DVC reads them
        path.write_text(text.replace("learning_rate: 0.001", f"learning_rate: {spelling}"))
        assert params.read(params.Train).learning_rate == 0.001
