"""The stages that judge a model: robustness, classifier and classify."""

import json
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from denoiser import classifier, noise, scores
from tests.conftest import ROOT, SetParams, one_core, refused, run_stage


def save_one_that_does_nothing(pixels: int) -> None:
    """As models/autoencoder.keras, a model whose output is its input."""
    image = keras.Input((pixels,))
    Path("models").mkdir()
    keras.Model(image, keras.layers.Identity()(image)).save("models/autoencoder.keras")


def test_robustness_of_a_model_that_does_nothing(noisy: Path, set_params: SetParams) -> None:
    amounts = {"uniform": [0.0, 0.5], "masking": [1.0]}
    set_params(robustness={"images": 7, "amounts": amounts})
    save_one_that_does_nothing(144)
    assert run_stage("robustness").returncode == 0
    found = {path.stem: pd.read_csv(path) for path in Path("metrics/robustness").iterdir()}
    assert sorted(found) == ["masking", "uniform"]

    clean = np.load("data/split/x_val.npy")[:7]
    rng = noise.generator(42, "robustness uniform", 0)
    expected = {
        ("uniform", 0.0): clean,
        ("uniform", 0.5): noise.corrupt(clean, "uniform", 0.5, rng),
        ("masking", 1.0): np.zeros_like(clean),
    }
    for (kind, amount), images in expected.items():
        row = found[kind].set_index("amount").to_dict("index")[amount]
        for metric in ("psnr", "ssim"):
            mean = scores.score(clean, images)[metric].mean()
            assert row[f"{metric}_noisy"] == pytest.approx(mean, abs=1e-4)
            assert row[f"{metric}_denoised"] == pytest.approx(mean, abs=1e-4)


def test_robustness_needs_a_model(noisy: Path) -> None:
    assert "models/autoencoder.keras cannot be loaded" in refused(run_stage("robustness"))
    assert not Path("metrics").exists()


def test_classifier_takes_any_square_images() -> None:
    for side in (8, 13, 28):
        model = classifier.build(side**2, 5)
        odds = model(np.random.default_rng(0).random((3, side**2), np.float32)).numpy()
        assert odds.shape == (3, 5)
        np.testing.assert_allclose(odds.sum(axis=1), 1, rtol=1e-5)


@pytest.fixture
def sides(workspace: Path, set_params: SetParams) -> Path:
    """A workspace in which images of class 3 are bright on the left, those of class 1 below."""
    rng = np.random.default_rng(0)
    for folder in ("split", "noisy", "denoised"):
        Path("data", folder).mkdir(parents=True)
    for split, count in (("train", 203), ("test", 40)):
        labels = rng.choice(np.array([1, 3], np.uint8), count)
        images = rng.random((count, 12, 12), np.float32) / 4
        images[labels == 3, :, :6] += 0.7
        images[labels == 1, 6:] += 0.7
        np.save(f"data/split/x_{split}.npy", images.reshape(count, -1))
        np.save(f"data/split/y_{split}.npy", labels)
    np.save("data/noisy/x_test.npy", 1 - images.reshape(count, -1))
    np.save("data/denoised/x_test.npy", images.reshape(count, -1) * 0.9)
    set_params(classifier={"batch_size": 16, "epochs": 4, "learning_rate": 0.01})
    return workspace


def test_classifier_has_the_same_bytes_on_any_number_of_cores(sides: Path) -> None:
    Path("eight").mkdir()
    Path("eight/sitecustomize.py").write_text("import os\n\nos.cpu_count = lambda: 8\n")
    eight = {"PYTHONPATH": f"{Path('eight').absolute()}:{ROOT}"}
    made = []
    for cores, env in ((nullcontext, None), (one_core, None), (nullcontext, eight)):
        with cores():
            done = run_stage("classifier", env)
        assert done.returncode == 0, done.stderr
        made.append(Path("models/classifier.keras").read_bytes())
    assert made[0] == made[1] == made[2]

    assert run_stage("classify").returncode == 0
    accuracy = json.loads(Path("metrics/classification.json").read_text())["accuracy"]
    assert (accuracy["clean"], accuracy["denoised"]) == (1, 1)
    assert accuracy["noisy"] < 0.7  # upside down, they are neither
    assert "best_baseline" not in accuracy  # where there is none

    Path("data/baselines").mkdir()
    labels, images = (np.load(f"data/split/{axis}_test.npy") for axis in "yx")
    swapped = np.where(labels[:, None] == 3, images[labels == 1][0], images[labels == 3][0])
    swapped[:10] = images[:10]
    np.save("data/baselines/x_test.npy", swapped)
    assert run_stage("classify").returncode == 0
    accuracy = json.loads(Path("metrics/classification.json").read_text())["accuracy"]
    assert accuracy["best_baseline"] == 0.25  # ten of forty
