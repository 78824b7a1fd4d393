"""Measures the accuracy of the classifier on clean, noisy and denoised test images."""

import json
from pathlib import Path

import numpy as np

from pipeline.base import files
from pipeline.base.process import run_stage
from pipeline.keras_runtime import backend, model_files

IMAGES = {
    "clean": "data/split/x_test.npy",
    "noisy": "data/noisy/x_test.npy",
    "denoised": "data/denoised/x_test.npy",
    "best_baseline": "data/baselines/x_test.npy",  # missing if baselines.methods is empty
}


def main() -> None:
    labels = files.load_npy("data/split/y_test.npy")
    accuracy: dict[str, float | None] = {
        name: None for name, file in IMAGES.items() if Path(file).exists()
    }
    if labels.min() >= 0 and Path(model_files.CLASSIFIER).stat().st_size:
        print(f"classifying on {backend.start()}", flush=True)
        model = model_files.load_model(model_files.CLASSIFIER)
        for name in accuracy:
            with files.NpyReader(IMAGES[name]) as images:
                blocks = images.blocks(model_files.BATCH_SIZE)
                probabilities = np.concatenate([model.predict_on_batch(block) for block in blocks])
            accuracy[name] = round(float((probabilities.argmax(axis=1) == labels).mean()), 6)
    with files.atomic_write("metrics/classification.json") as path:
        path.write_text(json.dumps({"accuracy": accuracy}, indent=2) + "\n")


if __name__ == "__main__":
    run_stage(main)
