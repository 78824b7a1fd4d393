"""Keras's `fit` alone: `python -m benchmarks.keras_fit float32` in a clone with noisy images.

Trains the network of params.yaml on arrays in memory, for `train.epochs` epochs, with neither fresh
noise nor augmentation. `float64` is the type of the guide's arrays.
"""

import sys

import numpy as np

from pipeline.base import params
from pipeline.keras_runtime import backend
from pipeline.schema.model_params import Model
from pipeline.schema.train_params import Train


def main(dtype: str) -> None:
    train = params.read("train", Train)
    backend.start()
    import keras

    from denoiser import losses, models

    noisy, clean, noisy_val, clean_val = (
        np.load(f"data/{kind}/x_{split}.npy").astype(dtype)
        for split in ("train", "val")
        for kind in ("noisy", "split")
    )
    keras.config.set_dtype_policy(train.precision)
    model = models.build(clean.shape[1], **dict(params.read("model", Model)))
    model.compile(train.optimizer, losses.get(train.loss))
    model.fit(
        noisy,
        clean,
        train.batch_size,
        train.epochs,
        verbose=2,
        validation_data=(noisy_val, clean_val),
    )


if __name__ == "__main__":
    main(sys.argv[1])
