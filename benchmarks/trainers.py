"""A trainer in a separate process: `python -m benchmarks.trainers KIND`.

It reads the noisy and the clean training images of the clone in the current folder, trains two
epochs to warm up, and prints "ready". For each line of standard input it then trains two epochs and
prints the milliseconds per step of 128 images in the second one, because the first epoch after a
pause differs from later ones. Several trainers can thus take turns on one machine.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BATCH = 128
STEPS = 375  # per epoch: 48,000 images
WARMUP = 2  # epochs
NOISY, CLEAN = "data/noisy/x_train.npy", "data/split/x_train.npy"


def guide() -> None:
    """The guide's code: float64 arrays in memory."""
    from benchmarks.guide_script import network

    noisy, clean = (np.load(path).astype("float").reshape(-1, 784) for path in (NOISY, CLEAN))
    serve_fit(network(), noisy, clean, batch_size=BATCH, shuffle=True)


def here(backend_name: str = "tensorflow", portable: bool = True) -> None:
    """The stage `train`."""
    from pipeline.base import npy, params
    from training.base import backend, networks

    train = params.read(params.Train)
    backend.start(backend_name, "auto", portable, join=True)
    from training import fit, loops

    noisy, clean = npy.open_npy(NOISY), npy.open_npy(CLEAN)
    network = networks.build((28, 28, 1), **dict(params.read(params.Model)))
    model = fit.compile_model(network, train.optimizer, train.learning_rate, train.loss)
    loop = loops.Loop(model, noisy, clean, batch_size=BATCH, seed=train.seed)
    calls = itertools.chain.from_iterable(loop.calls(epoch) for epoch in itertools.count())

    def epoch() -> int:
        """Trains for an epoch of 375 steps, or for a window of data that do not fit into memory."""
        arrays, batches = next(calls)
        float(loop.run_batches(arrays, batches))  # waits for the device
        return len(batches.rows)

    serve(epoch)


def fastest() -> None:
    """The stage `train` with `runtime.portable: false`."""
    here(portable=False)


def jax() -> None:
    """The stage `train` with `runtime.backend: jax`."""
    here("jax")


def matrices() -> None:
    """NumPy's float32 products of 128x512 and 512x512 with the arithmetic of a step."""
    rng = np.random.default_rng(0)
    left, right = rng.random((128, 512), np.float32), rng.random((512, 512), np.float32)
    product = np.empty((128, 512), np.float32)

    def epoch() -> int:
        for _ in range(15 * STEPS):  # 15 x 67.1 MFLOP; a step takes 128 x 7.87 MFLOP
            np.matmul(left, right, out=product)
        return STEPS

    serve(epoch)


def serve(epoch: Callable[[], int]) -> None:
    """Takes turns with a function that trains one epoch and returns its number of steps."""
    for _ in range(WARMUP):
        epoch()
    print("ready", file=ANSWERS, flush=True)
    for _ in sys.stdin:
        epoch()
        started = time.perf_counter()
        answer(started, epoch())


def serve_fit(model: Any, *data: Any, **settings: Any) -> None:
    """Takes turns within one call of `fit`: a callback waits before every second epoch."""
    import keras

    class Turns(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            if epoch == WARMUP:
                print("ready", file=ANSWERS, flush=True)
            if epoch >= WARMUP and epoch % 2 == 0 and not sys.stdin.readline():
                os._exit(0)
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            if epoch >= WARMUP and epoch % 2:
                answer(self.started)

    model.fit(*data, epochs=10**6, verbose=0, callbacks=[Turns()], **settings)


def answer(started: float, steps: int = STEPS) -> None:
    print((time.perf_counter() - started) / steps * 1e3, file=ANSWERS, flush=True)


if __name__ == "__main__":
    ANSWERS = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries goes to standard error
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    globals()[sys.argv[1]]()
