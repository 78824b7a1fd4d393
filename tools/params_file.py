"""Changes params.yaml as `dvc exp run -S` does: its comments and its order stay."""

from pathlib import Path
from typing import Any

from dvc.utils.serialize import modify_yaml

from stages import params


def set_params(folder: Path, **sections: dict[str, Any]) -> None:
    """Sets parameters in a folder's params.yaml: `set_params(folder, train={"epochs": 1})`."""
    with modify_yaml(folder / params.FILE) as file:
        for name, values in sections.items():
            file[name] |= values
