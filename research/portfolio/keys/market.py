"""The key `market` of a portfolio file, and the lines of the file that it must have."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from foundation.arguments import did_you_mean
from foundation.errors import ConfigError, DataError
from research.market import EMBEDDED, Market, load_market, with_facts
from research.market.reading.price_import import import_hint
from research.portfolio.file.document import Document
from research.portfolio.file.kinds import Name, Text, record
from research.portfolio.file.settings import plain, read
from research.portfolio.file.strict_yaml import KeyPath


@record
class MarketKeys:
    """A market from files, and how they are read (`load_market`)."""

    file: Text
    quotes: Text | None = None
    volumes: Text | None = None
    cash: Text | None = None
    calendar: Text | None = None
    missing: Text | None = None
    currency: Text | None = None
    facts: Annotated[Mapping[Name, Text], Field(min_length=1)] | None = None


def read_market(document: Document) -> Market:
    """An embedded market by name, or one from files whose paths are relative to the portfolio's own."""
    folder, source = Path(document.file).parent, document.value("market")
    path: KeyPath = ("market",)
    options: dict[str, Any] = {}
    facts: dict[str, Path] = {}
    if isinstance(source, dict):
        keys = read(document, path, MarketKeys)
        path, source, options = ("market", "file"), keys.file, plain(keys, without=("file", "facts"))
        options |= {key: folder / options[key] for key in ("quotes", "volumes") if key in options}
        facts = {name: folder / file for name, file in (keys.facts or {}).items()}
    if source not in EMBEDDED and Path(source).suffix.lower() not in (".csv", ".gz", ".parquet"):
        fix = (
            did_you_mean(source, EMBEDDED).removesuffix(".")
            + ", or a path to a .csv or .parquet file."
            + import_hint(folder / source)
        )
        document.refuse(path, "unknown market", source, fix)
    try:
        return with_facts(load_market(source if source in EMBEDDED else folder / source, **options), facts)
    except (DataError, ConfigError) as error:
        raise ConfigError(f"market ({document.place(path)}): {error}") from error


def read_assets(document: Document, market: Market) -> list[str]:
    """The lines of the file, each of which its market has."""
    assets = list(document.mapping("lines"))
    for asset in assets:
        if asset not in market.assets:
            what = f"unknown asset in market {market.name!r}"
            document.refuse(("lines", asset), what, asset, did_you_mean(asset, market.assets))
    return assets


def with_line_facts(document: Document, market: Market) -> Market:
    """The market with the facts that lines state as `lines.<asset>.facts`, each a number or a word.

    Raises : ConfigError for a value of another kind, a name that is taken, numbers and words in one fact.
    """
    found: dict[str, dict[str, Any]] = {}
    for asset in market.assets:
        for name, value in document.value("lines", asset, "facts", default={}).items():
            found.setdefault(name, {})[asset] = value
    try:
        return with_facts(market, found)
    except DataError as error:
        raise ConfigError(f"lines ({document.place(('lines',))}): {error}") from error
