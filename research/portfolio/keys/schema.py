"""The JSON schema of a portfolio file: for editors, and for programs that write such files.

It is made from what reads the file: the records of its keys, and the tables of rules, allocations, forecasts, models,
regimes and indicators. What one key allows of another, and what a market has, no schema says: `load_portfolio` does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from pydantic import TypeAdapter

from research.allocation import Allocation
from research.allocation.estimators.words import LIBRARIES
from research.allocation.signals import Signal
from research.forecast import Forecast, Model, Regimes
from research.forecast.news import Scores
from research.market.indicators import INDICATORS
from research.portfolio.file.lengths import IN_ROWS_OR_YEARS, STATED_YEARS, counts_rows
from research.portfolio.file.settings import adapters, held_by_kind
from research.portfolio.keys.allocations import ALLOCATIONS, FORECASTS, MODELS, NESTED_FIELDS, REGIME_MODELS
from research.portfolio.keys.market_keys import StoredFact
from research.portfolio.keys.policies import RULES
from research.portfolio.keys.portfolio_keys import PortfolioKeys

Schema = dict[str, Any]
OWN = {"pattern": rf":|^({'|'.join(LIBRARIES)})\."}  # a class by its import path, or one of a library: its own settings
REFERENCE = "#/$defs/{model}"
IN_YEARS: Schema = {"type": "string", "pattern": f"^{STATED_YEARS.pattern}$"}
SCHEMA_NAMES = {
    Allocation: "allocation",
    Forecast: "forecast",
    Model: "model",
    Regimes: "regimes",
    Scores: "scores",
    Signal: "table",
}
SHARED_SCHEMAS = {
    "periods_per_year",
    "tracking_penalty",
    "horizon",
    "returns",
    "weights",
    "ranges",
}  # that the whole file may give
UNNAMED = {"estimated", "fitted"}  # kinds of a forecast and of regimes that name none


def portfolio_schema() -> Schema:
    """The schema, of draft 2020-12, with all that it refers to under `$defs`."""
    whole = TypeAdapter(PortfolioKeys).json_schema(ref_template=REFERENCE)
    shared: Schema = whole["$defs"]
    for name, key, table in (
        ("policy", "rule", RULES),
        ("allocation", "kind", ALLOCATIONS),
        ("model", "kind", MODELS),
        ("regimes", "kind", REGIME_MODELS),
        ("indicator", "indicator", INDICATORS),
    ):
        shared[name] = {"anyOf": [_of_class(key, word, cls, shared) for word, cls in table.items()]}
    refitted = [_of_class("kind", word, cls, shared, FORECASTS["refitted"]) for word, cls in MODELS.items()]
    words = {"enum": [*FORECASTS, *MODELS]}
    forecasts = [_of_class("kind", word, cls, shared) for word, cls in FORECASTS.items()]
    shared["forecast"] = {"anyOf": [words, *forecasts, *refitted]}
    shared["policy"]["anyOf"].append(_own("rule", {"pattern": ":"}))
    shared["allocation"]["anyOf"].append(_own("kind", OWN))
    whole["properties"]["policies"]["additionalProperties"] = {"$ref": "#/$defs/policy"}
    facts = shared["MarketKeys"]["properties"]["facts"]["anyOf"][0]
    shared["StoredFact"] = TypeAdapter(StoredFact).json_schema(ref_template=REFERENCE)
    computed = {"anyOf": [{"$ref": REFERENCE.format(model=name)} for name in ("indicator", "StoredFact")]}
    facts["additionalProperties"]["anyOf"][-1] = computed
    text: Schema = {"type": "string"}
    keys: Schema = {"file": text, "sha256": text}
    for name, beside in {"table": {}, "scores": {"feeds": {"type": "array", "items": text}}}.items():
        of_file = {"type": "object", "properties": keys | beside, "required": ["file"], "additionalProperties": False}
        shared[name] = {"anyOf": [text, of_file]}
    shared["ForecastKeys"]["properties"]["models"]["additionalProperties"] = {"$ref": "#/$defs/forecast"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_plain(whole)}


def _of_class(key: str, word: str, cls: type, shared: Schema, beside: type | None = None) -> Schema:
    """The schema of the settings of a class that a word names; definitions that they need go into `shared`.

    beside : class whose settings stand beside them, or None.
    """
    properties: Schema = {key: {"const": word}}
    required = [] if word in UNNAMED else [key]
    for name, adapter in {**(adapters(beside) if beside else {}), **adapters(cls)}.items():
        properties[name] = adapter.json_schema(ref_template=REFERENCE)
        shared.update(properties[name].pop("$defs", {}))
        if name in IN_ROWS_OR_YEARS and counts_rows(cls, name):
            properties[name] = {"anyOf": [properties[name], IN_YEARS]}
    for name, held in held_by_kind(cls).items():
        one = {"$ref": f"#/$defs/{SCHEMA_NAMES.get(held, 'allocation')}"}
        at = name if key == "rule" else NESTED_FIELDS.get(name, name)
        properties[at] = one if held in SCHEMA_NAMES else {"type": "array", "items": one, "minItems": 1}
    for f in fields(cls):
        if f.name in adapters(cls) and f.name not in SHARED_SCHEMAS and f.default is MISSING is f.default_factory:
            required.append(f.name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _own(key: str, names: Schema) -> Schema:
    """The schema of the settings of a class of the user's own, or of a library."""
    return {"type": "object", "properties": {key: {"type": "string", **names}}, "required": [key]}


def _plain(schema: Any) -> Any:
    """A schema without what pydantic says only for Python: titles, and null for a key that may be left out."""
    if isinstance(schema, Mapping):
        return dict(_without_null(schema))
    return [_plain(one) for one in schema] if isinstance(schema, list) else schema


def _without_null(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and value is None:
            continue
        if key == "anyOf" and {"type": "null"} in value:
            left = [one for one in value if one != {"type": "null"}]
            yield from _plain(left[0] if len(left) == 1 else {"anyOf": left}).items()
        else:
            yield key, _plain(value)
