"""Each stage that runs no network, on small data: what it writes, and what it refuses."""

import contextlib
import gzip
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from denoiser import noise as core_noise
from stages import baselines, evaluate, load, noise, plot, split, train
from stages.errors import StageError
from tests.conftest import SetParams, one_core, refused, run_stage, write_csv

# load


@pytest.mark.parametrize("limit", [None, 1, 7, 1000])
def test_load(workspace: Path, set_params: SetParams, limit: int | None) -> None:
    table = write_csv(Path("data/raw/train.csv"), 40)
    Path("data/raw/test.csv").write_bytes(gzip.compress(Path("data/raw/train.csv").read_bytes()))
    set_params(load={"limit": limit})
    load.main()
    for name in ("train", "test"):
        labels = np.load(f"data/images/{name}_labels.npy")
        images = np.load(f"data/images/{name}_images.npy")
        assert labels.dtype == images.dtype == np.uint8
        np.testing.assert_array_equal(labels, table["label"][:limit])
        np.testing.assert_array_equal(images, table.drop(columns="label")[:limit])
    assert len(list((workspace / "data/images").iterdir())) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "data/raw/test.csv: there is no such file (load.test_csv)"),
        (b"", "data/raw/test.csv: it is empty"),
        (b"label,pixel1\n1,x\n", "data/raw/test.csv: row 1 (line 2), column 'pixel1': 'x'"),
        (b"label,pixel1\n1,2\n", "train.csv has images of 9 pixels, but data/raw/test.csv of 1"),
        (
            gzip.compress(b"label,pixel1\n1,2\n" * 99, mtime=0)[:-9],
            "data/raw/test.csv: Compressed file",
        ),
        (
            gzip.compress(b"label,pixel1\n1,2\n", mtime=0)[:-8] + b"\0" * 8,
            "test.csv: CRC check failed",
        ),
    ],
)
def test_load_refuses(workspace: Path, content: bytes | None, message: str) -> None:
    write_csv(Path("data/raw/train.csv"), 3)
    if content is not None:
        Path("data/raw/test.csv").write_bytes(content)
    with pytest.raises(StageError) as error:
        load.main()
    assert message in str(error.value)
    assert [path.name for path in (workspace / "data").iterdir()] == ["raw"]  # nothing half-written


def test_an_error_is_one_line_and_exit_1(workspace: Path) -> None:
    done = run_stage("load")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.endswith("data/raw/train.csv: there is no such file (load.train_csv)\n")
    assert done.stderr.count("\n") == 1


# split


def test_split_is_the_guides(images: Path) -> None:
    split.main()
    pixels, labels = (
        np.load("data/images/train_images.npy"),
        np.load("data/images/train_labels.npy"),
    )
    guide = train_test_split(pixels.astype("float") / 255.0, labels, test_size=0.2, random_state=42)
    mine = [np.load(f"data/split/{name}.npy") for name in ("x_train", "x_val", "y_train", "y_val")]
    for array, expected in zip(mine, guide, strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-7)
    test = np.load("data/split/x_test.npy")
    assert test.dtype == mine[0].dtype == np.float32
    np.testing.assert_allclose(test, np.load("data/images/test_images.npy") / 255, rtol=1e-7)


def test_split_refuses_to_leave_a_side_empty(images: Path, set_params: SetParams) -> None:
    set_params(load={"limit": 1})
    load.main()
    with pytest.raises(StageError, match=r"split.validation_fraction is 0.2, .* 1 rows"):
        split.main()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 60), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**32 - 1))
def test_split_puts_each_row_on_one_side(
    workspace: Path, set_params: SetParams, rows: int, fraction: float, seed: int
) -> None:
    Path("data/images").mkdir(parents=True, exist_ok=True)
    number = np.arange(rows, dtype=np.uint8)
    for name in ("train", "test"):
        np.save(f"data/images/{name}_images.npy", np.stack([number, 255 - number], axis=1))
        np.save(f"data/images/{name}_labels.npy", number)
    set_params(split={"validation_fraction": fraction, "seed": seed})
    held_out = math.ceil(fraction * rows)
    if held_out == rows:
        with pytest.raises(StageError, match="leaves one side of"):
            split.main()
        return
    split.main()
    labels = {name: np.load(f"data/split/y_{name}.npy") for name in ("train", "val", "test")}
    for name, of_split in labels.items():
        images = np.load(f"data/split/x_{name}.npy")
        np.testing.assert_array_equal(np.round(images[:, 0] * 255), of_split)
    assert len(labels["val"]) == held_out
    assert sorted([*labels["train"], *labels["val"]]) == labels["test"].tolist() == number.tolist()


# noise


