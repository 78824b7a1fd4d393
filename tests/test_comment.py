"""`make comment`: what a pull request is told, and when it fails."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from tests.conftest import ROOT, Clone, refused
from tools import comment


def test_a_change_for_the_worse_is_shown_and_refused(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.after_repro(tmp_path / "clone", digits)
    clone.set_params(train={"learning_rate": 0.00001})
    clone.run("git", "commit", "-qam", "too slow")
    config = tmp_path / "config"
    config.mkdir()
    cache = digits.folder / ".dvc/cache"
    (config / "config").write_text(f"[cache]\n    dir = {cache}\n")
    done = subprocess.run(
        ["python", "-m", "tools.comment", "HEAD~1"],
        cwd=clone.folder,
        env=clone.env | {"DVC_GLOBAL_CONFIG_DIR": str(config)},
        capture_output=True,
        text=True,
    )
    committed = json.loads((ROOT / "benchmarks/digits/metrics/evaluation.json").read_text())
    assert "comment: val.denoised.psnr changed by -" in refused(done)
    text = (clone.folder / "comment/comment.md").read_text()
    assert text in done.stdout
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    rows = {line[0]: line[1:] for line in cells if line}
    before, after, change = map(float, rows["val.denoised.psnr"])
    assert before == pytest.approx(committed["val"]["denoised"]["psnr"], abs=1e-4)
    assert after < before - 0.3
    assert change == pytest.approx(after - before, abs=2e-4)
    assert rows["val.noisy.psnr"][2] in ("0.0000", "-0.0000")
    assert rows["params.yaml"] == ["train.learning_rate", "0.001", "1e-05"]
    for name in comment.PICTURES:
        assert f"![{name}]({name}.png)" in text
        with Image.open(clone.folder / f"comment/{name}.png") as picture:
            assert picture.width > 100


@pytest.mark.parametrize(
    ("here", "message"),
    [
        ({"val.denoised.psnr": 19.71, "test.denoised.psnr": 25.0, "val.noisy.psnr": 1.0}, ""),
        (
            {"val.denoised.psnr": 19.69, "test.denoised.psnr": 20.0, "val.noisy.psnr": 7.0},
            "val.denoised.psnr changed by -0.31 dB",
        ),
        (
            {"val.denoised.psnr": 20.0, "val.noisy.psnr": 7.0},
            "test.denoised.psnr changed by nan dB",
        ),
    ],
)
def test_only_a_loss_of_psnr_is_refused(here: dict[str, float], message: str) -> None:
    committed = {"val.denoised.psnr": 20.0, "test.denoised.psnr": 20.0, "val.noisy.psnr": 7.0}
    table = comment.compare(pd.Series(committed), pd.Series(here))
    assert comment.fallen(table) == message


def test_the_workflow_runs_it_against_the_branch_that_it_goes_to() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/pull-request.yml").read_text())
    steps = workflow["jobs"]["comment"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    assert runs == [
        "make comment BASE=origin/${{ github.base_ref }}",
        f"cml comment update {comment.COMMENT}/comment.md",
    ]
    done = subprocess.run(
        ["make", "-n", "comment", "BASE=origin/main"], cwd=ROOT, capture_output=True, text=True
    )
    assert "-m tools.comment origin/main" in done.stdout
