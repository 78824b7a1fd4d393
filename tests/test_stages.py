"""The stages except baselines, robustness, classifier and classify, on small data."""

import contextlib
import gzip
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from sklearn.model_selection import train_test_split

from denoiser import model, noise, scores
from denoiser.errors import InputError
from pipeline import figures, params
from stages import add_noise, baselines, evaluate, load, plot, split, train
from tests.conftest import ROOT, SetParams, error_line, offline, one_core, run_stage, write_csv
from training import backend, networks, optimizers

# fetch


def test_fetch_source_none_writes_empty_csvs(workspace: Path, set_params: SetParams) -> None:
    set_params(fetch={"source": "none"})
    (workspace / "home").mkdir()
    done = run_stage("fetch", offline(workspace / "home"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    sizes = {path.name: path.stat().st_size for path in Path("data/raw").iterdir()}
    assert sizes == {"train.csv": 0, "test.csv": 0}


def test_fetch_keeps_other_files_beside_the_csvs(workspace: Path, set_params: SetParams) -> None:
    set_params(fetch={"source": "none"})
    other = Path("data/raw/mine/a.png")
    other.parent.mkdir(parents=True)
    other.touch()
    assert run_stage("fetch").returncode == 0
    assert other.exists()


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
        assert images.shape[1:] == (3, 3, 1)
        np.testing.assert_array_equal(images.reshape(-1, 9), table.drop(columns="label")[:limit])


ROW = b"label,pixel1\n1,2\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, r"test\.csv: .* \(load\.test\)", id="missing"),
        pytest.param(b"", r"test\.csv: ", id="empty"),
        pytest.param(
            b"label,pixel1\n1,x\n", r"test\.csv: row 1 \(line 2\).*'pixel1': 'x'", id="cell"
        ),
        pytest.param(ROW, r"train\.csv .* 3x3 .* data/raw/test\.csv of 1x1 ", id="other size"),
        pytest.param(gzip.compress(99 * ROW)[:-9], r"test\.csv: ", id="truncated gzip"),
        pytest.param(gzip.compress(ROW)[:-8] + bytes(8), r"test\.csv: ", id="gzip checksum"),
    ],
)
def test_load_rejects_invalid_files(workspace: Path, content: bytes | None, message: str) -> None:
    write_csv(Path("data/raw/train.csv"), 3)
    if content is not None:
        Path("data/raw/test.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"^data/raw/{message}"):
        load.main()
    assert [path.name for path in Path("data").iterdir()] == ["raw"]  # no partial output


# split


def test_split_equals_that_of_the_guide(images: Path) -> None:
    split.main()
    pixels, labels = (np.load(f"data/images/train_{kind}.npy") for kind in ("images", "labels"))
    expected = train_test_split(pixels.astype(float) / 255, labels, test_size=0.2, random_state=42)
    for name, array in zip(("x_train", "x_val", "y_train", "y_val"), expected, strict=True):
        np.testing.assert_allclose(np.load(f"data/split/{name}.npy"), array, rtol=1e-7)
    test = np.load("data/split/x_test.npy")
    assert test.dtype == np.float32
    np.testing.assert_allclose(test, np.load("data/images/test_images.npy") / 255, rtol=1e-7)


def test_split_rejects_an_empty_part(images: Path, set_params: SetParams) -> None:
    set_params(load={"limit": 1})
    load.main()
    with pytest.raises(InputError, match=r"split\.validation_fraction is 0\.2, .* 1 rows"):
        split.main()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 60), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**32 - 1))
