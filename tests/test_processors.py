"""The same result on processors with other instruction sets (docs/reproducibility.md)."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import params
from tests.conftest import ROOT, Clone
from tools.measurements import processor

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


@pytest.mark.slow
@pytest.mark.skipif("AVX-512" not in processor(), reason="needs AVX-512")
def test_a_processor_without_avx_512_computes_the_same_bytes(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path / "clone", **digits.read_params())
    clone.run("dvc", "repro", env=AVX2)
    locks = [params.load_yaml(str(c.folder / "dvc.lock"))["stages"] for c in (digits, clone)]
    for stage in locks[0]:
        assert locks[1][stage]["outs"] == locks[0][stage]["outs"], stage


# The gradient of weights of 64x512, as in the default network.
GRADIENT = """
import os, sys
os.cpu_count = lambda: int(sys.argv[1])
from training import backend
backend.start("tensorflow", "cpu")
import numpy as np
import tensorflow as tf
x, gradient = (np.random.default_rng(0).random((128, n), np.float32) for n in (64, 512))
product = tf.function(lambda x, y: tf.matmul(x, y, transpose_a=True), jit_compile=True)
sys.stdout.buffer.write(product(x, gradient).numpy().tobytes())
"""


def test_products_do_not_depend_on_the_number_of_cores() -> None:
    commands = [[sys.executable, "-c", GRADIENT, cores] for cores in ("1", "2", "64")]
    products = [subprocess.check_output(command, cwd=ROOT) for command in commands]
    assert products[0] == products[1] == products[2]
    assert len(products[0]) == 64 * 512 * 4
