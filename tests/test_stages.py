"""The stages except baselines, on small data."""

import gzip
import itertools
import json
import math
import zipfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from sklearn.model_selection import train_test_split

from denoiser import Denoiser
from denoiser.base.errors import InputError
from denoiser.base.images import Float64
from denoiser.ensemble import ensemble
from pipeline import scores
from pipeline.base import noise, npy
from stages import add_noise, baselines, evaluate, load, plot, split, train
from tests.conftest import ROOT, SetParams, error_line, one_core, run_stage, run_stages, write_csv
from training import onnx_export
from training.base import backend, cluster, networks

SPLITS = ("val", "test")
VARIANTS = ("noisy", "denoised")
LOSSES = "metrics/training/plots/metrics/loss.tsv"


def test_load(set_params: SetParams) -> None:
    table = write_csv(Path("data/raw/train.csv"), 40)
    Path("data/raw/test.csv").write_bytes(gzip.compress(Path("data/raw/train.csv").read_bytes()))
    pixels = table.drop(columns="label").to_numpy().reshape(-1, 3, 3, 1)
    arrays: dict[str, Any] = {"images": pixels, "labels": table["label"]}
    for limit, name, kind in itertools.product([None, 7, 1000], ["train", "test"], arrays):
        set_params(load={"limit": limit})
        load.main()
        array = np.load(f"data/images/{name}_{kind}.npy")
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, arrays[kind][:limit])


ROW = b"label,pixel1\n1,2\n"


def test_load_rejects_invalid_files(workspace: Path) -> None:
    write_csv(Path("data/raw/train.csv"), 3)
    for content, message in (
        (None, r"test\.csv: .* \(load\.test\)"),  # no file
        (b"label,pixel1\n1,x\n", r"test\.csv: row 1 \(line 2\).*'pixel1': 'x'"),
        (ROW, r"train\.csv .* 3x3 .* data/raw/test\.csv of 1x1 "),
        (gzip.compress(99 * ROW)[:-9], r"test\.csv: "),  # truncated
        (gzip.compress(ROW)[:-8] + bytes(8), r"test\.csv: "),  # a wrong checksum
    ):
        if content is not None:
            Path("data/raw/test.csv").write_bytes(content)
        with pytest.raises(InputError, match=rf"^data/raw/{message}"):
            load.main()
        assert [path.name for path in Path("data").iterdir()] == ["raw"]  # no partial output


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 60), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**32 - 1))
def test_split_equals_that_of_the_guide(
    workspace: Path, set_params: SetParams, rows: int, fraction: float, seed: int
) -> None:
    Path("data/images").mkdir(parents=True, exist_ok=True)
    numbers = np.arange(rows, dtype=np.uint8)
    for name in ("train", "test"):
        np.save(f"data/images/{name}_images.npy", numbers.reshape(-1, 1, 1, 1))
        np.save(f"data/images/{name}_labels.npy", numbers)
    set_params(split={"validation_fraction": fraction, "seed": seed})
    if math.ceil(fraction * rows) == rows:
        with pytest.raises(InputError, match=r"split\.validation_fraction"):
            split.main()
        return
    with patch.object(npy, "BLOCK_SIZE", 7):  # most parts have several blocks
        split.main()
    train, val = train_test_split(numbers, test_size=fraction, random_state=seed)
    for name, expected in {"train": train, "val": val, "test": numbers}.items():
        images = np.load(f"data/split/x_{name}.npy")
        np.testing.assert_allclose(images.ravel(), expected / 255, rtol=1e-7)
        np.testing.assert_array_equal(np.load(f"data/split/y_{name}.npy"), expected)


def test_each_block_of_images_has_its_noise(noisy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "BLOCK_SIZE", 8)
    add_noise.main()
    for name in ("train", "val", "test"):
        clean, noisy_images = (np.load(f"data/{x}/x_{name}.npy") for x in ("split", "noisy"))
        for n, start in enumerate(range(0, len(clean), 8)):
            rng, block = noise.generator(42, name, n), slice(start, start + 8)
            expected = noise.add_noise(clean[block], "uniform", 0.9, rng)
            np.testing.assert_array_equal(noisy_images[block], expected)


