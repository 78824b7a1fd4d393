""".devcontainer and .vscode: the properties that they use have the types that their schemas state.

The schemas below contain these properties only, with their types in the development container
specification (devContainer.base.schema.json) and in VS Code (extensions.json).
"""

import json
from typing import Any

import jsonschema
import pytest

from tests.conftest import ROOT

EXTENSIONS = {
    "type": "array",
    "items": {"type": "string", "pattern": r"^[a-z0-9A-Z][a-z0-9A-Z-]*\.[a-z0-9A-Z][a-z0-9A-Z-]*$"},
    "uniqueItems": True,
    "contains": {"const": "iterative.dvc"},
}
VSCODE = {
    "type": "object",
    "required": ["extensions"],
    "properties": {"extensions": EXTENSIONS, "settings": {"type": "object"}},
    "additionalProperties": False,
}
SCHEMAS: dict[str, dict[str, Any]] = {
    ".devcontainer/devcontainer.json": {
        "type": "object",
        "required": ["image", "postCreateCommand", "customizations"],
        "properties": {
            "name": {"type": "string"},
            "image": {"type": "string"},
            "postCreateCommand": {"const": "make setup"},
            "customizations": {"type": "object", "properties": {"vscode": VSCODE}},
        },
        "additionalProperties": False,
    },
    ".vscode/extensions.json": {
        "type": "object",
        "required": ["recommendations"],
        "properties": {"recommendations": EXTENSIONS, "unwantedRecommendations": EXTENSIONS},
        "additionalProperties": False,
    },
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_settings_follow_their_schema(name: str) -> None:
    jsonschema.validate(json.loads((ROOT / name).read_text()), SCHEMAS[name])
