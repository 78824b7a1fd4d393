"""Stage 6: trains the autoencoder to make clean images of noisy ones."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from denoiser import noise
from denoiser.augment import augment
from stages import backend, checkpoint, files, params, tensorboard
from stages.errors import StageError
from stages.history import History
from stages.noise_params import Noise
from stages.process import run

if TYPE_CHECKING:
    import keras

DATA = [f"data/{kind}/x_{split}.npy" for split in ("train", "val") for kind in ("noisy", "split")]
SHOWN = 10  # validation images, in TensorBoard

Units = Annotated[int, Field(ge=1, le=65536)]
Filters = Annotated[int, Field(ge=1, le=4096)]


class Model(params.Section):
    """The section `model`."""

    kind: Literal["dense", "conv", "unet"]
    encoder: Annotated[list[Units], Field(min_length=1)]
    decoder: list[Units]
    filters: Annotated[list[Filters], Field(min_length=1, max_length=8)]
    convolutions: Annotated[int, Field(ge=1, le=64)]
    activation: Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]


class Augment(params.Section):
    """The mapping `train.augment`."""

    flip: bool
    shift: Annotated[int, Field(ge=0, le=255)]


class Train(backend.Backend, extra="forbid"):
    """The section `train`."""

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    optimizer: Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "cosine"]
    warmup: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)] | None
    loss: Literal["binary_crossentropy", "mse", "mae", "psnr", "ssim"]
    fresh_noise: bool
    augment: Augment
    patience: Annotated[int, Field(ge=1)] | None
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"]
    steps_per_execution: Annotated[int, Field(ge=1)]
    tensorboard: bool
    seed: params.Seed


def main() -> None:
    model_params, train = params.read("model", Model), params.read("train", Train)
    noise_params = params.read("noise", Noise)
    noisy, clean, noisy_val, clean_val = (files.NpyReader(path) for path in DATA)
    if train.batch_size > len(clean):
        raise StageError(
            f"params.yaml: train.batch_size is {train.batch_size}, "
            f"but there are {len(clean)} training images"
        )
    device = backend.start(train)
    import keras
    from dvclive import Live

    from denoiser import losses, models, training

    if train.loss == "ssim" and clean.shape[1] < losses.WINDOW**2:
        raise StageError(
            f"params.yaml: train.loss is 'ssim', which is for images of "
            f"{losses.WINDOW}x{losses.WINDOW} or more"
        )

    def corrupt(images: training.Images, rng: np.random.Generator) -> training.Images:
        return noise.corrupt(images, noise_params.kind, noise_params.amount, rng)

    batches = training.Batches(
        corrupt if train.fresh_noise else noisy,
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
    training.compile_model(
        model,
        train.optimizer,
        rate,
        train.loss,
        train.steps_per_execution,
        train.weight_decay,
        xla=model_params.kind == "dense",
    )
    model.summary()
    print(f"training on {device} with {train.backend}", flush=True)
    key = checkpoint.key(DATA, model_params, train, noise_params, device)
    snapshot = checkpoint.load(key)
    live = Live("metrics/training", save_dvc_exp=False, dvcyaml=None)
    history = History(live, train.epochs, train.patience)
    if snapshot is not None:
        history.go_on(snapshot["losses"].tolist())

    callbacks: list[keras.callbacks.Callback] = []
    if train.tensorboard:
        shown = {"model": model_params, "noise": noise_params, "train": train}
        callbacks = tensorboard.callbacks(
            model,
            {name: section.model_dump() for name, section in shown.items()},
            noisy_val[np.arange(min(SHOWN, len(noisy_val)))],
            clean_val[np.arange(min(SHOWN, len(clean_val)))],
            goes_on=snapshot is not None,
        )

    def after_epoch(snapshot: training.Snapshot) -> None:
        checkpoint.save(key, snapshot)
        history.add(*snapshot["losses"][-1].tolist())

    try:
        training.fit(
            model,
            batches,
            training.Batches(noisy_val, clean_val, train.batch_size),
            train.epochs,
            train.patience,
            after_epoch,
            snapshot,
            callbacks,
        )
    except FloatingPointError as error:
        raise StageError(
            f"{error}: lower train.learning_rate (now {train.learning_rate})"
        ) from error
    live.summary = history.kept()
    # Not by `with Live`: after a Ctrl-C that would wait for its threads, which may wait for ever.
    live.end()
    trained = build()  # without the optimizer's state, which is twice the size of the weights
    trained.set_weights(model.get_weights())
    with files.replacing("models/autoencoder.keras") as path:
        trained.save(path)
        path.write_bytes(training.strip_traces(path.read_bytes()))
    checkpoint.remove()


if __name__ == "__main__":
    run(main)
