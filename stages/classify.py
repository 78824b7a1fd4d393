"""Measures the accuracy of the classifier on clean, noisy and denoised test images."""

import json
from pathlib import Path

import numpy as np

from denoiser.base.files import atomic_write
from pipeline.base import npy, params
from training.base import backend, keras_files

IMAGES = {
    "clean": "data/split/x_test.npy",
    "noisy": "data/noisy/x_test.npy",
    "denoised": "data/denoised/x_test.npy",
    "best_baseline": "data/baselines/x_test.npy",  # missing if baselines.methods is empty
}


def main() -> None:
    labels, runtime = npy.open_npy("data/split/y_test.npy"), params.read(params.Runtime)
    accuracy: dict[str, float | None] = {
        name: None for name, file in IMAGES.items() if Path(file).exists()
    }
    if labels.min() >= 0 and Path(keras_files.CLASSIFIER).stat().st_size:
        device = backend.start(runtime.backend, runtime.device, runtime.portable)
        print(f"classifying on {device}", flush=True)
        model = keras_files.load_model(keras_files.CLASSIFIER)
        for name in accuracy:
            blocks = npy.blocks(IMAGES[name], keras_files.BATCH_SIZE)
            probabilities = np.concatenate([model.predict_on_batch(block) for block in blocks])
            accuracy[name] = round(float((probabilities.argmax(axis=1) == labels).mean()), 6)
    with atomic_write("metrics/classification.json") as path:
        path.write_text(json.dumps({"accuracy": accuracy}, indent=2) + "\n")
