"""The section `robustness` of params.yaml."""

from typing import Annotated

from pydantic import Field, PositiveInt, field_validator

from denoiser.noise import FRACTION_KINDS, NoiseKind
from pipeline.base.params import Section, Seed

Amounts = Annotated[list[Annotated[float, Field(ge=0, le=100)]], Field(min_length=1)]


class Robustness(Section):
    images: PositiveInt
    amounts: dict[NoiseKind, Amounts]
    seed: Seed

    @field_validator("amounts")
    @classmethod
    def check_fractions(cls, amounts: dict[NoiseKind, Amounts]) -> dict[NoiseKind, Amounts]:
        for kind, values in amounts.items():
            if kind in FRACTION_KINDS and max(values) > 1:
                raise ValueError(f"for {kind} the amount is a fraction of the pixels, at most 1")
        return amounts
