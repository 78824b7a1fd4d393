"""The section `fetch` of params.yaml."""

from typing import Literal

from pipeline.base.params import Section


class Fetch(Section):
    source: Literal["fashion-mnist", "digits", "none"]
