"""The stages classifier and classify, and the classifier of training/networks.py."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, one_core, run_stage
from tools.command import set_params
from training import networks

ACCURACY = "metrics/classification.json"


@pytest.mark.parametrize("shape", [(8, 8, 1), (13, 7, 3), (1, 1, 1)])
def test_classifier_accepts_images_of_any_size(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).random((3, *shape), np.float32)
    probabilities = np.asarray(networks.classifier(shape, 5)(images))
    assert probabilities.shape == (3, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace after `classifier`, as the current folder.

    Images of class 3 are bright on the left, those of class 1 at the bottom. The noisy images are
    negatives.
    """
    folder = tmp_path_factory.mktemp("workspace")
    shutil.copy(ROOT / "params.yaml", folder)
    set_params(folder, classifier={"batch_size": 16, "epochs": 4, "learning_rate": 0.01})
    with contextlib.chdir(folder):
        for name in ("split", "noisy", "denoised", "baselines"):
            Path("data", name).mkdir(parents=True)
        rng = np.random.default_rng(0)
        for split, count in (("train", 203), ("test", 40)):
            labels = rng.choice(np.array([1, 3], np.uint8), count)
            images = rng.random((count, 12, 12, 1), np.float32) / 4
            images[labels == 3, :, :6] += 0.7
            images[labels == 1, 6:] += 0.7
            np.save(f"data/split/x_{split}.npy", images)
            np.save(f"data/split/y_{split}.npy", labels)
        np.save("data/noisy/x_test.npy", 1 - images)
        np.save("data/denoised/x_test.npy", images * 0.9)
        train()
        yield folder


def train(env: dict[str, str] | None = None) -> bytes:
    """Runs `classifier` and returns the bytes of the model."""
    done = run_stage("classifier", env)
    assert done.returncode == 0, done.stderr
    return Path("models/classifier.keras").read_bytes()


def classify() -> dict[str, float]:
    """Runs `classify` and returns the accuracies."""
    done = run_stage("classify")
    assert done.returncode == 0, done.stderr
    content: dict[str, dict[str, float]] = json.loads(Path(ACCURACY).read_text())
    return content["accuracy"]


def test_bytes_of_the_classifier_do_not_depend_on_the_number_of_cores(trained: Path) -> None:
    expected = Path("models/classifier.keras").read_bytes()
    with one_core():
        assert train() == expected
    Path("sitecustomize.py").write_text("import os\n\nos.cpu_count = lambda: 8\n")
    assert train({"PYTHONPATH": f"{trained}:{ROOT}"}) == expected


def test_accuracy_on_clean_noisy_denoised_and_best_baseline_images(trained: Path) -> None:
    accuracy = classify()
    assert accuracy == {"clean": 1, "denoised": 1, "noisy": accuracy["noisy"]}  # no baseline
    assert accuracy["noisy"] < 0.7
    images, labels = (np.load(f"data/split/{axis}_test.npy") for axis in "xy")
    others = images[[np.flatnonzero(labels != label)[0] for label in labels]]
    np.save("data/baselines/x_test.npy", np.concatenate([images[:10], others[10:]]))
    assert classify() == accuracy | {"best_baseline": 0.25}
