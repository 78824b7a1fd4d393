"""stages/robustness.py."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from pipeline import scores
from pipeline.base import noise
from tests.conftest import SetParams, error_line, run_stage


def test_results_that_are_not_finite_are_an_error(noisy: Path) -> None:
    image = keras.Input((12, 12, 1))
    Path("models").mkdir()
    keras.Model(image, keras.layers.Rescaling(np.nan)(image)).save("models/autoencoder.keras")
    for stage in ("predict", "robustness"):
        line = error_line(run_stage(stage))
        assert line.startswith(f"{stage}: models/autoencoder.keras computes values that are not fi")
    assert not Path("data/denoised").exists()
    assert not Path("metrics/robustness.csv").exists()


def test_table_has_every_metric_of_every_noise(noisy: Path, set_params: SetParams) -> None:
    """Of a model that halves the brightness; without amounts the table is empty."""
    image = keras.Input((12, 12, 1))
    Path("models").mkdir()
    keras.Model(image, keras.layers.Rescaling(0.5)(image)).save("models/autoencoder.keras")
    tables = []
    for amounts in ({}, {"uniform": [0.0, 0.5], "masking": [1.0]}):
        set_params(robustness={"images": 7, "amounts": amounts})
        done = run_stage("robustness")
        assert done.returncode == 0, done.stderr
        tables.append(pd.read_csv("metrics/robustness.csv"))
    empty, table = tables
    columns = [f"{metric}_{x}" for metric in scores.METRICS for x in ("noisy", "denoised")]
    assert list(empty) == list(table) == ["kind", "amount", *columns]
    assert empty.empty

    clean = np.load("data/split/x_val.npy")[:7]
    rng = noise.generator(42, "robustness uniform", 0)
    images = {
        ("uniform", 0.0): clean,
        ("uniform", 0.5): noise.add_noise(clean, "uniform", 0.5, rng),
        ("masking", 1.0): np.zeros_like(clean),
    }
    assert list(zip(table["kind"], table["amount"], strict=True)) == list(images)
    for (_, row), noisy_images in zip(table.iterrows(), images.values(), strict=True):
        for variant, expected in (("noisy", noisy_images), ("denoised", noisy_images / 2)):
            for metric, values in scores.score(clean, expected).items():
                assert row[f"{metric}_{variant}"] == pytest.approx(values.mean(), abs=1e-4)
