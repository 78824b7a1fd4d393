"""The section `noise`, which every stage that draws noise reads."""

from typing import Annotated, Any

import numpy as np
from pydantic import (
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from denoiser import noise
from stages import params


def one_or_range(value: Any, number: ValidatorFunctionWrapHandler) -> noise.Amount:
    """A number, or a list of two as a range."""
    if not isinstance(value, list):
        return float(number(value))
    if len(value) != 2:
        raise ValueError("a range is two numbers, [low, high]")
    low, high = (float(number(end)) for end in value)
    if low > high:
        raise ValueError("the first of a range should be the lower one")
    return low, high


class Noise(params.Section):
    """The section `noise`."""

    kind: noise.Kind
    amount: Annotated[float, Field(ge=0, le=100), WrapValidator(one_or_range)]
    seed: params.Seed

    @field_validator("amount")
    @classmethod
    def fits(cls, amount: noise.Amount, info: ValidationInfo) -> noise.Amount:
        """A share of the pixels is at most 1."""
        kind = info.data.get("kind")
        if kind in noise.SHARES and np.max(amount) > 1:
            raise ValueError(f"{kind} takes a share of the pixels, at most 1")
        return amount
