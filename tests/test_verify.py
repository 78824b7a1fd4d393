"""tools/verify.py: when results are identical, drift, or drift too much."""

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


def test_equal_hashes_are_identical() -> None:
    text, failures = verify.compare(COMMITTED, result({"model": "1", "picture": "2"}, 19.5))
    assert text.startswith("identical: all 2 outputs")
    assert not failures


@pytest.mark.parametrize(
    ("psnr", "ssim", "drifting"),
    [
        (19.21, 0.619, []),
        (19.79, 0.581, []),
        (19.19, 0.6, ["PSNR"]),
        (19.81, 0.621, ["PSNR", "SSIM"]),
        (19.5, None, ["SSIM"]),
    ],
)
def test_drift_beyond_a_limit_fails(psnr: float, ssim: float | None, drifting: list[str]) -> None:
    text, failures = verify.compare(COMMITTED, result({"model": "3", "picture": "2"}, psnr, ssim))
    assert text.startswith("1 of 2 outputs differ:\n  model\n")
    assert f"{psnr - 19.5:.4f}" in text
    assert [failure.split()[0] for failure in failures] == drifting


def test_a_missing_or_new_output_differs() -> None:
    text, _ = verify.compare(COMMITTED, result({"model": "1", "other": "2"}, 19.5))
    assert text.startswith("2 of 3 outputs differ:\n  other\n  picture\n")


def test_ssim_that_is_null_in_both_results_does_not_drift() -> None:
    old, new = (result({"model": md5}, 19.5, None) for md5 in "12")
    assert verify.compare(old, new)[1] == []
