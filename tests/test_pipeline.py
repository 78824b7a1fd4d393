"""The real `dvc repro` on scikit-learn's digits, in a fresh clone without a network."""

import csv
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.base import dvc_lock
from pipeline.base.params import load_yaml
from tests.conftest import Clone


def test_repro_creates_every_documented_file_and_a_second_one_runs_nothing(digits: Clone) -> None:
    untracked = digits.run("git", "ls-files", "--others", "data", "models", "metrics").split()
    tracked = digits.run("git", "ls-files", "metrics").split()
    lock = load_yaml(str(digits.folder / "dvc.lock"))["stages"].values()
    outputs = {Path(out["path"]) for stage in lock for out in stage["outs"]}
    files = {Path(name) for name in (*untracked, *tracked)}
    assert [file for file in files if not outputs & {file, *file.parents}] == []
    assert all((digits.folder / output).exists() for output in outputs)
    assert "Data and pipelines are up to date." in digits.run("dvc", "repro")
    # The outputs are linked from the cache.
    assert (digits.folder / "data/noisy/x_train.npy").stat().st_nlink >= 2
    images, counts = digits.folder / "data/images", {"train": 800, "val": 200, "test": 360}
    assert np.load(images / "train_images.npy").dtype == np.uint8
    assert np.load(images / "train_images.npy").shape == (1000, 28, 28, 1)
    for folder in ("split", "noisy", "denoised"):
        for path in (digits.folder / "data" / folder).glob("x_*"):
            array = np.load(path)
            assert array.dtype == np.float32
            assert array.shape == (counts[path.stem[2:]], 28, 28, 1)
            assert 0 <= array.min() < array.max() <= 1


def test_the_best_epoch_is_kept_and_denoises(digits: Clone) -> None:
    for split in digits.read_json("metrics/evaluation.json").values():
        assert split["denoised"]["psnr"] > split["noisy"]["psnr"] + 3
        assert split["denoised"]["mse"] < split["noisy"]["mse"] / 2
    metrics = digits.read_json("metrics/training/metrics.json")
    with (digits.folder / "metrics/training/plots/metrics/val_loss.tsv").open() as file:
        history = [float(row["val_loss"]) for row in csv.DictReader(file, delimiter="\t")]
    assert len(history) == metrics["epochs"] == metrics["step"] == 15
    assert metrics["val_loss"] == min(history) == history[metrics["best_epoch"] - 1]


def test_a_parameter_reruns_a_stage_an_invalid_one_nothing(digits: Clone, tmp_path: Path) -> None:
    # Not in `digits` itself: even with --temp, DVC changes params.yaml for a moment.
    clone = Clone.with_cache_of(tmp_path, digits)
    (tmp_path / "dvc.lock").write_text(digits.read_lock())
    clone.commit("The result on digits")
    output = clone.run("dvc", "exp", "run", "--temp", "-S", "plot.images=3")
    assert re.findall("Running stage '(.*)'", output) == ["check", "plot"]
    changes = ("-S", "noise.amount=0.1", "-S", "plot.images=0")
    output = clone.fail("dvc", "exp", "run", "--temp", *changes)
    assert re.findall("Running stage '(.*)'", output) == ["check"]
    assert "check: params.yaml: plot.images is 0: " in output


def test_digests_are_those_of_dvc(digits: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(digits.folder)
    hashes = dvc_lock.hashes()
    assert len(hashes) > 20
    assert {path: dvc_lock.digest(Path(path)) for path in hashes} == hashes
    dvc_lock.check_inputs("load")  # of which two paths are parameters


def damage(path: Path, size: int) -> None:
    """Overwrites a file and its links after the first 4096 bytes with zeros, and cuts it."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(path.stat().st_size - 4096))
        file.truncate(size)


@pytest.mark.slow
def test_no_stage_reads_a_damaged_file_and_a_command_restores_it(
    digits: Clone, tmp_path: Path
) -> None:
    clone = Clone.of_workspace(tmp_path, **digits.read_params())
    shutil.copytree(digits.folder / ".dvc/cache", clone.folder / ".dvc/cache")
    clone.run("dvc", "repro")
    lock = clone.read_lock()
    whole = os.path.getsize(clone.folder / "data/noisy/x_train.npy")
    for name, size, stage in (
        ("data/noisy/x_train.npy", whole, "train"),
        ("data/denoised/x_val.npy", 0, "evaluate"),
    ):
        path = clone.folder / name
        content = path.read_bytes()
        damage(path, size)
        output = clone.fail("dvc", "repro", "--force", "--single-item", stage)
        (found,) = re.findall(rf"{stage}: (.*) was changed .* run: (rm .*; dvc repro)", output)
        assert name.startswith(found[0])
        clone.run("bash", "-c", found[1])
        assert path.read_bytes() == content
        assert clone.read_lock() == lock
    path = tmp_path / "data/split/x_val.npy"
    path.unlink()
    path.write_text("not an array")
    output = clone.fail("python", "-m", "stages", "evaluate")  # without DVC
    (command,) = re.findall(r"x_val.npy was not written by this pipeline.* run: (rm .*)", output)
    clone.run("bash", "-c", command)
    clone.run("python", "-m", "stages", "evaluate")
