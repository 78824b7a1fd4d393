"""The section `load` of params.yaml."""

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.base.params import Section


class Load(Section):
    train_csv: Annotated[str, Field(min_length=1)]
    test_csv: Annotated[str, Field(min_length=1)]
    limit: PositiveInt | None
