"""The section `plot` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.base.params import Section


class Plot(Section):
    images: Annotated[int, Field(ge=1, le=100)]
    colormap: Literal["binary", "gray"]
