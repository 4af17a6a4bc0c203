"""The facts of a portfolio file that are from stores: series of FRED or of another store, figures of Alpha Vantage."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd

from foundation.arguments import did_you_mean
from foundation.arrays import Array
from foundation.paper.wording import listed
from research.market import Market
from research.market.notes import Note, counted
from research.market.reading.from_store import last_known
from research.market.reading.known_instruments import Instrument
from research.market.reading.sources import CashSource
from research.market.reading.stored_facts import known_values
from research.market.rows import UNDATED
from research.market.store import named_store, store_names
from research.portfolio.file.document import Document
from research.portfolio.file.known_on import known_moment
from research.portfolio.file.settings import read
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.keys.market_keys import ALPHA_VANTAGE, FRED, MarketKeys, StoredFact, is_stored
from research.portfolio.keys.stored_market import FETCH, line_instruments

COMPANIES = ("", "stock")  # kinds of instruments that may have an overview
LATER = "Run `rebalance data fetch` after the next session, or state `lag:`, the days after which it was published."


def stored_facts(document: Document, keys: MarketKeys) -> dict[str, StoredFact]:
    """The facts of a file that are from stores, by name."""
    stated = [name for name, fact in (keys.facts or {}).items() if is_stored(fact)]
    return {name: read(document, ("market", "facts", name), StoredFact) for name in stated}


def lines_with_facts(document: Document, fact: StoredFact) -> dict[str, Instrument]:
    """The lines of a file that may have a figure of Alpha Vantage, with their instruments."""
    return {
        name: one for name, one in line_instruments(document).items() if fact.overview is None or one.kind in COMPANIES
    }


def with_stored_facts(document: Document, keys: MarketKeys, market: Market, cash: CashSource = None) -> Market:
    """The market with the facts of a file that are from stores; its origin is that of these, too.

    cash   : source of the cash of a market from files.
    Raises : ConfigError for a series that its store does not have, for a fact that is known on no session, and where
             `rows` of the file is the fingerprint of other rows.
    """
    facts, notes, origin = dict(market.facts or {}), list(market.notes), dict(market.origin)
    digest = hashlib.sha256(origin.get("rows", "").encode())
    moment = np.datetime64(origin["known_on"][:-1]) if origin else last_known(UNDATED, cash)
    for name, fact in (stated := stored_facts(document, keys)).items():
        path = ("market", "facts", name)
        if name in facts or name in market.instruments:
            document.refuse(path, "a fact that the market has already", name, "Give it another name.")
        rows = _rows(document, keys, path, fact)
        facts[name] = _values(document, path, fact, market, rows)
        notes.append(_note(document, name, fact, market, facts[name]))
        # not of the rows: one published on the last day may be fetched later, and is dated before this moment then
        digest.update(name.encode() + np.nan_to_num(facts[name], nan=np.inf).tobytes())
        moment = np.fmax(moment, rows["fetched_at"].max().to_datetime64())
        origin = {"rows": digest.hexdigest()[:16], "known_on": f"{moment.astype('datetime64[us]')}Z"}
    if keys.rows is not None and keys.rows != origin["rows"]:
        stores = dict.fromkeys([keys.of_store, *(fact.store for fact in stated.values())])
        named = " and ".join(repr(store) for store in stores if store)
        what = f"not the rows of store {named}, whose fingerprint is {origin['rows']}"
        document.refuse(("market", "rows"), what, keys.rows, "Restore the store, or leave `rows` and `known_on` out.")
    return replace(market, facts=facts, notes=tuple(notes), origin=origin) if stated else market


def _ids(document: Document, fact: StoredFact) -> dict[str, str]:
    """The ids of the series of a fact: by asset, or those of a series of all assets by themselves."""
    if fact.series is not None:
        return {name: name for name in fact.names}
    return {name: f"{one.asset_id}{fact.figure}" for name, one in lines_with_facts(document, fact).items()}


def _rows(document: Document, keys: MarketKeys, path: KeyPath, fact: StoredFact) -> pd.DataFrame:
    """The values of a fact's series with the moments at which they were known, up to that of the file.

    A series of all assets must be there; of the figures of assets, one.
    """
    ids, known_on = list(_ids(document, fact).values()), known_moment(document, keys.known_on)
    if not ids:
        document.refuse(path, "of no asset, as none is a company", fact.overview, "Leave the fact out.")
    store = named_store(fact.store)
    kept = store.assets()
    absent = [asset for asset in ids if asset not in kept]
    if absent and (fact.series is not None or len(absent) == len(ids)):
        fetched = fact.store in (FRED, ALPHA_VANTAGE, keys.source)
        fix = FETCH.format(document.file) if fetched else did_you_mean(absent[0], kept or store_names())
        document.refuse(path, f"no series of store {fact.store!r}", absent[0], fix)
    rows = store.rows(ids, history=True)
    rows = rows[rows["close"].notna()]
    rows = rows if known_on is None else rows[rows["fetched_at"] <= known_on]
    unknown = [asset for asset in ids if asset not in set(rows["asset_id"])]
    if unknown and (fact.series is not None or len(unknown) == len(ids)):
        document.refuse(path, f"was not known on {known_on}", unknown[0], "Choose a later moment.")
    return rows


def _values(document: Document, path: KeyPath, fact: StoredFact, market: Market, rows: pd.DataFrame) -> Array:
    """(T, n) values of a fact, which some asset has on some session."""
    of = {str(asset): known_values(part, market.days, fact.lag) for asset, part in rows.groupby("asset_id")}
    ids, nothing = _ids(document, fact), np.full(len(market.days), np.nan)
    if fact.series is None:
        found = np.column_stack([of.get(ids.get(asset, ""), nothing) for asset in market.assets])
    else:
        series = of[fact.series] - (0.0 if fact.minus is None else of[fact.minus])
        found = np.repeat(series[:, None], len(market.assets), axis=1)
    if np.isnan(found).all():
        what = f"known on no session to {market.days[-1]}: its values were fetched or published later"
        document.refuse(path, what, fact.words, LATER)
    return found


def _note(document: Document, name: str, fact: StoredFact, market: Market, values: Array) -> Note:
    """A sentence on the days from which on a fact is known, a warning where that is not exactly known."""
    known = ~np.isnan(values)
    first = market.days[int(np.argmax(known.any(axis=1)))]
    text = (
        f"Fact {name!r}, {fact.words} of store {fact.store!r}, is known from {first} on: a value serves from the first "
        "session after the day on which it was published or, where its source does not say that day, fetched."
    )
    without = [line for line in document.mapping("lines") if not known[:, market.assets.index(line)].any()]
    if without:
        text += f" It is not known of {listed(without, most=5)}."
    if fact.lag is not None:
        text += (
            f" As the file states, a value that was fetched without that day counts as known {counted(fact.lag, 'day')}"
            " after its own: if it was published later or has been revised since, a decision knew the future."
        )
    return Note(text, first=first, warning=bool(without) or fact.lag is not None)
