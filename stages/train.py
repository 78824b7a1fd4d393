"""Stage 5: trains the autoencoder to make clean images of noisy ones."""

import math
import tempfile
import time
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from dvclive import Live
from pydantic import Field

from stages import backend, files, params
from stages.errors import StageError, run

if TYPE_CHECKING:
    import keras

Units = Annotated[int, Field(ge=1, le=65536)]


class Model(params.Section):
    """The section `model`."""

    kind: Literal["dense"]
    encoder: Annotated[list[Units], Field(min_length=1)]
    decoder: list[Units]
    activation: Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]


class Train(backend.Backend, extra="forbid"):
    """The section `train`."""

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    optimizer: Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]
    learning_rate: Annotated[float, Field(gt=0)]
    loss: Literal["binary_crossentropy", "mse", "mae"]
    patience: Annotated[int, Field(ge=1)] | None
    seed: params.Seed


def main() -> None:
    model_params, train = params.read("model", Model), params.read("train", Train)
    noisy, clean, noisy_val, clean_val = (
        np.load(f"data/{folder}/x_{split}.npy", mmap_mode="r")
        for split in ("train", "val")
        for folder in ("noisy", "split")
    )
    if train.batch_size > len(noisy):
        raise StageError(
            f"params.yaml: train.batch_size is {train.batch_size}, "
            f"but there are {len(noisy)} training images"
        )
    device = backend.start(train)
    import keras

    from denoiser import models, training

    def build() -> "keras.Model":
        sizes = model_params.encoder, model_params.decoder
        return models.dense(noisy.shape[1], *sizes, model_params.activation)

    keras.utils.set_random_seed(train.seed)
    model = build()
    optimizer = {"class_name": train.optimizer, "config": {"learning_rate": train.learning_rate}}
    model.compile(
        optimizer=keras.optimizers.get(optimizer),
        loss=train.loss,
        # The guide's mathematics in half the time, and weights that repeat to the bit.
        jit_compile=train.backend == "tensorflow" or "auto",
        steps_per_execution=25 if train.backend == "tensorflow" else 1,
    )
    model.summary()
    print(f"training on {device} with {train.backend}", flush=True)
    with Live("metrics/training", save_dvc_exp=False, dvcyaml=None) as live:
        history = History(live, train)
        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=history.add)]
        if train.patience is not None:
            callbacks.append(
                keras.callbacks.EarlyStopping(patience=train.patience, restore_best_weights=True)
            )
        model.fit(
            training.Batches(noisy, clean, train.batch_size, train.seed),
            validation_data=training.Batches(noisy_val, clean_val, train.batch_size),
            epochs=train.epochs,
            callbacks=callbacks,
            shuffle=False,  # Batches does it
            verbose=0,
        )
        live.summary = history.kept()
    trained = build()  # without the optimizer's state, which is twice the size of the weights
    trained.set_weights(model.get_weights())
    with (
        files.replacing("models/autoencoder.keras") as path,
        tempfile.TemporaryDirectory() as folder,
    ):
        trained.save(f"{folder}/dated.keras")
        with open(f"{folder}/dated.keras", "rb") as dated, open(path, "wb") as file:
            training.strip_traces(dated, file)


class History:
    """The losses of each epoch: printed, and kept where DVC's tools follow them."""

    def __init__(self, live: Live, train: Train) -> None:
        self.live, self.train, self.losses = live, train, list[dict[str, float]]()
        self.started = time.monotonic()

    def add(self, epoch: int, logs: dict[str, float]) -> None:
        """Takes an epoch's losses. Raises StageError if one is not finite."""
        losses = {name: logs[name] for name in ("loss", "val_loss")}
        self.losses.append(losses)
        pace = (time.monotonic() - self.started) / len(self.losses)
        minutes, seconds = divmod(round(pace * (self.train.epochs - epoch - 1)), 60)
        words = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
        most = "at most " if self.train.patience else ""
        print(
            f"epoch {epoch + 1:3}/{self.train.epochs}  {words}  {most}{minutes}:{seconds:02} left",
            flush=True,
        )
        if not all(math.isfinite(value) for value in losses.values()):
            raise StageError(
                f"the loss is no longer finite in epoch {epoch + 1}: lower train.learning_rate "
                f"(now {self.train.learning_rate})"
            )
        self.live.step = epoch + 1
        for name, value in losses.items():
            self.live.log_metric(name, value)
        self.live.next_step()

    def kept(self) -> dict[str, float]:
        """The losses of the epoch whose weights are kept, which one that is, and how many ran."""
        best = len(self.losses) - 1
        if self.train.patience is not None:
            best = min(range(len(self.losses)), key=lambda epoch: self.losses[epoch]["val_loss"])
        epochs = len(self.losses)
        return {**self.losses[best], "best_epoch": best + 1, "epochs": epochs, "step": epochs}


if __name__ == "__main__":
    run(main)
