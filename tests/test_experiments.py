"""presets/: every preset runs, `make experiment` stores its scores."""

import contextlib
import hashlib
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dvc.utils.hydra import apply_overrides
from PIL import Image

from denoiser import Denoiser
from denoiser.base.errors import InputError
from pipeline import scores as metrics
from pipeline.base.params import load_yaml
from stages import check
from tests.conftest import ROOT, Clone, write_csv
from tools import experiment, photographs, results
from tools.command import set_params
from training.onnx_export import DENOISER
from training.start import is_model

NAMES = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))

# One process, without compilation of the trainings: either would take longer than the work. All
# stages must start TensorFlow with the same number of threads.
STAGES = """
import os, sys
from training.base import backend
os.cpu_count = lambda: backend.THREADS
from pipeline.base import params
from stages import add_noise, export, load, predict, split, train
backend.start("tensorflow", "cpu")
import tensorflow
tensorflow.config.run_functions_eagerly(True)
trained = []
for folder in sys.argv[1:]:
    print(folder)
    os.chdir(folder)
    for stage in (load, split, add_noise):
        stage.main()
    training = [params.read(x) for x in (params.Load, params.Noise, params.Model, params.Train)]
    if training not in trained:
        for stage in (train, predict, export):
            stage.main()
        trained.append(training)
"""


@pytest.mark.slow
def test_every_preset_runs_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a few small images, and few filters, unless the training starts from a model."""
    monkeypatch.chdir(ROOT)
    assert experiment.preset_names() == NAMES
    for name in NAMES:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(ROOT / "params.yaml", folder)
        apply_overrides(folder / "params.yaml", experiment.overrides(name))
        params = load_yaml(str(folder / "params.yaml"))
        for csv in ("train", "test"):
            write_csv(folder / f"data/raw/{csv}.csv", 5, 12)
        pictures = {params["load"][key] for key in ("train", "test", "noisy_train", "noisy_test")}
        patterns, side = params["split"]["validation_pictures"], params["load"]["side"]
        picture_names = ["a", "b", "c", *(pattern.strip("*") for pattern in patterns)]
        for pictures_folder in (folder / path for path in pictures if not path.endswith(".csv")):
            pictures_folder.mkdir(parents=True)
            for number, picture_name in enumerate(picture_names):
                picture = Image.new("L", (side, side), 40 * number)
                picture.save(pictures_folder / f"{picture_name}.png")
        for link in ("presets", "denoiser", "training"):  # for train.start
            (folder / link).symlink_to(ROOT / link)
        with contextlib.chdir(folder):
            check.main()
        set_params(folder, train={"epochs": 1, "batch_size": 2}, runtime={"device": "cpu"})
        if not is_model(params["train"]["start"]):
            filters = [max(2, number // 16) for number in params["model"]["filters"]]
            set_params(folder, model={"filters": filters})
    Clone(ROOT).run("python", "-c", STAGES, *(str(tmp_path / name) for name in NAMES))
    for name in NAMES:
        monkeypatch.chdir(tmp_path / name)
        if Path("data/denoised").exists():  # of one preset with each training
            assert np.isfinite(np.load("data/denoised/x_test.npy")).all(), name
            clean = np.load("data/split/x_test.npy")[0]
            assert Denoiser(DENOISER)(clean).shape == clean.shape, name
        else:
            assert any(name.startswith(f"{other}-") for other in NAMES), name


def test_presets_have_descriptions_and_scores_and_may_extend_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    for name in NAMES:
        first = Path(f"presets/{name}.yaml").read_text().splitlines()[0]
        assert first.startswith("# "), name
        assert first.endswith("."), name
        assert all("=" in line for line in experiment.overrides(name))
    scored = [name for name in NAMES if name != experiment.NO_DATA]
    for file in (experiment.SCORES, experiment.ROBUSTNESS):
        assert sorted(pd.read_csv(file)["preset"].unique()) == scored, file
    assert sorted(path.stem for path in experiment.IMAGES.iterdir()) == scored
    small, unet = (experiment.overrides(name) for name in ("unet-small", "unet"))
    assert unet[: len(small)] == small
    assert len(unet) > len(small)
    assert experiment.overrides("unet-gaussian")[: len(unet)] == unet


@pytest.mark.slow
def test_make_experiment_stores_scores_and_images(
    digits: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a preset with the name of a model of the package, which is replaced."""
    clone = Clone.with_cache_of(tmp_path, digits)
    path = tmp_path / "presets/document.yaml"
    path.write_text(
        "# Without baselines.\n- baselines.methods=[]\n- plot.images=4\n- train.epochs=1\n"
    )
    output = clone.run("python", "-m", "tools.experiment", "document")
    assert "dvc exp apply document" in output
    assert clone.read_params()["plot"]["images"] == 2  # the workspace is unchanged
    table = pd.read_csv(tmp_path / experiment.SCORES)
    before = pd.read_csv(ROOT / experiment.SCORES)
    assert len(table) == (before["preset"] != "document").sum() + 3
    rows = table[table["preset"] == "document"].set_index("method")
    assert (rows["commit"] == clone.run("git", "rev-parse", "--short=7", "HEAD").strip()).all()
    assert rows.loc["model", "epochs"] == 1
    duration: Any = rows.loc["model", "minutes"]
    assert 0 < duration < 5
    robustness = pd.read_csv(tmp_path / experiment.ROBUSTNESS).set_index("preset")
    assert robustness.loc["document", "amount"] == 0.5

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiment, "FOLDER", tmp_path / "denoiser/models")
    images = results.sheet("document", {"document": rows})
    clone.run("dvc", "exp", "apply", "document")
    evaluation = clone.read_json("metrics/evaluation.json")
    for split in ("val", "test"):
        for metric in metrics.METRICS:
            mean = evaluation[split]["denoised"][metric]
            assert rows.loc["model", f"{split}_{metric}"] == pytest.approx(mean, abs=1e-4)
    accuracy = clone.read_json("metrics/classification.json")["accuracy"]
    assert rows.loc["model", "accuracy"] == accuracy["denoised"]
    assert rows.loc["clean", "accuracy"] == accuracy["clean"]

    for method, name in (("original", "split/x_test"), ("noisy input", "noisy/x_test")):
        expected = np.load(f"data/{name}.npy")[:10]
        np.testing.assert_allclose(images[method], expected, atol=0.5 / 255 + 1e-6)

    # If DVC had the result of the training, its former duration stays, unless the result differs.
    commit, lines = experiment.commit_of("document"), len(table)
    for epochs, minutes in ((1, duration), (2, math.nan)):
        table.loc[(table["preset"] == "document") & (table["method"] == "model"), "epochs"] = epochs
        table.to_csv(experiment.SCORES, index=False)
        experiment.store("document", commit)
        stored = pd.read_csv(experiment.SCORES)
        assert len(stored) == lines
        model = stored[stored["preset"] == "document"].set_index("method").loc["model"]
        assert model["epochs"] == 1
        assert model["minutes"] == pytest.approx(minutes, nan_ok=True)

    origin = experiment.read_rows(experiment.ORIGINS).set_index("preset").loc["document"]
    packaged = Path("denoiser/models/document.onnx").read_bytes()
    assert origin["sha256"] == hashlib.sha256(packaged).hexdigest()
    assert packaged == Path(DENOISER).read_bytes()
    raw = hashlib.md5(Path("data/raw/train.csv").read_bytes()).hexdigest()
    assert origin["read"] == f"data/raw/train.csv={raw}"

    image = np.zeros((28, 28, 1), np.float32)
    for preset, message in (("gone", "make experiment NAME=gone"), ("document", "was trained on")):
        with pytest.raises(InputError, match=message):
            photographs.unseen([preset])(photographs.Pair("a.png", image, image))


