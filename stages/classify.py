"""Stage 10: what share of the test images the classifier knows: clean, noisy and denoised."""

import json
from pathlib import Path

import numpy as np

from stages import backend, files, params, trained
from stages.process import run

IMAGES = {
    "clean": "data/split/x_test.npy",
    "noisy": "data/noisy/x_test.npy",
    "denoised": "data/denoised/x_test.npy",
    "best_baseline": "data/baselines/x_test.npy",  # not there where no baseline was asked for
}


def main() -> None:
    device = backend.start(params.read("train", backend.Backend))
    print(f"classifying on {device}", flush=True)
    model = trained.load(trained.CLASSIFIER)
    labels = files.load_npy("data/split/y_test.npy")
    accuracy = {}
    for name, file in IMAGES.items():
        if name == "best_baseline" and not Path(file).exists():
            continue
        with files.NpyReader(file) as images:
            blocks = [model.predict_on_batch(block) for block in images.blocks(trained.BATCH)]
        predicted = np.concatenate(blocks).argmax(axis=1)
        accuracy[name] = round(float((predicted == labels).mean()), 6)
    with files.replacing("metrics/classification.json") as path:
        path.write_text(json.dumps({"accuracy": accuracy}, indent=2) + "\n")


if __name__ == "__main__":
    run(main)
