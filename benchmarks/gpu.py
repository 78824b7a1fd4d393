"""Training on a CUDA GPU: the stage `train` against `fit` in the guide's code and in Keras."""

import shutil
from collections.abc import Mapping
from functools import partial
from typing import Any

from benchmarks.measure import PROJECT, Row, alternately, clone, ratio, run

NETWORKS: dict[str, dict[str, dict[str, Any]]] = {
    "100 epochs of the guide's network": {"train": {"epochs": 100, "patience": None}},
    "12 epochs of `unet`": {
        "model": {"kind": "unet", "filters": [64, 128, 256]},
        "train": {
            "epochs": 12,
            "loss": "psnr",
            "optimizer": "adamw",
            "fresh_noise": True,
            "precision": "mixed_bfloat16",
            "patience": None,
        },
    },
}


def rows() -> list[Row]:
    if shutil.which("nvidia-smi") is None:
        note = "not measured: no GPU"
        return [Row(f"{work} on a CUDA GPU", "", [], note=note) for work in NETWORKS]
    gpu = run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader", folder=PROJECT).output
    device = gpu.splitlines()[0]
    return [compare(f"{work} on {device}", sections) for work, sections in NETWORKS.items()]


def compare(work: str, sections: Mapping[str, dict[str, Any]]) -> Row:
    """The seconds of each process, from its start to its end."""
    with clone("add_noise", **sections) as folder:

        def seconds(*command: str) -> float:
            return run("python", "-m", *command, folder=folder).seconds

        times = alternately(
            {
                "guide": partial(seconds, "benchmarks.keras_fit", "float64"),
                "Keras `fit`": partial(seconds, "benchmarks.keras_fit", "float32"),
                "here": partial(seconds, "stages.train"),
            }
        )
    here, guide, peer = times["here"], times["guide"], times["Keras `fit`"]
    note = f"{ratio(guide, here):.2f} times the guide's speed"
    return Row(work, "s", here, guide, {"Keras `fit`": peer}, note=note)