def test_split_puts_each_row_in_one_part(
    workspace: Path, set_params: SetParams, rows: int, fraction: float, seed: int
) -> None:
    Path("data/images").mkdir(parents=True, exist_ok=True)
    numbers = np.arange(rows, dtype=np.uint8)
    for name in ("train", "test"):
        np.save(f"data/images/{name}_images.npy", numbers.reshape(-1, 1, 1, 1))
        np.save(f"data/images/{name}_labels.npy", numbers)
    set_params(split={"validation_fraction": fraction, "seed": seed})
    held_out = math.ceil(fraction * rows)
    if held_out == rows:
        with pytest.raises(InputError, match=r"split\.validation_fraction"):
            split.main()
        return
    split.main()
    labels = {name: np.load(f"data/split/y_{name}.npy") for name in ("train", "val", "test")}
    for name, expected in labels.items():
        images = np.load(f"data/split/x_{name}.npy")
        np.testing.assert_array_equal(np.round(images.ravel() * 255), expected)
    assert len(labels["val"]) == held_out
    assert sorted([*labels["train"], *labels["val"]]) == labels["test"].tolist() == numbers.tolist()


# add_noise


def test_noise_of_a_split_does_not_depend_on_the_other_splits(
    noisy: Path, set_params: SetParams
) -> None:
    test = np.load("data/noisy/x_test.npy")
    set_params(split={"validation_fraction": 0.5})
    split.main()
    add_noise.main()
    np.testing.assert_array_equal(np.load("data/noisy/x_test.npy"), test)


def test_each_block_of_images_has_its_noise(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "BLOCK_SIZE", 8)
    split.main()
    add_noise.main()
    for name in ("train", "val", "test"):
        clean, noisy = (np.load(f"data/{folder}/x_{name}.npy") for folder in ("split", "noisy"))
        for block, start in enumerate(range(0, len(clean), 8)):
            rng = noise.generator(42, name, block)
            expected = noise.add_noise(clean[start : start + 8], "uniform", 0.9, rng)
            np.testing.assert_array_equal(noisy[start : start + 8], expected)


# train


@pytest.mark.parametrize("kind", networks.NETWORKS)
def test_each_network_keeps_the_shape_of_the_images(kind: str) -> None:
    section = params.load_yaml(str(ROOT / "params.yaml"))["model"] | {"kind": kind}
    network = networks.build((10, 12, 3), **dict(params.Model(**section)))
    assert network.output_shape == network.input_shape == (None, 10, 12, 3)


def test_keras_knows_each_optimizer_and_precision() -> None:
    for name in optimizers.OPTIMIZERS:
        assert optimizers.optimizer(name, 0.1, 0.01).weight_decay == 0.01
    for name in backend.PRECISIONS:
        assert keras.dtype_policies.get(name).variable_dtype == "float32"


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("train", {}, r"train\.batch_size is 128, .* 40 training images"),
        ("train", {"batch_size": 8, "loss": "ssim"}, r"train\.loss is 'ssim', .* 11x11 pixels"),
        ("runtime", {"backend": "theano"}, r"runtime\.backend is 'theano'.* not installed"),
    ],
)
def test_train_rejects_parameters_that_do_not_suit_the_data_or_the_environment(
    noisy: Path, set_params: SetParams, section: str, values: dict[str, Any], message: str
) -> None:
    if values:
        set_params(train={"batch_size": 8})
    np.save("data/split/x_train.npy", np.load("data/split/x_train.npy")[:, :10])
    set_params(**{section: values})
    with pytest.raises(InputError, match=message):
        train.main()


