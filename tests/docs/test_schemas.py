"""The published schemas: each is whole by itself, and what several describe is described in one way."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "schemas"
SCHEMAS = sorted(path for path in FOLDER.glob("*.json") if not path.name.startswith("openapi"))


def tool(name: str) -> ModuleType:
    """A module of `.ci`."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def references(part: Any) -> list[str]:
    """Every address that a part of a schema refers to."""
    if isinstance(part, dict):
        own = [part["$ref"]] if "$ref" in part else []
        return own + [each for value in part.values() for each in references(value)]
    return [each for value in part for each in references(value)] if isinstance(part, list) else []


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_a_schema_refers_to_nothing_outside_its_file(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == path.name
    own = {f"#/$defs/{name}" for name in schema["$defs"]}
    assert set(references(schema)) == own


def test_published_schemas_are_up_to_date() -> None:
    schemas = tool("schemas")
    for path in schemas.copies():
        assert path.read_text(encoding="utf-8") == schemas.text(path), "run `python .ci/schemas.py`"


def test_the_reference_of_the_api_is_that_of_its_document() -> None:
    api = tool("api")
    assert api.PAGE.read_text(encoding="utf-8") == api.page(), "run `python .ci/api.py`"


def test_the_keys_of_the_rules_in_the_guide_are_those_of_their_classes() -> None:
    rule_keys = tool("rule_keys")
    assert rule_keys.PAGE.read_text(encoding="utf-8") == rule_keys.page(), "run `python .ci/rule_keys.py`"
