"""A trainer: `python -m benchmarks.trainers KIND` prints the milliseconds per training step.

It trains on the noisy and the clean training images of the clone in the current folder, in batches
of 128 images, for two epochs. The second one is timed, because the first one compiles.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

BATCH = 128
NOISY, CLEAN = "data/noisy/x_train.npy", "data/split/x_train.npy"


def guide() -> float:
    """The guide's code: float64 arrays in memory. Returns the seconds of the second epoch."""
    import keras
    from tensorflow.keras.layers import Dense, Input
    from tensorflow.keras.models import Model

    input_image = layer = Input(shape=(784,))
    for units in (512, 512, 256, 256, 64, 512):
        layer = Dense(units, activation="relu")(layer)
    model = Model(input_image, Dense(784, activation="sigmoid")(layer))
    model.compile(loss="binary_crossentropy", optimizer="adam")
    noisy, clean = (np.load(path).astype("float").reshape(-1, 784) for path in (NOISY, CLEAN))
    times = list[float]()

    def add_time(*_: Any) -> None:
        times.append(time.perf_counter())

    timer = keras.callbacks.LambdaCallback(on_epoch_begin=add_time, on_epoch_end=add_time)
    model.fit(noisy, clean, BATCH, epochs=2, verbose=0, callbacks=[timer])
    return times[-1] - times[-2]


def here(backend_name: str = "tensorflow", portable: bool = True) -> float:
    """The stage `train`."""
    from pipeline.base import npy, params
    from training.base import backend, networks

    train = params.read(params.Train)
    backend.start(backend_name, "auto", portable, join=True)
    from training import fit, loops

    noisy, clean = npy.open_npy(NOISY), npy.open_npy(CLEAN)
    network = networks.build(clean.shape[1:], **dict(params.read(params.Model)))
    model = fit.compile_model(network, train.optimizer, train.learning_rate, train.loss)
    loop = loops.Loop(model, noisy, clean, batch_size=BATCH, seed=train.seed)
    loop(0)
    started = time.perf_counter()
    loop(1)
    return time.perf_counter() - started


TRAINERS: dict[str, Callable[[], float]] = {
    "guide": guide,
    "here": here,
    "fastest": partial(here, portable=False),
    "jax": partial(here, "jax"),
}

if __name__ == "__main__":
    duration = TRAINERS[sys.argv[1]]()
    print(1e3 * duration * BATCH / len(np.load(CLEAN, mmap_mode="r")))
