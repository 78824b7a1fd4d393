"""runtime.tensorboard, and training/tensorboard_log.py."""

from pathlib import Path

import numpy as np
import pandas as pd
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from tests.conftest import SetParams, run_stage
from training import tensorboard_log

DENSE = {"encoder": [30, 20], "decoder": []}


def read(folder: str) -> EventAccumulator:
    """The events that TensorBoard reads from a folder."""
    events = EventAccumulator(folder, size_guidance={"tensors": 0})
    events.Reload()
    return events


def test_the_log_has_losses_images_and_parameters(noisy: Path, set_params: SetParams) -> None:
    set_params(model=DENSE, train={"epochs": 2, "batch_size": 16})
    earlier = Path("tensorboard/name/file of an earlier run")
    earlier.parent.mkdir(parents=True)
    earlier.touch()
    outputs = []
    for enabled in (False, True):
        set_params(runtime={"tensorboard": enabled})
        done = run_stage("train", {"DVC_ROOT": str(noisy), "DVC_EXP_NAME": "name"})
        assert done.returncode == 0, done.stderr
        paths = ("models/autoencoder.keras", "metrics/training/metrics.json")
        outputs.append([Path(path).read_bytes() for path in paths])
        assert earlier.exists() != enabled
    assert outputs[0] == outputs[1]

    events = read("tensorboard/name/validation").Tensors("epoch_loss")
    assert [event.step for event in events] == [0, 1]
    losses = [make_ndarray(event.tensor_proto) for event in events]
    expected = pd.read_csv("metrics/training/plots/metrics/val_loss.tsv", sep="\t")["val_loss"]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    images = read("tensorboard/name/images").Tensors("clean, noisy, denoised")
    assert [event.step for event in images] == [0, 1]
    width, height, *pngs = images[-1].tensor_proto.string_val
    assert (width, height, len(pngs)) == (b"120", b"36", 1)  # 10 x 3 images of 12x12
    summary = read("tensorboard/name").SummaryMetadata("_hparams_/session_start_info")
    hparams = HParamsPluginData.FromString(summary.plugin_data.content).session_start_info.hparams
    assert hparams["model.encoder"].string_value == "[30, 20]"
    assert hparams["train.epochs"].number_value == 2


def test_parameters_get_types_that_tensorboard_accepts() -> None:
    params = {"train": {"patience": None, "augment": {"flip": True}, "warmup": 0.1}}
    assert tensorboard_log.flatten(params) == {
        "train.patience": "None",
        "train.augment.flip": True,
        "train.warmup": 0.1,
    }


def test_image_grid_has_a_row_for_each_array() -> None:
    clean = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)  # two RGB images of 2x2 pixels
    grid = tensorboard_log.image_grid(clean, clean + 100)
    assert grid.shape == (1, 4, 4, 3)
    assert grid[0, :, :, 0].tolist() == [
        [0, 3, 12, 15],
        [6, 9, 18, 21],
        [100, 103, 112, 115],
        [106, 109, 118, 121],
    ]
    np.testing.assert_array_equal(grid[..., 1], grid[..., 0] + 1)
