"""experiments/: every preset runs, `make experiment` keeps what it made, the tables are right."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dvc.utils.hydra import apply_overrides
from PIL import Image

from tests.conftest import ROOT, SHORT, Clone, refused, write_csv
from tools import experiment, results
from tools.params_file import set_params

NAMES = sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml"))

# One process for all, that compiles nothing: either would take longer than the work.
STAGES = """
import os, sys
from stages import backend, check, load, noise, params, predict, split, train
backend.start(params.read("train", backend.Backend))
import tensorflow
tensorflow.config.run_functions_eagerly(True)
for folder in sys.argv[1:]:
    print(folder)
    os.chdir(folder)
    for stage in (check, load, split, noise, train, predict):
        stage.main()
"""


def test_every_preset_runs_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert experiment.names() == NAMES
    short = {"epochs": 1, "batch_size": 16, "steps_per_execution": 1}
    for name in NAMES:
        for split, rows in (("train", 40), ("test", 30)):
            write_csv(tmp_path / name / f"data/raw/{split}.csv", rows, 12)
        params = tmp_path / name / "params.yaml"
        params.write_text((ROOT / "params.yaml").read_text())
        apply_overrides(params, experiment.overrides(name))
        set_params(tmp_path / name, train=short)
    folders = [tmp_path / name for name in NAMES]
    done = subprocess.run(
        [sys.executable, "-c", STAGES, *folders], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name, folder in zip(NAMES, folders, strict=True):
        denoised = np.load(folder / "data/denoised/x_test.npy")
        assert denoised.shape == (40 if name == "guide" else 30, 144), name
        assert np.isfinite(denoised).all(), name


def test_a_preset_may_build_on_another() -> None:
    small, unet = (experiment.overrides(name) for name in ("unet-small", "unet"))
    assert unet[: len(small)] == small
    assert len(unet) > len(small)
    assert experiment.overrides("unet-gaussian")[: len(unet)] == unet
    assert all("=" in line for name in NAMES for line in experiment.overrides(name))


def test_every_preset_says_why() -> None:
    for name in NAMES:
        first = (ROOT / f"experiments/{name}.yaml").read_text().splitlines()[0]
        assert first.startswith("# "), name
        assert first.endswith("."), name


def test_experiment_of_a_preset(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.after_repro(tmp_path, digits)
    preset = tmp_path / "experiments/tiny.yaml"
    preset.write_text("# Why.\n- plot.images=4\n- 'robustness.amounts.uniform=[0.5,0.9]'\n")
    clone.run("git", "add", str(preset))
    output = ""
    for _ in range(2):  # the second replaces the first
        output = clone.run("python", "-m", "tools.experiment", "tiny")
    assert "dvc exp apply tiny" in output
    assert "tiny" in clone.run("dvc", "exp", "list", "--all-commits")
    assert clone.read_params()["plot"]["images"] == 10  # the workspace as it was

    kept = tmp_path / "experiments/results/tiny"
    assert json.loads((kept / "training/metrics.json").read_text())["epochs"] == SHORT["epochs"]
    made = pd.read_csv(kept / "methods.csv")["method"]
    with Image.open(kept / "images.png") as file:
        assert file.size == (280, 28 * (1 + len(made)))
    result = results.Result(kept)
    assert result.params["plot"]["images"] == 4
    assert list(result.robustness["uniform"].index) == [0.5, 0.9]
    clean = np.load(digits.folder / "data/split/x_test.npy")[:10]
    np.testing.assert_allclose(result.images()["clean"], clean, atol=0.5 / 255 + 1e-6)
    ridge = np.load(digits.folder / "data/baselines/ridge.npy")[:10]
    np.testing.assert_allclose(result.images()["ridge"], ridge, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("name", ["", "unett"])
def test_an_unknown_preset_is_refused(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.experiment", name], cwd=ROOT, capture_output=True, text=True
    )
    assert f"NAME={name}: NAME is one of blind, conv, " in refused(done)


# The tables


def write_result(folder: Path, noise: str, psnr: float, **sections: object) -> None:
    """What `make experiment` keeps, with scores that are easy to follow."""
    (folder / "robustness").mkdir(parents=True)
    kind, amount = noise.split()
    params = {"fetch": 1, "load": 1, "split": 1, "noise": {"kind": kind, "amount": float(amount)}}
    params |= sections
    (folder / "params.yaml").write_text(json.dumps(params))
    rows = {"nothing": 5.0, "ridge": 15.0, "tv": 14.0, "model": psnr}
    columns = ["val_psnr", "test_psnr", "test_ssim", "test_mse"]
    table = pd.DataFrame({name: [value] * 4 for name, value in rows.items()}, columns).T
    table.rename_axis("method").to_csv(folder / "methods.csv")
    accuracy = {"clean": 0.9, "noisy": 0.1, "denoised": psnr / 100, "best_baseline": 0.5}
    (folder / "classification.json").write_text(json.dumps({"accuracy": accuracy}))
    for each in ("uniform", "gaussian"):
        (folder / f"robustness/{each}.csv").write_text(
            f"amount,psnr_noisy,psnr_denoised\n0.5,1,{psnr + 1}\n0.9,2,{psnr + 2}\n"
        )


def test_tables(tmp_path: Path) -> None:
    made = {"unet": ("uniform 0.9", 20), "dense": ("uniform 0.9", 14.5), "g": ("gaussian 0.5", 9)}
    for name, (noise, psnr) in made.items():
        write_result(tmp_path / name, noise, psnr)
    found = [results.Result(tmp_path / name) for name in made]
    table = results.scores(found[0], found)
    assert list(table.index) == ["nothing", "tv", "**dense**", "ridge", "**unet**", "clean"]
    accuracy = table["accuracy"].to_dict()
    assert pd.isna(accuracy.pop("tv"))
    assert accuracy == {
        "nothing": 0.1, "**dense**": 0.145, "ridge": 0.5, "**unet**": 0.2, "clean": 0.9
    }  # fmt: skip
    assert list(results.scores(found[2], found).index) == [
        "nothing", "**g**", "tv", "ridge", "clean"
    ]  # fmt: skip
    kinds = results.by_kind(found).to_dict("index")
    assert kinds["nothing"] == {"uniform 0.9": 2, "gaussian 0.5": 1}
    assert kinds["**g**, gaussian 0.5"] == {"uniform 0.9": 11, "gaussian 0.5": 10}
    amounts = results.by_amount(found).to_dict("index")
    assert amounts["**dense**, uniform 0.9"] == {0.5: 15.5, 0.9: 16.5}


def test_sizes(tmp_path: Path) -> None:
    made = {
        "unet-small": ([8, 16], 2, 3, 20.0),
        "size-wide": ([16, 32], 2, 3, 21.0),
        "size-flat": ([8], 2, 3, 18.0),
        "size-short": ([8, 16], 2, 1, 19.0),
        "unet": ([16, 32], 2, 9, 23.0),
    }
    for name, (filters, convolutions, epochs, psnr) in made.items():
        model = {"filters": filters, "convolutions": convolutions}
        write_result(tmp_path / name, "uniform 0.9", psnr, model=model, train={"epochs": epochs})
    found = {name: results.Result(tmp_path / name) for name in made}
    table = results.by_size(found)
    assert list(table.index) == [
        "**size-flat**", "**size-short**", "**unet-small**", "**size-wide**", "**unet**"
    ]  # fmt: skip
    assert table.loc["**unet**"].to_dict() == {
        "filters": 16, "resolutions": 2, "convolutions": 2, "epochs": 9,
        "PSNR, test": 23, "PSNR, val": 23,
    }  # fmt: skip
    curves = {
        name: curve["PSNR, test"].to_dict() for name, curve in results.size_curves(found).items()
    }
    assert curves == {
        "filters": {8: 20, 16: 21},
        "resolutions": {1: 18, 2: 20},
        "convolutions": {2: 20},
        "epochs": {1: 19, 3: 20},
    }
