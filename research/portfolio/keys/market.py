"""The key `market` of a portfolio file, and the lines of the file that it must have."""

from pathlib import Path
from typing import Any

from foundation.arguments import did_you_mean
from foundation.errors import ConfigError, DataError
from research.market import EMBEDDED, Market, load_market, with_facts
from research.portfolio.file.document import Document
from research.portfolio.keys.facts import read_fact_files

MARKET_KEYS = ("file", "quotes", "volumes", "cash", "calendar", "missing", "currency", "facts")


def read_market(document: Document) -> Market:
    """An embedded market by name, or one from files whose paths are relative to the portfolio's own."""
    options: dict[str, Any] = {}
    folder = Path(document.file).parent
    if isinstance(document.value("market"), dict):
        document.check_keys(("market",), MARKET_KEYS)
        given = [key for key in document.mapping("market") if key not in ("file", "facts")]
        options = {key: document.text("market", key) for key in given}
        options |= {key: folder / options[key] for key in ("quotes", "volumes") if key in options}
    path = ("market", "file") if isinstance(document.value("market"), dict) else ("market",)
    facts = read_fact_files(document)
    source = document.text(*path)
    if source not in EMBEDDED and Path(source).suffix.lower() not in (".csv", ".gz", ".parquet"):
        fix = did_you_mean(source, EMBEDDED).removesuffix(".") + ", or a path to a .csv or .parquet file."
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
