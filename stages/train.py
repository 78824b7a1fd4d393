"""Trains the autoencoder to map noisy to clean images."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from denoiser import noise
from denoiser.augment import augment
from pipeline.base import files, params
from pipeline.base.errors import InputError
from pipeline.base.process import run_stage
from pipeline.keras_runtime import backend, model_files
from pipeline.schema.model_params import Model
from pipeline.schema.noise_params import Noise
from pipeline.schema.train_params import Train
from pipeline.train_io import checkpoint_file, tensorboard_log
from pipeline.train_io.epoch_log import EpochLog

if TYPE_CHECKING:
    import keras

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
    device = backend.start()
    import keras

    from denoiser import losses, models, training

    if train.loss == "ssim" and clean.shape[1] < losses.WINDOW**2:
        raise InputError(
            f"params.yaml: train.loss is 'ssim', which needs images of at least "
            f"{losses.WINDOW}x{losses.WINDOW} pixels"
        )

    def fresh_noise(images: training.Images, rng: np.random.Generator) -> training.Images:
        return noise.add_noise(images, noise_params.kind, noise_params.amount, rng)

    batches = training.Batches(
        fresh_noise if train.fresh_noise else noisy,
        clean,
        train.batch_size,
        train.seed,
        partial(augment, **dict(train.augment)) if any(dict(train.augment).values()) else None,
    )

    def build() -> "keras.Model":
        return models.build(clean.shape[1], **dict(model_params))

    keras.utils.set_random_seed(train.seed)
    keras.config.set_dtype_policy(train.precision)
    model = build()
    steps = train.epochs * batches.num_batches
    rate = training.schedule(
        train.schedule, train.learning_rate, round(train.warmup * steps), steps
    )
    settings = train.optimizer, rate, train.loss, train.steps_per_execution, train.weight_decay
    training.compile_model(model, *settings, xla=model_params.kind == "dense")
    model.summary()
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

    validation = training.Batches(noisy_val, clean_val, train.batch_size)
    stopping = train.epochs, train.patience
    try:
        training.fit(model, batches, validation, *stopping, after_epoch, checkpoint, callbacks)
    except FloatingPointError as error:
        raise InputError(
            f"{error}: lower train.learning_rate (now {train.learning_rate})"
        ) from error
    log.end()
    trained = build()  # without the state of the optimizer, twice the size of the weights
    trained.set_weights(model.get_weights())
    model_files.save_model(trained, model_files.DENOISER)
    checkpoint_file.remove()


if __name__ == "__main__":
    run_stage(main)
