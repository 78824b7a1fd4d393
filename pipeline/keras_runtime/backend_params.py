"""The keys of the section `train` of params.yaml that decide how Keras is started."""

from typing import Literal

from pipeline.base.params import Section


class Backend(Section, extra="ignore"):
    backend: Literal["tensorflow", "jax", "torch"]
    device: Literal["auto", "cpu", "gpu"]
