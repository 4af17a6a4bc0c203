"""The splits between the day of the holdings that a portfolio file states, its key `held_on`, and the last close."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from research.portfolio.file.document import Document
from research.portfolio.holdings.market_events import splits_since
from research.portfolio.portfolio import Portfolio

DOUBTFUL = 10  # sessions after a split in which units of no stated day may be those before it


def with_splits_since(document: Document, portfolio: Portfolio, held_on: pd.Timestamp | None) -> Portfolio:
    """The portfolio with its units, accounts and tax lots after the splits since the day on which they were held.

    held_on : day at whose close the file states them; None takes the last close.
    Raises  : ConfigError for a day after the last close, and where no day is stated and an asset was split so lately
              that its units may be those before the split; the day of the last trade is one on which they were held.
    """
    market, path = portfolio.market, ("held_on",)
    if held_on is not None and held_on > market.dates[-1]:
        fix = f"Give a day that is not after {portfolio.date:%Y-%m-%d}, or a market with later data."
        document.refuse(path, "lies after the last close of the market", f"{held_on:%Y-%m-%d}", fix)
    if held_on is None:
        stated = portfolio.last_trade if document.has("last_trade") else market.dates[0]
        since = max(stated, market.dates[-min(DOUBTFUL + 2, len(market.dates))])
        found = list(_splits(portfolio, since))
        if found:
            asset, first, _ = found[0]
            told = " and ".join(f"{each} was split on {day:%Y-%m-%d}, {by:g} units for one" for each, day, by in found)
            fix = (
                f"Add `held_on: {found[-1][1]:%Y-%m-%d}` for units of now, or the close at which they were held, such "
                f"as `held_on: {market.dates[market.row(first) - 1]:%Y-%m-%d}` for those before."
            )
            units = float(portfolio.shares[market.assets.index(asset)])
            key = ("accounts",) if portfolio.accounts else ("lines", asset, "shares")
            document.refuse(key, f"{told}, and the file does not say of which day its units are", units, fix)
        return portfolio
    found = list(_splits(portfolio, held_on))
    if not found:
        return portfolio
    factors = np.ones(len(market.assets))
    for asset, _, by in found:
        factors[market.assets.index(asset)] *= by
    tax = portfolio.tax_lots
    if tax is not None:
        lots, sheltered = (
            tuple(tuple(lot.split(by) for lot in some) for some, by in zip(of, factors.tolist(), strict=True))
            for of in (tax.lots, tax.sheltered)
        )
        tax = replace(tax, lots=lots, sheltered=sheltered)
    return replace(
        portfolio,
        holdings=np.where(np.isnan(portfolio.shares), portfolio.holdings, portfolio.holdings * factors),
        shares=portfolio.shares * factors,
        accounts=tuple(replace(each, units=each.units * factors) for each in portfolio.accounts),
        tax_lots=tax,
        notes=(*portfolio.notes, *(_note(each, held_on) for each in found)),
    )


def _note(split: tuple[str, pd.Timestamp, float], held_on: pd.Timestamp) -> str:
    asset, day, by = split
    units = f"its units of {held_on:%Y-%m-%d} are counted after it"
    return f"{asset} was split on {day:%Y-%m-%d}, {by:g} units for one: {units}."


def _splits(portfolio: Portfolio, since: pd.Timestamp) -> Iterator[tuple[str, pd.Timestamp, float]]:
    """Asset, day and units for one of each split, after a day, of what is held in units."""
    held = dict(zip(portfolio.market.assets, np.nan_to_num(portfolio.shares).tolist(), strict=True))
    for each in splits_since(portfolio.market, since.date()):
        if held[each.asset]:
            yield each.asset, pd.Timestamp(each.day), float(each.by)
