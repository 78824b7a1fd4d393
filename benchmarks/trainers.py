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
UNITS = (784, 512, 512, 256, 256, 64, 512, 784)
NOISY, CLEAN = "data/noisy/x_train.npy", "data/split/x_train.npy"


def guide() -> None:
    """The guide's code: float64 arrays in memory."""
    from benchmarks.guide_script import network

    noisy, clean = np.load(NOISY).astype("float"), np.load(CLEAN).astype("float")
    serve_fit(network(), noisy, clean, batch_size=BATCH, shuffle=True)


def here() -> None:
    """The stage `train`, but with 375 batches in each epoch, however long the data."""
    from denoiser import models, training
    from denoiser.blocks import Blocks, to_tf_dataset
    from pipeline.base import files, params
    from pipeline.keras_runtime import backend
    from pipeline.schema.model_params import Model
    from pipeline.schema.train_params import Train

    train = params.read("train", Train)
    backend.start_for_denoiser()
    network = models.build(UNITS[0], **dict(params.read("model", Model)))
    model = training.compile_model(network, train.optimizer, train.learning_rate, train.loss)
    arrays = files.NpyReader(NOISY), files.NpyReader(CLEAN)
    steps = train.steps_per_execution
    blocks = Blocks(*arrays, batch_size=BATCH, steps=steps, seed=train.seed)
    serve_fit(model, to_tf_dataset(blocks).take(STEPS // steps), shuffle=False)


def jax() -> None:
    """JAX: one `lax.scan` per epoch, with the data on the device."""
    import jax
    import jax.numpy as jnp

    def loss(layers: Any, noisy: Any, clean: Any) -> Any:
        for weights, bias in layers[:-1]:
            noisy = jax.nn.relu(noisy @ weights + bias)
        logits = noisy @ layers[-1][0] + layers[-1][1]
        # The cross-entropy of the sigmoid of the logits, in a form that cannot overflow.
        return jnp.mean(jax.nn.relu(logits) - logits * clean + jnp.log1p(jnp.exp(-abs(logits))))

    def step(state: Any, rows: Any, noisy: Any, clean: Any) -> Any:
        """Adam (Kingma & Ba, 2015) with the defaults of Keras."""
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
    rng, initializer = np.random.default_rng(0), jax.nn.initializers.glorot_uniform()
    layers = [
        (initializer(jax.random.key(number), shape), jnp.zeros(shape[1]))
        for number, shape in enumerate(itertools.pairwise(UNITS))
    ]
    zeros = jax.tree.map(jnp.zeros_like, layers)
    state = layers, zeros, zeros, jnp.float32(0)

    def epoch() -> None:
        nonlocal state
        order = rng.permutation(STEPS * BATCH).reshape(STEPS, BATCH)
        state, _ = jax.block_until_ready(run(state, order, noisy, clean))

    serve(epoch)


def torch() -> None:
    """PyTorch in eager mode."""
    import torch

    layers: list[Any] = []
    for inputs, units in itertools.pairwise(UNITS):
        layers += [torch.nn.Linear(inputs, units), torch.nn.ReLU()]
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
    """NumPy's float32 products of 128x512 and 512x512 with the arithmetic of a step."""
    rng = np.random.default_rng(0)
    left, right = rng.random((128, 512), np.float32), rng.random((512, 512), np.float32)
    product = np.empty((128, 512), np.float32)

    def epoch() -> None:
        for _ in range(15 * STEPS):  # 15 x 67.1 MFLOP; a step takes 128 x 7.87 MFLOP
            np.matmul(left, right, out=product)

    serve(epoch)


def serve(epoch: Callable[[], None]) -> None:
    """Takes turns with a function that trains one epoch."""
    for _ in range(WARMUP):
        epoch()
    print("ready", file=ANSWERS, flush=True)
    for _ in sys.stdin:
        epoch()
        started = time.perf_counter()
        epoch()
        answer(started)


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


def answer(started: float) -> None:
    print((time.perf_counter() - started) / STEPS * 1e3, file=ANSWERS, flush=True)


if __name__ == "__main__":
    ANSWERS = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries goes to standard error
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    globals()[sys.argv[1]]()
