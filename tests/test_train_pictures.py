"""`make train`: the preset `pictures` on folders of pictures, with the real DVC."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from denoiser import Denoiser
from tests.conftest import FAST, Clone

pytestmark = pytest.mark.slow

CLEAN, DARK = "Anna's clean, 2024", "Anna's dark, 2024"


def test_a_model_is_trained_on_given_pairs_and_on_developments_by_a_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures of 80x70 pixels, and dark copies, with a small network."""
    clone = Clone.of_workspace(tmp_path, **FAST | {"robustness": {"amounts": {}}})
    with (clone.folder / "presets/pictures.yaml").open("a") as preset:
        preset.write("- model.filters=[8,16]\n- train.start=training/base/networks.py\n")
        preset.write("- train.learning_rate=0.01\n- baselines.methods=[median]\n")
    monkeypatch.chdir(clone.folder)
    rng = np.random.default_rng(0)
    for number in range(8):
        small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        picture = small.resize((80, 70), Image.Resampling.BICUBIC)
        for folder, image in ((CLEAN, picture), (DARK, picture.point(lambda x: x // 2))):
            Path(folder).mkdir(exist_ok=True)
            image.save(f"{folder}/{number}.png")
    mine = Path("data/raw/mine.csv")  # which `fetch` must not remove
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.touch()
    clone.run("python", "-m", "tools.train_pictures", CLEAN, DARK)
    assert Denoiser("models/denoiser.onnx").metadata["noise"] == "pairs"
    # Squares of 64 pixels at the four corners of each picture; the given pairs are the first ones.
    folders = ("split", "noisy", "denoised")
    clean, noisy, denoised = (np.load(f"data/{folder}/x_test.npy") for folder in folders)
    assert clean.shape == noisy.shape == denoised.shape == (2 * 8 * 4, 64, 64, 3)
    for images, folder in ((clean, CLEAN), (noisy, DARK)):
        last = np.asarray(Image.open(f"{folder}/0.png"))[-64:, -64:]
        np.testing.assert_allclose(images[3], last / 255, atol=1e-6)
    errors = [np.abs(images - clean).mean(axis=(1, 2, 3)) for images in (noisy, denoised)]
    assert 0 < errors[0][32:].max() < errors[0][:32].mean()
    assert errors[1][:32].mean() < 0.9 * errors[0][:32].mean()  # it learned to brighten
    assert mine.exists()
    assert Path("data/raw/train.csv").stat().st_size == 0  # fetch.source is none
    # Without labels, there is no classifier, and its scores are null.
    assert Path("models/classifier.keras").stat().st_size == 0
    accuracy = clone.read_json("metrics/classification.json")["accuracy"]
    assert accuracy == dict.fromkeys(["clean", "noisy", "denoised", "best_baseline"])
    assert pd.read_csv("metrics/by_class.csv")["label"].tolist() == [-1]
    assert pd.read_csv("metrics/robustness.csv").empty
    # Pictures alone replace the former pairs; here without a training.
    clone.keep_stages("check", "fetch", "load")
    output = clone.run("python", "-m", "tools.train_pictures", CLEAN)
    assert output.rstrip().endswith("python -m denoiser PICTURES --model models/denoiser.onnx")
    assert len(np.load("data/images/train_images.npy")) == 8 * 4
    # A temporary run has the pictures, and a changed picture reruns `load`.
    clone.commit("My pictures")
    output = clone.run("dvc", "exp", "run", "--temp", "-n", "less", "-S", "load.limit=30")
    assert "Running stage 'load'" in output
    changed = Path("data/pairs/clean/simulated/0.png.png")
    changed.unlink()  # a link into DVC's cache
    Image.new("RGB", (80, 70)).save(changed)
    assert "data/pairs" in clone.run("dvc", "status", "load")
    assert "pass the folder of your pictures" in clone.fail("python", "-m", "tools.train_pictures")
