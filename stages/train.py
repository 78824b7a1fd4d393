"""Trains the autoencoder to map noisy to clean images."""

from typing import Any

from denoiser import noise
from denoiser.layout import side_and_channels
from pipeline.base import files, params
from pipeline.base.errors import InputError
from pipeline.base.process import run_stage
from pipeline.keras_runtime import backend, model_files
from pipeline.schema.model_params import Model
from pipeline.schema.noise_params import Noise
from pipeline.schema.train_params import Train
from pipeline.train_io import checkpoint_file, tensorboard_log
from pipeline.train_io.epoch_log import EpochLog

DATA = [f"data/{kind}/x_{split}.npy" for split in ("train", "val") for kind in ("noisy", "split")]
LOGGED_IMAGES = 10  # validation images in TensorBoard


def main() -> None:
    model_params, train = params.read("model", Model), params.read("train", Train)
    noise_params = params.read("noise", Noise)
    noisy, clean, noisy_val, clean_val = (files.NpyReader(path) for path in DATA)
    if train.batch_size > len(clean):
        raise InputError(
            f"params.yaml: train.batch_size is {train.batch_size}, "
            f"but there are {len(clean)} training images"
        )
    if model_params.residual and train.loss == "binary_crossentropy":
        raise InputError(
            "params.yaml: train.loss is 'binary_crossentropy', which needs results from 0 to 1: "
            "with model.residual, choose another loss, such as mse or psnr"
        )
    device = backend.start_for_denoiser()
    devices = backend.distribute(train.backend)
    if train.batch_size % devices:
        raise InputError(
            f"params.yaml: train.batch_size is {train.batch_size}, "
            f"which cannot be split among {devices} devices: choose a multiple of {devices}"
        )
    import keras

    from denoiser import losses, models, training
    from denoiser.augment import augment
    from denoiser.blocks import Blocks
    from denoiser.device_random import DeviceGenerator

    if train.loss == "ssim" and side_and_channels(clean.shape[1])[0] < losses.WINDOW:
        raise InputError(
            f"params.yaml: train.loss is 'ssim', which needs images of at least "
            f"{losses.WINDOW}x{losses.WINDOW} pixels"
        )

    augmented = any(dict(train.augment).values())

    def prepare(counters: Any, *images: Any) -> tuple[Any, ...]:
        """Augments a batch and adds fresh noise."""
        rng = DeviceGenerator(train.seed, counters[0])
        if augmented:
            images = augment(images, rng, **dict(train.augment))
        if train.fresh_noise:
            kind, amount, clip = noise_params.kind, noise_params.amount, noise_params.clip
            assert kind != "pairs"  # rejected by the stage `check`
            return noise.add_noise(images[0], kind, amount, rng, keras.ops, clip), images[0]
        return images

    one_step = devices > 1 and train.backend == "tensorflow"  # see MultiStepModel
    steps = 1 if one_step else train.steps_per_execution
    sizes = {"batch_size": train.batch_size, "steps": steps, "multiple": devices}
    arrays = [clean] if train.fresh_noise else [noisy, clean]
    blocks = Blocks(*arrays, **sizes, seed=train.seed)
    validation = Blocks(noisy_val, clean_val, **sizes)
    keras.utils.set_random_seed(train.seed)
    keras.config.set_dtype_policy(train.precision)
    network = models.build(clean.shape[1], **dict(model_params))
    total = train.epochs * blocks.steps_per_epoch
    warmup = round(train.warmup * total)
    rate = training.schedule(train.schedule, train.learning_rate, warmup, total)
    settings = train.optimizer, rate, train.loss, train.weight_decay
    model = training.compile_model(
        network,
        *settings,
        prepare=prepare if augmented or train.fresh_noise else None,
        xla=model_params.kind == "dense" or device != "CPU",
    )
    if devices > 1:
        device = f"{devices} x {device}"
    network.summary()
    print(f"training on {device} with {train.backend}", flush=True)
    # As in dvc.yaml, without the parameters that do not affect the result.
    train_params = train.model_dump(exclude={"steps_per_execution", "tensorboard"})
    key = checkpoint_file.key(DATA, model_params, train_params, noise_params, device)
    checkpoint = checkpoint_file.load(key)
    log = EpochLog("metrics/training", train.epochs, train.patience)
    if checkpoint is not None:
        log.resume(checkpoint["losses"].tolist())

    callbacks: list[keras.callbacks.Callback] = []
    if train.tensorboard:
        sections = {"model": model_params, "noise": noise_params, "train": train}
        callbacks = tensorboard_log.callbacks(
            model,
            {name: section.model_dump() for name, section in sections.items()},
            noisy_val.rows(0, LOGGED_IMAGES),
            clean_val.rows(0, LOGGED_IMAGES),
            resumed=checkpoint is not None,
        )

    def after_epoch(checkpoint: training.Checkpoint) -> None:
        checkpoint_file.save(key, checkpoint)
        log.add(*checkpoint["losses"][-1].tolist())

    stopping = train.epochs, train.patience
    try:
        training.fit(model, blocks, validation, *stopping, after_epoch, checkpoint, callbacks)
    except FloatingPointError as error:
        raise InputError(
            f"{error}: lower train.learning_rate (now {train.learning_rate})"
        ) from error
    log.end()
    model_files.save_model(network, model_files.DENOISER)
    checkpoint_file.remove()


if __name__ == "__main__":
    run_stage(main, keep_memory=False)
