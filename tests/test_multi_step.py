"""training/multi_step.py, training/device_random.py."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from denoiser import noise
from tests.tiny_networks import build
from training.augment import augment
from training.batches import Blocks, to_tf_dataset
from training.device_random import DeviceGenerator
from training.fit import compile_model

SHAPE = 8, 8, 1
NOISY, CLEAN = np.random.default_rng(0).random((2, 84, *SHAPE), np.float32)
PROJECT = Path(__file__).parent.parent
Weights = list[np.ndarray]


def fit(
    steps: int,
    kind: str = "dense",
    precision: str = "float32",
    noise_kind: Any = None,
    augmented: bool = False,
    multiple: int = 1,
) -> tuple[Weights, dict[str, list[float]]]:
    """Trains two epochs of ten batches of 8 and one of 4 images, in blocks of `steps` batches.

    Returns the weights and the losses of each epoch.
    """

    def prepare(counters: Any, *images: Any) -> tuple[Any, ...]:
        rng = DeviceGenerator(7, counters[0])
        if augmented:
            images = augment(images, rng, flip=True, shift=2, rotate=True)
        if noise_kind:
            return noise.add_noise(images[0], noise_kind, 0.5, rng, keras.ops), images[0]
        return images

    network = build(kind, SHAPE, precision)
    prepared = prepare if noise_kind or augmented else None
    model = compile_model(network, "adam", 0.01, "mse", prepare=prepared, xla=kind == "dense")
    arrays = [CLEAN] if noise_kind else [NOISY, CLEAN]
    blocks = Blocks(*arrays, batch_size=8, steps=steps, seed=1, multiple=multiple)
    validation = Blocks(NOISY, CLEAN, batch_size=16, steps=steps, multiple=multiple)
    history = model.fit(
        to_tf_dataset(blocks),
        validation_data=to_tf_dataset(validation),
        epochs=2,
        shuffle=False,
        verbose=0,
    )
    return model.get_weights(), history.history


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": "mixed_float16"},  # its loss scale is part of the state
        {"noise_kind": "uniform", "augmented": True},
        {"noise_kind": "poisson", "kind": "unet"},
    ],
    ids=str,
)
def test_the_number_of_steps_in_a_block_does_not_change_a_bit(settings: dict[str, Any]) -> None:
    """tests/test_stages.py trains with other settings."""
    np.testing.assert_equal(fit(4, **settings), fit(1, **settings))


def test_the_host_is_called_once_per_block() -> None:
    calls: list[str] = []

    class Recorder(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            calls.append("train")

    class RecordedBlocks(Blocks):
        def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
            calls.append("read")
            return super().__getitem__(index)

    model = compile_model(build("dense", SHAPE), "adam", 0.01, "mse")
    blocks = RecordedBlocks(NOISY, CLEAN, batch_size=8, steps=5, seed=1)
    model.fit(to_tf_dataset(blocks), epochs=2, verbose=0, callbacks=[Recorder()])
    assert blocks.steps_per_epoch == 11
    assert calls.count("train") == calls.count("read") == 2 * 3


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


def test_fresh_noise_differs_between_batches_epochs_and_seeds() -> None:
    draws = {
        (seed, counter): float(DeviceGenerator(seed, counter).random((1,))[0])
        for seed in (1, 2)
        for counter in (0, 8, 80, 88)
    }
    assert len(set(draws.values())) == 8
    rng = DeviceGenerator(1, 8)
    first, second = (float(rng.random((1,))[0]) for _ in range(2))
    assert first == draws[1, 8] != second


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
np.savez(sys.argv[1], *weights, **losses)
"""


def test_two_devices_train_like_one(tmp_path: Path) -> None:
    path = tmp_path / "two.npz"
    subprocess.run([sys.executable, "-c", DEVICES, str(path)], check=True, cwd=PROJECT)
    weights, losses = fit(1, multiple=2)
    assert losses["loss"][0] > losses["loss"][1]
    expected = losses | {f"arr_{number}": array for number, array in enumerate(weights)}
    actual = dict(np.load(path))
    assert set(actual) == set(expected)
    for name, array in actual.items():
        np.testing.assert_allclose(array, expected[name], atol=1e-4, err_msg=name)
