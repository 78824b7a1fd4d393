"""Reads params.yaml and validates its sections."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.base.errors import InputError

FILE = "params.yaml"

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Section(BaseModel):
    """A section of a YAML file: types and ranges are validated, unknown keys are rejected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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


def read(name: str, model: type[S]) -> S:
    """The section `name` of params.yaml. Raises InputError that lists every invalid parameter."""
    return validate(load_yaml(FILE), name, model)


def validate(params: dict[str, Any], name: str, model: type[S]) -> S:
    """The section `name` of `params`. Raises InputError that lists every invalid parameter."""
    if name not in params:
        raise InputError(f"{FILE}: the section '{name}' is missing{suggest(name, params)}")
    try:
        return model.model_validate(params[name])
    except ValidationError as error:
        lines = [describe(name, model, detail) for detail in error.errors()]
        raise InputError(f"{FILE}: {'; '.join(lines)}") from None


def describe(name: str, model: type[Section], error: ErrorDetails) -> str:
    """One validation error: the full name of the parameter, its value, and the allowed values."""
    full_name = ".".join(str(part) for part in (name, *error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"{full_name} is not a parameter{suggest(str(error['loc'][-1]), model.model_fields)}"
    if error["type"] == "missing":
        return f"{full_name} is missing"
    return f"{full_name} is {error['input']!r}: {error['msg'].lower()}"


def suggest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, as the end of an error message; '' if there is none."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
