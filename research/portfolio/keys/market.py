"""The key `market` of a portfolio file, and the lines of the file that it must have."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from foundation.arguments import did_you_mean
from research.market import EMBEDDED, Market, load_market, with_facts
from research.market.indicators import INDICATORS, Indicator
from research.market.reading.grids import A_TABLE, TABLES
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.settings import build, named, plain, read
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.keys.market_keys import MarketKeys, is_stored
from research.portfolio.keys.stored_facts import with_stored_facts
from research.portfolio.keys.stored_market import cash_source, stored_market


def market_keys(document: Document) -> MarketKeys:
    """The keys under `market`; an embedded market that is named alone is a file. Raises ConfigError as `read` does."""
    source = document.value("market")
    return read(document, ("market",), MarketKeys) if isinstance(source, dict) else MarketKeys(file=source)


def read_market(document: Document) -> Market:
    """An embedded market by name, one from files whose paths are relative to the portfolio's own, or one of a store.

    Raises : ConfigError as `market_reader` does, without a message where one of its mistakes is told: what it lacks
             follows from that.
    """
    document.check_whole(("market",))
    return market_reader(document)()


def market_reader(document: Document) -> Callable[[], Market]:
    """A function that reads the market, whose keys are checked. Raises ConfigError for a market that is not known."""
    folder, keys = document.folder, market_keys(document)
    path: KeyPath = ("market", "file") if isinstance(document.value("market"), dict) else ("market",)
    source, facts = str(keys.file), _facts(document, keys.facts or {}, folder)
    options = plain(keys, without=("file", "facts", "cash", "known_on", "rows"))
    options |= {key: folder / options[key] for key in ("quotes", "volumes") if key in options}
    if not keys.of_store and source not in EMBEDDED and not source.lower().endswith(TABLES):
        known = did_you_mean(source, EMBEDDED).removesuffix(".")
        document.refuse(path, "unknown market", source, f"{known}, or {A_TABLE}.")

    def loaded() -> Market:
        cash = None if keys.of_store else cash_source(document, keys)
        if keys.of_store:
            market = stored_market(document, keys)
        else:
            where, more = source if source in EMBEDDED else folder / source, {} if cash is None else {"cash": cash}
            with document.placing(path, "market"):
                market = load_market(where, **options, **more)
        market = with_stored_facts(document, keys, market, cash)
        with document.placing(("market",) if keys.of_store else path, "market"):
            return with_facts(market, facts)

    return loaded


def _facts(document: Document, given: Mapping[str, Any], folder: Path) -> dict[str, Path | Indicator]:
    """Facts by name that are no series of a store: the path of a file in the folder, or an indicator."""
    found: dict[str, Path | Indicator] = {}
    faults = Faults()
    for name, source in given.items():
        path = ("market", "facts", name)
        with faults:
            if isinstance(source, str):
                found[name] = folder / source
            elif not is_stored(source):
                word = named(document, (*path, "indicator"), INDICATORS)
                found[name] = build(document, path, INDICATORS[word], {}, ("indicator",))
    faults.end()
    return found


def read_assets(document: Document, market: Market) -> list[str]:
    """The lines of the file, each of which its market has."""
    assets, faults = list(document.mapping("lines")), Faults()
    for asset in assets:
        with faults:
            if asset not in market.assets:
                what = f"unknown asset in market {market.name!r}"
                document.refuse(("lines", asset), what, asset, did_you_mean(asset, market.assets))
    faults.end()
    return assets


def with_line_facts(document: Document, market: Market) -> Market:
    """The market with the facts that assets state as `lines.<asset>.facts`, each a number or a word.

    Raises : ConfigError for a value of another kind, a name that is taken, numbers and words in one fact.
    """
    found: dict[str, dict[str, Any]] = {}
    for asset in market.assets:
        for name, value in document.value("lines", asset, "facts", default={}).items():
            found.setdefault(name, {})[asset] = value
    with document.placing(("lines",)):
        return with_facts(market, found)
