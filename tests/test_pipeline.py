"""The real `make repro` and `dvc` on scikit-learn's digits, for a newcomer without a network."""

import csv
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from denoiser import noise
from tests.conftest import Clone

FILES = [
    *(
        f"data/images/{split}_{what}.npy"
        for split in ("train", "test")
        for what in ("images", "labels")
    ),
    *(f"data/split/{axis}_{split}.npy" for axis in "xy" for split in ("train", "val", "test")),
    *(f"data/noisy/x_{split}.npy" for split in ("train", "val", "test")),
    *(f"data/denoised/x_{split}.npy" for split in ("val", "test")),
    "data/checked",
    *(f"data/raw/{split}.csv" for split in ("train", "test")),
    *(
        f"metrics/plots/{name}.png"
        for name in (
            "first",
            "best",
            "worst",
            "losses",
            "methods",
            "psnr_by_amount",
            "psnr_by_class",
            "psnr_by_method",
        )
    ),
    *(f"metrics/training/plots/metrics/{name}.tsv" for name in ("loss", "val_loss")),
    "data/scores/per_image.csv",
    *(
        f"data/baselines/{name}.npy"
        for name in ("x_test", "mean", "median", "gaussian", "nlm", "tv", "pca", "ridge")
    ),
    "metrics/baselines.json",
    *(f"metrics/robustness/{kind}.csv" for kind in noise.KINDS),
    "metrics/classification.json",
    "metrics/by_class.csv",
    "metrics/methods.csv",
    "metrics/evaluation.json",
    "metrics/training/metrics.json",
    "models/autoencoder.keras",
    "models/classifier.keras",
]


@pytest.fixture
def clone(digits: Clone) -> Clone:
    return digits


def test_falls_back_to_digits_and_says_so(clone: Clone) -> None:
    assert "Fashion-MNIST could not be had from anywhere; tried: " in clone.output
    assert "Set fetch.source to 'digits' in params.yaml" in clone.output
    params = (clone.folder / "params.yaml").read_text()
    assert yaml.safe_load(params)["fetch"]["source"] == "digits"
    assert "# Every parameter of every stage" in params  # its comments are still there


def test_ends_with_the_scores_and_the_pictures(clone: Clone) -> None:
    end = clone.output[clone.output.index("PSNR (dB)") :]
    scores = clone.read_json("metrics/evaluation.json")
    assert f"{scores['test']['denoised']['psnr']:.4f}" in end
    assert "metrics/plots/first.png" in end


def test_makes_every_file(clone: Clone) -> None:
    made = clone.run("git", "ls-files", "--others", "data", "models", "metrics").split()
    held = clone.run("git", "ls-files", "metrics").split()
    made = [name for name in {*made, *held} if not name.startswith(".")]
    assert sorted(FILES) == sorted(made)


