"""The section `train` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from pipeline.base.params import Section, Seed
from pipeline.keras_runtime.backend_params import Backend


class Augment(Section):
    flip: bool
    rotate: bool
    shift: Annotated[int, Field(ge=0, le=255)]


class Train(Backend, extra="forbid"):
    epochs: PositiveInt
    batch_size: PositiveInt
    optimizer: Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]
    learning_rate: PositiveFloat
    schedule: Literal["constant", "cosine"]
    warmup: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: NonNegativeFloat | None
    loss: Literal["binary_crossentropy", "mse", "mae", "psnr", "ssim"]
    fresh_noise: bool
    augment: Augment
    patience: PositiveInt | None
    steps_per_execution: PositiveInt
    tensorboard: bool
    seed: Seed
