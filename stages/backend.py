"""Starts Keras with the backend and on the device of params.yaml, for train and predict."""

import gc
import importlib.util
import os
import sys
from typing import Literal

from stages import params
from stages.errors import StageError

# What Keras and TensorFlow import where they find it, for what no stage uses.
UNUSED = ("PIL", "jax", "matplotlib", "pandas", "sklearn")


class Backend(params.Section, extra="ignore"):
    """What computes: two keys of the section `train`; the others are not looked at."""

    backend: Literal["tensorflow", "jax", "torch"]
    device: Literal["auto", "cpu", "gpu"]


def start(section: Backend, threads: int | None = None) -> str:
    """Imports Keras, set up; returns the device in words. Raises StageError if it is not there.

    `threads` is how many TensorFlow takes for one operation; by default as many as there are cores.
    """
    if importlib.util.find_spec(section.backend) is None:
        raise StageError(
            f"train.backend is '{section.backend}', which is not installed: "
            f"install it with pip, or set train.backend to 'tensorflow'"
        )
    os.environ["KERAS_BACKEND"] = section.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Take the GPU's memory as it is needed, not all of it at once.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if section.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import_keras(section.backend)
    import keras

    # A person's ~/.keras/keras.json has no say in the result.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    gpu = find_gpu(section.backend, threads)
    if section.device == "gpu" and gpu is None:
        raise StageError(
            f"train.device is 'gpu', but {section.backend} sees none: "
            "see the README on GPUs, or set train.device to 'auto'"
        )
    return gpu or "CPU"


def import_keras(backend: str) -> None:
    """Imports Keras in half the time (benchmarks/README.md), without what no stage uses."""
    hidden = [name for name in UNUSED if name not in (backend, *sys.modules)]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: as not installed
    gc.disable()  # it would look through all that is being made, again and again
    import keras  # noqa: F401

    gc.freeze()
    gc.enable()
    for name in hidden:
        del sys.modules[name]


def find_gpu(backend: str, threads: int | None) -> str | None:
    """The name of the GPU that this backend will use, if there is one."""
    if backend == "tensorflow":
        import tensorflow as tf

        # XLA's results change between 1 thread and more, not with the number beyond that.
        tf.config.threading.set_intra_op_parallelism_threads(threads or max(2, os.cpu_count() or 2))
        for gpu in tf.config.list_physical_devices("GPU"):
            return f"GPU ({tf.config.experimental.get_device_details(gpu)['device_name']})"
        return None
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return f"GPU ({device.device_kind})" if device.platform == "gpu" else None
    import torch

    return f"GPU ({torch.cuda.get_device_name()})" if torch.cuda.is_available() else None
