"""Training on a CUDA GPU: the stage `train` against `fit` of Keras.

`python -m benchmarks.gpu float32` in a clone with noisy images trains the network of params.yaml
with `fit` on arrays of this type in memory; those of the guide are float64. There is neither fresh
noise nor augmentation.
"""

import shutil
import sys
from functools import partial

import numpy as np

from benchmarks.measure import alternately, clone, ratio, run
from tools.measurements import Row


def rows() -> list[Row]:
    from tools.experiment import overrides  # imports DVC

    networks = {
        "100 epochs of the guide's network": ["train.epochs=100", "train.patience=null"],
        "12 epochs of `unet`": overrides("unet"),
    }
    if shutil.which("nvidia-smi") is None:
        return []
    return [compare(f"{work}, whole process", changes) for work, changes in networks.items()]


def compare(work: str, changes: list[str]) -> Row:
    """The seconds from the start of a process to its end."""
    with clone("add_noise", changes=changes) as folder:

        def seconds(*command: str) -> float:
            return run("python", "-m", *command, folder=folder).seconds

        times = alternately(
            {
                "guide": partial(seconds, "benchmarks.gpu", "float64"),
                "Keras `fit`": partial(seconds, "benchmarks.gpu", "float32"),
                "here": partial(seconds, "stages.train"),
            }
        )
    here, guide, peer = times["here"], times["guide"], times["Keras `fit`"]
    note = f"{ratio(guide, here):.2f} times the guide's speed"
    return Row(work, "s", here, guide, {"Keras `fit`": peer}, note=note)


def keras_fit(dtype: str) -> None:
    from pipeline.base import params
    from training import losses
    from training.base import backend, networks

    train = params.read(params.Train)
    backend.start("tensorflow", "gpu")
    import keras

    noisy, clean, *validation = (
        np.load(f"data/{kind}/x_{split}.npy").astype(dtype)
        for split in ("train", "val")
        for kind in ("noisy", "split")
    )
    keras.config.set_dtype_policy(train.precision)
    model = networks.build(clean.shape[1:], **dict(params.read(params.Model)))
    model.compile(train.optimizer, losses.LOSSES[train.loss].function)
    model.fit(noisy, clean, train.batch_size, train.epochs, 2, validation_data=validation)


if __name__ == "__main__":
    keras_fit(sys.argv[1])
