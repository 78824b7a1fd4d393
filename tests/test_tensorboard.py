"""train.tensorboard: what TensorBoard finds, and that the result is the same without it."""

from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from stages.tensorboard import flat, grid
from tests.conftest import SetParams, run_stage

RESULT = ("models/autoencoder.keras", "metrics/training/metrics.json")


def read(folder: str) -> EventAccumulator:
    """What TensorBoard reads in a folder."""
    events = EventAccumulator(folder, size_guidance={"tensors": 0})
    events.Reload()
    return events


def test_a_training_can_be_followed_and_its_result_is_the_same(
    noisy: Path, set_params: SetParams
) -> None:
    set_params(model={"encoder": [30, 20], "decoder": []}, train={"epochs": 2, "batch_size": 16})
    before = Path("tensorboard/alone/of an earlier run")
    before.parent.mkdir(parents=True)
    before.touch()
    results = []
    for wanted in (False, True):
        set_params(train={"tensorboard": wanted})
        done = run_stage("train", {"DVC_ROOT": str(noisy), "DVC_EXP_NAME": "alone"})
        assert done.returncode == 0, done.stderr
        results.append([Path(path).read_bytes() for path in RESULT])
        assert before.exists() != wanted
    assert results[0] == results[1]

    losses = read("tensorboard/alone/validation").Tensors("epoch_loss")
    assert [each.step for each in losses] == [0, 1]
    kept = Path("metrics/training/plots/metrics/val_loss.tsv").read_text().splitlines()[1:]
    np.testing.assert_allclose(
        [make_ndarray(each.tensor_proto) for each in losses],
        [float(line.split("\t")[1]) for line in kept],
        rtol=1e-6,
    )
    pictures = read("tensorboard/alone/images").Tensors("clean, noisy, denoised")
    assert [each.step for each in pictures] == [0, 1]
    width, height, *pngs = pictures[-1].tensor_proto.string_val
    assert (width, height, len(pngs)) == (b"120", b"36", 1)  # 10 by 3 images of 12x12
    summary = read("tensorboard/alone").SummaryMetadata("_hparams_/session_start_info")
    hparams = HParamsPluginData.FromString(summary.plugin_data.content).session_start_info.hparams
    assert hparams["model.encoder"].string_value == "[30, 20]"
    assert hparams["train.epochs"].number_value == 2


def test_parameters_as_tensorboard_takes_them() -> None:
    params = {"train": {"patience": None, "augment": {"flip": True}, "warmup": 0.1}}
    assert flat(params) == {
        "train.patience": "None",
        "train.augment.flip": True,
        "train.warmup": 0.1,
    }


def test_images_lie_side_by_side_in_ink_on_paper() -> None:
    clean, noisy = (np.array([[start, 1, 1, 1], [1, 1, 1, 0.5]], np.float32) for start in (0, 0.25))
    expected = [[1, 0, 0, 0], [0, 0, 0, 0.5], [0.75, 0, 0, 0], [0, 0, 0, 0.5]]
    np.testing.assert_array_equal(grid(clean, noisy)[0, :, :, 0], expected)
