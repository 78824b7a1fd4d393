"""`make verify` and `make comment`: when they fail, and the comment on a pull request."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, Clone
from tools import comment, verify


def result(hashes: str, psnr: float, ssim: float | None) -> verify.Result:
    """The result whose outputs and hashes these words are: `model=1`."""
    outputs = dict(word.split("=") for word in hashes.split())
    return verify.Result({}, outputs, {"val.denoised.psnr": psnr, "val.denoised.ssim": ssim})


@pytest.mark.parametrize(
    ("hashes", "old_ssim", "psnr", "ssim", "report", "drifting"),
    [
        ("model=1 picture=2", 0.6, 19.5, 0.6, "identical: all 2 outputs", []),
        ("model=1 other=2", 0.6, 19.5, 0.6, "2 of 3 outputs differ:\n  other\n  picture\n", []),
        ("model=3 picture=2", 0.6, 19.21, 0.619, "1 of 2 outputs differ:\n  model\n", []),
        ("model=3 picture=2", 0.6, 19.79, 0.581, "1 of 2", []),
        ("model=3 picture=2", 0.6, 19.19, 0.6, "1 of 2", ["PSNR"]),
        ("model=3 picture=2", 0.6, 19.81, 0.621, "1 of 2", ["PSNR", "SSIM"]),
        ("model=3 picture=2", 0.6, 19.5, None, "1 of 2", ["SSIM"]),
        ("model=3 picture=2", None, 19.5, None, "1 of 2", []),  # the images are too small
    ],
)
def test_different_hashes_are_named_and_drift_beyond_a_limit_fails(
    hashes: str, old_ssim: float | None, psnr: float, ssim: float | None, report: str,
    drifting: list[str],
) -> None:  # fmt: skip
    committed = result("model=1 picture=2", 19.5, old_ssim)
    text, failures = verify.compare(committed, result(hashes, psnr, ssim))
    assert text.startswith(report)
    assert f"{psnr - 19.5:.4f}" in text or "identical" in text
    assert [failure.split()[0] for failure in failures] == drifting


@pytest.mark.parametrize(
    ("psnr", "failing"),
    [
        ([19.71, 25, 1], ""),
        ([19.69, 20, 7], "val.denoised.psnr"),
        ([20, None, 7], "test.denoised.psnr"),  # missing
    ],
)
def test_only_a_lower_psnr_of_denoised_images_fails(psnr: list[float], failing: str) -> None:
    names = ["val.denoised.psnr", "test.denoised.psnr", "val.noisy.psnr"]
    recomputed = {name: value for name, value in zip(names, psnr, strict=True) if value}
    table = comment.compare(dict(zip(names, [20.0, 20.0, 7.0], strict=True)), recomputed)
    assert comment.psnr_losses(table).split(" ")[0] == failing


def test_a_clone_in_a_hook_of_git_leaves_the_commit_alone(tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path / "clone")
    hook = clone.folder / ".git/hooks/pre-commit"
    call = f"clone_head(pathlib.Path('{tmp_path}/new'))"
    hook.write_text(f'#!/bin/sh\npython -c "import pathlib; from tools.command import *; {call}"\n')
    hook.chmod(0o755)
    (clone.folder / "README.md").write_text("new\n")
    clone.run("git", "commit", "-qam", "A change")
    assert clone.run("git", "show", "--name-only", "--format=").split() == ["README.md"]
    assert (tmp_path / "new/README.md").exists()


def test_line_ends_do_not_depend_on_the_configuration_of_git(tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path / "clone")
    clone.run("git", "clone", "-q", "-c", "core.autocrlf=true", ".", str(tmp_path / "new"))
    for name in ("params.yaml", "pipeline/base/noise.py", "metrics/evaluation.json"):
        assert (tmp_path / "new" / name).read_bytes() == (clone.folder / name).read_bytes()


@pytest.mark.slow
def test_a_comment_shows_a_worse_result_and_fails(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path / "clone", **digits.read_params())
    clone.set_params(train={"learning_rate": 0.00001})
    clone.run("git", "commit", "-qam", "A learning rate that is too low")
    config = tmp_path / "config"  # the clone that the command creates also uses the cache
    config.mkdir()
    (config / "config").write_text(f"[cache]\n    dir = {digits.folder / '.dvc/cache'}\n")
    clone.env |= {"DVC_GLOBAL_CONFIG_DIR": str(config)}
    output = clone.fail("python", "-m", "tools.comment", "HEAD~1")
    assert "comment: val.denoised.psnr changed by -" in output
    text = (clone.folder / "comment/comment.md").read_text()
    assert text in output
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    rows = {line[0]: line[1:] for line in cells if line}
    before, after, change = map(float, rows["val.denoised.psnr"])
    committed = json.loads((ROOT / verify.REFERENCE).read_text())
    assert before == pytest.approx(committed["metrics"]["val.denoised.psnr"], abs=1e-4)
    assert after < before - 0.3
    assert change == pytest.approx(after - before, abs=2e-4)
    assert float(rows["val.noisy.psnr"][2]) == 0
    assert rows["params.yaml"] == ["train.learning_rate", "0.001", "1e-05"]
    assert float(rows["model"][1]) == pytest.approx(after, abs=1e-4)
    assert f"]({comment.PICTURE})" in text
    with Image.open(clone.folder / f"comment/{comment.PICTURE}") as picture:
        assert picture.width > 100
