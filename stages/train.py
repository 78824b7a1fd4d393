"""Trains the autoencoder to map noisy to clean images."""

import signal
from collections.abc import Callable
from typing import Any

from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from pipeline.base import noise, npy, params
from training import checkpoints, optimizers, start
from training.base import backend, cluster, keras_files, networks
from training.epoch_log import EpochLog
from training.losses import LOSSES

DATA = [f"data/{kind}/x_{split}.npy" for split in ("train", "val") for kind in ("noisy", "split")]


def main() -> None:
    model_params, train = params.read(params.Model), params.read(params.Train)
    noise_params, runtime = params.read(params.Noise), params.read(params.Runtime)
    noisy, clean, noisy_val, clean_val = (npy.open_npy(path) for path in DATA)
    if train.batch_size > len(clean):
        raise InputError(
            f"{params.FILE}: train.batch_size is {train.batch_size}, "
            f"but there are {len(clean)} training images"
        )
    portable = runtime.portable and backend.portable(model_params.kind, train.precision)
    device = start_keras(runtime, train, portable, len(clean_val))
    shared = model_params, train, noise_params, runtime.backend, portable, device
    files = [*DATA, train.start] if start.is_model(train.start) else DATA
    key = checkpoints.key(files, *shared)
    checkpoint = cluster.resume(key, checkpoints.load(key))

    network, model = build(noisy, model_params, train)
    from training.loops import Loop  # imports Keras

    settings = loop_settings(model_params, train, noise_params, device)
    images = [clean] if train.fresh_noise else [noisy, clean]
    prepare = preparation(train, noise_params)
    loop = Loop(model, *images, **settings, seed=train.seed, prepare=prepare)
    validation = Loop(model, noisy_val, clean_val, **settings, training=False)
    network.summary()
    print(f"training on {device} with {runtime.backend}", flush=True)

    run_training(model, loop, validation, train, key, checkpoint)
    if cluster.is_first():  # the other machines write nothing
        keras_files.save_model(network, keras_files.AUTOENCODER)
        checkpoints.remove()
    cluster.leave()


def start_keras(
    runtime: params.Runtime, train: params.Train, portable: bool, validation: int
) -> str:
    """Starts Keras; returns the device, with the number of devices if there are several."""
    device = backend.start(runtime.backend, runtime.device, portable, join=True)
    devices = cluster.device_count()
    if train.batch_size % devices:
        raise InputError(
            f"{params.FILE}: train.batch_size is {train.batch_size}, "
            f"which cannot be split among {devices} devices: choose a multiple of {devices}"
        )
    if validation < devices:
        raise InputError(
            f"{params.FILE}: the {validation} validation images cannot be split among {devices} "
            "devices: raise split.validation_fraction"
        )
    return f"{devices} x {device}" if devices > 1 else device


def build(images: Float32, model: params.Model, train: params.Train) -> tuple[Any, Any]:
    """A new network for images of shape (n, height, width, channels), and a model to train it."""
    import keras

    from training import fit

    keras.utils.set_random_seed(train.seed)
    keras.config.set_dtype_policy(train.precision)
    network = networks.build(images.shape[1:], **dict(model))
    if start.is_model(train.start):
        start.set_weights(network, train.start)
    # The last, smaller batch of an epoch needs an image for each device.
    devices = cluster.device_count()
    steps = train.epochs * ((len(images) + train.batch_size - devices) // train.batch_size)
    warmup = round(train.warmup * steps)
    rate = optimizers.schedule(train.schedule, train.learning_rate, warmup, steps)
    loss = LOSSES[train.loss].function
    return network, fit.compile_model(network, train.optimizer, rate, loss, train.weight_decay)


def loop_settings(
    model: params.Model, train: params.Train, noise_params: params.Noise, device: str
) -> dict[str, Any]:
    """The arguments of `Loop` that depend on the device.

    XLA speeds up dense layers and GPUs, but neither convolutions nor random numbers on a CPU.
    """
    on_cpu = device.endswith("CPU")
    dense = networks.NETWORKS[model.kind].reach is None
    drawn = train.fresh_noise or any(dict(train.augment).values())
    compilable = not train.fresh_noise or noise.KINDS[noise_params.kind].xla
    return {
        "batch_size": train.batch_size,
        "multiple": cluster.device_count(),
        "xla": dense and not drawn if on_cpu else compilable,
        "memory": 0 if on_cpu else backend.resident_bytes(),
    }


def preparation(
    train: params.Train, noise_params: params.Noise
) -> Callable[..., tuple[Any, ...]] | None:
    """The function that adds fresh noise to a batch and augments it; None if there is neither."""
    augmented = any(dict(train.augment).values())
    if not (augmented or train.fresh_noise):
        return None
    import keras

    from training.augment import augment
    from training.device_random import DeviceGenerator

    def prepare(counter: Any, *images: Any) -> tuple[Any, ...]:
        rng = DeviceGenerator(train.seed, counter)
        if train.fresh_noise:
            settings = noise_params.kind, noise_params.amount, rng, keras.ops, noise_params.clip
            images = noise.add_noise(images[0], *settings), images[0]
        return augment(images, rng, **dict(train.augment)) if augmented else images

    return prepare


def run_training(
    model: Any, loop: Any, validation: Any, train: params.Train, key: str, checkpoint: Any
) -> None:  # fmt: skip
    """Trains the model, from the checkpoint if there is one, and logs its losses."""
    from training import fit

    first = cluster.is_first()
    log = EpochLog("metrics/training" if first else None, train.epochs, train.patience)
    if checkpoint is not None:
        log.resume(checkpoint["losses"].tolist())

    def save(checkpoint: fit.Checkpoint) -> None:
        if first:
            checkpoints.save(key, checkpoint)

    # Python would raise KeyboardInterrupt only at the end of the epoch, which is one call.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    stop = train.epochs, train.patience
    try:
        with cluster.errors():
            fit.fit(model, loop, validation, *stop, log.add, save, checkpoint)
    except FloatingPointError as error:
        raise InputError(
            f"{error}: lower train.learning_rate (now {train.learning_rate})"
        ) from error
    log.end()
