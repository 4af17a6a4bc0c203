"""Write docs/api.md, the reference of the service's routes, from docs/schemas/openapi-1.json.

    python .ci/schemas.py && python .ci/api.py

A test fails where the page is not that of today's routes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
PAGE, DOCUMENT = DOCS / "api.md", DOCS / "schemas" / "openapi-1.json"
HEAD = """\
# The API

The routes of [the service](service_operation.md) by subject, made from its OpenAPI document,
[openapi-1.json](schemas/openapi-1.json), which a server gives as `/api/openapi.json`. Examples that were run
stand in the pages of each subject: [payloads](service.md#orders-without-a-file),
[agents](service.md#the-decision-cycle-by-agent),
[users](service_operation.md#users), [portfolios](service.md#portfolios), [jobs](service.md#jobs) and
[orders](service.md#orders-and-tickets).

Weights, returns and turnover are fractions (0.05 is 5 %), what ends in `_bps` is basis points, amounts are in the
currency of the portfolio, and times UTC. Sentences state percent, and points of weight, each 0.01.

Errors are `application/problem+json` (RFC 9457): `title`, `status`, `detail`, and for a request with mistakes
`errors`, each with `field` (a JSON pointer), `detail`, `value` and `mend`, all at once.
"""
METHODS = ("get", "post", "put", "delete", "patch")

Schema = dict[str, Any]


def page() -> str:
    """The text of the page."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    by_tag: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, of_path in document["paths"].items():
        for method in (each for each in METHODS if each in of_path):
            by_tag.setdefault(of_path[method].get("tags", ["other"])[0], []).append((method, path, of_path[method]))
    blocks = [HEAD]
    bodies: list[str] = []
    for tag, routes in by_tag.items():
        rows = [_row(*each) for each in routes]
        blocks.append("\n".join([f"## {tag.capitalize()}\n", "| | | role, scope |", "|---|---|---|", *rows, ""]))
        names = [_name(each[2].get("requestBody", {})) for each in routes]
        for name in filter(None, dict.fromkeys(names)):
            if name not in bodies:
                bodies.append(name)
                blocks.append("\n".join(_fields(name, document["components"]["schemas"])))
    return "\n".join(blocks)


def _row(method: str, path: str, operation: Schema) -> str:
    needed = "–"
    if "security" in operation:
        role, scope = operation["description"].rpartition("Role: ")[2].rstrip(".").split(". Scope: ")
        needed = f"{role}, {scope}"
    asked = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    query = f"; query: {', '.join(f'`{name}`' for name in asked)}" if asked else ""
    name = _name(operation.get("requestBody", {}))
    body = f"; body: [`{name}`](#{name.lower()})" if name else ""
    return f"| `{method.upper()} {path}` | {_cell(operation['summary'].rstrip('.'))}{query}{body} | {needed} |"


def _name(body: Schema) -> str:
    """The name of the schema of a body in JSON, "" for none."""
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _fields(name: str, schemas: Schema) -> Iterator[str]:
    """The table of a body's fields."""
    schema = schemas[name]
    yield f"### {name}\n"
    if "description" in schema:
        yield schema["description"].partition("\n\n")[0] + "\n"
    if "properties" not in schema:
        return
    yield from ("| field | type | |", "|---|---|---|")
    for field, of in schema.get("properties", {}).items():
        must = "" if field in schema.get("required", []) else ", optional"
        default = f" Default: `{json.dumps(of['default'])}`." if of.get("default") not in (None, "", [], {}) else ""
        yield f"| `{field}` | {_type(of)}{must} | {_cell(of.get('description', ''))}{default} |"
    yield ""


def _type(of: Schema) -> str:
    """The type of a field in words, with its bounds."""
    if either := of.get("anyOf") or of.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(each) for each in either if each.get("type") != "null"))
    if "$ref" in of:
        return f"`{of['$ref'].rpartition('/')[2]}`"
    if "enum" in of or "const" in of:
        return ", ".join(f"`{each}`" for each in of.get("enum", [of.get("const")]))
    if of.get("type") == "array":
        return f"list of {_type(of.get('items', {}))}"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    told = [f"{sign} {of[key]:,g}" for key, sign in bounds.items() if key in of]
    return " ".join([str(of.get("type", "any")), *told])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
