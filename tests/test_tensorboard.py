"""runtime.tensorboard, and training/tensorboard_log.py."""

from pathlib import Path

import numpy as np
import pandas as pd
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from tests.conftest import SetParams, run_stage


def read(name: str) -> EventAccumulator:
    """The events that TensorBoard reads from a folder."""
    events = EventAccumulator(f"tensorboard/{name}", size_guidance={"tensors": 0})
    events.Reload()
    return events


def test_the_log_has_losses_images_and_parameters(noisy: Path, set_params: SetParams) -> None:
    train = {"epochs": 2, "batch_size": 16, "patience": None}
    set_params(model={"encoder": [30, 20], "decoder": []}, train=train)
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

    events = read("name/validation").Tensors("epoch_loss")
    assert [event.step for event in events] == [0, 1]
    losses = [make_ndarray(event.tensor_proto) for event in events]
    expected = pd.read_csv("metrics/training/plots/metrics/val_loss.tsv", sep="\t")["val_loss"]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    images = read("name/images").Tensors("clean, noisy, denoised")
    assert [event.step for event in images] == [0, 1]
    width, height, *pngs = images[-1].tensor_proto.string_val
    assert (width, height, len(pngs)) == (b"120", b"36", 1)  # 10 x 3 images of 12x12
    summary = read("name").SummaryMetadata("_hparams_/session_start_info")
    hparams = HParamsPluginData.FromString(summary.plugin_data.content).session_start_info.hparams
    assert hparams["model.encoder"].string_value == "[30, 20]"
    assert hparams["train.patience"].string_value == "None"
    assert hparams["train.augment.flip"].bool_value is False
    assert hparams["train.epochs"].number_value == 2
