"""training/multi_step.py, training/device_random.py."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from denoiser import noise
from tests.conftest import ROOT
from tests.tiny_networks import build
from training.augment import augment
from training.batches import Blocks, to_tf_dataset
from training.device_random import DeviceGenerator
from training.fit import compile_model

SHAPE = 8, 8, 1
NOISY, CLEAN = np.random.default_rng(0).random((2, 84, *SHAPE), np.float32)


def fit(
    steps: int,
    kind: str = "dense",
    precision: str = "float32",
    fresh: Any = None,
    multiple: int = 1,
) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Trains two epochs of ten batches of 8 and one of 4 images, in blocks of `steps` batches.

    With `fresh`, a kind of noise, the images are augmented and get this noise. Returns the weights
    and the losses of each epoch.
    """

    def prepare(counters: Any, *images: Any) -> tuple[Any, ...]:
        rng = DeviceGenerator(7, counters[0])
        (clean,) = images
        noisy = noise.add_noise(clean, fresh, 0.5, rng, keras.ops)
        return augment((noisy, clean), rng, flip=True, shift=2, rotate=True, gray=0)

    network, arrays = build(kind, SHAPE, precision), [CLEAN] if fresh else [NOISY, CLEAN]
    prepared = prepare if fresh else None
    model = compile_model(network, "adam", 0.01, "mse", prepare=prepared, xla=kind == "dense")
    train = Blocks(*arrays, batch_size=8, steps=steps, seed=1, multiple=multiple)
    validation = Blocks(NOISY, CLEAN, batch_size=16, steps=steps, multiple=multiple)
    data = {"x": to_tf_dataset(train), "validation_data": to_tf_dataset(validation)}
    history = model.fit(**data, epochs=2, shuffle=False, verbose=0)
    return model.get_weights(), history.history


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": "mixed_float16", "fresh": "uniform"},  # its loss scale is part of the state
        {"kind": "unet", "fresh": "poisson"},
    ],
    ids=str,
)
def test_the_number_of_steps_in_a_block_does_not_change_a_bit(settings: dict[str, Any]) -> None:
    """tests/test_stages.py trains with other settings."""
    np.testing.assert_equal(fit(4, **settings), fit(1, **settings))


def test_the_host_is_called_once_per_block() -> None:
    calls = list[int]()
    called = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda n, logs: calls.append(n))
    model = compile_model(build("dense", SHAPE), "adam", 0.01, "mse", xla=False)
    blocks = Blocks(NOISY, CLEAN, batch_size=8, steps=5)
    model.fit(to_tf_dataset(blocks), shuffle=False, verbose=0, callbacks=[called])
    assert calls == [0, 1, 2]


def test_the_result_equals_that_of_keras() -> None:
    model = build("dense", SHAPE)
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.01
    blocks = Blocks(NOISY, CLEAN, batch_size=8, seed=1)
    for _ in range(2):
        blocks.on_epoch_begin()
        for index in range(blocks.num_batches):
            _, noisy, clean = blocks[index]
            model.train_on_batch(noisy[:, 0], clean[:, 0])
    weights, losses = fit(4)
    for actual, expected in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-5)
    val_loss = model.evaluate(NOISY, CLEAN, batch_size=16, verbose=0)
    assert losses["val_loss"][-1] == pytest.approx(val_loss, abs=1e-6)


def test_fresh_noise_differs_between_batches_epochs_seeds_and_draws() -> None:
    generators = [DeviceGenerator(seed, count) for seed in (1, 2) for count in (0, 8, 80, 88)]
    draws = [float(rng.random((1,))[0]) for rng in (*generators, *generators)]
    assert len(set(draws)) == 16
    assert draws[1] == DeviceGenerator(1, 8).random((1,))[0]


# MirroredStrategy on two logical devices of the CPU.
DEVICES = """
import sys
import numpy as np
import tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
devices = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, devices)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
tf.distribute.experimental_set_strategy(strategy)
from tests.test_multi_step import fit
weights, losses = fit(1, multiple=2)
np.savez(sys.argv[1], *losses.values(), *weights)
"""


def test_two_devices_train_like_one(tmp_path: Path) -> None:
    path = tmp_path / "two.npz"
    subprocess.run([sys.executable, "-c", DEVICES, str(path)], check=True, cwd=ROOT)
    weights, losses = fit(1, multiple=2)
    assert losses["loss"][0] > losses["loss"][1]
    arrays: list[Any] = [*losses.values(), *weights]
    for actual, expected in zip(np.load(path).values(), arrays, strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-4)
