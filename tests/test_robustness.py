"""stages/robustness.py."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from denoiser import noise, scores
from tests.conftest import SetParams, error_line, run_stage

VARIANTS = ("noisy", "denoised")


def robustness(set_params: SetParams, amounts: dict[str, list[float]]) -> pd.DataFrame:
    """The table of the stage for these amounts, of a model that halves the brightness."""
    image = keras.Input((12, 12, 1))
    Path("models").mkdir()
    keras.Model(image, keras.layers.Rescaling(0.5)(image)).save("models/autoencoder.keras")
    set_params(robustness={"images": 7, "amounts": amounts})
    done = run_stage("robustness")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv("metrics/robustness.csv")
    columns = [f"{metric}_{variant}" for metric in scores.METRICS for variant in VARIANTS]
    assert list(table) == ["kind", "amount", *columns]
    return table


def test_table_has_every_metric_of_every_noise(noisy: Path, set_params: SetParams) -> None:
    table = robustness(set_params, {"uniform": [0.0, 0.5], "masking": [1.0]})
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


def test_without_amounts_the_table_is_empty(noisy: Path, set_params: SetParams) -> None:
    assert robustness(set_params, {}).empty


def test_reports_a_missing_model(noisy: Path) -> None:
    assert "models/autoencoder.keras cannot be loaded" in error_line(run_stage("robustness"))
    assert not Path("metrics").exists()
