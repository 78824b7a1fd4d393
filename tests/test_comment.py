"""`make comment`: the comment on a pull request, and when the check fails."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from tests.conftest import ROOT, Clone, error_line
from tools import comment


@pytest.mark.slow
def test_a_worse_result_is_shown_and_fails(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path / "clone", **digits.read_params())
    clone.set_params(train={"learning_rate": 0.00001})
    clone.run("git", "commit", "-qam", "A learning rate that is too low")
    config = tmp_path / "config"  # the clone that the command creates also uses the cache
    config.mkdir()
    (config / "config").write_text(f"[cache]\n    dir = {digits.folder / '.dvc/cache'}\n")
    done = subprocess.run(
        ["python", "-m", "tools.comment", "HEAD~1"],
        cwd=clone.folder,
        env=clone.env | {"DVC_GLOBAL_CONFIG_DIR": str(config)},
        capture_output=True,
        text=True,
    )
    assert "comment: val.denoised.psnr changed by -" in error_line(done)
    text = (clone.folder / "comment/comment.md").read_text()
    assert text in done.stdout
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    rows = {line[0]: line[1:] for line in cells if line}
    before, after, change = map(float, rows["val.denoised.psnr"])
    committed = json.loads((ROOT / "benchmarks/digits/metrics/evaluation.json").read_text())
    assert before == pytest.approx(committed["val"]["denoised"]["psnr"], abs=1e-4)
    assert after < before - 0.3
    assert change == pytest.approx(after - before, abs=2e-4)
    assert float(rows["val.noisy.psnr"][2]) == 0
    assert rows["params.yaml"] == ["train.learning_rate", "0.001", "1e-05"]
    assert float(rows["model"][1]) == pytest.approx(after, abs=1e-4)
    assert f"]({comment.PICTURE})" in text
    with Image.open(clone.folder / f"comment/{comment.PICTURE}") as picture:
        assert picture.width > 100


@pytest.mark.parametrize(
    ("metrics", "failing"),
    [
        ({"val.denoised.psnr": 19.71, "test.denoised.psnr": 25.0, "val.noisy.psnr": 1.0}, ""),
        (
            {"val.denoised.psnr": 19.69, "test.denoised.psnr": 20.0, "val.noisy.psnr": 7.0},
            "val.denoised.psnr",
        ),
        ({"val.denoised.psnr": 20.0, "val.noisy.psnr": 7.0}, "test.denoised.psnr"),  # missing
    ],
)
def test_only_a_lower_psnr_of_denoised_images_fails(
    metrics: dict[str, float], failing: str
) -> None:
    committed = {"val.denoised.psnr": 20.0, "test.denoised.psnr": 20.0, "val.noisy.psnr": 7.0}
    table = comment.compare(pd.Series(committed), pd.Series(metrics))
    assert comment.psnr_losses(table).split(" ")[0] == failing
