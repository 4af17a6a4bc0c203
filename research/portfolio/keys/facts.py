"""The key `facts` below the lines of a portfolio file; facts that change by date stand in files, `market.facts`."""

from typing import Any

from foundation.errors import ConfigError, DataError
from research.market import Market, with_facts
from research.portfolio.file.document import Document


def with_line_facts(document: Document, market: Market) -> Market:
    """The market with the facts that lines state as `lines.<asset>.facts`, each a number or a word.

    Raises : ConfigError for a value of another kind, a name that is taken, numbers and words in one fact.
    """
    found: dict[str, dict[str, Any]] = {}
    for asset in market.assets:
        for name, value in line_facts(document, asset).get("facts", {}).items():
            found.setdefault(name, {})[asset] = value
    try:
        return with_facts(market, found)
    except DataError as error:
        raise ConfigError(f"lines ({document.place(('lines',))}): {error}") from error


def line_facts(document: Document, asset: str) -> dict[str, Any]:
    """The facts of a line as its file writes them; nothing where it has none."""
    path = ("lines", asset, "facts")
    return {"facts": document.mapping(*path)} if document.has(*path) else {}
