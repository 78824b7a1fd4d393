"""Several machines that train together, with JAX: each computes a share of each batch.

A machine is one process of `python -m stages train` with the variables of Keras's
`keras.distribution.initialize`. The first one, process 0, writes all outputs. In a process that
trains alone, the functions do nothing.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from denoiser.base.errors import InputError

ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"

Arrays = dict[str, npt.NDArray[Any]]


def is_set() -> bool:
    """Whether the variables of Keras name other machines."""
    return ADDRESSES in os.environ


def join() -> None:
    """Waits for the other machines, and splits each batch among the GPUs of all machines."""
    import keras

    if is_set():
        with errors():
            keras.distribution.initialize()
    if keras.distribution.get_device_count() > 1:
        # Each process has all data, and `loops.to_device` selects its share.
        distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
        keras.distribution.set_distribution(distribution)


def device_count() -> int:
    """The number of devices among which each batch is split."""
    import keras

    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.device_mesh.devices.size)


def is_first() -> bool:
    """Whether this process writes the outputs."""
    if not is_set():
        return True
    import jax

    return bool(jax.process_index() == 0)


def resume(key: str, checkpoint: Arrays | None) -> Arrays | None:
    """The checkpoint of the first machine. Raises InputError if its key differs from `key`."""
    if not is_set():
        return checkpoint
    content = io.BytesIO()
    if checkpoint is not None:
        np.savez(content, allow_pickle=False, **checkpoint)
    with errors():
        if from_first(key.encode()).decode() != key:
            message = "this machine has other data, parameters, code or packages than the first"
            raise InputError(message)
        shared = from_first(content.getvalue())
    return dict(np.load(io.BytesIO(shared))) if shared else None


def from_first(content: bytes) -> bytes:
    """The bytes that the first machine passes to this function, on all machines."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    size = int(broadcast_one_to_all(np.int32(len(content))))
    array = np.frombuffer(content[:size].ljust(size, b"\0"), np.uint8)
    return bytes(np.asarray(broadcast_one_to_all(array), np.uint8))


@contextlib.contextmanager
def errors() -> Iterator[None]:
    """Raises InputError if a machine has ended while the others wait for its results."""
    if not is_set():
        yield
        return
    import jax

    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:  # depends on the call
        raise InputError(
            f"a machine has ended ({str(error).splitlines()[0]}): start all machines again; the "
            "training resumes after the last checkpoint"
        ) from error


def leave() -> None:
    """Waits until all machines have finished, because the end of one is an error for the others."""
    if is_set():
        import jax

        jax.distributed.shutdown()
