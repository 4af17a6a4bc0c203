"""The age of each price of a trade list, in sessions of the exchange, and the assets that no longer move."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.market.calendars import session_after, sessions
from research.market.notes import counted
from research.portfolio import Portfolio
from research.portfolio.holdings.prices import GIVEN, bases, newest_day

FROZEN = 5  # sessions without a change of the close, or without volume, from which on a note says so
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, eq=False)
class PriceAges:
    """The ages of the prices of n assets on one day.

    today    : the day.
    sessions : (n,) sessions after the day of each price, up to today; NaN where its day is not known.
    too_old  : (n,) assets whose price is older than the file allows for orders.
    """

    today: pd.Timestamp
    sessions: Array
    too_old: Mask


def price_ages(portfolio: Portfolio, today: pd.Timestamp | None = None) -> PriceAges:
    """The ages of a portfolio's prices on a day, by the sessions of its market's exchange.

    An asset that is halted cannot be traded: its price is never too old for orders.
    today  : the day; None takes that of the last close or the latest price.
    Raises : DataError for a price of a later day; ConfigError for a day beyond the calendar's reach.
    """
    days, market = portfolio.prices.days, portfolio.market
    if today is None:
        today = pd.Timestamp(newest_day(market, portfolio.prices))
    day = np.datetime64(today, "D")
    if (late := days > day).any():
        raise DataError(
            f"prices are later than {day}, the day of the list: {_listed(portfolio, late)}. Give the day on which the "
            f"list is made, {days[late].max()} or later, as `as_of`."
        )
    ages = np.full(len(days), np.nan)
    for each in np.unique(days[~np.isnat(days)]):
        ages[days == each] = sessions_since(each, day, market.calendar)
    given = np.array([source == GIVEN for source in portfolio.prices.sources])
    return PriceAges(today, ages, (ages > portfolio.orders.max_age) & (market.tradable[-1] | given))


def check_ages(portfolio: Portfolio, ages: PriceAges) -> None:
    """Raise DataError where a price is too old for orders, naming each such asset."""
    if ages.too_old.any():
        most = portfolio.orders.max_age
        raise DataError(
            f"prices are too old for orders on {ages.today:%Y-%m-%d}: {_listed(portfolio, ages.too_old, ages)}; at "
            f"most {most} are allowed (`orders: {{max_age: {most}}}`). Bring the data up to date, give newer prices "
            "(`prices`, an option or a key of the portfolio file), say of which day the list is (`as_of`), or make it "
            "all the same with `stale_ok`, which marks it."
        )


def age_notes(portfolio: Portfolio, ages: PriceAges) -> Iterator[str]:
    """Sentences on a day without a session, prices that are too old, and history that is older than they are."""
    market, most, day = portfolio.market, portfolio.orders.max_age, np.datetime64(ages.today, "D")
    if not len(sessions(day, day, market.calendar)):
        trades = session_after(day, 1, market.calendar)
        yield f"{day} is no session of {market.calendar}: the orders are for the next one, {trades}."
    if stale := stale_prices(portfolio, ages):
        yield stale
    if halts := halted(portfolio, ages):
        yield halts
    since = sessions_since(market.days[-1], day, market.calendar)
    if since > most and not ages.too_old.any():
        yield (
            f"The history of the market ends on {market.days[-1]}, {counted(since, 'session')} before "
            f"{ages.today:%Y-%m-%d}: estimates and schedules end there."
        )


def halted(portfolio: Portfolio, ages: PriceAges, least: int = 1) -> str:
    """A sentence on the assets that are held and have had no bar for `least` sessions or more; "" where none is."""
    market = portfolio.market
    halts = (ages.sessions >= least) & ~market.tradable[-1] & (portfolio.holdings > 0.0)
    if not halts.any():
        return ""
    return f"Halted, valued at the last price and not traded: {_listed(portfolio, halts, ages)}."


def stale_prices(portfolio: Portfolio, ages: PriceAges) -> str:
    """A sentence on the prices that are too old for orders; "" where none is."""
    if not ages.too_old.any():
        return ""
    which = _listed(portfolio, ages.too_old, ages)
    return f"Stale prices on {ages.today:%Y-%m-%d}: {which}; at most {portfolio.orders.max_age} are allowed."


def frozen_quotes(portfolio: Portfolio) -> Iterator[str]:
    """A sentence for each asset whose close did not change, or that had no volume, on the last `FROZEN` sessions."""
    market = portfolio.quoted
    quoted = ~np.isnan(market.prices[-1])
    moved = np.where(quoted, market.prices[1:] != market.prices[:-1], market.returns[1:] != 0.0)
    idle = None if market.volumes is None else market.volumes[1:] != 0.0
    for i, asset in enumerate(market.assets):
        if not market.tradable[-1, i] or portfolio.prices.sources[i] == GIVEN:
            continue
        still = _trailing(moved[:, i])
        unsold = 0 if idle is None else _trailing(idle[:, i])
        if max(still, unsold) >= FROZEN:
            facts = [f"its close has not changed for {still} sessions"] if still >= FROZEN else []
            facts += [f"it had no volume for {unsold} sessions"] if unsold >= FROZEN else []
            yield f"{asset} may have a frozen price: {' and '.join(facts)} ({FROZEN} or more are noted)."


def priced(portfolio: Portfolio, ages: PriceAges | None) -> str:
    """A sentence on where prices come from, of which day they are, and how old."""
    prices = portfolio.prices
    groups: dict[str, list[str]] = {}
    for i, (asset, basis) in enumerate(zip(portfolio.market.assets, bases(portfolio.market, prices), strict=True)):
        day = prices.days[i]
        words = f"{basis or 'none, held by their value'} " + ("of no date" if np.isnat(day) else f"of {day}")
        if ages is not None and ages.sessions[i] > 0.0:
            words += f", {counted(int(ages.sessions[i]), 'session')} old"
        groups.setdefault(words, []).append(asset)
    if len(groups) == 1:
        return f"Prices: {next(iter(groups))}."
    named = [f"{words} ({', '.join(names)})" for words, names in groups.items()]
    return f"Prices: {'; '.join(named)}."


def _trailing(moved: NDArray[np.bool_]) -> int:
    """Number of rows at the end that are not true."""
    return int(np.argmax(moved[::-1])) if moved.any() else len(moved)


def sessions_since(day: np.datetime64, today: np.datetime64, calendar: str) -> int:
    """Sessions after a day, up to today."""
    return len(sessions(day + DAY, today, calendar)) if today > day else 0


def _listed(portfolio: Portfolio, which: Mask, ages: PriceAges | None = None) -> str:
    """The assets by the day of their prices, in words."""
    days, words = portfolio.prices.days, []
    for day in np.unique(days[which]):
        at = np.flatnonzero(which & (days == day))
        names = ", ".join(portfolio.market.assets[i] for i in at)
        age = "" if ages is None else f", {counted(int(ages.sessions[at[0]]), 'session')} ago"
        words.append(f"{names} of {day}{age}")
    return "; ".join(words)
