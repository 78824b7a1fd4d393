"""Trains the autoencoder to map noisy to clean images."""

import signal
from typing import Any

from denoiser import noise, scores
from denoiser.errors import InputError
from pipeline import npy, params
from pipeline.process import run_stage
from training import backend, checkpoints, cluster, keras_files, networks, optimizers
from training.epoch_log import EpochLog

DATA = [f"data/{kind}/x_{split}.npy" for split in ("train", "val") for kind in ("noisy", "split")]
LOGGED_IMAGES = 10  # validation images in TensorBoard


def main() -> None:
    model_params, train = params.read(params.Model), params.read(params.Train)
    noise_params, runtime = params.read(params.Noise), params.read(params.Runtime)
    noisy, clean, noisy_val, clean_val = (npy.open_npy(path) for path in DATA)
    check_sizes(train, len(clean), min(clean.shape[1:3]))
    portable = runtime.portable and backend.portable(model_params.kind, train.precision)
    device = backend.start(runtime.backend, runtime.device, portable, join=True)
    devices = cluster.device_count()
    if train.batch_size % devices:
        raise InputError(
            f"{params.FILE}: train.batch_size is {train.batch_size}, "
            f"which cannot be split among {devices} devices: choose a multiple of {devices}"
        )
    import keras

    from training import fit, loops, tensorboard_log
    from training.augment import augment
    from training.device_random import DeviceGenerator

    on_cpu = device == "CPU"
    device = f"{devices} x {device}" if devices > 1 else device
    shared = model_params, train, noise_params, runtime.backend, portable, device
    key = checkpoints.key(DATA, *shared)
    checkpoint = cluster.resume(key, checkpoints.load(key))
    augmented = any(dict(train.augment).values())
    prepared = augmented or train.fresh_noise

    def prepare(counter: Any, *images: Any) -> tuple[Any, ...]:
        """Adds fresh noise to a batch and augments it."""
        rng = DeviceGenerator(train.seed, counter)
        if train.fresh_noise:
            settings = noise_params.kind, noise_params.amount, rng, keras.ops, noise_params.clip
            images = noise.add_noise(images[0], *settings), images[0]
        return augment(images, rng, **dict(train.augment)) if augmented else images

    keras.utils.set_random_seed(train.seed)
    keras.config.set_dtype_policy(train.precision)
    network = networks.build(clean.shape[1:], **dict(model_params))
    # The last, smaller batch of an epoch needs an image for each device.
    steps = train.epochs * ((len(clean) + train.batch_size - devices) // train.batch_size)
    warmup = round(train.warmup * steps)
    rate = optimizers.schedule(train.schedule, train.learning_rate, warmup, steps)
    optimizer = train.optimizer, rate, train.loss, train.weight_decay
    model = fit.compile_model(network, *optimizer)
    # XLA speeds up dense layers and GPUs, but neither convolutions nor random numbers on a CPU. It
    # has no Poisson numbers.
    dense = networks.NETWORKS[model_params.kind].reach is None
    poisson = train.fresh_noise and noise_params.kind == "poisson"
    settings: dict[str, Any] = {
        "batch_size": train.batch_size,
        "multiple": devices,
        "xla": dense and not prepared if on_cpu else not poisson,
        "memory": 0 if on_cpu else backend.resident_bytes(),
    }
    arrays = [clean] if train.fresh_noise else [noisy, clean]
    loop = loops.Loop(
        model, *arrays, **settings, seed=train.seed, prepare=prepare if prepared else None
    )
    validation = loops.Loop(model, noisy_val, clean_val, **settings, training=False)
    network.summary()
    print(f"training on {device} with {runtime.backend}", flush=True)
    first = cluster.is_first()  # the other machines write nothing
    log = EpochLog("metrics/training" if first else None, train.epochs, train.patience)
    if checkpoint is not None:
        log.resume(checkpoint["losses"].tolist())

    callbacks = []
    if runtime.tensorboard and first:
        sections = {"model": model_params, "noise": noise_params, "train": train}
        values = {name: section.model_dump() for name, section in sections.items()}
        images = noisy_val[:LOGGED_IMAGES], clean_val[:LOGGED_IMAGES]
        callbacks = tensorboard_log.callbacks(model, values, *images, checkpoint is not None)

    def save(checkpoint: fit.Checkpoint) -> None:
        if first:
            checkpoints.save(key, checkpoint)

    # Python would raise KeyboardInterrupt only at the end of the epoch, which is one call.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    stop = train.epochs, train.patience
    try:
        with cluster.errors():
            fit.fit(model, loop, validation, *stop, log.add, save, checkpoint, callbacks)
    except FloatingPointError as error:
        raise InputError(
            f"{error}: lower train.learning_rate (now {train.learning_rate})"
        ) from error
    log.end()
    if first:
        keras_files.save_model(network, keras_files.AUTOENCODER)
        checkpoints.remove()
    cluster.leave()


def check_sizes(train: params.Train, count: int, side: int) -> None:
    """Raises InputError if there are too few training images, or if they are too small."""
    if train.batch_size > count:
        raise InputError(
            f"{params.FILE}: train.batch_size is {train.batch_size}, "
            f"but there are {count} training images"
        )
    if train.loss == "ssim" and side < scores.WINDOW:
        raise InputError(
            f"{params.FILE}: train.loss is 'ssim', which needs images of at least "
            f"{scores.WINDOW}x{scores.WINDOW} pixels"
        )


if __name__ == "__main__":
    run_stage(main)
