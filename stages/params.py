"""Reads a section of params.yaml and checks it, before a stage does any work."""

import difflib
import re
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from stages.errors import StageError

FILE = "params.yaml"

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Section(BaseModel):
    """A section of params.yaml: each key typed and bounded, no key unknown, none missing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


S = TypeVar("S", bound=Section)


class Loader(yaml.SafeLoader):
    """YAML 1.2's numbers, which DVC reads too: PyYAML alone takes 1e-3 for a string."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def load() -> dict[str, Any]:
    """The whole file, unchecked. Raises StageError where it is no YAML mapping."""
    try:
        with open(FILE, encoding="utf-8") as file:
            params = yaml.load(file, Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StageError(f"{FILE} is not YAML: {error}") from error
    if not isinstance(params, dict):
        raise StageError(f"{FILE} holds no sections")
    return params


def read(name: str, model: type[S]) -> S:
    """The section `name`, as `model`. Raises StageError with every parameter that is wrong."""
    return check(load(), name, model)


def check(params: dict[str, Any], name: str, model: type[S]) -> S:
    """The section `name` of `params`, as `model`. Raises StageError as `read` does."""
    if name not in params:
        raise StageError(f"{FILE}: the section '{name}' is missing{nearest(name, params)}")
    try:
        return model.model_validate(params[name])
    except ValidationError as error:
        lines = [describe(name, model, detail) for detail in error.errors()]
        raise StageError(f"{FILE}: {'; '.join(lines)}") from None


def describe(name: str, model: type[Section], error: ErrorDetails) -> str:
    """One mistake in words: the parameter's full name, what it was, what is allowed."""
    full = ".".join(str(part) for part in (name, *error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"{full} is not a parameter{nearest(str(error['loc'][-1]), model.model_fields)}"
    if error["type"] == "missing":
        return f"{full} is missing"
    return f"{full} is {error['input']!r}: {error['msg'].lower()}"


def nearest(name: str, known: Any) -> str:
    """A hint at the known name that `name` was perhaps meant to be, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
