"""How old the exchange rates of a trade list are, in sessions of the exchange, and what a reader must know of them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from research.errors import DataError
from research.market.notes import counted
from research.portfolio import Portfolio
from research.portfolio.rates import Rate
from research.trading.price_age import sessions_since


def old_rates(portfolio: Portfolio, today: pd.Timestamp) -> list[tuple[Rate, int]]:
    """The rates that are older on a day than the file allows for orders, with their ages in sessions.

    Raises : DataError for a rate of a later day.
    """
    if portfolio.currencies is None:
        return []
    day, found = np.datetime64(today, "D"), []
    for rate in portfolio.currencies.rates.today.values():
        if rate.day > day:
            raise DataError(
                f"the exchange rate {rate.pair} is of {rate.day}, later than {day}, the day of the list. Give the day "
                f"on which the list is made, {rate.day} or later, as `--as-of`."
            )
        age = 0 if np.isnat(rate.day) else sessions_since(rate.day, day, portfolio.market.calendar)
        if age > portfolio.orders.max_age:
            found.append((rate, age))
    return found


def check_rate_ages(portfolio: Portfolio, today: pd.Timestamp) -> None:
    """Raise DataError where a rate is too old for orders, naming each of them."""
    if old := old_rates(portfolio, today):
        most = portfolio.orders.max_age
        raise DataError(
            f"exchange rates are too old for orders on {today:%Y-%m-%d}: {_listed(old)}; at most {most} are allowed "
            f"(`orders: {{max_age: {most}}}`). Give newer rates, `fx:` in the portfolio file, say of which day the "
            "list is (`--as-of DATE`), or make it all the same with `--stale-ok`, which marks it."
        )


def rate_notes(portfolio: Portfolio, today: pd.Timestamp | None) -> Iterator[str]:
    """Sentences on the rates of a list: their values, days and sources; those that are too old, and without a day.

    today : to which ages are counted, or None.
    """
    if portfolio.currencies is None:
        return
    rates, basis = portfolio.currencies.rates.today, portfolio.basis
    words = [
        f"1 {currency} = {rate.value:.10g} {basis} ({rate.pair}, {rate.source}, "
        f"{'of no date' if np.isnat(rate.day) else rate.day})"
        for currency, rate in rates.items()
    ]
    yield f"Exchange rates: {'; '.join(words)}."
    if today is not None and (old := old_rates(portfolio, today)):
        most = portfolio.orders.max_age
        yield f"Stale exchange rates on {today:%Y-%m-%d}: {_listed(old)}; at most {most} are allowed."
    if undated := [rate.pair for rate in rates.values() if np.isnat(rate.day)]:
        yield f"The age of {', '.join(undated)} is not known: the portfolio file gives no date."


def _listed(old: list[tuple[Rate, int]]) -> str:
    return "; ".join(f"{rate.pair} of {rate.day}, {counted(age, 'session')} ago" for rate, age in old)
