"""The keys of params.yaml that decide how Keras is started."""

from typing import Literal

from pipeline.base.params import Section


class Backend(Section, extra="ignore"):
    """Of the section `train`."""

    backend: Literal["tensorflow", "jax", "torch"]
    device: Literal["auto", "cpu", "gpu"]
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"]


class Kind(Section, extra="ignore"):
    """Of the section `model`."""

    kind: Literal["dense", "conv", "unet"]
