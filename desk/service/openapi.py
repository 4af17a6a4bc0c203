"""The OpenAPI document: what FastAPI derives from the routes, with errors as they are answered."""

import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from desk.service.caller import needed_by
from desk.service.guards.hosts import SAFE
from desk.service.problems import MEDIA_TYPE, ProblemDocument

PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
TOKEN_SCHEME = {"type": "http", "scheme": "bearer", "description": "An access token, or that of a sign-in."}
FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")
CONVENTIONS = """Portfolios, trade lists and backtests over HTTP.

Weights, returns, volatilities, turnover and probabilities are fractions: 0.05 is 5 %. Names that end in `_bps`, and
`cost`, `loss` and `opening_cost` of a backtest's figures, are basis points: 1 is 0.01 %. Amounts and prices are in the
currency of the portfolio. Units and notionals of orders are above zero for buys, and below for sells, where no side is
beside them. Losses (`var`, `cvar`) are above zero, drawdowns below. Sentences state percent, and points of weight, each
0.01. Times are UTC, in ISO 8601; days YYYY-MM-DD.
"""
OF_FIELDS = re.compile(r"(?:(?<=[.;])|^)\s*((?:\w+, )*\w+)\s+: ", re.MULTILINE)  # how a docstring begins on a field
SAID = {  # problems by status: when they are answered
    "400": "The request has mistakes: each is stated.",
    "401": "Nobody is signed in.",
    "403": "The role or the scope of the caller does not suffice, or another origin asks.",
    "404": "There is nothing, or nothing that the caller may see.",
    "408": "The body did not arrive in time.",
    "409": "It contradicts what is there, or the Idempotency-Key is that of another request, or has no answer.",
    "413": "The body is too large.",
    "415": "The body is of another type, or compressed.",
    "421": "Host is not this server.",
    "429": "Too many requests: come again after `Retry-After` seconds.",
    "503": "The server is busy: come again after `Retry-After` seconds.",
}
ANY = ("400", "403", "421", "429", "503")  # of each request
CHANGE, STORED = ("408", "413", "415"), ("401", "404")  # of each with a body; of what is stored


def describe_problems(app: FastAPI) -> None:
    """Let the document of an app state its problems, and who may call what."""
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = FastAPI.openapi(app)  # the same object until a route is added
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    if "Problem" in schemas:
        return document
    for name in FASTAPI_ERRORS:
        schemas.pop(name, None)
    own = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas |= own.pop("$defs") | {"Problem": own | {"title": "Problem"}}
    for schema in schemas.values():
        _describe_fields(schema)
    document["components"]["securitySchemes"] = {"token": TOKEN_SCHEME}
    document["components"]["responses"] = {
        status: {"description": said, "content": PROBLEM} for status, said in SAID.items()
    }
    for route in iter_route_contexts(app.routes):
        for method in route.methods or () if route.path_format in document["paths"] else ():
            operation = document["paths"][route.path_format].get(method.lower())
            if operation:
                _state_problems(operation, needed_by(route.dependant), changes=method not in SAFE)
    return document


def _describe_fields(schema: dict[str, Any]) -> None:
    """Move what the description of a schema, a docstring, says of fields to these."""
    said, *of_fields = OF_FIELDS.split(schema.get("description", ""))
    for names, text in zip(of_fields[::2], of_fields[1::2], strict=True):
        told = " ".join(text.split())
        for name in names.split(", "):
            schema["properties"][name].setdefault("description", told[:1].upper() + told[1:])
    if of_fields:
        schema["description"] = said.strip()


def _state_problems(operation: dict[str, Any], needed: tuple[str, str] | None, changes: bool) -> None:
    """Add to an operation the problems that may be answered; the first line of its text is its summary."""
    operation["summary"], _, more = operation.pop("description", operation["summary"]).partition("\n")
    responses = operation["responses"]
    responses.pop("422", None)
    may_be = {*ANY, *(CHANGE if changes else ()), *(STORED if needed else ()), *(["409"] if needed and changes else ())}
    for status in may_be | {status for status in responses if status[0] in "45"}:
        own, phrase = responses.get(status, {}), HTTPStatus(int(status)).phrase
        if status in SAID and own.get("description", phrase) == phrase and "content" not in own:
            responses[status] = {"$ref": f"#/components/responses/{status}"}
        else:  # the route describes it itself
            responses[status] = {"content": PROBLEM} | own
    operation["responses"] = dict(sorted(responses.items()))
    if needed:
        operation["security"] = [{"token": [needed[1]]}]
        more = f"{more}\n\nRole: {needed[0]}. Scope: {needed[1]}."
    if more.strip():
        operation["description"] = more.strip()
