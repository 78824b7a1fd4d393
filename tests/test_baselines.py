"""stages/baselines.py."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from denoiser import classical, scores
from denoiser.errors import InputError
from stages import add_noise, baselines, split
from tests.conftest import SetParams, one_core, run_stage

METHODS = list(classical.METHODS)
RESULTS = "metrics/baselines.json"


def test_methods_are_fitted_to_training_images_and_scored_on_the_others(noisy: Path) -> None:
    baselines.main()
    results = json.loads(Path(RESULTS).read_text())
    assert list(results) == ["val", "test", "settings"]
    assert all(list(part) == METHODS for part in results.values())
    assert results["settings"]["pca"] == 64
    clean = np.load("data/split/x_test.npy")
    images = {method: np.load(f"data/baselines/{method}.npy") for method in METHODS}
    for method, denoised in images.items():
        assert results["test"][method] == scores.means(scores.score(clean, denoised))
    best = max(METHODS, key=lambda method: float(results["val"][method]["psnr"]))
    np.testing.assert_allclose(np.load("data/baselines/x_test.npy"), images[best], atol=1e-6)

    # The validation images and the clean test images affect no setting and no fit.
    for path in ("data/split/x_val.npy", "data/noisy/x_val.npy", "data/split/x_test.npy"):
        np.save(path, np.load(path)[::-1] / 2)
    baselines.main()
    assert json.loads(Path(RESULTS).read_text())["settings"] == results["settings"]
    for method in METHODS:
        np.testing.assert_array_equal(np.load(f"data/baselines/{method}.npy"), images[method])


def test_the_bytes_do_not_depend_on_the_number_of_cores(workspace: Path) -> None:
    """With images so large that BLAS uses several cores, and with several blocks of images."""
    rng = np.random.default_rng(0)
    Path("data/images").mkdir(parents=True)
    for name, count in (("train", 1500), ("test", 250)):
        images = rng.integers(0, 256, (count, 28, 28, 1), np.uint8)
        np.save(f"data/images/{name}_images.npy", images)
        np.save(f"data/images/{name}_labels.npy", np.zeros(count, np.uint8))
    split.main()
    add_noise.main()
    outputs = []
    for cores in (contextlib.nullcontext, one_core):
        with cores():
            assert run_stage("baselines").returncode == 0
        paths = [*sorted(Path("data/baselines").iterdir()), Path(RESULTS)]
        outputs.append({path: path.read_bytes() for path in paths})
    assert len(outputs[0]) == 9
    assert outputs[0] == outputs[1]


def test_an_empty_list_of_methods_gives_empty_outputs(noisy: Path, set_params: SetParams) -> None:
    set_params(baselines={"methods": []})
    baselines.main()
    assert json.loads(Path(RESULTS).read_text()) == {"val": {}, "test": {}, "settings": {}}
    assert list(Path("data/baselines").iterdir()) == []


def test_rejects_more_components_than_pixels(noisy: Path, set_params: SetParams) -> None:
    set_params(baselines={"pca_components": 145})
    with pytest.raises(InputError, match=r"baselines.pca_components is 145, .* 144 values"):
        baselines.main()


@pytest.mark.parametrize(
    ("shape", "message"), [((3, 65, 65, 1), "are 3 of 4225"), ((1, 8, 8, 1), "are 1 of 64")]
)
def test_rejects_images_that_linear_methods_cannot_be_fitted_to(
    workspace: Path, shape: tuple[int, ...], message: str
) -> None:
    for folder in ("data/split", "data/noisy"):
        Path(folder).mkdir(parents=True)
        np.save(f"{folder}/x_train.npy", np.zeros(shape, np.float32))
    with pytest.raises(InputError, match=rf"methods contains pca and ridge.* {message} values"):
        baselines.main()