def test_the_newest_experiment_of_a_name_counts_and_its_code_is_the_commit_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = Clone(tmp_path)
    monkeypatch.chdir(tmp_path)
    clone.run("git", "init", "-q")
    clone.run("git", "commit", "-q", "--allow-empty", "-m", "base")
    base = clone.run("git", "rev-parse", "--short=7", "HEAD").strip()
    for year in (2002, 2001):
        clone.run("git", "update-ref", "HEAD", base)
        date = {"GIT_COMMITTER_DATE": f"{year}-01-01T00:00:00"}
        clone.run("git", "commit", "-q", "--allow-empty", "-m", "experiment", env=date)
        clone.run("git", "update-ref", f"refs/exps/{year}/base/same", "HEAD")
        assert experiment.code_of("HEAD") == base
    newest = clone.run("git", "rev-parse", "refs/exps/2002/base/same").strip()
    assert experiment.commit_of("same") == newest


def test_scores_of_uncommitted_parameters_code_or_data_are_not_stored(tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path)
    (tmp_path / "data/mine.csv.dvc").write_text("outs: []\n")
    clone.run("git", "add", "data/mine.csv.dvc")
    clone.set_params(noise={"amount": 0.5})
    with (tmp_path / "stages/train.py").open("a") as file:
        file.write("# a change\n")
    for tool in ("experiment", "seeds"):
        output = clone.fail("python", "-m", f"tools.{tool}", "small")
        changed = "data/mine.csv.dvc, params.yaml, stages/train.py: commit these changes"
        assert changed in output
    assert clone.run("git", "status", "--short", "presets") == ""


def test_an_unknown_preset_is_rejected() -> None:
    output = Clone(ROOT).fail("python", "-m", "tools.experiment", "unett")
    assert "NAME=unett: NAME is one of blind, conv, " in output
