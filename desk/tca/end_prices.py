"""The price after an order, at which units are valued that were not filled: the close of its day in a market."""

from collections.abc import Sequence

import numpy as np

from desk.tca.orders import EndPrice
from research.portfolio import Portfolio


def asset_places(portfolio: Portfolio) -> dict[str, int]:
    """The place of each asset of a portfolio, by its name and by the broker's symbol."""
    assets = portfolio.market.assets
    by_symbol = {portfolio.ticket.symbol(asset): i for i, asset in enumerate(assets)}
    return dict(zip(assets, range(len(assets)), strict=True)) | by_symbol


def end_prices(portfolios: Sequence[Portfolio]) -> EndPrice:
    """A function of symbol, currency and day that gives the close of that day, currency per unit.

    It is the close of the first of the portfolios that has one. None has one for a symbol of no asset, an asset in
    another currency than its own, and a day without a close: None is given.
    """
    closes = [_closes(portfolio) for portfolio in portfolios]
    return lambda *of: next((price for close in closes if (price := close(*of)) is not None), None)


def _closes(portfolio: Portfolio) -> EndPrice:
    market, lines = portfolio.market, asset_places(portfolio)
    quoted_in, rows = portfolio.quoted_in, {day: t for t, day in enumerate(market.days)}

    def price(symbol: str, currency: str, day: np.datetime64) -> float | None:
        if symbol not in lines or not currency == quoted_in[lines[symbol]] == portfolio.basis:
            return None
        row = rows.get(day)
        close = np.nan if row is None else market.prices[row, lines[symbol]]
        return None if np.isnan(close) else float(close)

    return price
