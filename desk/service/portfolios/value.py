"""The value of a portfolio today, and what it was before: by its NAV history, its book, or since it was entered.

A file with neither history nor book has no past: its units are never held backwards, but from the first close at or
after the day on which they were written.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel

from desk.commands.cycle.live import recorded_book
from desk.cycle.live import live_money
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import InputError
from foundation.paper.svg import path
from foundation.paper.wording import class_words
from research.market.calendars import Days, day_at
from research.market.store import named_store
from research.portfolio import Portfolio, load_portfolio

LINE_SIZE = 160.0, 40.0  # px of the picture of a period, as value.html.j2 draws it
LINE_POINTS = 160  # of its line at most
CLASSES, DRIFTS = 8, 5  # of weights and of drifts that are told one by one; more are one
OTHER_PARTS = "others"
CASH_NAMED = "cash"


class Period(BaseModel):
    """The change since a close.

    name   : of the period, in words.
    since  : day of the close.
    gain   : currency, without the money that came or went.
    earned : time-weighted return, fraction; None where there was no value.
    line   : path of growth in a picture of `LINE_SIZE`; "" for too few closes.
    """

    name: str
    since: str
    gain: float
    earned: float | None
    line: str


class Part(BaseModel):
    """An asset or a class.  weight, target : fractions of value."""

    name: str
    weight: float
    target: float


class Value(BaseModel):
    """The value of a portfolio.

    nav     : currency.
    day     : of the newest price.
    moment  : of the newest quote, UTC, which makes the value indicative; "" at closes.
    past    : sentence on where the periods come from, or why there are none.
    periods : the shortest first.
    classes : weights by class against the target, the largest first, cash last.
    drifts  : the assets farthest from their targets.
    more    : number of assets besides.
    """

    nav: float
    day: str
    moment: str
    past: str
    periods: list[Period]
    classes: list[Part]
    drifts: list[Part]
    more: int


@dataclass(frozen=True, eq=False)
class Earlier:
    """NAV at each of D + 1 moments, the last one now.

    days  : (D + 1,).
    nav   : (D + 1,) currency.
    flows : (D + 1,) money that came, or went where negative, by each, currency; that of the first is in its NAV.
    said  : where it comes from, in a sentence.
    """

    days: Days
    nav: Array
    flows: Array
    said: str

    def growth(self, first: int) -> Array:
        """(D + 1 - first,) time-weighted growth since then; money that came at a close earned nothing that day."""
        nav, flows = self.nav[first:], self.flows[first:]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.cumprod(np.append(1.0, (nav[1:] - flows[1:]) / nav[:-1]))


def value_of(portfolio: Portfolio, target: Array, entered: str, changed: str) -> Value:
    """The value of a portfolio now.

    target           : (n,) fraction of NAV.
    entered, changed : moments at which its first and its newest version were written, ISO 8601.
    """
    now, moment = _at_quotes(portfolio) or (portfolio, portfolio.prices.moment)
    past = past_of(portfolio, entered, changed)
    if now is not portfolio and isinstance(past, Earlier):
        day = np.datetime64(now.priced_on, "D")
        past = Earlier(
            np.append(past.days, day), np.append(past.nav, now.nav), np.append(past.flows, 0.0), past.said
        )  # fmt: skip
    classes, drifts = _parts(now, target)
    return Value(
        nav=now.nav,
        day=f"{now.priced_on:%Y-%m-%d}",
        moment=moment,
        past=past.said if isinstance(past, Earlier) else past,
        periods=list(periods_of(past)) if isinstance(past, Earlier) else [],
        classes=classes,
        drifts=drifts[:DRIFTS],
        more=max(0, len(drifts) - DRIFTS),
    )


def past_of(portfolio: Portfolio, entered: str, changed: str) -> Earlier | str:
    """The past of a portfolio at the prices of its file, or a sentence on why it has none; arguments of `value_of`."""
    days, history = portfolio.market.days, portfolio.nav_history
    fault = history.fault(portfolio.nav)
    if len(history.nav) and not fault:
        nav = np.append(history.nav, portfolio.nav)
        return _past(portfolio, days[history.opened :], nav, history.flows, "By its history of net asset value.")
    try:
        if portfolio.currencies is None and (book := recorded_book(Path(portfolio.file))) is not None:
            opened = portfolio.market.row(pd.Timestamp(book.opened))
            money, _ = live_money(book, portfolio, opened)
            return _past(portfolio, days[opened:], money.nav, money.flows, "By its book.")
        return fault or _since_entered(portfolio, entered, changed)
    except InputError as error:
        return str(error)


def periods_of(past: Earlier) -> Iterator[Period]:
    """The periods that a past has: since the close before, this year, the last month and year, and all of it."""
    days = pd.DatetimeIndex(past.days)
    last = days[-1]
    starts = {
        "since the close before": days[-2:-1],
        "this year": days[days < pd.Timestamp(last.year, 1, 1)],
        "1 month": days[days <= last - pd.DateOffset(months=1)],
        "1 year": days[days <= last - pd.DateOffset(years=1)],
        "all": days[:1] if len(days) > 1 else days[:0],
    }
    for name, before in starts.items():
        if not len(before):
            continue
        first = int(days.searchsorted(before[-1]))
        growth = past.growth(first)
        earned = float(growth[-1] - 1.0)
        yield Period(
            name=name,
            since=f"{days[first]:%Y-%m-%d}",
            gain=float(past.nav[-1] - past.nav[first] - past.flows[first + 1 :].sum()),
            earned=earned if np.isfinite(earned) else None,
            line="" if name in ("since the close before", "this year") else _line(growth),
        )


def _past(portfolio: Portfolio, days: Days, nav: Array, flows: Array, said: str) -> Earlier:
    """The past up to the newest price, which may be later than the last close."""
    newest = np.append(days[:-1], np.datetime64(portfolio.priced_on, "D"))
    return Earlier(newest, nav, flows, said)


def _since_entered(portfolio: Portfolio, entered: str, changed: str) -> Earlier | str:
    """The past of units that stand in a file alone, from the first close at or after the day of its newest version.

    Dividends that were paid out are not in it; where the market has none apart from its returns, they are.
    """
    market = portfolio.market
    first, written = (day_at(datetime.fromisoformat(each), market.calendar) for each in (entered, changed))
    since = f"Since you entered it on {first}"
    since += "" if first == written else f", and by the units that you wrote on {written}"
    opened = int(np.searchsorted(market.days, written))
    known = market.days[opened:]
    anchor = -1 if portfolio.given_prices is None else -2  # the last close whose price is one
    held = portfolio.shares != 0.0
    is_priced = np.isfinite(portfolio.shares[held]) & (
        market.price_index[anchor, held] > 0.0
    )  # not lost, nor an amount
    if len(known) < 2 or len(portfolio.cash_by_currency) > 1 or not held.any() or not is_priced.all():
        return f"{since}: it has no book and no history of net asset value, so nothing before is known."
    index = market.price_index[:, held]
    worth = portfolio.shares[held] * np.nan_to_num(market.prices[anchor, held]) / index[anchor]
    nav = index[opened:] @ worth + portfolio.cash
    return _past(portfolio, known, np.append(nav[:-1], portfolio.nav), np.zeros(len(known)), f"{since}.")


def _at_quotes(portfolio: Portfolio) -> tuple[Portfolio, str] | None:
    """The portfolio at the newest quotes that are kept of its source, and their moment; None for none since its close.

    Quotes are kept by whoever asked for them, such as `rebalance trades --prices`; nothing is fetched here.
    """
    market = portfolio.settings["market"]
    source = market.get("source") if isinstance(market, dict) and portfolio.given_prices is None else None
    kept = sorted(named_store(source).folder.glob("quotes-*.csv")) if isinstance(source, str) else []
    if not kept:
        return None
    try:
        found = load_portfolio(portfolio.file, {"prices": str(kept[-1])}, trust_code=False)
    except InputError:
        return None
    return (found, found.prices.moment) if found.priced_on > portfolio.date else None


def _line(growth: Array) -> str:
    """The path of growth (k,) in a picture of `LINE_SIZE`; "" for fewer than three closes or a value that is none."""
    low, high = growth.min(), growth.max()
    if len(growth) < 3 or not np.isfinite(high - low):
        return ""
    rows = np.unique(np.linspace(0, len(growth) - 1, LINE_POINTS).round().astype(int))
    (width, height), reach = LINE_SIZE, (high - low) or 1.0
    return path(rows / rows[-1] * (width - 2.0) + 1.0, height - 1.0 - (growth[rows] - low) / reach * (height - 2.0))


def _parts(portfolio: Portfolio, target: Array) -> tuple[list[Part], list[Part]]:
    """The classes of `Value`, and all assets, those farthest from their targets first."""
    rows = [
        Part(name=asset, weight=float(weight), target=float(aim))
        for asset, weight, aim in zip(portfolio.market.assets, portfolio.weights, target, strict=True)
    ]
    by_class = dict[str, Part]()
    for each, kind in zip(rows, portfolio.market.asset_class, strict=True):
        _add(by_class, class_words(kind), [each])
    largest = sorted(by_class.values(), key=lambda each: -max(each.weight, each.target))
    shown = {each.name: each for each in largest[:CLASSES]}
    if len(largest) > CLASSES:
        _add(shown, OTHER_PARTS, largest[CLASSES:])
    cash = Part(name=CASH_NAMED, weight=portfolio.cash / portfolio.nav, target=1.0 - float(target.sum()))
    return [*shown.values(), cash], sorted(rows, key=lambda each: -abs(each.weight - each.target))


def _add(to: dict[str, Part], name: str, parts: Sequence[Part]) -> None:
    """Add parts to the one of a name."""
    so_far = to.get(name, Part(name=name, weight=0.0, target=0.0))
    weight = so_far.weight + sum(each.weight for each in parts)
    to[name] = Part(name=name, weight=weight, target=so_far.target + sum(each.target for each in parts))
