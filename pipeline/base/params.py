"""Reads params.yaml and validates its sections.

The stage `check` compares names, such as the kind of noise, with those of the choices.
"""

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from denoiser.base.errors import InputError
from pipeline.base.noise import Amount, fraction

FILE = "params.yaml"
DATA_SET = Path("data/raw")  # the folder of the CSVs that the stage `fetch` writes

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Text = Annotated[str, Field(min_length=1)]
Units = Annotated[int, Field(ge=1, le=65536)]
Filters = Annotated[int, Field(ge=2, le=4096)]  # the export of one filter to ONNX fails
# An amount of noise: a number, or a fraction as text, such as "25/255".
Strength = Annotated[
    NonNegativeFloat,
    pydantic.BeforeValidator(lambda value: fraction(value) if isinstance(value, str) else value),
]


class Section(pydantic.BaseModel):
    """A section of a YAML file: types and ranges are validated, unknown keys are rejected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Fetch(Section):
    source: str


class Load(Section):
    train: Text
    test: Text
    noisy_train: Text
    noisy_test: Text
    label: Text | None
    color: str
    side: Annotated[int, Field(ge=1, le=1024)] | None
    stride: PositiveInt | None
    limit: PositiveInt | None


class Split(Section):
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    validation_pictures: list[Text]
    seed: Seed


def number_or_range(value: Any, validate_number: Callable[[Any], float]) -> Amount:
    """Validates a number or a list [low, high]."""
    if not isinstance(value, list):
        return float(validate_number(value))
    if len(value) != 2:
        raise ValueError("a range must be two numbers, [low, high]")
    low, high = (float(validate_number(end)) for end in value)
    if low > high:
        raise ValueError("the first number of a range must not be larger than the second")
    return low, high


class Noise(Section):
    kind: str
    amount: Annotated[Strength, pydantic.WrapValidator(number_or_range)]
    clip: bool
    seed: Seed


class Baselines(Section):
    methods: list[str]
    pca_components: PositiveInt


class Model(Section):
    kind: str
    encoder: Annotated[list[Units], Field(min_length=1)]
    decoder: list[Units]
    filters: Annotated[list[Filters], Field(min_length=1, max_length=8)]
    convolutions: Annotated[int, Field(ge=1, le=64)]
    activation: str
    residual: bool
    standardize: bool


class Augment(Section):
    flip: bool
    rotate: bool
    gray: Annotated[float, Field(ge=0, le=1)]


class Train(Section):
    start: Text
    epochs: PositiveInt
    batch_size: PositiveInt
    optimizer: str
    learning_rate: PositiveFloat
    schedule: str
    warmup: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: NonNegativeFloat | None
    loss: str
    fresh_noise: bool
    augment: Augment
    patience: PositiveInt | None
    precision: str
    seed: Seed


class Runtime(Section):
    backend: str
    device: str
    portable: bool


class Predict(Section):
    ensemble: bool


class Robustness(Section):
    images: PositiveInt
    amounts: dict[str, Annotated[list[Strength], Field(min_length=1)]]
    seed: Seed


class Classifier(Section):
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    seed: Seed


class Plot(Section):
    images: Annotated[int, Field(ge=1, le=100)]
    colormap: str


SECTIONS: dict[str, type[Section]] = {
    section.__name__.lower(): section
    for section in Section.__subclasses__()
    if section is not Augment  # a part of Train
}

S = TypeVar("S", bound=Section)


def load_yaml(path: str) -> dict[str, Any]:
    """Parses a YAML 1.2 file, as DVC does. Raises InputError unless it holds a mapping."""
    try:
        with open(path, encoding="utf-8") as file:
            content = YAML(typ="safe").load(file)
    except (YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} has no sections")
    return content


def read(section: type[S]) -> S:
    """A section of params.yaml. Raises InputError that lists every invalid parameter."""
    return validate(load_yaml(FILE), section)


def validate(params: dict[str, Any], section: type[S]) -> S:
    """A section of `params`. Raises InputError that lists every invalid parameter."""
    name = section.__name__.lower()
    if name not in params:
        raise InputError(f"{FILE}: the section '{name}' is missing{suggest(name, params)}")
    try:
        return section.model_validate(params[name])
    except pydantic.ValidationError as error:
        lines = [describe(name, section, detail) for detail in error.errors()]
        raise InputError(f"{FILE}: {'; '.join(lines)}") from None


def describe(name: str, section: type[Section], error: ErrorDetails) -> str:
    """One validation error: the full name of the parameter, its value, and the allowed values."""
    full_name, key = ".".join(map(str, (name, *error["loc"]))), str(error["loc"][-1])
    if error["type"] == "missing":
        return f"{full_name} is missing"
    if error["type"] == "extra_forbidden":
        return f"{full_name} is not a parameter{suggest(key, section.model_fields)}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{full_name} is {error['input']!r}: {message[0].lower()}{message[1:]}"


def suggest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, as the end of an error message; '' if there is none."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
