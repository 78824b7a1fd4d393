"""experiments/: every preset runs, `make experiment` stores its scores; tables of the scores."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dvc.utils.hydra import apply_overrides
from PIL import Image

from denoiser import scores as metrics
from pipeline.base.params import load_yaml
from tests.conftest import EPOCHS, ROOT, Clone, error_line, write_csv
from tools import demo, experiment, results
from tools.params_file import set_params

NAMES = sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml"))

# One process for many presets, without compilation: either would take longer than the work.
STAGES = """
import os, sys
from pipeline.keras_runtime import backend
from stages import add_noise, check, load, predict, split, train
os.chdir(sys.argv[1])
backend.start_for_denoiser()
import tensorflow
tensorflow.config.run_functions_eagerly(True)
for folder in sys.argv[1:]:
    print(folder)
    os.chdir(folder)
    for stage in (check, load, split, add_noise, train, predict):
        stage.main()
"""


@pytest.mark.slow
def test_every_preset_runs_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert experiment.preset_names() == NAMES
    short = {"epochs": 1, "batch_size": 8, "steps_per_execution": 1}
    for name in NAMES:
        params = tmp_path / name / "params.yaml"
        params.parent.mkdir()
        params.write_text((ROOT / "params.yaml").read_text())
        apply_overrides(params, experiment.overrides(name))
        write_data(tmp_path / name, load_yaml(str(params))["load"])
        set_params(tmp_path / name, train=short)
    folders = [tmp_path / name for name in NAMES]
    # A process starts TensorFlow once, either for dense networks in float32 or for the others.
    processes: dict[bool, list[Path]] = {True: [], False: []}
    for folder in folders:
        settings = load_yaml(str(folder / "params.yaml"))
        dense, precision = settings["model"]["kind"] == "dense", settings["train"]["precision"]
        processes[dense and precision == "float32"].append(folder)
    for group in processes.values():
        done = subprocess.run(
            [sys.executable, "-c", STAGES, *group], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for name, folder in zip(NAMES, folders, strict=True):
        denoised = np.load(folder / "data/denoised/x_test.npy")
        assert denoised.shape == np.load(folder / "data/split/x_test.npy").shape, name
        assert np.isfinite(denoised).all(), name


def write_data(folder: Path, load: dict[str, Any]) -> None:
    """Writes small CSVs, and the folders of pictures that the section `load` names."""
    for csv, rows in (("train", 20), ("test", 12)):
        write_csv(folder / f"data/raw/{csv}.csv", rows, 12)
    for key in ("train", "test", "noisy_train", "noisy_test"):
        if not load[key].endswith(".csv"):
            (folder / load[key]).mkdir(parents=True)
            for number in range(5):
                Image.new("L", (96, 64), 40 * number).save(folder / load[key] / f"{number}.png")


def test_a_preset_may_extend_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    small, unet = (experiment.overrides(name) for name in ("unet-small", "unet"))
    assert unet[: len(small)] == small
    assert len(unet) > len(small)
    assert experiment.overrides("unet-gaussian")[: len(unet)] == unet
    assert all("=" in line for name in NAMES for line in experiment.overrides(name))


def test_every_preset_has_a_description_and_scores() -> None:
    for name in NAMES:
        first = (ROOT / f"experiments/{name}.yaml").read_text().splitlines()[0]
        assert first.startswith("# "), name
        assert first.endswith("."), name
    for file in ("scores.csv", "robustness.csv"):
        table = pd.read_csv(ROOT / "experiments" / file)
        assert sorted(table["preset"].unique()) == NAMES, file
    assert sorted(path.stem for path in (ROOT / "experiments/images").iterdir()) == NAMES


@pytest.mark.slow
def test_make_experiment_stores_scores_and_images(
    digits: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = Clone.with_cache_of(tmp_path, digits)
    preset = tmp_path / "experiments/tiny.yaml"
    preset.write_text("# A description.\n- plot.images=4\n")
    clone.run("git", "add", str(preset))
    output = clone.run("python", "-m", "tools.experiment", "tiny")
    assert "dvc exp apply tiny" in output
    assert "tiny" in clone.run("dvc", "exp", "list", "--all-commits")
    assert clone.read_params()["plot"]["images"] == 2  # the workspace is unchanged
    clone.run("python", "-m", "tools.report", "tiny")  # compares with the experiment
    page = (tmp_path / "report.html").read_text()
    commit = clone.run("git", "rev-parse", "--short", clone.experiment("tiny")).strip()
    assert f"compared with tiny ({commit})" in page

    monkeypatch.chdir(tmp_path)
    experiment.store("tiny", experiment.commit_of("tiny"))  # replaces the rows
    table = pd.read_csv(experiment.SCORES)
    assert len(table) == len(pd.read_csv(ROOT / experiment.SCORES)) + 6
    rows = table[table["preset"] == "tiny"].set_index("method")
    evaluation = digits.read_json("metrics/evaluation.json")
    for split in ("val", "test"):
        for metric in metrics.METRICS:
            mean = evaluation[split]["denoised"][metric]
            assert rows.loc["model", f"{split}_{metric}"] == pytest.approx(mean, abs=1e-4)
    accuracy = digits.read_json("metrics/classification.json")["accuracy"]
    assert rows.loc["model", "accuracy"] == accuracy["denoised"]
    assert rows.loc["clean", "accuracy"] == accuracy["clean"]
    assert rows.loc["model", "epochs"] == EPOCHS
    robustness = pd.read_csv(experiment.ROBUSTNESS)
    tiny = robustness[robustness["preset"] == "tiny"]
    assert tiny[["kind", "amount"]].to_numpy().tolist() == [["uniform", 0.5]]

    assert demo.model_names() == ["tiny"]
    square = np.load(digits.folder / "data/noisy/x_test.npy")[0].reshape(28, 28, 1)
    bands = demo.load_model("tiny")(lambda *rows: square[slice(*rows)], square.shape, print)
    expected = np.load(digits.folder / "data/denoised/x_test.npy")[0].reshape(28, 28, 1)
    np.testing.assert_allclose(np.concatenate(list(bands)), expected, atol=1e-5)

    images = results.sheet("tiny", {"tiny": rows})
    for method, path in (("original", "split/x_test"), ("ridge", "baselines/ridge")):
        expected = np.load(digits.folder / f"data/{path}.npy")[:10]
        np.testing.assert_allclose(images[method], expected, atol=0.5 / 255 + 1e-6)


def test_the_newest_experiment_of_a_name_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = Clone(tmp_path)
    clone.run("git", "init", "-q")
    for year in (2002, 2001):
        date = {"GIT_COMMITTER_DATE": f"{year}-01-01T00:00:00"}
        clone.run("git", "commit", "-q", "--allow-empty", "-m", str(year), env=date)
        clone.run("git", "update-ref", f"refs/exps/{year}/base/same", "HEAD")
    monkeypatch.chdir(tmp_path)
    newest = clone.run("git", "rev-parse", "HEAD~1").strip()
    assert experiment.commit_of("same") == newest


@pytest.mark.parametrize("name", ["", "unett"])
def test_an_unknown_preset_is_rejected(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.experiment", name], cwd=ROOT, capture_output=True, text=True
    )
    assert f"NAME={name}: NAME is one of blind, conv, " in error_line(done)


# Tables


def scores_of(psnr: float) -> pd.DataFrame:
    """The scores of a preset, the same number for all metrics."""
    rows = {"noisy input": 5.0, "tv": 14.0, "ridge": 15.0, "model": psnr, "clean": np.nan}
    names = ["val_psnr", "test_psnr", "val_ssim", "test_ssim", "test_mse"]
    table = pd.DataFrame({name: [value] * 5 for name, value in rows.items()}, names).T
    return table.assign(accuracy=[0.1, np.nan, 0.5, psnr / 100, 0.9]).rename_axis("method")


def params_of(kind: str, amount: float, **sections: object) -> dict[str, object]:
    noise = {"kind": kind, "amount": amount}
    return {"fetch": 1, "load": 1, "split": 1, "noise": noise} | sections


PRESETS = {
    "default": params_of("uniform", 0.9),
    "unet": params_of("uniform", 0.9),
    "g": params_of("gaussian", 0.5),
    "size-1": params_of("uniform", 0.9),
}


def test_the_table_of_methods_has_the_presets_with_the_same_test_images() -> None:
    scores = {"default": scores_of(14.5), "unet": scores_of(20), "g": scores_of(9)}
    table = results.methods_and_presets(scores, PRESETS, "unet")
    assert list(table.index) == ["noisy input", "tv", "**default**", "ridge", "**unet**", "clean"]
    assert list(results.methods_and_presets(scores, PRESETS, "g").index) == [
        "noisy input", "**g**", "tv", "ridge", "clean"
    ]  # fmt: skip
    rows = results.method_table(scores, PRESETS, "unet").splitlines()
    assert rows[0] == "| method | MSE | PSNR (dB) | SSIM | accuracy (%) |"
    assert rows[6] == "| **unet** | 20.0000 | 20.00 | 20.000 | 20.0 |"
    assert rows[7] == "| clean |  |  |  | 90.0 |"


def test_the_tables_of_robustness() -> None:
    rows = [
        (preset, kind, amount, psnr, psnr + base)
        for preset, base in (("default", 10), ("unet", 20), ("g", 30), ("size-1", 40))
        for kind, amount, psnr in (("uniform", 0.5, 1), ("uniform", 0.9, 2), ("gaussian", 0.5, 3))
    ]
    columns = ["preset", "kind", "amount", "psnr_noisy", "psnr_denoised"]
    robustness = pd.DataFrame(rows, columns=columns)
    kinds = results.kind_table(robustness, PRESETS).to_dict("index")
    assert kinds == {
        "noisy input": {"uniform 0.9": 2, "gaussian 0.5": 3},
        "**default**, uniform 0.9": {"uniform 0.9": 12, "gaussian 0.5": 13},
        "**unet**, uniform 0.9": {"uniform 0.9": 22, "gaussian 0.5": 23},
        "**g**, gaussian 0.5": {"uniform 0.9": 32, "gaussian 0.5": 33},
    }
    amounts = results.amount_table(robustness, PRESETS).to_dict("index")
    assert amounts == {
        "noisy input": {"0.5": 1, "0.9": 2},
        "**default**, uniform 0.9": {"0.5": 11, "0.9": 12},
        "**unet**, uniform 0.9": {"0.5": 21, "0.9": 22},
    }


def test_results_name_a_preset_without_scores(tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path)
    (tmp_path / "experiments/new.yaml").write_text(
        "# Noise that is not scored.\n- noise.amount=0.7\n"
    )
    with pytest.raises(AssertionError, match="make experiment NAME=new"):
        clone.run("python", "-m", "tools.results")


def test_a_noise_without_scores_is_missing_in_the_table() -> None:
    columns = ["preset", "kind", "amount", "psnr_noisy", "psnr_denoised"]
    robustness = pd.DataFrame([("default", "uniform", 0.9, 1.0, 2.0)], columns=columns)
    presets = {"default": PRESETS["default"], "new": params_of("uniform", 0.7)}
    table = results.kind_table(robustness, presets)
    assert table.fillna(0).to_dict("index")["noisy input"] == {"uniform 0.9": 1, "uniform 0.7": 0}


def test_the_table_and_the_charts_of_sizes() -> None:
    sizes = {
        "unet-small": ([8, 16], 2, 3, False, 20.0),
        "size-wide": ([16, 32], 2, 3, False, 21.0),
        "size-flat": ([8], 2, 3, False, 18.0),
        "size-short": ([8, 16], 2, 1, False, 19.0),
        "size-standardized": ([8, 16], 2, 3, True, 22.0),
        "unet": ([16, 32], 2, 9, True, 23.0),
    }
    scores, presets = {}, {}
    for name, (filters, convolutions, epochs, standardize, psnr) in sizes.items():
        scores[name] = scores_of(psnr)
        model = {"filters": filters, "convolutions": convolutions, "standardize": standardize}
        presets[name] = params_of("uniform", 0.9, model=model, train={"epochs": epochs})
    table = results.size_table(scores, presets)
    assert list(table.index) == [
        "**size-flat**", "**size-short**", "**unet-small**", "**size-wide**",
        "**size-standardized**", "**unet**",
    ]  # fmt: skip
    assert table.loc["**unet**"].to_dict() == {
        "filters": 16, "resolutions": 2, "convolutions": 2, "epochs": 9, "standardized": 1,
        "PSNR, test": 23, "PSNR, val": 23,
    }  # fmt: skip
    charts = results.size_curves(table)
    assert {name: chart["PSNR, test"].to_dict() for name, chart in charts.items()} == {
        "filters": {8: 20, 16: 21},
        "resolutions": {1: 18, 2: 20},
        "convolutions": {2: 20},
        "epochs": {1: 19, 3: 20},
        "standardized": {0: 20, 1: 22},
    }
