"""A trainer in a separate process: `python -m benchmarks.trainers KIND`.

It reads the noisy and the clean training images of the clone in the current folder. A turn trains
two epochs and returns the seconds per step of 128 images in the second one, because the first epoch
after a pause differs from later ones. After one turn, to warm up, the process prints "ready". For
each line of standard input it then takes a turn and prints its milliseconds per step. Several
trainers can thus take turns on one machine.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

BATCH = 128
NOISY, CLEAN = "data/noisy/x_train.npy", "data/split/x_train.npy"

Turn = Callable[[], float]


def guide() -> Turn:
    """The guide's code: float64 arrays in memory."""
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

    def turn() -> float:
        model.fit(noisy, clean, BATCH, epochs=2, verbose=0, callbacks=[timer])
        return (times[-1] - times[-2]) * BATCH / len(noisy)

    return turn


def here(backend_name: str = "tensorflow", portable: bool = True) -> Turn:
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
    calls = itertools.chain.from_iterable(loop.calls(epoch) for epoch in itertools.count())

    def epoch() -> int:
        """Trains for an epoch of 375 steps, or for a window of data that do not fit into memory."""
        arrays, batches = next(calls)
        float(loop.run_batches(arrays, batches))  # waits for the device
        return len(batches.rows)

    return partial(time_second, epoch)


def time_second(epoch: Callable[[], int]) -> float:
    """Calls a function twice; returns the seconds per step of the second call."""
    epoch()
    started = time.perf_counter()
    steps = epoch()
    return (time.perf_counter() - started) / steps


TRAINERS: dict[str, Callable[[], Turn]] = {
    "guide": guide,
    "here": here,
    "fastest": partial(here, portable=False),
    "jax": partial(here, "jax"),
}

if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries goes to standard error
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    turn = TRAINERS[sys.argv[1]]()
    turn()
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        print(turn() * 1e3, file=answers, flush=True)
