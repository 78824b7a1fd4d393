"""Trains the autoencoder to map noisy to clean images."""

from typing import Any

from denoiser import noise, scores
from denoiser.errors import InputError
from pipeline import npy, params
from pipeline.process import run_stage
from training import backend, checkpoints, keras_files, networks, optimizers
from training.epoch_log import EpochLog

DATA = [f"data/{kind}/x_{split}.npy" for split in ("train", "val") for kind in ("noisy", "split")]
LOGGED_IMAGES = 10  # validation images in TensorBoard


def main() -> None:
    model_params, train = params.read(params.Model), params.read(params.Train)
    noise_params, runtime = params.read(params.Noise), params.read(params.Runtime)
    noisy, clean, noisy_val, clean_val = (npy.NpyReader(path) for path in DATA)
    check_sizes(train, len(clean), min(clean.shape[1:3]))
    portable = backend.portable(model_params.kind, train.precision)
    device = backend.start(runtime.backend, runtime.device, portable)
    devices = backend.distribute(runtime.backend)
    if train.batch_size % devices:
        raise InputError(
            f"{params.FILE}: train.batch_size is {train.batch_size}, "
            f"which cannot be split among {devices} devices: choose a multiple of {devices}"
        )
    import keras

    from training import fit, tensorboard_log
    from training.augment import augment
    from training.batches import Blocks
    from training.device_random import DeviceGenerator

    augmented = any(dict(train.augment).values())

    def prepare(counters: Any, *images: Any) -> tuple[Any, ...]:
        """Adds fresh noise to a batch and augments it."""
        rng = DeviceGenerator(train.seed, counters[0])
        if train.fresh_noise:
            settings = noise_params.kind, noise_params.amount, rng, keras.ops, noise_params.clip
            images = noise.add_noise(images[0], *settings), images[0]
        return augment(images, rng, **dict(train.augment)) if augmented else images

    one_step = devices > 1 and runtime.backend == "tensorflow"  # see MultiStepModel
    steps = 1 if one_step else runtime.steps_per_execution
    sizes = {"batch_size": train.batch_size, "steps": steps, "multiple": devices}
    arrays = [clean] if train.fresh_noise else [noisy, clean]
    blocks = Blocks(*arrays, **sizes, seed=train.seed)
    validation = Blocks(noisy_val, clean_val, **sizes)
    keras.utils.set_random_seed(train.seed)
    keras.config.set_dtype_policy(train.precision)
    network = networks.build(clean.shape[1:], **dict(model_params))
    total = train.epochs * blocks.steps_per_epoch
    warmup = round(train.warmup * total)
    rate = optimizers.schedule(train.schedule, train.learning_rate, warmup, total)
    prepared = prepare if augmented or train.fresh_noise else None
    xla = networks.NETWORKS[model_params.kind].reach is None or device != "CPU"
    optimizer = train.optimizer, rate, train.loss, train.weight_decay
    model = fit.compile_model(network, *optimizer, prepared, xla)
    device = f"{devices} x {device}" if devices > 1 else device
    network.summary()
    print(f"training on {device} with {runtime.backend}", flush=True)
    key = checkpoints.key(DATA, model_params, train, noise_params, runtime.backend, device)
    checkpoint = checkpoints.load(key)
    log = EpochLog("metrics/training", train.epochs, train.patience)
    if checkpoint is not None:
        log.resume(checkpoint["losses"].tolist())

    callbacks = []
    if runtime.tensorboard:
        sections = {"model": model_params, "noise": noise_params, "train": train}
        settings = {name: section.model_dump() for name, section in sections.items()}
        images = noisy_val.rows(0, LOGGED_IMAGES), clean_val.rows(0, LOGGED_IMAGES)
        callbacks = tensorboard_log.callbacks(model, settings, *images, checkpoint is not None)

    def after_epoch(checkpoint: fit.Checkpoint) -> None:
        checkpoints.save(key, checkpoint)
        log.add(*checkpoint["losses"][-1].tolist())

    stop = train.epochs, train.patience
    try:
        fit.fit(model, blocks, validation, *stop, after_epoch, checkpoint, callbacks)
    except FloatingPointError as error:
        raise InputError(
            f"{error}: lower train.learning_rate (now {train.learning_rate})"
        ) from error
    log.end()
    keras_files.save_model(network, keras_files.AUTOENCODER)
    checkpoints.remove()


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
