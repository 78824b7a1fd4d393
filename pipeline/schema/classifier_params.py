"""The section `classifier` of params.yaml."""

from pydantic import PositiveFloat, PositiveInt

from pipeline.base.params import Section, Seed


class Classifier(Section):
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    seed: Seed