def test_noise_does_not_depend_on_what_else_is_drawn(noisy: Path, set_params: SetParams) -> None:
    before = {name: np.load(f"data/noisy/x_{name}.npy") for name in ("train", "val", "test")}
    clean = np.load("data/split/x_val.npy")
    rng = core_noise.generator(42, "val", 0)
    np.testing.assert_array_equal(
        before["val"], np.clip(clean + 0.9 * rng.random(clean.shape, "f4"), 0, 1)
    )
    assert not np.array_equal(before["val"] - clean, before["test"][: len(clean)] - clean)

    set_params(split={"validation_fraction": 0.5})  # other rows, and more of them
    split.main()
    noise.main()
    np.testing.assert_array_equal(np.load("data/noisy/x_test.npy"), before["test"])


def test_noise_is_drawn_by_fixed_blocks(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_noise, "ROWS", 8)
    split.main()
    noise.main()
    clean, noisy = np.load("data/split/x_test.npy"), np.load("data/noisy/x_test.npy")
    for block in range(3):
        rows = slice(8 * block, 8 * block + 8)
        rng = core_noise.generator(42, "test", block)
        expected = core_noise.corrupt(clean[rows], "uniform", 0.9, rng)
        np.testing.assert_array_equal(noisy[rows], expected)


# train


def test_train_refuses_a_batch_larger_than_the_training_set(noisy: Path) -> None:
    with pytest.raises(StageError, match="train.batch_size is 128, but there are 40 training"):
        train.main()


def test_train_refuses_a_gpu_that_is_not_there(noisy: Path, set_params: SetParams) -> None:
    set_params(train={"device": "gpu", "batch_size": 8})
    done = run_stage("train", {"CUDA_VISIBLE_DEVICES": "-1"})
    assert "train.device is 'gpu', but tensorflow sees none" in refused(done)


