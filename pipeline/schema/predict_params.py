"""The section `predict` of params.yaml."""

from pipeline.base.params import Section


class Predict(Section):
    ensemble: bool
