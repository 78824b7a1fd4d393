"""The same result on processors with other instruction sets (docs/reproducibility.md)."""

from pathlib import Path

import pytest

from pipeline.base import params
from tests.conftest import Clone
from tools import processor

# They limit the libraries to the instruction sets of a processor that lacks AVX-512. The stages
# limit oneDNN, OpenBLAS and XLA themselves: without these limits, this test fails on a processor
# with AVX-512.
AVX2 = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Zen",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}


@pytest.mark.skipif("AVX-512" not in processor.describe(), reason="needs AVX-512")
def test_a_processor_without_avx_512_computes_the_same_bytes(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path / "clone", **digits.read_params())
    clone.run("dvc", "repro", env=AVX2)
    locks = [params.load_yaml(str(c.folder / "dvc.lock"))["stages"] for c in (digits, clone)]
    for stage in locks[0]:
        assert locks[1][stage]["outs"] == locks[0][stage]["outs"], stage
