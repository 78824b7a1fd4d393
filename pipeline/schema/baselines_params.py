"""The section `baselines` of params.yaml."""

from typing import Literal

from pydantic import PositiveInt

from pipeline.base.params import Section

LINEAR_METHODS = {"pca", "ridge"}
MAX_VALUES = 64 * 64  # per image; above it, the matrices of these methods take too much memory


class Baselines(Section):
    methods: list[Literal["mean", "median", "gaussian", "nlm", "tv", "pca", "ridge"]]
    pca_components: PositiveInt
