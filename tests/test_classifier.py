"""The stages classifier and classify."""

import json
from pathlib import Path

import numpy as np

from tests.conftest import ROOT, SetParams, error_line, one_core, run_stage, run_stages

MODEL, RESULT = Path("models/classifier.keras"), Path("metrics/classification.json")


def test_accuracy_and_bytes_that_do_not_depend_on_the_number_of_cores(
    workspace: Path, set_params: SetParams
) -> None:
    """Images of class 3 are bright on the left, those of class 1 at the bottom."""
    set_params(classifier={"batch_size": 16, "epochs": 4, "learning_rate": 0.01})
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
    run_stages("classifier", "classify")
    model = MODEL.read_bytes()
    accuracy = json.loads(RESULT.read_text())["accuracy"]
    assert accuracy == {"clean": 1, "denoised": 1, "noisy": accuracy["noisy"]}  # no baseline
    assert accuracy["noisy"] < 0.7
    others = images[[np.flatnonzero(labels != label)[0] for label in labels]]
    np.save("data/baselines/x_test.npy", np.concatenate([images[:10], others[10:]]))
    run_stages("classify")
    assert json.loads(RESULT.read_text())["accuracy"] == accuracy | {"best_baseline": 0.25}

    set_params(classifier={"learning_rate": 1e30})
    message = "classifier.learning_rate 1e+30, the loss of the classifier is no longer finite"
    assert message in error_line(run_stage("classifier"))
    set_params(classifier={"learning_rate": 0.01})
    with one_core():
        run_stages("classifier")
    assert MODEL.read_bytes() == model
    Path("sitecustomize.py").write_text("import os\n\nos.cpu_count = lambda: 8\n")
    run_stages("classifier", env={"PYTHONPATH": f"{workspace}:{ROOT}"})
    assert MODEL.read_bytes() == model
