"""training/loops.py, training/device_random.py."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.base import noise, npy
from tests.tiny_networks import build
from training import batches, loops
from training.augment import augment
from training.device_random import DeviceGenerator
from training.fit import compile_model
from training.loops import Loop

SHAPE = 8, 8, 1
NOISY, CLEAN = np.random.default_rng(0).random((2, 84, *SHAPE), np.float32)
SIZE = NOISY.nbytes + CLEAN.nbytes


def train(
    kind: str = "dense", precision: str = "float32", fresh: Any = None, memory: int = 0
) -> tuple[list[np.ndarray], list[float]]:
    """Trains two epochs of ten batches of 8 and one of 4 images.

    With `fresh`, a kind of noise, the images are augmented and get this noise. Returns the weights
    and the losses of each epoch.
    """

    def prepare(counter: Any, *images: Any) -> tuple[Any, ...]:
        rng = DeviceGenerator(7, counter)
        (clean,) = images
        noisy = noise.add_noise(clean, fresh, 0.5, rng, keras.ops)
        return augment((noisy, clean), rng, flip=True, shift=2, rotate=True, gray=0)

    model = compile_model(build(kind, SHAPE, precision), "adam", 0.01, "mse")
    settings: Any = {"memory": memory, "xla": kind == "dense" and fresh is None}
    arrays = [CLEAN] if fresh else [NOISY, CLEAN]
    prepared = prepare if fresh else None
    training = Loop(model, *arrays, batch_size=8, seed=1, prepare=prepared, **settings)
    validation = Loop(model, NOISY, CLEAN, batch_size=16, training=False, **settings)
    losses = [loop(epoch) for epoch in range(2) for loop in (training, validation)]
    return model.get_weights(), losses


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"precision": "mixed_float16", "fresh": "uniform"},  # its loss scale is part of the state
        {"kind": "unet", "fresh": "poisson"},
    ],
    ids=str,
)
def test_data_on_the_device_and_data_in_windows_give_the_same_bits(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "WINDOW", SIZE // 3)
    monkeypatch.setattr(batches, "RUN", 2000)
    copied, to_device = list[int](), loops.to_device

    def recorded(array: Any) -> Any:
        copied.append(len(array))
        return to_device(array)

    monkeypatch.setattr(loops, "to_device", recorded)
    resident = train(**settings, memory=SIZE)
    assert set(copied) == {84}
    monkeypatch.setattr(loops, "WINDOW", SIZE // 3)
    np.testing.assert_equal(train(**settings), resident)
    assert 0 < min(copied) < max(copied[-4:]) < 40


def test_rows_are_read_from_the_file_of_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", CLEAN)
    array = npy.open_npy(str(tmp_path / "a.npy"))
    rows = np.array([5, 6, 7, 2, 0, 40])
    for part in (slice(3, None), slice(None, None, 2)):
        for source in (array[part], CLEAN[part]):
            read = loops.read_runs(source, rows)
            np.testing.assert_array_equal(read, CLEAN[part][rows])
            assert read.ctypes.data % 64 == 0


def test_an_epoch_is_one_call_and_copies_no_images(monkeypatch: pytest.MonkeyPatch) -> None:
    model = compile_model(build("dense", SHAPE), "adam", 0.01, "mse")
    loop = Loop(model, NOISY, CLEAN, batch_size=8, seed=1)
    loop(0)
    calls, run = list[batches.Batches](), loop.run_batches

    def recorded(arrays: Any, rows: batches.Batches) -> Any:
        calls.append(rows)
        return run(arrays, rows)

    monkeypatch.setattr(loops, "to_device", None)
    monkeypatch.setattr(loop, "run_batches", recorded)
    loop(1)
    (numbers,) = calls
    assert sum(array.nbytes for array in numbers) == 4 * (84 + 11)  # rows and counters


def test_xla_knows_the_number_of_steps() -> None:
    """A GPU can then run the loop without the host."""
    model = compile_model(build("dense", SHAPE), "adam", 0.01, "mse")
    loop = Loop(model, NOISY, CLEAN, batch_size=8)
    ((arrays, rows),) = loop.calls(0)
    program = loop.run_batches.experimental_get_compiler_ir(arrays, rows)(stage="optimized_hlo")
    assert program.count('"known_trip_count":{"n":"10"}') == 1


def test_the_result_equals_that_of_keras() -> None:
    model = build("dense", SHAPE)
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.01
    for epoch in range(2):
        order = np.random.default_rng([1, epoch]).permutation(84)
        for start in range(0, 84, 8):
            index = order[start : start + 8]
            model.train_on_batch(NOISY[index], CLEAN[index])
    weights, losses = train()
    for actual, expected in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-5)
    val_loss = model.evaluate(NOISY, CLEAN, batch_size=16, verbose=0)
    assert losses[-1] == pytest.approx(val_loss, abs=1e-6)


def test_fresh_noise_differs_between_batches_epochs_seeds_and_draws() -> None:
    generators = [DeviceGenerator(seed, count) for seed in (1, 2) for count in (0, 8, 80, 88)]
    draws = [float(rng.random((1,))[0]) for rng in (*generators, *generators)]
    assert len(set(draws)) == 16
    assert draws[1] == DeviceGenerator(1, 8).random((1,))[0]