def test_arrays_are_what_the_design_says(clone: Clone) -> None:
    def shape(name: str, dtype: type) -> tuple[int, ...]:
        array = np.load(clone.folder / "data" / name)
        assert array.dtype == dtype
        if dtype is np.float32:
            assert array.min() >= 0
            assert array.max() <= 1
        return tuple(array.shape)

    assert shape("images/train_images.npy", np.uint8) == (1437, 784)
    assert shape("images/test_labels.npy", np.uint8) == (360,)
    for folder in ("split", "noisy"):
        assert shape(f"{folder}/x_train.npy", np.float32) == (1149, 784)
        assert shape(f"{folder}/x_val.npy", np.float32) == (288, 784)
        assert shape(f"{folder}/x_test.npy", np.float32) == (360, 784)
    assert shape("denoised/x_val.npy", np.float32) == (288, 784)
    assert shape("denoised/x_test.npy", np.float32) == (360, 784)
    with (clone.folder / "data/raw/test.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["label", *(f"pixel{number}" for number in range(1, 785))]
    assert len(rows) == 361


def test_denoised_beats_noisy(clone: Clone) -> None:
    for split in clone.read_json("metrics/evaluation.json").values():
        assert split["denoised"]["psnr"] > split["noisy"]["psnr"] + 3
        assert split["denoised"]["mse"] < split["noisy"]["mse"] / 2


def test_keeps_the_best_epoch(clone: Clone) -> None:
    metrics = clone.read_json("metrics/training/metrics.json")
    with (clone.folder / "metrics/training/plots/metrics/val_loss.tsv").open() as file:
        history = [float(row["val_loss"]) for row in csv.DictReader(file, delimiter="\t")]
    assert len(history) == metrics["epochs"] == metrics["step"] == 15
    assert metrics["val_loss"] == min(history) == history[metrics["best_epoch"] - 1]


def test_a_second_run_runs_nothing(clone: Clone) -> None:
    output = clone.run("dvc", "repro")
    assert "Running stage" not in output
    assert "Data and pipelines are up to date." in output


def test_outputs_are_linked_from_the_cache(clone: Clone) -> None:
    assert (clone.folder / "data/noisy/x_train.npy").stat().st_nlink == 2


def test_a_plot_parameter_runs_only_the_plot(clone: Clone) -> None:
    output = clone.run("dvc", "exp", "run", "--temp", "-S", "plot.images=4")
    assert [line for line in output.splitlines() if line.startswith("Running stage")] == [
        "Running stage 'check':",
        "Running stage 'plot':",
    ]


def test_a_bad_parameter_is_refused_before_any_work(clone: Clone) -> None:
    with pytest.raises(AssertionError) as error:  # the command fails
        clone.run("dvc", "exp", "run", "--temp", "-S", "noise.amount=0.1", "-S", "plot.images=0")
    output = str(error.value)
    assert re.findall("Running stage '(.*)'", output) == ["check"]
    assert "check: params.yaml: plot.images is 0: input should be greater than or equal" in output


def test_metrics_params_and_plots_show(clone: Clone, tmp_path: Path) -> None:
    def show(*command: str) -> Any:
        return json.loads(clone.run("dvc", *command, "--json"))

    metrics = show("metrics", "show")[""]["data"]
    assert set(metrics) == {
        "metrics/baselines.json", "metrics/classification.json",
        "metrics/evaluation.json", "metrics/training/metrics.json",
    }  # fmt: skip
    diff = show("params", "diff", "HEAD")["params.yaml"]
    assert diff["train.epochs"]["new"] == 15
    plots = json.loads(
        clone.run("dvc", "plots", "show", "--json", "-o", str(tmp_path)).strip().splitlines()[-1]
    )["data"]
    assert set(plots) >= {"Loss", "metrics/by_class.csv", "metrics/methods.csv"}
    assert {name for name in plots if name.endswith(".png")} == {
        name for name in FILES if name.endswith(".png")
    }


def test_own_csvs(clone: Clone, tmp_path: Path) -> None:
    """`fetch.source: none` downloads nothing, and DVC notices when a CSV of one's own changes."""
    other = Clone.of_workspace(tmp_path)
    for name in ("train", "test"):
        content = (clone.folder / f"data/raw/{name}.csv").read_bytes()
        (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(content))
    load = {"train_csv": "train.csv.gz", "test_csv": "test.csv.gz", "limit": 300}
    other.set_params(fetch={"source": "none"}, load=load)
    other.run("dvc", "repro", "fetch", "split")
    assert list((tmp_path / "data/raw").iterdir()) == []
    expected = np.load(clone.folder / "data/images/train_images.npy")[:300]
    np.testing.assert_array_equal(np.load(tmp_path / "data/images/train_images.npy"), expected)
    assert np.load(tmp_path / "data/split/x_val.npy").shape == (60, 784)

    (tmp_path / "train.csv.gz").write_bytes((tmp_path / "test.csv.gz").read_bytes())
    output = other.run("dvc", "repro", "fetch", "split")
    assert "Running stage 'load'" in output
    assert "Running stage 'fetch'" not in output

    # Runs apart from the workspace get what git and DVC keep.
    other.run("dvc", "add", "train.csv.gz", "test.csv.gz")
    other.run("git", "add", ".")
    other.run("git", "commit", "-qm", "CSVs of one's own")
    output = other.run("dvc", "exp", "run", "--temp", "-n", "mine", "-S", "load.limit=200", "split")
    assert "Running stage 'split'" in output
    assert "limit: 200" in other.run("git", "show", other.experiment("mine") + ":params.yaml")