def test_impossible_trainings(
    noisy: Path, set_params: SetParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in Path("data").glob("*/x_*.npy"):
        np.save(path, np.load(path)[:, :10, :10])
    monkeypatch.setenv(cluster.ADDRESSES, "127.0.0.1:9")
    for change, message in (
        ({}, r"train\.batch_size is 128, .* 40 training images"),
        ({"batch_size": 8, "loss": "mse"}, r"ADDRESSES is set\) need 'jax'"),
    ):
        set_params(train=change)
        with pytest.raises(InputError, match=message):
            train.main()
    monkeypatch.delenv(cluster.ADDRESSES)
    monkeypatch.setattr(backend, "start", lambda *_, **__: "CPU")
    for devices, batch_size, message in ((2, 7, "a multiple of 2"), (16, 16, "the 10 validation")):
        monkeypatch.setattr(cluster, "device_count", lambda devices=devices: devices)
        set_params(train={"batch_size": batch_size})
        with pytest.raises(InputError, match=message):
            train.main()
    set_params(train={"optimizer": "sgd", "learning_rate": 1e30})
    for runtime, message in (
        ({"backend": "theano"}, "runtime.backend is 'theano', which is not installed"),
        ({"backend": "tensorflow", "device": "gpu"}, "is 'gpu', but tensorflow finds none"),
        ({"device": "auto"}, "epoch 1: lower train.learning_rate (now 1e+30)"),
    ):
        set_params(runtime=runtime)
        assert message in error_line(run_stage("train", {"CUDA_VISIBLE_DEVICES": "-1"}))
    assert not Path("models/autoencoder.keras").exists()


DENSE = {"activation": "silu", "encoder": [30, 20], "decoder": []}
UNET = {"kind": "unet", "filters": [4, 8], "convolutions": 1, "standardize": True}
SETTINGS = {"loss": "psnr", "schedule": "cosine", "warmup": 0.1, "precision": "mixed_bfloat16"}
AUGMENT = {"flip": True, "rotate": True, "gray": 0.0}


def test_bytes_of_the_model_do_not_depend_on_the_number_of_cores(
    noisy: Path, set_params: SetParams
) -> None:
    """With parameters that are not the defaults; `test_interruptions` tests the defaults."""
    set_params(model=UNET, train=SETTINGS | {"fresh_noise": True, "augment": AUGMENT})
    # The last batch is smaller, and training stops early.
    short = {"epochs": 20, "batch_size": 7, "learning_rate": 0.1, "patience": 1}
    set_params(train=short | {"optimizer": "adamw", "seed": 1})
    run_stages("train")
    assert 2 <= read_json("training/metrics.json")["epochs"] < 20
    paths = [Path("models/autoencoder.keras"), *Path("metrics/training").rglob("*.[jt]s*")]
    outputs = {path: path.read_bytes() for path in paths}
    assert len(outputs) == 4
    with one_core():
        run_stages("train")
    assert [path for path in paths if path.read_bytes() != outputs[path]] == []


@pytest.mark.slow
def test_jax_uses_several_devices_and_mixed_precision(noisy: Path, set_params: SetParams) -> None:
    """Two devices on the CPU; tests/test_cluster.py compares the losses with those of one."""
    mixed = {"precision": "mixed_bfloat16", "epochs": 5, "batch_size": 10}  # of 40 images
    network = UNET | {"filters": [4]}  # XLA compiles two resolutions three times as long
    set_params(model=network, train=mixed, runtime={"backend": "jax"})
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    assert "training on 2 x CPU with jax" in run_stages("train", "predict", env=flags)
    loss = pd.read_csv(LOSSES, sep="\t")["loss"]
    assert loss.iloc[-1] < loss.iloc[0]
    with zipfile.ZipFile("models/autoencoder.keras") as archive:
        assert b'"mixed_bfloat16"' in archive.read("config.json")
    denoised = np.load("data/denoised/x_val.npy")
    assert denoised.dtype == np.float32
    assert 0 <= denoised.min() < denoised.max() <= 1


def test_predict_and_the_exported_model_agree(workspace: Path, set_params: SetParams) -> None:
    gaussian = {"kind": "gaussian", "amount": [0, 0.25], "clip": False}
    set_params(model=DENSE, noise=gaussian, predict={"ensemble": True})
    network = networks.build((3, 3, 1), "dense", **DENSE)
    for folder in ("models", "data/noisy"):
        Path(folder).mkdir(parents=True)
    network.save("models/autoencoder.keras")
    images = np.random.default_rng(0).random((2003, 3, 3, 1), np.float32)
    for name, count in (("val", 2003), ("test", 3)):
        np.save(f"data/noisy/x_{name}.npy", images[:count])
    run_stages("predict", "export")
    denoiser = Denoiser(onnx_export.DENOISER, "cpu")
    text = {"data": "fashion-mnist", "noise": "gaussian 0 to 0.25, not clipped"}
    assert denoiser.metadata == text | {"side": "3", "channels": "1"}
    for name in ("val", "test"):
        images, denoised = (np.load(f"data/{folder}/x_{name}.npy") for folder in VARIANTS)
        expected = ensemble(images, lambda x: np.asarray(network(x)))
        np.testing.assert_allclose(denoised, expected, atol=1e-6)
        one = denoiser(images[0], ensemble=True)
        np.testing.assert_allclose(one, denoised[0], atol=1e-6)


def save_model(factor: float) -> None:
    """Writes a model that multiplies the brightness."""
    image = keras.Input((12, 12, 1))
    Path("models").mkdir()
    keras.Model(image, keras.layers.Rescaling(factor)(image)).save("models/autoencoder.keras")


def test_results_that_are_not_finite_are_an_error(noisy: Path) -> None:
    save_model(np.nan)
    path = Path("models/autoencoder.keras")
    for content, message in ((None, "computes values that are not finite"), (b"PK", "cannot be l")):
        path.write_bytes(content or path.read_bytes())
        line = error_line(run_stage("predict"))  # `robustness` calls the same function
        assert line.startswith(f"predict: {path} {message}")
    assert not Path("data/denoised").exists()


def test_table_has_every_metric_of_every_noise(noisy: Path, set_params: SetParams) -> None:
    """Of a model that halves the brightness."""
    save_model(0.5)
    set_params(robustness={"images": 7, "amounts": {"uniform": [0.0, 0.5], "masking": [1.0]}})
    run_stages("robustness")
    table = pd.read_csv("metrics/robustness.csv")
    columns = [f"{metric}_{x}" for metric in scores.METRICS for x in ("noisy", "denoised")]
    assert list(table) == ["kind", "amount", *columns]
    clean = np.load("data/split/x_val.npy")[:7]
    rng = noise.generator(42, "robustness uniform", 0)
    images = {
        ("uniform", 0.0): clean,
        ("uniform", 0.5): noise.add_noise(clean, "uniform", 0.5, rng),
        ("masking", 1.0): np.zeros_like(clean),
    }
    assert list(zip(table["kind"], table["amount"], strict=True)) == list(images)
    for (_, row), noisy_images in zip(table.iterrows(), images.values(), strict=True):
        for variant, expected in (("noisy", noisy_images), ("denoised", noisy_images / 2)):
            for metric, values in scores.score(clean, expected).items():
                assert row[f"{metric}_{variant}"] == pytest.approx(values.mean(), abs=1e-4)


@pytest.fixture
def scored(noisy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """After `baselines` and `evaluate`, with another metric; denoised images are half as bright."""

    def error(clean: Float64, images: Float64) -> Float64:
        return np.asarray(np.abs(clean - images).mean(axis=(1, 2, 3)))

    monkeypatch.setitem(scores.METRICS, "mae", scores.Metric(error, "MAE", 4))
    baselines.main()
    Path("data/denoised").mkdir()
    for name in SPLITS:
        np.save(f"data/denoised/x_{name}.npy", np.load(f"data/split/x_{name}.npy") / 2)
    evaluate.main()
    return noisy


def read_json(name: str) -> Any:
    return json.loads(Path("metrics", name).read_text())


def expected_scores(name: str) -> scores.Scores:
    """Each metric of each denoised image of a split."""
    halves = np.load(f"data/split/x_{name}.npy").astype(float) / 2
    mse = (halves**2).mean(axis=(1, 2, 3))
    return {"mse": mse, "psnr": -10 * np.log10(mse), "mae": halves.mean(axis=(1, 2, 3))}


def test_evaluate_scores_each_image_each_class_and_each_method(scored: Path) -> None:
    images = pd.read_csv("data/scores/per_image.csv").set_index("split")
    classes = pd.read_csv("metrics/by_class.csv", index_col="label")
    summary = read_json("evaluation.json")
    assert list(summary) == list(SPLITS)
    for name in SPLITS:
        table, labels = images.loc[name], np.load(f"data/split/y_{name}.npy")
        assert table["image"].tolist() == list(range(len(labels)))
        np.testing.assert_array_equal(table["label"], labels)
        assert list(summary[name]) == [*VARIANTS, "gain"]
        noisy, denoised = (summary[name][variant]["psnr"] for variant in VARIANTS)
        assert summary[name]["gain"] == {"psnr": pytest.approx(denoised - noisy, abs=1e-6)}
        assert list(summary[name]["denoised"]) == ["mse", "psnr", "ssim", "mae"]
        ssim = table["ssim_denoised"].mean()
        assert summary[name]["denoised"]["ssim"] == pytest.approx(ssim, abs=1e-6)
        for metric, values in expected_scores(name).items():
            np.testing.assert_allclose(table[f"{metric}_denoised"], values, atol=1e-5)
            assert summary[name]["denoised"][metric] == pytest.approx(values.mean(), abs=1e-5)
        groups = table.drop(columns="image").groupby("label")
        means = groups.mean().assign(images=groups.size()).add_prefix(f"{name}_")
        expected = means.reindex(classes.index).fillna({f"{name}_images": 0})
        np.testing.assert_allclose(classes[list(means)], expected, atol=1e-4)
    assert classes.index.tolist() == sorted(images["label"].unique())

    table = pd.read_csv("metrics/methods.csv", index_col="method")
    assert table["val_psnr"].is_monotonic_increasing
    classical = read_json("baselines.json")
    assert set(table.index) == {"noisy input", "model", *classical["val"]}
    assert list(table) == [f"{name}_{metric}" for name in SPLITS for metric in scores.METRICS]
    for column in map(str, table):
        name, metric = column.split("_")
        networks = {"noisy input": summary[name]["noisy"], "model": summary[name]["denoised"]}
        for method, means in (classical[name] | networks).items():
            assert table.loc[method, column] == pytest.approx(means[metric], abs=1e-4)


def test_plot_draws_the_images_in_order_with_their_psnr(
    scored: Path, set_params: SetParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_params(plot={"images": 11})  # there are ten validation images
    plot.main()
    with Image.open("metrics/plots/best.png") as picture:
        assert picture.width == 1100  # 100 per image, and 100 for the labels
    drawn = {}

    def save(figure: Figure, file: Path, **_: Any) -> None:
        """Keeps the images of each row by its label, and the captions of the columns."""
        rows = [figure.axes[start : start + 3] for start in range(0, len(figure.axes), 3)]
        images = {row[0].get_ylabel(): [axis.images[0].get_array() for axis in row] for row in rows}
        drawn[file.stem] = images, [axis.get_xlabel() for axis in rows[-1]]

    monkeypatch.setattr(Figure, "savefig", save)
    set_params(plot={"images": 3})
    plot.main()
    psnr = {name: expected_scores(name)["psnr"] for name in SPLITS}
    ranked = np.argsort(psnr["val"])
    order = {"first": np.arange(3), "worst": ranked[:3], "best": ranked[:-4:-1]}
    for name, indices in order.items():
        rows, captions = drawn[name]
        assert list(rows) == ["original", "noisy", "denoised"]
        for folder, images in zip(("split", *VARIANTS), rows.values(), strict=True):
            expected = np.load(f"data/{folder}/x_val.npy")[indices, ..., 0]
            np.testing.assert_array_equal(images, expected)
        assert captions == [f"{value:.1f} dB" for value in psnr["val"][indices]]
    rows, captions = drawn["methods"]
    assert list(rows) == ["original", *pd.read_csv("metrics/methods.csv")["method"]]
    paths = {"original": "split/x_test", "noisy input": "noisy/x_test", "model": "denoised/x_test"}
    for label, images in rows.items():
        path = paths.get(label, f"baselines/{label}")
        np.testing.assert_array_equal(images, np.load(f"data/{path}.npy")[:3, ..., 0])
    assert captions == [f"{value:.1f} dB" for value in psnr["test"][:3]]


MODEL, RESULT = Path("models/classifier.keras"), Path("metrics/classification.json")


def test_accuracy_and_bytes_on_any_number_of_cores(workspace: Path, set_params: SetParams) -> None:
    """Images of class 3 are bright on the left, those of class 1 at the bottom."""
    set_params(classifier={"batch_size": 16, "epochs": 4, "learning_rate": 0.01})
    for name in ("split", "noisy", "denoised", "baselines"):
        Path("data", name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", 203), ("test", 40)):
        labels = rng.choice(np.array([1, 3], np.uint8), count)
        images = rng.random((count, 12, 12, 1), np.float32) / 4
        images[labels == 3, :, :6] += 0.7
        images[labels == 1, 6:] += 0.7
        np.save(f"data/split/x_{part}.npy", images)
        np.save(f"data/split/y_{part}.npy", labels)
    np.save("data/noisy/x_test.npy", 1 - images)
    np.save("data/denoised/x_test.npy", images * 0.9)
    others = images[[np.flatnonzero(labels != label)[0] for label in labels]]
    np.save("data/baselines/x_test.npy", np.concatenate([images[:10], others[10:]]))
    run_stages("classifier", "classify")
    model = MODEL.read_bytes()
    accuracy = json.loads(RESULT.read_text())["accuracy"]
    noisy = accuracy.pop("noisy")
    assert accuracy == {"clean": 1, "denoised": 1, "best_baseline": 0.25}
    assert noisy < 0.7
    # With one core, and with a number of cores of 8.
    Path("sitecustomize.py").write_text("import os\n\nos.cpu_count = lambda: 8\n")
    with one_core():
        run_stages("classifier", env={"PYTHONPATH": f"{workspace}:{ROOT}"})
    assert MODEL.read_bytes() == model
    set_params(classifier={"learning_rate": 1e30})
    message = "classifier.learning_rate 1e+30, the loss of the classifier is no longer finite"
    assert message in error_line(run_stage("classifier"))
