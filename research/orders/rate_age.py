"""The ages of the exchange rates of a trade list, in sessions of the exchange, and notes about them."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.market.notes import counted
from research.orders.price_age import sessions_since
from research.portfolio import Portfolio


@dataclass(frozen=True)
class RateAges:
    """The ages of the exchange rates of a portfolio on one day.

    today    : the day.
    sessions : by foreign currency, sessions after the day of its rate, up to today; one without a day is not in it.
    too_old  : currencies whose rate is older than the file allows for orders.
    """

    today: pd.Timestamp
    sessions: Mapping[str, int]
    too_old: tuple[str, ...]


def rate_ages(portfolio: Portfolio, today: pd.Timestamp) -> RateAges:
    """The ages of a portfolio's exchange rates on a day, by the sessions of its market's exchange.

    Raises : DataError for a rate of a later day.
    """
    day, sessions = np.datetime64(today, "D"), {}
    rates = {} if portfolio.currencies is None else portfolio.currencies.rates.today
    for currency, rate in rates.items():
        if rate.day > day:
            raise DataError(
                f"the exchange rate {rate.pair} is of {rate.day}, later than {day}, the day of the list. Give the day "
                f"on which the list is made, {rate.day} or later, as `as_of`."
            )
        if not np.isnat(rate.day):
            sessions[currency] = sessions_since(rate.day, day, portfolio.market.calendar)
    return RateAges(today, sessions, tuple(c for c, age in sessions.items() if age > portfolio.orders.max_age))


def check_rate_ages(portfolio: Portfolio, ages: RateAges) -> None:
    """Raise DataError where a rate is too old for orders, naming each of them."""
    if ages.too_old:
        most = portfolio.orders.max_age
        raise DataError(
            f"exchange rates are too old for orders on {ages.today:%Y-%m-%d}: {_listed(portfolio, ages)}; at most "
            f"{most} are allowed (`orders: {{max_age: {most}}}`). Give newer rates (`fx`, an option or a key of the "
            "portfolio file), say of which day the list is (`as_of`), or make it all the same with `stale_ok`, which "
            "marks it."
        )


def rate_notes(portfolio: Portfolio, ages: RateAges | None) -> Iterator[str]:
    """Sentences on the rates of a list: their values, days and sources; those that are too old, and without a day.

    ages : or None, where no day was given to which they are counted.
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
    if ages is not None and (stale := stale_rates(portfolio, ages)):
        yield stale
    if undated := [rate.pair for rate in rates.values() if np.isnat(rate.day)]:
        yield f"The age of {', '.join(undated)} is not known: no date is given."


def stale_rates(portfolio: Portfolio, ages: RateAges) -> str:
    """A sentence on the rates that are too old for orders; "" where none is."""
    if not ages.too_old:
        return ""
    most = portfolio.orders.max_age
    return f"Stale exchange rates on {ages.today:%Y-%m-%d}: {_listed(portfolio, ages)}; at most {most} are allowed."


def _listed(portfolio: Portfolio, ages: RateAges) -> str:
    """The rates that are too old, in words."""
    assert portfolio.currencies is not None
    old = [(portfolio.currencies.rates.today[currency], ages.sessions[currency]) for currency in ages.too_old]
    return "; ".join(f"{rate.pair} of {rate.day}, {counted(age, 'session')} ago" for rate, age in old)
