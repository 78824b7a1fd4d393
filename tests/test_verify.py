"""tools/verify.py: what counts as identical, as drift, and as too much of it."""

from typing import Any

import pandas as pd
import pytest

from tools import verify


def result(hashes: dict[str, str], psnr: float, ssim: float | None = 0.6) -> verify.Result:
    outs = [{"path": path, "md5": md5} for path, md5 in hashes.items()]
    lock: dict[str, Any] = {"stages": {"train": {"outs": outs[:1]}, "plot": {"outs": outs[1:]}}}
    metrics = pd.Series({"val.denoised.psnr": psnr, "val.denoised.ssim": ssim}, dtype=float)
    return verify.Result(lock, metrics)


COMMITTED = result({"model": "1", "picture": "2"}, 19.5)


def test_identical() -> None:
    words, beyond = verify.compare(COMMITTED, result({"model": "1", "picture": "2"}, 19.5))
    assert words == "identical: all 2 outputs have the committed hashes"
    assert not beyond


@pytest.mark.parametrize(
    ("here", "beyond"),
    [
        (result({"model": "3", "picture": "2"}, 19.21, 0.619), []),
        (result({"model": "3", "picture": "2"}, 19.79, 0.581), []),
        (
            result({"model": "3", "picture": "2"}, 19.19),
            ["PSNR drifts by 0.3100, more than 0.3"],
        ),
        (
            result({"model": "3", "picture": "2"}, 19.81, 0.621),
            ["PSNR drifts by 0.3100, more than 0.3", "SSIM drifts by 0.0210, more than 0.02"],
        ),
        (
            result({"model": "3", "picture": "2"}, 19.5, None),
            ["SSIM drifts by inf, more than 0.02"],
        ),
    ],
)
def test_drift(here: verify.Result, beyond: list[str]) -> None:
    words, found = verify.compare(COMMITTED, here)
    assert words.startswith("1 of 2 outputs differ:\n  model\n")
    assert f"{here.metrics['val.denoised.psnr'] - 19.5:.4f}" in words
    assert found == beyond


def test_an_output_that_is_missing_or_new_differs() -> None:
    words, _ = verify.compare(COMMITTED, result({"model": "1", "other": "2"}, 19.5))
    assert words.startswith("2 of 3 outputs differ:\n  other\n  picture\n")


def test_no_ssim_on_both_sides_is_no_drift() -> None:
    old, new = (result({"model": md5}, 19.5, None) for md5 in "12")
    assert verify.compare(old, new)[1] == []
