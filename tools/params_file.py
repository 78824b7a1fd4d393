"""Edits params.yaml like `dvc exp run -S`: comments and the order of the keys are preserved."""

from pathlib import Path
from typing import Any

from dvc.utils.serialize import modify_yaml

from pipeline.base import params


def set_params(folder: Path, **sections: dict[str, Any]) -> None:
    """Sets parameters in a folder's params.yaml: `set_params(folder, train={"epochs": 1})`."""
    with modify_yaml(folder / params.FILE) as content:
        for name, values in sections.items():
            content[name] |= values
