"""Starts Keras; every program that uses it starts it here."""

import gc
import importlib.util
import os
import sys

from denoiser.errors import InputError
from training.networks import NETWORKS

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
THREADS = 4  # fixed, because the bits of Eigen's products depend on it


def portable(kind: str, precision: str) -> bool:
    """Whether to start Keras with `portable`, which doubles the time of convolutions."""
    return NETWORKS[kind].reach is None and precision == "float32"


def start(backend: str, device: str, portable: bool = True, threads: int | None = None) -> str:
    """Imports Keras with a backend and a device (see `denoiser.model`); returns its name.

    The user's settings of Keras have no effect. With `portable`, TensorFlow gives the same bits on
    any x86-64 processor with AVX2 and FMA. `threads` is the number of threads of TensorFlow within
    an operation. Raises InputError if the backend or device is not available.
    """
    if importlib.util.find_spec(backend) is None:
        raise InputError(
            f"params.yaml: runtime.backend is '{backend}', which is not installed: "
            "install it with pip, or set runtime.backend to 'tensorflow'"
        )
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Allocate the memory of the GPU as needed instead of all at once.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    if backend == "tensorflow" and portable:
        os.environ.update(PORTABLE)
        # The order of XLA's sums depends on the length of the processor's vectors.
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa=AVX2"
    import_keras(backend)
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    if backend == "tensorflow":
        import tensorflow as tf

        # oneDNN gives the same bits with any number of threads from 2 on, but others with 1.
        default = THREADS if portable else max(2, os.cpu_count() or 2)
        tf.config.threading.set_intra_op_parallelism_threads(threads or default)
    gpu = find_gpu(backend)
    if device == "gpu" and gpu is None:
        raise InputError(
            f"params.yaml: runtime.device is 'gpu', but {backend} finds none: "
            "see docs/usage.md, or choose 'auto'"
        )
    return gpu or "CPU"


def distribute(backend: str) -> int:
    """Makes Keras split each batch among all GPUs; returns their number, or 1 if there is none.

    It is for training alone: Keras's `predict_on_batch` would return each image once per GPU.
    """
    if backend == "jax":
        import keras

        count = len(keras.distribution.list_devices())
        if count > 1:
            keras.distribution.set_distribution(keras.distribution.DataParallel())
        return count
    import tensorflow as tf

    count = len(tf.config.list_logical_devices("GPU"))
    if count > 1:
        tf.distribute.experimental_set_strategy(tf.distribute.MirroredStrategy())
    return max(1, count)


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
