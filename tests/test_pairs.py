"""The real `dvc repro` on folders of color pictures without labels, with given noisy copies."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import FAST, Clone

pytestmark = pytest.mark.slow

NAMES = ("train", "test", "noisy_train", "noisy_test")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone after `dvc repro`, with pictures of 33x40 pixels that `dvc add` tracks."""
    clone = Clone.of_workspace(
        tmp_path_factory.mktemp("pairs"),
        fetch={"source": "none"},
        load={name: name for name in NAMES} | {"side": 16, "color": "rgb"},
        noise={"kind": "pairs"},
        model={"kind": "unet", "filters": [8, 16], "convolutions": 1, "residual": True},
        train={
            "epochs": 20,
            "learning_rate": 0.01,
            "batch_size": 6,
            "loss": "ssim",
            "augment": {"flip": True, "rotate": True, "shift": 1, "gray": 0.2},
        },
        predict={"ensemble": True},
        **FAST | {"baselines": {"methods": ["mean", "median", "gaussian", "nlm", "tv", "ridge"]}},
    )
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        for number in range(6):
            small = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8))
            clean = np.asarray(small.resize((40, 33), Image.Resampling.BILINEAR), float)
            noisy = np.clip(clean + rng.normal(0, 30, clean.shape), 0, 255)
            for source, pixels in ((name, clean), (f"noisy_{name}", noisy)):
                (clone.folder / source).mkdir(exist_ok=True)
                path = clone.folder / source / f"{number}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    clone.run("dvc", "add", *NAMES)
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "My pictures")
    clone.run("dvc", "repro")
    return clone


def test_denoising_improves_the_squares_of_the_pictures(pairs: Clone) -> None:
    paths = ["images/train_images", "split/x_val", "noisy/x_val", "denoised/x_val"]
    images, clean, noisy, denoised = (np.load(pairs.folder / f"data/{x}.npy") for x in paths)
    assert images.shape == (6 * 9, 16, 16, 3)
    assert clean.shape == noisy.shape == denoised.shape == (18, 16, 16, 3)
    assert 0.05 < (noisy - clean).std() < 30 / 255  # clipped
    scores = pd.read_csv(pairs.folder / "metrics/methods.csv", index_col="method")
    gains = scores - scores.loc["noisy input"]
    assert gains["val_ssim"]["model"] > 0.1  # trained with the loss `ssim`
    assert gains["val_psnr"]["tv"] > 1
    # Without labels, there is no classifier, and its scores are null.
    assert (pairs.folder / "models/classifier.keras").stat().st_size == 0
    accuracy = pairs.read_json("metrics/classification.json")["accuracy"]
    assert accuracy == dict.fromkeys(["clean", "noisy", "denoised", "best_baseline"])
    by_class = pd.read_csv(pairs.folder / "metrics/by_class.csv")
    assert by_class["label"].tolist() == [-1]


def test_a_temporary_run_has_the_pictures_and_a_changed_picture_reruns_load(pairs: Clone) -> None:
    output = pairs.run("dvc", "exp", "run", "--temp", "-n", "less", "-S", "load.limit=30", "split")
    assert "Running stage 'split'" in output
    path = Path(pairs.folder, "train/0.png")
    path.unlink()  # a link into DVC's cache
    Image.new("RGB", (40, 33)).save(path)
    assert "train" in pairs.run("dvc", "status", "load")
