"""`make train`: the preset `pictures` on folders of pictures, with the real DVC."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoiser import Denoiser
from tests.conftest import FAST, Clone

pytestmark = pytest.mark.slow

CLEAN, DARK = "Anna's clean, 2024", "Anna's dark, 2024"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with a folder of pictures of 80x70 pixels, and a folder of dark copies."""
    clone = Clone.of_workspace(tmp_path_factory.mktemp("train"), **FAST)
    rng = np.random.default_rng(0)
    for number in range(8):
        small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        picture = small.resize((80, 70), Image.Resampling.BICUBIC)
        for name, image in (("clean", picture), ("dark", picture.point(lambda x: x // 2))):
            path = clone.folder / f"Anna's {name}, 2024/{number}.png"
            path.parent.mkdir(exist_ok=True)
            image.save(path)
    return clone


def test_a_folder_trains_a_model_for_cameras_and_two_folders_for_pairs(clone: Clone) -> None:
    output = clone.run("python", "-m", "tools.train_pictures", CLEAN)
    assert output.rstrip().endswith("python -m denoiser PICTURES --model models/denoiser.onnx")
    assert (clone.folder / f"{CLEAN}.dvc").exists()
    path = clone.folder / "models/denoiser.onnx"
    assert Denoiser(str(path)).metadata["noise"] == "camera"
    clone.run("python", "-m", "tools.train_pictures", CLEAN, DARK)
    denoiser = Denoiser(str(path))
    assert denoiser.metadata["noise"] == "pairs"
    dark, clean = (np.asarray(Image.open(clone.folder / name / "0.png")) for name in (DARK, CLEAN))
    errors = [np.abs(image.astype(float) - clean).mean() for image in (denoiser(dark), dark)]
    assert errors[0] < 0.6 * errors[1]  # it learned to brighten


def test_a_folder_that_is_missing_or_elsewhere_is_refused(clone: Clone, tmp_path: Path) -> None:
    for folder in ("gone", ".", str(tmp_path)):
        output = clone.fail("python", "-m", "tools.train_pictures", folder)
        assert "is not a folder in the project: copy your pictures there" in output
    output = clone.fail("python", "-m", "tools.train_pictures", "", DARK)
    assert "pass the folder of your pictures" in output
