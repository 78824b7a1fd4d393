"""`make train`: the preset `pictures` on folders of pictures, with the real DVC."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from denoiser import Denoiser
from tests.conftest import FAST, Clone

pytestmark = pytest.mark.slow

CLEAN, DARK = "Anna's clean, 2024", "Anna's dark, 2024"


def test_a_folder_trains_a_model_for_cameras_and_two_folders_for_pairs(tmp_path: Path) -> None:
    """Pictures of 80x70 pixels, and dark copies."""
    clone = Clone.of_workspace(tmp_path, **FAST)
    rng = np.random.default_rng(0)
    for number in range(8):
        small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        picture = small.resize((80, 70), Image.Resampling.BICUBIC)
        for name, image in (("clean", picture), ("dark", picture.point(lambda x: x // 2))):
            path = clone.folder / f"Anna's {name}, 2024/{number}.png"
            path.parent.mkdir(exist_ok=True)
            image.save(path)
    path = clone.folder / "models/denoiser.onnx"
    clone.run("python", "-m", "tools.train_pictures", CLEAN, DARK)
    denoiser = Denoiser(str(path))
    assert denoiser.metadata["noise"] == "pairs"
    dark, clean = (np.asarray(Image.open(clone.folder / name / "0.png")) for name in (DARK, CLEAN))
    errors = [np.abs(image.astype(float) - clean).mean() for image in (denoiser(dark), dark)]
    assert errors[0] < 0.6 * errors[1]  # it learned to brighten
    # Squares of 64 pixels at the four corners of each picture of 80x70 pixels.
    images, denoised = (
        np.load(clone.folder / f"data/{x}/x_test.npy") for x in ("split", "denoised")
    )
    assert images.shape == denoised.shape == (8 * 4, 64, 64, 3)
    np.testing.assert_allclose(images[3], clean[-64:, -64:] / 255, atol=1e-6)
    # Pictures alone do not require the folder of former pairs.
    shutil.rmtree(clone.folder / DARK)
    (clone.folder / f"{DARK}.dvc").unlink()
    output = clone.run("python", "-m", "tools.train_pictures", CLEAN)
    assert output.rstrip().endswith("python -m denoiser PICTURES --model models/denoiser.onnx")
    assert Denoiser(str(path)).metadata["noise"] == "camera"
    # Without labels, there is no classifier, and its scores are null.
    assert (clone.folder / "models/classifier.keras").stat().st_size == 0
    accuracy = clone.read_json("metrics/classification.json")["accuracy"]
    assert accuracy == dict.fromkeys(["clean", "noisy", "denoised", "best_baseline"])
    assert pd.read_csv(clone.folder / "metrics/by_class.csv")["label"].tolist() == [-1]
    # A temporary run has the pictures, and a changed picture reruns `load`.
    clone.commit("My pictures")
    output = clone.run("dvc", "exp", "run", "--temp", "-n", "less", "-S", "load.limit=30", "split")
    assert "Running stage 'split'" in output
    path = clone.folder / CLEAN / "0.png"
    path.unlink()  # a link into DVC's cache
    Image.new("RGB", (80, 70)).save(path)
    assert CLEAN in clone.run("dvc", "status", "load")
    for folder in ("gone", ".", str(tmp_path.parent)):
        output = clone.fail("python", "-m", "tools.train_pictures", folder)
        assert "is not a folder in the project: copy your pictures there" in output
    output = clone.fail("python", "-m", "tools.train_pictures", "tests")
    assert "is already tracked by" in output  # the message of `dvc add`
    output = clone.fail("python", "-m", "tools.train_pictures", "", DARK)
    assert "pass the folder of your pictures" in output
