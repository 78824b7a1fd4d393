"""Stage 5: trains the autoencoder to make clean images of noisy ones."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from stages import backend, checkpoint, files, params
from stages.errors import StageError
from stages.history import History
from stages.process import run

if TYPE_CHECKING:
    import keras

DATA = [f"data/{kind}/x_{split}.npy" for split in ("train", "val") for kind in ("noisy", "split")]

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
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"]
    steps_per_execution: Annotated[int, Field(ge=1)]
    seed: params.Seed


def main() -> None:
    model_params, train = params.read("model", Model), params.read("train", Train)
    noisy, clean, noisy_val, clean_val = (files.NpyReader(path) for path in DATA)
    if train.batch_size > len(noisy):
        raise StageError(
            f"params.yaml: train.batch_size is {train.batch_size}, "
            f"but there are {len(noisy)} training images"
        )
    device = backend.start(train)
    import keras
    from dvclive import Live

    from denoiser import models, training

    def build() -> "keras.Model":
        sizes = model_params.encoder, model_params.decoder
        return models.dense(noisy.shape[1], *sizes, model_params.activation)

    keras.utils.set_random_seed(train.seed)
    keras.config.set_dtype_policy(train.precision)
    model = build()
    training.compile_model(
        model, train.optimizer, train.learning_rate, train.loss, train.steps_per_execution
    )
    model.summary()
    print(f"training on {device} with {train.backend}", flush=True)
    key = checkpoint.key(DATA, model_params, train, device)
    snapshot = checkpoint.load(key)
    live = Live("metrics/training", save_dvc_exp=False, dvcyaml=None)
    history = History(live, train.epochs, train.patience)
    if snapshot is not None:
        history.go_on(snapshot["losses"].tolist())

    def after_epoch(snapshot: training.Snapshot) -> None:
        checkpoint.save(key, snapshot)
        history.add(*snapshot["losses"][-1].tolist())

    try:
        training.fit(
            model,
            training.Batches(noisy, clean, train.batch_size, train.seed),
            training.Batches(noisy_val, clean_val, train.batch_size),
            train.epochs,
            train.patience,
            after_epoch,
            snapshot,
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
