"""Starts Keras; every program that uses it starts it here."""

import gc
import importlib.util
import os
import sys

from pipeline.base import params
from pipeline.base.errors import InputError
from pipeline.keras_runtime.backend_params import Backend, Kind

# Packages that Keras and TensorFlow import if they are installed. No stage needs this.
UNUSED = ("PIL", "jax", "matplotlib", "pandas", "sklearn")

# Variables that make TensorFlow use the matrix products and convolutions of Eigen. Unlike those of
# oneDNN, their bits do not depend on the instruction sets and caches of the processor. The
# gradients of convolutions use oneDNN nevertheless.
PORTABLE = {
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "false",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
THREADS = 4  # fixed, because the bits of Eigen's products depend on it


def start_for_denoiser() -> str:
    """Like `start`; portable for a dense network in float32.

    Otherwise oneDNN is used, which computes convolutions twice as fast.
    """
    dense = params.read("model", Kind).kind == "dense"
    return start(portable=dense and params.read("train", Backend).precision == "float32")


def start(threads: int | None = None, portable: bool = True) -> str:
    """Imports Keras, configured by the section `train` of params.yaml; returns the device's name.

    With `portable`, TensorFlow gives the same bits on any x86-64 processor with AVX2 and FMA.
    `threads` is the number of threads of TensorFlow within an operation, by default THREADS if
    `portable`, and otherwise the number of cores, but at least 2. Raises InputError if the backend
    or the device is not available.
    """
    section = params.read("train", Backend)
    if section.backend == "tensorflow" and portable:
        os.environ.update(PORTABLE)
        # The order of XLA's sums depends on the length of the processor's vectors.
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_max_isa=AVX2"
    if threads is None:
        # oneDNN gives the same bits with any number of threads from 2 on, but others with 1.
        threads = THREADS if portable else max(2, os.cpu_count() or 2)
    return configure(section.backend, section.device, threads)


def configure(backend: str, device: str, threads: int | None = None) -> str:
    """Imports Keras with this backend and device; returns the device's name.

    The user's KERAS_BACKEND and ~/.keras/keras.json have no effect. `threads` is the number of
    threads of TensorFlow within an operation, by default TensorFlow's. Raises InputError if the
    backend or the device is not available.
    """
    if importlib.util.find_spec(backend) is None:
        raise InputError(
            f"train.backend is '{backend}', which is not installed: "
            f"install it with pip, or set train.backend to 'tensorflow'"
        )
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Allocate the memory of the GPU as needed instead of all at once.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import_keras(backend)
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    gpu = find_gpu(backend, threads)
    if device == "gpu" and gpu is None:
        raise InputError(
            f"the device is 'gpu' (train.device or --device), but {backend} finds none: "
            "see docs/usage.md, or choose 'auto'"
        )
    return gpu or "CPU"


def distribute(backend: str) -> int:
    """Makes Keras split each batch among all GPUs; returns their number, or 1 if there is none.

    Models must be created after this call. It is for training alone: with it, Keras's
    `predict_on_batch` returns each image once per GPU.
    """
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_logical_devices("GPU")
        if len(gpus) > 1:
            tf.distribute.experimental_set_strategy(tf.distribute.MirroredStrategy())
        return max(1, len(gpus))
    if backend == "jax":
        import keras

        devices = keras.distribution.list_devices()
        if len(devices) > 1:
            keras.distribution.set_distribution(keras.distribution.DataParallel())
        return len(devices)
    return 1


def import_keras(backend: str) -> None:
    """Imports Keras without UNUSED packages and without garbage collection.

    This takes half the time of a plain import (benchmarks/README.md).
    """
    hidden = [name for name in UNUSED if name not in (backend, *sys.modules)]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not installed
    gc.disable()  # it would scan the many new objects again and again
    import keras  # noqa: F401

    gc.freeze()
    gc.enable()
    for name in hidden:
        del sys.modules[name]


def find_gpu(backend: str, threads: int | None) -> str | None:
    """The name of the GPU that the backend uses, or None."""
    if backend == "tensorflow":
        import tensorflow as tf

        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            return f"GPU ({tf.config.experimental.get_device_details(gpu)['device_name']})"
        return None
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return f"GPU ({device.device_kind})" if device.platform == "gpu" else None
    import torch

    return f"GPU ({torch.cuda.get_device_name()})" if torch.cuda.is_available() else None
