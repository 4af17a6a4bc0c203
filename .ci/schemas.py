"""Bring the published schemas up to date.

    python .ci/schemas.py

Those of a portfolio file and of a book are made from what reads the file. Those of what is written share definitions,
which stand in docs/schemas/tearsheet-4.json: each holds all that it refers to, so that a validator needs one file. A
test fails where one does not, and where a file is not what this would write. The OpenAPI document is that of the
service's routes.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from desk.service.app import create_app
from desk.service.settings import ServiceSettings
from research.portfolio.holdings.book import book_schema
from research.portfolio.keys.schema import portfolio_schema

SCHEMAS = Path(__file__).parent.parent / "docs" / "schemas"
SOURCE = SCHEMAS / "tearsheet-4.json"
PORTFOLIO = SCHEMAS / "portfolio-1.json"
BOOK = SCHEMAS / "book-3.json"
OPENAPI = SCHEMAS / "openapi-1.json"
OWN = "#/$defs/"  # how a reference to a definition of the same file begins

Schema = dict[str, Any]


def whole(schema: Schema, shared: Schema) -> Schema:
    """The schema with the definitions that it needs and no others: those of `shared`, and its own.

    schema : a published one.
    shared : definitions by name.
    """
    known = schema.get("$defs", {}) | shared
    body = {key: value for key, value in schema.items() if key != "$defs"}
    needed: list[str] = []
    ahead = references(body)
    while ahead:
        name = ahead.pop(0)
        if name not in needed:
            needed.append(name)
            ahead += references(known[name])
    return body | {"$defs": {name: known[name] for name in sorted(needed)}}


def references(part: Any) -> list[str]:
    """The definitions that a part of a schema refers to, by name."""
    if isinstance(part, dict):
        own = [str(part["$ref"]).removeprefix(OWN)] if "$ref" in part else []
        return own + [name for value in part.values() for name in references(value)]
    return [name for value in part for name in references(value)] if isinstance(part, list) else []


def text(path: Path) -> str:
    """The text that a schema's file should hold."""
    if path == PORTFOLIO:
        return json.dumps({"$id": path.name, **portfolio_schema()}, indent=1, ensure_ascii=False) + "\n"
    if path == BOOK:
        return json.dumps({"$id": path.name, **book_schema()}, indent=1, ensure_ascii=False) + "\n"
    if path == OPENAPI:
        with TemporaryDirectory() as folder:
            document = create_app(ServiceSettings(folder=Path(folder))).openapi()
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    shared = json.loads(SOURCE.read_text(encoding="utf-8"))["$defs"]
    made = whole(json.loads(path.read_text(encoding="utf-8")), shared)
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def copies() -> list[Path]:
    """The schemas that are made: from what reads a file, or with definitions of another."""
    return [path for path in sorted({*SCHEMAS.glob("*.json"), PORTFOLIO, BOOK, OPENAPI}) if path != SOURCE]


if __name__ == "__main__":
    for path in copies():
        path.write_text(text(path), encoding="utf-8")
