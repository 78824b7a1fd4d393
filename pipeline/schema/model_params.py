"""The section `model` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.keras_runtime.backend_params import Kind

Units = Annotated[int, Field(ge=1, le=65536)]
Filters = Annotated[int, Field(ge=1, le=4096)]


class Model(Kind, extra="forbid"):
    encoder: Annotated[list[Units], Field(min_length=1)]
    decoder: list[Units]
    filters: Annotated[list[Filters], Field(min_length=1, max_length=8)]
    convolutions: Annotated[int, Field(ge=1, le=64)]
    activation: Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]
    residual: bool
    standardize: bool
