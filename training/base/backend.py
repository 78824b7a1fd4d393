"""Starts Keras; every program that uses it starts it here."""

import gc
import importlib.util
import os
import sys

from denoiser.base.devices import query_gpus, without_banners
from denoiser.base.errors import InputError
from training.base import cluster
from training.base.networks import NETWORKS

BACKENDS = ("tensorflow", "jax")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")

# Packages that Keras and TensorFlow import if they are installed. No stage needs this.
UNUSED = ("PIL", "jax", "matplotlib", "pandas", "sklearn")

# Variables that make TensorFlow use the matrix products and convolutions of Eigen. Unlike those of
# oneDNN, their bits do not depend on the processor. Gradients of convolutions use oneDNN anyway.
PORTABLE = {
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "false",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
# XLA's library for sums, YNNPACK, adds in an order that depends on the processor, unless platform
# dependent math is off. AVX: XLA compiles for one kind of processor, without fused multiply-add.
PORTABLE_XLA = "--xla_cpu_max_isa=AVX --xla_cpu_enable_platform_dependent_math=false"
# XLA would compile and time many variants of each matrix product for a GPU: 20 s instead of 3 s for
# the default network, whose steps then take 0.14 ms instead of 0.16 ms (H100).
GPU_XLA = "--xla_gpu_enable_triton_gemm=false"
THREADS = 4  # fixed, because the bits of Eigen's products depend on it


def portable(kind: str, precision: str) -> bool:
    """Whether `start` can be portable: convolutions would take twice as long."""
    return NETWORKS[kind].reach is None and precision == "float32"


def start(
    backend: str,
    device: str,
    portable: bool = True,
    threads: int | None = None,
    join: bool = False,
) -> str:
    """Imports Keras with a backend and a device (see `denoiser.model`); returns its name.

    The user's settings of Keras have no effect. With `portable`, TensorFlow gives the same bits on
    any x86-64 processor with AVX2. `threads` is the number of threads of TensorFlow within an
    operation. With `join`, for training, JAX uses all GPUs of all machines, see cluster.py. Raises
    InputError if the backend or device is not available.
    """
    if importlib.util.find_spec(backend) is None:
        raise InputError(
            f"params.yaml: runtime.backend is '{backend}', which is not installed: "
            "install it with pip, or set runtime.backend to 'tensorflow'"
        )
    if join and cluster.is_set() and backend != "jax":
        raise InputError(
            f"params.yaml: runtime.backend is '{backend}', but several machines "
            f"({cluster.ADDRESSES} is set) need 'jax'"
        )
    os.environ["KERAS_BACKEND"] = backend
    # Allocate the memory of the GPU as needed instead of all at once.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    if backend == "tensorflow":
        flags = [os.environ.get("XLA_FLAGS", ""), GPU_XLA]
        if portable:
            os.environ.update(PORTABLE)
            flags.append(PORTABLE_XLA)
        os.environ["XLA_FLAGS"] = " ".join(flags)
    with without_banners():
        import_keras(backend)
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    if backend == "tensorflow":
        import tensorflow as tf

        # oneDNN gives the same bits with any number of threads from 2 on, but others with 1.
        default = THREADS if portable else max(2, os.cpu_count() or 2)
        tf.config.threading.set_intra_op_parallelism_threads(threads or default)
    elif join:
        cluster.join()
    with without_banners():
        gpu = find_gpu(backend)
    if device == "gpu" and gpu is None:
        raise InputError(
            f"params.yaml: runtime.device is 'gpu', but {backend} finds none: "
            "see docs/pipeline.md, or choose 'auto'"
        )
    return gpu or "CPU"


def import_keras(backend: str) -> None:
    """Imports Keras without UNUSED packages and garbage collection, in half the time."""
    hidden = [name for name in UNUSED if name not in (backend, *sys.modules)]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not installed
    gc.disable()  # it would scan the many new objects again and again
    import keras  # noqa: F401

    gc.freeze()
    gc.enable()
    for name in hidden:
        del sys.modules[name]


def find_gpu(backend: str) -> str | None:
    """The name of the GPU that the backend uses, or None."""
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return f"GPU ({device.device_kind})" if device.platform == "gpu" else None
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        return f"GPU ({tf.config.experimental.get_device_details(gpu)['device_name']})"
    return None


def resident_bytes() -> int:
    """The size of the data that stay on a GPU: a third of its memory; 0 if that is unknown."""
    memory = query_gpus("memory.total")  # megabytes, or [N/A]
    return int(memory[0]) * 2**20 // 3 if memory and memory[0].isdigit() else 0
