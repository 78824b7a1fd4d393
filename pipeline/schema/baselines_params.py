"""The section `baselines` of params.yaml."""

from typing import Literal

from pydantic import PositiveInt

from pipeline.base.params import Section


class Baselines(Section):
    methods: list[Literal["mean", "median", "gaussian", "nlm", "tv", "pca", "ridge"]]
    pca_components: PositiveInt
