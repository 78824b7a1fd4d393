"""presets/: every preset runs, `make experiment` stores its scores; tables of the scores."""

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
from pipeline import scores as metrics
from pipeline.base.params import load_yaml
from tests.conftest import ROOT, Clone, write_csv
from tools import experiment, results
from tools.command import read_cached, set_params
from training.onnx_export import DENOISER

NAMES = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))

# One process for many presets, without compilation: either would take longer than the work.
STAGES = """
import os, sys
from training.base import backend
from stages import add_noise, check, export, load, predict, split, train
portable, *folders = sys.argv[1:]
backend.start("tensorflow", "cpu", portable == "True")
import tensorflow
tensorflow.config.run_functions_eagerly(True)
for folder in folders:
    print(folder)
    os.chdir(folder)
    if portable == "export":
        export.main()
    else:
        for stage in (check, load, split, add_noise, train, predict):
            stage.main()
"""


@pytest.mark.slow
def test_every_preset_runs_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert experiment.preset_names() == NAMES
    # A process starts TensorFlow once, either for dense networks in float32 or for the others.
    groups: dict[str, list[Path]] = {"True": [], "False": [], "export": []}
    for name in NAMES:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy("params.yaml", folder)
        apply_overrides(folder / "params.yaml", experiment.overrides(name))
        params = load_yaml(str(folder / "params.yaml"))
        for csv in ("train", "test"):
            write_csv(folder / f"data/raw/{csv}.csv", 20, 12)
        pictures = {params["load"][key] for key in ("train", "test", "noisy_train", "noisy_test")}
        for pictures_folder in (folder / path for path in pictures if not path.endswith(".csv")):
            pictures_folder.mkdir(parents=True)
            for number in range(5):
                Image.new("L", (96, 64), 40 * number).save(pictures_folder / f"{number}.png")
        short = {"epochs": 1, "batch_size": 8}
        set_params(folder, train=short, runtime={"device": "cpu"})
        dense, precision = params["model"]["kind"] == "dense", params["train"]["precision"]
        groups[str(dense and precision == "float32")].append(folder)
        groups["export"].append(folder)
    for portable, folders in groups.items():
        Clone(ROOT).run("python", "-c", STAGES, portable, *map(str, folders))
    for name, folder in zip(NAMES, groups["export"], strict=True):
        noisy, denoised = (np.load(folder / f"data/{x}/x_test.npy") for x in ("noisy", "denoised"))
        assert np.isfinite(denoised).all(), name
        result = Denoiser(str(folder / DENOISER))(noisy[0])
        assert result.shape == denoised[0].shape, name


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
    clone = Clone.with_cache_of(tmp_path, digits)
    preset = tmp_path / "presets/tiny.yaml"
    preset.write_text("# A description.\n- plot.images=4\n- train.epochs=1\n")
    clone.run("git", "add", str(preset))
    output = clone.run("python", "-m", "tools.experiment", "tiny")
    assert "dvc exp apply tiny" in output
    assert clone.read_params()["plot"]["images"] == 2  # the workspace is unchanged
    table = pd.read_csv(tmp_path / experiment.SCORES)
    assert len(table) == len(pd.read_csv(ROOT / experiment.SCORES)) + 6
    rows = table[table["preset"] == "tiny"].set_index("method")
    assert (rows["commit"] == clone.run("git", "rev-parse", "--short=7", "HEAD").strip()).all()
    assert rows.loc["model", "epochs"] == 1
    duration: Any = rows.loc["model", "minutes"]
    assert 0 < duration < 5
    robustness = pd.read_csv(tmp_path / experiment.ROBUSTNESS)
    tiny = robustness[robustness["preset"] == "tiny"]
    assert tiny[["kind", "amount"]].to_numpy().tolist() == [["uniform", 0.5]]

    clone.run("dvc", "exp", "apply", "tiny")
    evaluation = clone.read_json("metrics/evaluation.json")
    for split in ("val", "test"):
        for metric in metrics.METRICS:
            mean = evaluation[split]["denoised"][metric]
            assert rows.loc["model", f"{split}_{metric}"] == pytest.approx(mean, abs=1e-4)
    accuracy = clone.read_json("metrics/classification.json")["accuracy"]
    assert rows.loc["model", "accuracy"] == accuracy["denoised"]
    assert rows.loc["clean", "accuracy"] == accuracy["clean"]

    monkeypatch.chdir(tmp_path)
    images = results.sheet("tiny", {"tiny": rows})
    for method, path in (("original", "split/x_test"), ("ridge", "baselines/ridge")):
        expected = np.load(f"data/{path}.npy")[:10]
        np.testing.assert_allclose(images[method], expected, atol=0.5 / 255 + 1e-6)

    # If DVC had the result of the training, its former duration stays, unless the result differs.
    commit, lines = experiment.commit_of("tiny"), len(table)
    for epochs, minutes in ((1, duration), (2, math.nan)):
        table.loc[(table["preset"] == "tiny") & (table["method"] == "model"), "epochs"] = epochs
        table.to_csv(experiment.SCORES, index=False)
        experiment.store("tiny", commit)
        stored = pd.read_csv(experiment.SCORES)
        assert len(stored) == lines
        model = stored[stored["preset"] == "tiny"].set_index("method").loc["model"]
        assert model["epochs"] == 1
        assert model["minutes"] == pytest.approx(minutes, nan_ok=True)

    # A preset without baselines, which has no best one, and with the name of a packaged model.
    text = "# A description.\n- tiny\n- baselines.methods=[]\n"
    Path("presets/document.yaml").write_text(text)
    clone.run("git", "checkout", "--quiet", "HEAD", "params.yaml")
    clone.run("python", "-m", "tools.experiment", "document")
    bare = experiment.read_rows(experiment.SCORES).set_index("preset").loc["document"]
    assert sorted(bare["method"]) == ["clean", "model", "noisy input"]
    origin = experiment.read_rows(experiment.ORIGINS).set_index("preset").loc["document"]
    packaged = Path("denoiser/models/document.onnx").read_bytes()
    assert origin["sha256"] == hashlib.sha256(packaged).hexdigest()
    assert packaged == read_cached(experiment.commit_of("document"), DENOISER)
    raw = hashlib.md5(Path("data/raw/train.csv").read_bytes()).hexdigest()
    assert origin["read"] == f"data/raw/train.csv={raw}"


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


