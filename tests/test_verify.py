"""`make verify`: when it fails, and that it computes."""

from pathlib import Path

import pytest
import yaml

from tests.conftest import Clone
from tools import verify


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


@pytest.mark.slow
def test_verify_computes_in_spite_of_a_cache_of_the_user(digits: Clone, tmp_path: Path) -> None:
    """With that cache, DVC would restore all outputs from its run cache."""
    clone = Clone.of_workspace(tmp_path / "clone", **digits.read_params())
    stages = ("check", "fetch", "load", "split")
    clone.keep_stages(*stages)
    config = tmp_path / "config"
    config.mkdir()
    (config / "config").write_text(f"[cache]\n    dir = {digits.folder / '.dvc/cache'}\n")
    clone.env |= {"DVC_GLOBAL_CONFIG_DIR": str(config)}
    code = "import pathlib; from tools import verify; verify.recompute(pathlib.Path('.'), {})"
    (clone.folder / "dvc.lock").unlink()
    output = clone.run("python", "-c", code)
    assert output.count("Running stage '") == len(stages)
    assert "is cached" not in output
    expected = yaml.safe_load(digits.read_lock())["stages"]
    assert yaml.safe_load(clone.read_lock())["stages"] == {name: expected[name] for name in stages}
