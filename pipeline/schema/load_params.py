"""The section `load` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.base.params import Section

Path = Annotated[str, Field(min_length=1)]


class Load(Section):
    train: Path
    test: Path
    noisy_train: Path
    noisy_test: Path
    label: Annotated[str, Field(min_length=1)] | None
    color: Literal["gray", "rgb"]
    side: Annotated[int, Field(ge=1, le=1024)] | None
    stride: PositiveInt | None
    limit: PositiveInt | None
