"""The section `split` of params.yaml."""

from typing import Annotated

from pydantic import Field

from pipeline.base.params import Section, Seed


class Split(Section):
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    seed: Seed
