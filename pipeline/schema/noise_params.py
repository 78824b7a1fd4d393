"""The section `noise` of params.yaml."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from denoiser.noise import FRACTION_KINDS, Amount, NoiseKind
from pipeline.base.params import Section, Seed


def number_or_range(value: Any, validate_number: ValidatorFunctionWrapHandler) -> Amount:
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
    kind: Literal[NoiseKind, "pairs"]
    amount: Annotated[float, Field(ge=0, le=100), WrapValidator(number_or_range)]
    clip: bool
    seed: Seed

    @field_validator("amount")
    @classmethod
    def check_fraction(cls, amount: Amount, info: ValidationInfo) -> Amount:
        kind = info.data.get("kind")
        if kind in FRACTION_KINDS and np.max(amount) > 1:
            raise ValueError(f"for {kind} the amount is a fraction of the pixels, at most 1")
        return amount