def test_train_rejects_a_missing_gpu(noisy: Path, set_params: SetParams) -> None:
    set_params(train={"batch_size": 8}, runtime={"device": "gpu"})
    done = run_stage("train", {"CUDA_VISIBLE_DEVICES": "-1"})
    assert "runtime.device is 'gpu', but tensorflow finds none" in error_line(done)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        pytest.param(
            {"activation": "gelu", "encoder": [30, 20], "decoder": []}, {"loss": "mse"}, id="dense"
        ),
        pytest.param(
            {"kind": "unet", "filters": [8, 16], "convolutions": 1, "standardize": True},
            {
                "loss": "ssim",
                "schedule": "cosine",
                "warmup": 0.1,
                "fresh_noise": True,
                "augment": {"flip": True, "rotate": True, "shift": 1},
                "precision": "mixed_bfloat16",
            },
            id="unet",
        ),
    ],
)
def test_bytes_of_the_model_do_not_depend_on_cores_and_steps_per_execution(
    noisy: Path, set_params: SetParams, model: dict[str, Any], settings: dict[str, Any]
) -> None:
    """With parameters that are not the defaults; `test_interruptions` tests the defaults."""
    common = {
        "epochs": 20,
        "batch_size": 7,  # the last batch is smaller
        "patience": 1,
        "learning_rate": 0.1,  # early stopping
        "optimizer": "adamw",
        "seed": 1,
    }
    set_params(model=model, train=common | settings)
    outputs = {}
    for name, cores, steps in (
        ("all cores, 4 steps", contextlib.nullcontext, 4),
        ("one core, 1 step", one_core, 1),
    ):
        set_params(runtime={"steps_per_execution": steps})
        with cores():
            done = run_stage("train")
        assert done.returncode == 0, done.stderr
        paths = [Path("models/autoencoder.keras"), *Path("metrics/training").rglob("*.*")]
        outputs[name] = {str(path): path.read_bytes() for path in paths if path.is_file()}
    assert 2 <= json.loads(Path("metrics/training/metrics.json").read_text())["epochs"] < 20
    first, second = outputs.values()
    assert len(first) == 4
    assert [path for path, content in second.items() if content != first[path]] == []


