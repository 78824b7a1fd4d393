"""One trainer in a process of its own: `python -m benchmarks.trainers KIND`, a turn a line.

It reads a clone's noisy and clean training images from the current folder. Once it is warm (two
epochs) it says so; then it trains two epochs for each line of standard input and prints how many
milliseconds a step of 128 images took in the second. So several of them can take turns, and see
the same machine; the first epoch after a rest is not the same as those in a row.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BATCH = 128
STEPS = 375  # an epoch: 48,000 images
WARM = 2  # epochs
UNITS = (784, 512, 512, 256, 256, 64, 512, 784)
NOISY, CLEAN = "data/noisy/x_train.npy", "data/split/x_train.npy"


def guide() -> None:
    """The guide's own code: float64 arrays in memory."""
    from benchmarks.guide_script import network

    noisy, clean = np.load(NOISY).astype("float"), np.load(CLEAN).astype("float")
    serve_fit(network(), noisy, clean, batch_size=BATCH, shuffle=True)


def here() -> None:
    """What the stage `train` does, on the first 375 batches of each epoch."""
    from denoiser import models, training
    from stages import backend, files, params, process
    from stages.train import Model, Train

    class FirstBatches(training.Batches):
        @property
        def num_batches(self) -> int:
            return STEPS

    train = params.read("train", Train)
    process.keep_freed_memory()
    backend.start(train)
    model = models.build(UNITS[0], **dict(params.read("model", Model)))
    training.compile_model(
        model, train.optimizer, train.learning_rate, train.loss, train.steps_per_execution
    )
    batches = FirstBatches(files.NpyReader(NOISY), files.NpyReader(CLEAN), BATCH, train.seed)
    serve_fit(model, training.feed(batches), shuffle=False)


def jax() -> None:
    """A loop of JAX's own over an epoch, the data on the device: `lax.scan`."""
    import jax
    import jax.numpy as jnp

    def loss(layers: Any, noisy: Any, clean: Any) -> Any:
        for weights, bias in layers[:-1]:
            noisy = jax.nn.relu(noisy @ weights + bias)
        logits = noisy @ layers[-1][0] + layers[-1][1]
        # The cross-entropy of the sigmoid of these, written so that it cannot overflow.
        return jnp.mean(jax.nn.relu(logits) - logits * clean + jnp.log1p(jnp.exp(-abs(logits))))

    def step(state: Any, rows: Any, noisy: Any, clean: Any) -> Any:
        """Adam, Kingma & Ba 2015, with Keras's defaults."""
        layers, mean, square, count = state
        value, gradient = jax.value_and_grad(loss)(layers, noisy[rows], clean[rows])
        count += 1
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradient)
        rate = 0.001 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        layers = jax.tree.map(
            lambda p, m, s: p - rate * m / (jnp.sqrt(s) + 1e-7), layers, mean, square
        )
        return (layers, mean, square, count), value

    def scan(state: Any, order: Any, noisy: Any, clean: Any) -> Any:
        return jax.lax.scan(lambda state, rows: step(state, rows, noisy, clean), state, order)

    run = jax.jit(scan)
    noisy, clean = jnp.asarray(np.load(NOISY)), jnp.asarray(np.load(CLEAN))
    rng = np.random.default_rng(0)
    layers = [
        (jnp.asarray(glorot(rng, units, after)), jnp.zeros(after))
        for units, after in itertools.pairwise(UNITS)
    ]
    zeros = jax.tree.map(jnp.zeros_like, layers)
    state = layers, zeros, zeros, jnp.float32(0)

    def epoch() -> None:
        nonlocal state
        order = rng.permutation(STEPS * BATCH).reshape(STEPS, BATCH)
        state, _ = jax.block_until_ready(run(state, order, noisy, clean))

    serve(epoch)


def glorot(rng: np.random.Generator, units: int, after: int) -> Any:
    """A layer's first weights, as Keras draws them (Glorot & Bengio 2010)."""
    limit = (6 / (units + after)) ** 0.5
    return rng.uniform(-limit, limit, (units, after)).astype(np.float32)


def torch() -> None:
    """PyTorch, eager."""
    import torch

    layers: list[Any] = []
    for units, after in itertools.pairwise(UNITS):
        layers += [torch.nn.Linear(units, after), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1], torch.nn.Sigmoid())
    adam = torch.optim.Adam(network.parameters())
    noisy, clean = torch.from_numpy(np.load(NOISY)), torch.from_numpy(np.load(CLEAN))

    def epoch() -> None:
        for rows in torch.randperm(STEPS * BATCH).reshape(STEPS, BATCH):
            adam.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy(network(noisy[rows]), clean[rows])
            loss.backward()
            adam.step()

    serve(epoch)


def matrices() -> None:
    """NumPy's float32 products of 128x512 and 512x512, as many as a step has arithmetic."""
    rng = np.random.default_rng(0)
    one, other = rng.random((128, 512), np.float32), rng.random((512, 512), np.float32)
    product = np.empty((128, 512), np.float32)

    def epoch() -> None:
        for _ in range(15 * STEPS):  # 15 x 67.1 MFLOP; a step has 128 x 7.87
            np.matmul(one, other, out=product)

    serve(epoch)


def serve(epoch: Callable[[], None]) -> None:
    """Takes the turns with this function."""
    for _ in range(WARM):
        epoch()
    print("ready", file=ANSWERS, flush=True)
    for _ in sys.stdin:
        epoch()
        started = time.perf_counter()
        epoch()
        answer(started)


def serve_fit(model: Any, *data: Any, **settings: Any) -> None:
    """Takes the turns within one `fit`, whose epochs wait for theirs."""
    import keras

    class Turns(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's
            if epoch == WARM:
                print("ready", file=ANSWERS, flush=True)
            if epoch >= WARM and epoch % 2 == 0 and not sys.stdin.readline():
                os._exit(0)
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's
            if epoch >= WARM and epoch % 2:
                answer(self.started)

    model.fit(*data, epochs=10**6, verbose=0, callbacks=[Turns()], **settings)


def answer(started: float) -> None:
    print((time.perf_counter() - started) / STEPS * 1e3, file=ANSWERS, flush=True)


if __name__ == "__main__":
    ANSWERS = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    globals()[sys.argv[1]]()