@pytest.mark.parametrize("name", ["", "unett"])
def test_an_unknown_preset_is_rejected(name: str) -> None:
    output = Clone(ROOT).fail("python", "-m", "tools.experiment", name)
    assert f"NAME={name}: NAME is one of blind, conv, " in output


# Tables


def scores_of(psnr: float) -> pd.DataFrame:
    """The scores of a preset, the same number for all metrics."""
    rows = {"noisy input": 5.0, "tv": 14.0, "ridge": 15.0, "model": psnr, "clean": np.nan}
    names = ["val_psnr", "test_psnr", "val_ssim", "test_ssim", "test_mse"]
    table = pd.DataFrame({name: [value] * 5 for name, value in rows.items()}, names).T
    return table.assign(accuracy=[0.1, np.nan, 0.5, psnr / 100, 0.9]).rename_axis("method")


NOISES = {"default": ("uniform", 0.9), "unet": ("uniform", 0.9), "g": ("gaussian", 0.5)}
PRESETS = {
    name: {"fetch": 1, "load": 1, "split": 1, "noise": {"kind": kind, "amount": amount}}
    for name, (kind, amount) in NOISES.items()
}


def test_the_table_of_methods_has_the_presets_with_the_same_test_images() -> None:
    scores = {"default": scores_of(14.5), "unet": scores_of(20), "g": scores_of(9)}
    table = results.methods_and_presets(scores, PRESETS, "unet")
    assert list(table.index) == ["noisy input", "tv", "**default**", "ridge", "**unet**", "clean"]
    assert list(results.methods_and_presets(scores, PRESETS, "g").index) == [
        "noisy input", "**g**", "tv", "ridge", "clean"
    ]  # fmt: skip
    table_text = results.method_table(scores, PRESETS, "unet")
    rows = [" ".join(line.split()) for line in table_text.splitlines()]
    assert rows[0] == "| method | MSE | PSNR (dB) | SSIM | accuracy (%) |"
    assert rows[6] == "| **unet** | 20.0000 | 20.00 | 20.000 | 20.0 |"
    assert rows[7] == "| clean | – | – | – | 90.0 |"


def test_the_tables_of_robustness() -> None:
    noises = [("uniform", 0.5, 1), ("uniform", 0.9, 2), ("gaussian", 0.25, 3), ("gaussian", 0.5, 4)]
    rows = [
        (preset, kind, amount, psnr, psnr + base)
        for preset, base in (("default", 10), ("unet", 20), ("g", 30))
        for kind, amount, psnr in noises
        if (preset, psnr) != ("g", 2)  # the scores of an earlier version of params.yaml
    ]
    columns = ["preset", "kind", "amount", "psnr_noisy", "psnr_denoised"]
    robustness = pd.DataFrame(rows, columns=columns)
    kinds = results.kind_table(robustness, PRESETS).fillna(0).to_dict("index")
    assert kinds == {
        "noisy input": {"uniform 0.9": 2, "gaussian 0.5": 4},
        "**default**, uniform 0.9": {"uniform 0.9": 12, "gaussian 0.5": 14},
        "**unet**, uniform 0.9": {"uniform 0.9": 22, "gaussian 0.5": 24},
        "**g**, gaussian 0.5": {"uniform 0.9": 0, "gaussian 0.5": 34},
    }
    amounts = results.amount_table(robustness, PRESETS).to_dict("index")
    assert amounts == {
        "noisy input": {"0.5": 1, "0.9": 2},
        "**default**, uniform 0.9": {"0.5": 11, "0.9": 12},
        "**unet**, uniform 0.9": {"0.5": 21, "0.9": 22},
    }