@pytest.mark.slow
def test_jax_in_mixed_precision(noisy: Path, set_params: SetParams) -> None:
    set_params(
        model={"encoder": [30, 20], "decoder": []},
        train={"precision": "mixed_bfloat16", "epochs": 5, "batch_size": 7},
        # Four of six batches, the last of which is smaller.
        runtime={"backend": "jax", "steps_per_execution": 4},
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


@pytest.mark.slow
def test_jax_splits_batches_among_devices(noisy: Path, set_params: SetParams) -> None:
    """Two devices on the CPU; test_multi_step.py tests two devices with TensorFlow."""
    losses = {}
    for devices in (1, 2):
        set_params(
            model={"kind": "unet", "filters": [4, 8], "convolutions": 1, "standardize": True},
            train={"epochs": 2, "batch_size": 8},
            runtime={"backend": "jax"},
        )
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
        done = run_stage("train", flags)
        assert done.returncode == 0, done.stderr
        assert ("2 x CPU" in done.stdout) == (devices == 2)
        losses[devices] = pd.read_csv("metrics/training/plots/metrics/loss.tsv", sep="\t")["loss"]
    np.testing.assert_allclose(losses[2], losses[1], rtol=1e-4)
    set_params(train={"batch_size": 7})
    assert "choose a multiple of 2" in error_line(run_stage("train", flags))


def test_train_stops_if_the_loss_is_not_finite(noisy: Path, set_params: SetParams) -> None:
    set_params(train={"optimizer": "sgd", "learning_rate": 1e30, "batch_size": 8})
    message = error_line(run_stage("train"))
    assert "epoch 1: lower train.learning_rate (now 1e+30)" in message
    assert not Path("models/autoencoder.keras").exists()


# predict and export


def test_predict_and_the_exported_model_give_the_same_images(
    workspace: Path, set_params: SetParams
) -> None:
    set_params(
        model={"encoder": [4], "decoder": [], "activation": "tanh"},
        noise={"kind": "gaussian", "amount": [0, 0.25], "clip": False},
        predict={"ensemble": True},
    )
    keras.utils.set_random_seed(0)
    network = networks.build((3, 3, 1), "dense", encoder=[4], decoder=[], activation="tanh")
    Path("models").mkdir()
    network.save("models/autoencoder.keras")
    Path("data/noisy").mkdir(parents=True)
    rng = np.random.default_rng(0)
    noisy = {"val": rng.random((2003, 3, 3, 1), "f4"), "test": rng.random((3, 3, 3, 1), "f4")}
    for name, images in noisy.items():
        np.save(f"data/noisy/x_{name}.npy", images)
    for stage in ("predict", "export"):
        done = run_stage(stage)
        assert done.returncode == 0, done.stderr
    denoiser = model.Denoiser(model.DENOISER, "cpu")
    assert denoiser.metadata == {
        "data": "fashion-mnist",
        "noise": "gaussian 0 to 0.25, not clipped",
        "side": "3",
        "channels": "1",
    }
    for name, images in noisy.items():
        denoised = np.load(f"data/denoised/x_{name}.npy")
        expected = model.ensemble(images, lambda x: np.asarray(network(x)))
        np.testing.assert_allclose(denoised, expected, atol=1e-6)
        (band,) = denoiser(images[0], average=True)
        np.testing.assert_allclose(band, denoised[0], atol=1e-6)


# evaluate and plot


@pytest.fixture
def denoised(noisy: Path) -> Path:
    """A workspace after `baselines`, with the clean images, half as bright, as denoised ones."""
    baselines.main()
    Path("data/denoised").mkdir()
    for name in ("val", "test"):
        np.save(f"data/denoised/x_{name}.npy", np.load(f"data/split/x_{name}.npy") / 2)
    return noisy


def psnr(name: str) -> np.ndarray:
    """The PSNR of the denoised images of a split."""
    clean = np.load(f"data/split/x_{name}.npy").astype(float)
    return np.asarray(-10 * np.log10(((clean / 2) ** 2).mean(axis=(1, 2, 3))))


def read_json(name: str) -> Any:
    return json.loads(Path("metrics", name).read_text())


def test_evaluate_scores_each_image(denoised: Path) -> None:
    evaluate.main()
    images = pd.read_csv("data/scores/per_image.csv").set_index("split")
    for name, count in (("val", 10), ("test", 20)):
        table = images.loc[name]
        assert table["image"].tolist() == list(range(count))
        np.testing.assert_array_equal(table["label"], np.load(f"data/split/y_{name}.npy"))
        np.testing.assert_allclose(table["psnr_denoised"], psnr(name), atol=1e-5)
    summary = read_json("evaluation.json")
    assert {name: list(part) for name, part in summary.items()} == {
        "val": ["noisy", "denoised"],
        "test": ["noisy", "denoised"],
    }
    means = images.loc["test", ["mse_denoised", "psnr_denoised", "ssim_denoised"]].mean()
    assert list(summary["test"]["denoised"]) == ["mse", "psnr", "ssim"]
    np.testing.assert_allclose(list(summary["test"]["denoised"].values()), means, atol=1e-6)


def test_evaluate_compares_the_model_with_the_baselines(denoised: Path) -> None:
    evaluate.main()
    table = pd.read_csv("metrics/methods.csv", index_col="method")
    assert table["val_psnr"].is_monotonic_increasing
    summary, classical = read_json("evaluation.json"), read_json("baselines.json")
    assert set(table.index) == {"noisy input", "model", *classical["val"]}
    for column in map(str, table):
        name, metric = column.split("_")
        for method, expected in (
            ("noisy input", summary[name]["noisy"]),
            ("model", summary[name]["denoised"]),
            ("tv", classical[name]["tv"]),
        ):
            assert table.loc[method, column] == pytest.approx(expected[metric], abs=1e-4)


def test_evaluate_averages_over_each_class(denoised: Path) -> None:
    evaluate.main()
    table = pd.read_csv("metrics/by_class.csv", index_col="label")
    labels = {name: np.load(f"data/split/y_{name}.npy") for name in ("val", "test")}
    assert table.index.tolist() == sorted({*labels["val"], *labels["test"]})
    for name, of_images in labels.items():
        for label, row in table.iterrows():
            values = psnr(name)[of_images == label]
            assert row[f"{name}_images"] == len(values)
            if len(values):
                mean = pytest.approx(values.mean(), abs=1e-4)
                assert row[f"{name}_psnr_denoised"] == mean
            else:
                assert math.isnan(row[f"{name}_psnr_denoised"])


@pytest.fixture
def mae(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds a metric, the mean absolute error."""

    def function(clean: scores.Float64, images: scores.Float64) -> scores.Float64:
        return np.asarray(np.abs(clean - images).mean(axis=(1, 2, 3)))

    monkeypatch.setitem(scores.METRICS, "mae", scores.Metric(function, "MAE", 4))


def test_a_new_metric_appears_in_all_tables(mae: None, denoised: Path) -> None:
    evaluate.main()
    clean = np.load("data/split/x_test.npy")
    expected = pytest.approx(clean.mean() / 2, abs=1e-4)  # the denoised images are half as bright
    assert read_json("evaluation.json")["test"]["denoised"]["mae"] == expected
    table = pd.read_csv("metrics/methods.csv", index_col="method")
    assert table.loc["model", "test_mae"] == expected
    error = np.abs(clean - np.load("data/baselines/tv.npy")).mean()
    assert table.loc["tv", "test_mae"] == pytest.approx(error, abs=1e-4)
    by_class = pd.read_csv("metrics/by_class.csv", index_col="label")
    label = by_class.index[0]
    of_class = clean[np.load("data/split/y_test.npy") == label]
    assert by_class.loc[label, "test_mae_denoised"] == pytest.approx(of_class.mean() / 2, abs=1e-4)


@pytest.fixture
def drawn(
    denoised: Path, set_params: SetParams, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Figure]:
    """The figures that `plot` saves with three images, by file name."""
    drawn = {}
    save = figures.save

    def record(figure: Figure, file: Path) -> None:
        drawn[file.name] = figure
        save(figure, file)

    monkeypatch.setattr(figures, "save", record)
    evaluate.main()
    set_params(plot={"images": 3})
    plot.main()
    return drawn


def rows(figure: Figure) -> dict[str, np.ndarray]:
    """The images of each row by its label, shape (3, height, width, 1)."""
    result: dict[str, np.ndarray] = {}
    for start in range(0, len(figure.axes), 3):
        row = figure.axes[start : start + 3]
        images = [np.asarray(axis.images[0].get_array()) for axis in row]
        result[row[0].get_ylabel()] = np.stack(images)[..., None]
    return result


def captions(figure: Figure) -> list[str]:
    return [axis.get_xlabel() for axis in figure.axes[-3:]]


@pytest.mark.parametrize("name", ["first", "worst", "best"])
def test_plot_draws_the_images_in_order_with_their_psnr(
    drawn: dict[str, Figure], name: str
) -> None:
    ranked = np.argsort(psnr("val"))
    indices = {"first": np.arange(3), "worst": ranked[:3], "best": ranked[:-4:-1]}[name]
    drawn_rows = rows(drawn[f"{name}.png"])
    assert list(drawn_rows) == ["original", "noisy", "denoised"]
    for folder, images in zip(("split", "noisy", "denoised"), drawn_rows.values(), strict=True):
        np.testing.assert_array_equal(images, np.load(f"data/{folder}/x_val.npy")[indices])
    assert captions(drawn[f"{name}.png"]) == [f"{value:.1f} dB" for value in psnr("val")[indices]]


def test_plot_draws_the_images_of_each_method(drawn: dict[str, Figure]) -> None:
    drawn_rows = rows(drawn["methods.png"])
    assert list(drawn_rows) == ["original", *pd.read_csv("metrics/methods.csv")["method"]]
    for label, path in {
        "original": "split/x_test",
        "noisy input": "noisy/x_test",
        "model": "denoised/x_test",
        "tv": "baselines/tv",
    }.items():
        np.testing.assert_array_equal(drawn_rows[label], np.load(f"data/{path}.npy")[:3])
    assert captions(drawn["methods.png"]) == [f"{value:.1f} dB" for value in psnr("test")[:3]]


def test_plot_draws_at_most_the_images_that_there_are(
    denoised: Path, set_params: SetParams
) -> None:
    evaluate.main()
    set_params(plot={"images": 11})  # there are ten validation images
    plot.main()
    with Image.open("metrics/plots/best.png") as picture:
        assert picture.width == 1100  # 100 per image, and 100 for the labels
