"""Facts of lines in a portfolio file: fixed ones below each line, those that change by date in files of their own."""

from pathlib import Path
from typing import Any

from foundation.errors import ConfigError, DataError
from research.market import Market, with_facts
from research.portfolio.file.document import Document


def read_fact_files(document: Document) -> dict[str, Path]:
    """The files that `market.facts` names, by fact; their paths are relative to the portfolio's own."""
    path = ("market", "facts")
    if not isinstance(document.value("market"), dict) or not document.has(*path):
        return {}
    folder = Path(document.file).parent
    return {name: folder / document.text(*path, name) for name in document.names(*path)}


def with_line_facts(document: Document, market: Market) -> Market:
    """The market with the facts that lines state as `lines.<asset>.facts`, each a number or a word.

    Raises : ConfigError for a value of another kind, a name that is taken, numbers and words in one fact.
    """
    found: dict[str, dict[str, Any]] = {}
    for asset in market.assets:
        for name, value in line_facts(document, asset).get("facts", {}).items():
            if isinstance(value, bool | list | dict):
                fix = "Write a number or a word."
                document.refuse(("lines", asset, "facts", name), "not a fact of a line", value, fix)
            found.setdefault(name, {})[asset] = value
    try:
        return with_facts(market, found)
    except DataError as error:
        raise ConfigError(f"lines ({document.place(('lines',))}): {error}") from error


def line_facts(document: Document, asset: str) -> dict[str, Any]:
    """The facts of a line as its file writes them; nothing where it has none."""
    path = ("lines", asset, "facts")
    return {"facts": document.mapping(*path)} if document.has(*path) else {}