def test_train_refuses_a_backend_that_is_not_installed(noisy: Path, set_params: SetParams) -> None:
    set_params(train={"backend": "torch", "batch_size": 8})
    with pytest.raises(StageError, match="train.backend is 'torch', which is not installed"):
        train.main()


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ({"activation": "gelu", "encoder": [30, 20], "decoder": []}, {"loss": "mse"}),
        (
            {"kind": "unet", "filters": [8, 16], "convolutions": 1},
            {
                "loss": "ssim",
                "schedule": "cosine",
                "warmup": 0.1,
                "fresh_noise": True,
                "augment": {"flip": True, "shift": 1},
                "precision": "mixed_bfloat16",
            },
        ),
    ],
    ids=["dense", "unet"],
)
def test_train_gives_the_same_bytes_on_one_core_as_on_all(
    noisy: Path, set_params: SetParams, model: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Whatever is not the default; for the default, `test_interruptions` sees it."""
    train = {
        "epochs": 20,
        "batch_size": 7,  # leaves the last batch smaller
        "patience": 1,
        "learning_rate": 0.1,  # so that it stops early
        "optimizer": "adamw",
        "seed": 1,
    }
    set_params(model=model, train=train | settings)
    results = []
    for cores in (contextlib.nullcontext, one_core):
        with cores():
            assert run_stage("train").returncode == 0
        made = [Path("models/autoencoder.keras"), *Path("metrics/training").rglob("*.*")]
        results.append({path: path.read_bytes() for path in made if path.is_file()})
    assert len(results[0]) == 4
    assert results[0] == results[1]
    epochs = json.loads(Path("metrics/training/metrics.json").read_text())["epochs"]
    assert 2 <= epochs < 20


def test_another_backend_in_mixed_precision(noisy: Path, set_params: SetParams) -> None:
    set_params(
        model={"encoder": [30, 20], "decoder": []},
        train={
            "backend": "jax",
            "precision": "mixed_bfloat16",
            "epochs": 5,
            "batch_size": 7,
            "steps_per_execution": 4,  # of six batches, the last of them smaller
        },
    )
    for stage in ("train", "predict"):
        done = run_stage(stage)
        assert done.returncode == 0, done.stderr
        assert "CPU" in done.stdout
    losses = pd.read_csv("metrics/training/plots/metrics/loss.tsv", sep="\t")["loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    with zipfile.ZipFile("models/autoencoder.keras") as archive:
        config = archive.read("config.json").decode()
    assert config.count('"mixed_bfloat16"') == 2
    denoised = np.load("data/denoised/x_val.npy")
    assert denoised.dtype == np.float32
    assert 0 <= denoised.min() < denoised.max() <= 1


def test_train_stops_at_a_loss_that_is_not_finite(noisy: Path, set_params: SetParams) -> None:
    set_params(train={"optimizer": "sgd", "learning_rate": 1e30, "batch_size": 8})
    done = run_stage("train")
    assert "no longer finite in epoch 1: lower train.learning_rate (now 1e+30)" in refused(done)
    assert not Path("models/autoencoder.keras").exists()


# evaluate and plot


@pytest.fixture
def denoised(noisy: Path) -> Path:
    """A workspace up to `evaluate`, with the clean image, half as bright, for the denoised one."""
    baselines.main()
    Path("data/denoised").mkdir()
    for name in ("val", "test"):
        np.save(f"data/denoised/x_{name}.npy", np.load(f"data/split/x_{name}.npy") / 2)
    evaluate.main()
    return noisy


def test_evaluate(denoised: Path) -> None:
    images = pd.read_csv("data/scores/per_image.csv")
    assert images.groupby("split")["image"].agg(list).to_dict() == {
        "test": list(range(20)),
        "val": list(range(10)),
    }
    clean = np.load("data/split/x_test.npy").astype(float)
    mse = ((clean / 2) ** 2).mean(axis=1)
    test = images[images["split"] == "test"]
    np.testing.assert_allclose(test["mse_denoised"], mse, atol=1e-6)
    np.testing.assert_allclose(test["psnr_denoised"], -10 * np.log10(mse), atol=1e-5)
    np.testing.assert_array_equal(test["label"], np.load("data/split/y_test.npy"))

    summary = json.loads(Path("metrics/evaluation.json").read_text())
    assert list(summary) == ["val", "test"]
    assert list(summary["val"]) == ["noisy", "denoised"]
    assert summary["test"]["denoised"] == {
        "mse": pytest.approx(mse.mean(), abs=1e-6),
        "psnr": pytest.approx((-10 * np.log10(mse)).mean(), abs=1e-5),
        "ssim": pytest.approx(test["ssim_denoised"].mean(), abs=1e-6),
    }


def test_evaluate_puts_the_model_among_the_baselines(denoised: Path) -> None:
    table = pd.read_csv("metrics/methods.csv", index_col="method")
    assert table["val_psnr"].is_monotonic_increasing
    scores = json.loads(Path("metrics/evaluation.json").read_text())
    classical = json.loads(Path("metrics/baselines.json").read_text())
    assert set(table.index) == {"nothing", "model", *classical["val"]}
    for column in map(str, table):
        split, metric = column.split("_")
        assert table.loc["nothing", column] == pytest.approx(
            scores[split]["noisy"][metric], abs=1e-4
        )
        assert table.loc["model", column] == pytest.approx(
            scores[split]["denoised"][metric], abs=1e-4
        )
        assert table.loc["tv", column] == pytest.approx(classical[split]["tv"][metric], abs=1e-4)


def test_evaluate_by_class(denoised: Path) -> None:
    table = pd.read_csv("metrics/by_class.csv", index_col="label")
    images = pd.read_csv("data/scores/per_image.csv")
    assert sorted(table.index) == sorted(images["label"].unique())
    for label, row in table.iterrows():
        for name in ("val", "test"):
            of_class = images[(images["label"] == label) & (images["split"] == name)]
            assert row[f"{name}_images"] == len(of_class)
            expected = of_class["psnr_denoised"].mean()
            assert row[f"{name}_psnr_denoised"] == pytest.approx(expected, abs=1e-4, nan_ok=True)


def test_evaluate_small_images_have_no_ssim(workspace: Path, set_params: SetParams) -> None:
    for folder in ("split", "noisy", "denoised"):
        Path("data", folder).mkdir(parents=True)
        for name in ("val", "test"):
            np.save(f"data/{folder}/x_{name}.npy", np.random.default_rng(0).random((4, 9), "f4"))
    for name in ("val", "test"):
        np.save(f"data/split/y_{name}.npy", np.array([0, 1, 1, 0], "u1"))
    for folder in ("split", "noisy"):
        np.save(f"data/{folder}/x_train.npy", np.random.default_rng(0).random((20, 9), "f4"))
    set_params(baselines={"pca_components": 9})
    baselines.main()
    evaluate.main()
    scores = json.loads(Path("metrics/evaluation.json").read_text())
    assert scores["val"]["denoised"] == {"mse": 0, "psnr": 100, "ssim": None}


def test_plot(denoised: Path, set_params: SetParams) -> None:
    folder = Path("metrics/training/plots/metrics")
    folder.mkdir(parents=True)
    for name in ("loss", "val_loss"):
        (folder / f"{name}.tsv").write_text(f"step\t{name}\n0\t0.5\n1\t0.4\n")
    set_params(plot={"images": 3})
    plot.main()
    pictures = {path.name: path.read_bytes() for path in Path("metrics/plots").iterdir()}
    assert sorted(pictures) == [
        "best.png", "first.png", "losses.png", "methods.png",
        "psnr_by_class.png", "psnr_by_method.png", "worst.png",
    ]  # fmt: skip
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())
    assert len(set(pictures.values())) == 7
    plot.main()
    assert {path.name: path.read_bytes() for path in Path("metrics/plots").iterdir()} == pictures

    set_params(plot={"images": 11})
    with pytest.raises(StageError, match="plot.images is 11, but there are 10 validation images"):
        plot.main()
