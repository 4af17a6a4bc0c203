"""The live record of a portfolio beside the backtest of its policy: the same opening, days and flows.

Both become the same daily amounts, so that every difference of NAV is a sum over days and causes. Units that one holds
more than the other are kept by the cause that they came from, and what prices do to them is counted there:

- **trades of one alone**: the other did not trade the asset on that day, with the fees of the trade. Where it does so
  later, the units cancel, and what prices did in between remains.
- **whole lots**, **size of trades**: both traded it, by other units: by a lot at most, or more.
- **price of fills**: from the price of a fill to the close; **fees** of what both traded.
- **dividends**: booked in cash, or reinvested and as the market's returns have them.
- **other cash**: interest, costs of holding, and amounts that no order brought.
- **opening**: what the backtest held otherwise at the opening, as costs of holding make it.
- **unexplained**: the rest. Of a record of fills it is rounding, unless the file states another NAV (`nav_history`).
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from backtests.attribution.contributions import COST_NAMES, contributions
from backtests.engine import backtest
from backtests.engine.result import Backtest
from backtests.engine.run import conditions
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.tolerances import COUNTED
from research.accounting import Flows, Policy
from research.accounting.cost_parameters import COST_COLUMNS
from research.accounting.kernel import charge
from research.allocation import target_path
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT
from research.portfolio.holdings.book import Book
from research.rules.protocol import held_by

TOLERANCE = 1e-3  # of NAV, beyond which live and the backtest part
HELD = ("trades of one alone", "size of trades", "whole lots", "dividends", "opening")  # causes of other units
CAUSES = (*HELD, "price of fills", "fees", "other cash", "unexplained")
ALONE, SIZE, LOTS, INCOME, OPENING, FILLED, FEES, OTHERS, REST = range(len(CAUSES))


@dataclass(frozen=True, eq=False)
class DailyMoney:
    """The money of a portfolio at each of D + 1 closes, the opening's first, and what changed it, currency.

    held       : (D + 1, n) value of each asset.
    cash       : (D + 1,).
    flows      : (D + 1,) money that came, or went where negative.
    traded     : (D + 1, n) what was bought, or sold where negative, at the close.
    moves      : (D + 1, n) what prices did to what was held.
    filled     : (D + 1, n) gained from the price of a fill to the close.
    fees       : (D + 1, n) paid for trades.
    income     : (D + 1, n) dividends.
    others     : (D + 1,) interest and other amounts of cash; costs of holding are below zero.
    costs      : costs of trading by name, summed; None where fills are not known.
    """

    held: Array
    cash: Array
    flows: Array
    traded: Array
    moves: Array
    filled: Array
    fees: Array
    income: Array
    others: Array
    costs: Mapping[str, float] | None

    @cached_property
    def nav(self) -> Array:
        """(D + 1,) holdings and cash."""
        found: Array = self.held.sum(axis=1) + self.cash
        return found

    @cached_property
    def returns(self) -> Array:
        """(D,) time-weighted returns; money that came at a close earned nothing on its day."""
        return (self.nav[1:] - self.flows[1:]) / self.nav[:-1] - 1.0

    @cached_property
    def by_asset(self) -> Array:
        """(n,) what each asset brought since the opening, net of fees."""
        found: Array = (self.moves + self.filled + self.income - self.fees)[1:].sum(axis=0)
        return found


@dataclass(frozen=True, eq=False)
class Parting:
    """The differences of live and the backtest.

    live, test : their money.
    alone      : (D + 1, n) assets that only one of them traded on that day.
    causes     : (D + 1, causes) the change of the difference of NAV by day, live less the backtest, currency.
    units      : (D + 1, 5) value of the units held otherwise, by cause of `HELD`: half the sum over assets, currency.
    backtest   : the backtest, which opens at the close before.
    """

    live: DailyMoney
    test: DailyMoney
    alone: Mask
    causes: Array
    units: Array
    backtest: Backtest

    @property
    def columns(self) -> tuple[DailyMoney, DailyMoney]:
        """Live and the backtest."""
        return self.live, self.test

    @property
    def dates(self) -> pd.DatetimeIndex:
        """(D + 1,) closes, the opening's first."""
        return self.backtest.dates[1:]

    @property
    def difference(self) -> float:
        """NAV of live less that of the backtest at the last close, currency: the sum of all causes."""
        return float(self.live.nav[-1] - self.test.nav[-1])

    @property
    def differences(self) -> Array:
        """(D,) daily returns of live less the backtest, without what dividends and the opening brought, fraction."""
        events = self.causes[1:, [INCOME, OPENING]].sum(axis=1) / self.test.nav[:-1]
        return self.live.returns - self.test.returns - events

    def first_apart(self, tolerance: float = TOLERANCE) -> tuple[int, str] | None:
        """The first close at which holdings or NAV differ by more than a tolerance, and the largest cause by then.

        tolerance : fraction of NAV; of holdings, half the sum of the differences.
        Returns   : row and cause, or None where they have not parted.
        """
        held = 0.5 * np.abs(self.live.held - self.test.held).sum(axis=1)
        distance = np.maximum(held, np.abs(self.live.nav - self.test.nav))
        if not (apart := np.flatnonzero(distance > tolerance * self.test.nav)).size:
            return None
        by_cause = np.abs(self.causes[: apart[0] + 1].sum(axis=0))
        by_cause[: len(HELD)] = np.maximum(by_cause[: len(HELD)], self.units[apart[0]])
        return int(apart[0]), CAUSES[int(by_cause.argmax())]


def beside_backtest(portfolio: Portfolio, policy: Policy, name: str, book: Book | None) -> Parting:
    """The live record of a portfolio beside the backtest of a policy.

    policy : policy, ready to decide.
    name   : its name.
    book   : book of the portfolio; None takes the NAV that its file states (`nav_history`): fills are then not known.
    Raises : ConfigError for a portfolio in several currencies, and where neither is there; DataError for a record
             without two closes since, of what has no quote, or with a split that is not booked.
    """
    if portfolio.currencies is not None:
        raise ConfigError(f"{portfolio.file} has several currencies: its record is held against no backtest yet.")
    market, history = portfolio.market, portfolio.nav_history
    if book is None and history.opened < 0:
        raise ConfigError(
            f"{portfolio.file} has no live record: it names neither a book nor a `nav_history`. Open a book: "
            f"rebalance desk book open {portfolio.file}"
        )
    opened = history.opened if book is None else market.row(pd.Timestamp(book.opened))
    if not 1 <= opened < len(market.dates) - 2:
        raise DataError(
            f"{portfolio.file} is open since {market.dates[opened]:%Y-%m-%d}, and its market has closes from "
            f"{market.dates[0]:%Y-%m-%d} to {market.dates[-1]:%Y-%m-%d}: a record needs one before and two after it. "
            "Update the prices."
        )
    stated = np.append(history.nav, portfolio.nav)
    if book is None:
        targets = target_path(held_by(policy, portfolio.strategic), market, start=opened)
        held = targets.rows[targets.row[opened]] * stated[0]
        played = played_from(portfolio, policy, name, held, stated[0] - held.sum(), opened, history.flows)
        test = backtest_money(played)
        live = replace(test, cash=stated - test.held.sum(axis=1), costs=None)
        return _parted(live, test, played, np.zeros_like(live.held))
    live, quoted = live_money(book, portfolio, opened)
    if 0 <= history.opened < len(market.dates) - 1:
        first = max(opened, history.opened)
        apart = stated[first - history.opened : -1] - live.nav[first - opened : -1]
        more = np.concatenate([np.zeros(first - opened), apart, apart[-1:]])
        live = replace(live, cash=live.cash + more)
    played = played_from(portfolio, policy, name, live.held[0], live.cash[0], opened, live.flows)
    return _parted(live, backtest_money(played), played, quoted)


def live_money(book: Book, portfolio: Portfolio, opened: int) -> tuple[DailyMoney, Array]:
    """The money of a book at the market's closes, and (D + 1, n) the returns of quotes.

    A dividend is of its ex-date. Units that came from elsewhere, or went there, are flows; what units become in an
    exchange is counted with what prices do, and the cash beside it with dividends.
    opened : row of the market at which it was opened.
    Raises : DataError as `beside_backtest` does.
    """
    market = portfolio.market
    dates, assets, n = market.dates[opened:], list(market.assets), len(market.assets)
    _check(book, portfolio)
    prices = pd.DataFrame(market.prices).ffill().fillna(1.0).to_numpy()[opened:]  # what is held has a quote
    book = book.with_splits_of(market).with_dividends_of(market)
    book = replace(book, entries=tuple(replace(each, day=each.ex_date) for each in book.entries))
    units, worth, fees = (np.zeros((len(dates) + 1, n)) for _ in range(3))  # the last row: after the last close
    flows, others = (np.zeros(len(dates) + 1) for _ in range(2))
    income, costs = np.zeros((len(dates) + 1, n)), dict[str, float]()
    for fill in book.blotter.fills:
        at = dates.searchsorted(pd.Timestamp(fill.day)), assets.index(fill.asset)
        units[at] += float(fill.units)
        worth[at] += float(fill.worth)
        fees[at] -= float(fill.cash + fill.worth)
        for each, paid in fill.fees.items() if 0 < at[0] < len(dates) else ():  # the days of the record
            costs[each] = costs.get(each, 0.0) + float(paid)
    for entry in book.entries:
        row, amount = int(dates.searchsorted(pd.Timestamp(entry.day))), float(entry.amount)
        if entry.kind in ("deposit", "withdrawal"):
            flows[row] += amount
        elif entry.asset in assets and entry.kind in ("dividend", "tax"):
            income[row, assets.index(entry.asset)] += amount
        else:
            others[row] += amount
    came = np.zeros((len(dates), n))
    for moved in (each for each in book.transfers if each.day <= dates[-1].date()):
        row, asset = int(dates.searchsorted(pd.Timestamp(moved.day))), assets.index(moved.asset)
        came[row, asset] += float(moved.units) * prices[row, asset]
    closes = list(book.holders_before((day + pd.Timedelta(days=1)).date() for day in dates))
    at_close = np.array([[sum(float(of.units.get(asset, 0)) for of in each) for asset in assets] for each in closes])
    money = np.array([sum(float(of.cash.get(portfolio.basis, 0)) for of in each) for each in closes])
    held, traded, growth = at_close * prices, units[:-1] * prices, np.ones(prices.shape)
    growth[1:] = prices[1:] * _splits(portfolio, opened)[1:] / prices[:-1]
    moves = np.diff(held, axis=0, prepend=held[:1]) - traded - came
    moves[0] = 0.0
    exchanges = sorted((each for each in book.exchanges if each.asset in assets), key=lambda each: each.day)
    for given, before in zip(exchanges, book.holders_before(each.day for each in exchanges), strict=True):
        row, asset = int(dates.searchsorted(pd.Timestamp(given.day))), assets.index(given.asset)
        income[row, asset] += sum(float(of.units.get(given.asset, NO_AMOUNT) * given.cash) for of in before)
    flows[:-1] += came.sum(axis=1)
    filled, fees, income = traded - worth[:-1], fees[:-1], income[:-1]
    return DailyMoney(held, money, flows[:-1], traded, moves, filled, fees, income, others[:-1], costs), growth - 1.0


def backtest_money(played: Backtest) -> DailyMoney:
    """The money of a backtest from its second close on: it opens at the close before the record."""
    parts, nav, trading = contributions(played), played.ledger.nav[:-1, None], len(COST_COLUMNS)
    held, paid = played.weights.to_numpy() * played.ledger.nav[:, None], parts.costs * nav[..., None]
    moves, income = parts.prices * nav, parts.income * nav
    traded = np.diff(held, axis=0) - moves - income[:, :-1] * (played.dividends == "reinvest")
    by_name = dict(zip(COST_NAMES[:trading], paid[1:, :, :trading].sum(axis=(0, 1)).tolist(), strict=True))
    fees, others = paid[:, :-1, :trading].sum(axis=2), income[:, -1] - paid[..., trading:].sum(axis=(1, 2))
    filled, cash = parts.execution * nav, played.ledger.cash[1:]
    return DailyMoney(held[1:], cash, played.flows[1:], traded, moves, filled, fees, income[:, :-1], others, by_name)


def played_from(
    portfolio: Portfolio, policy: Policy, name: str, held: Array, cash: float, opened: int, flows: Array
) -> Backtest:
    """The backtest of a policy that holds what live held when it was opened, and is asked at that close.

    It opens at the close before, in the same units, with the wealth that the opening trade costs besides.
    held, cash : (n,) and currency, at the close of row `opened`.
    flows      : (D + 1,) money that came or went since, currency.
    """
    market, row, in_cash = portfolio.market, opened - 1, portfolio.dividends == "cash"
    index = market.price_index if in_cash else market.index
    before = held * index[row] / index[opened]
    paid_out = before / index[row] @ market.income[opened] if in_cash else 0.0
    wealth = float(before.sum() + (cash - paid_out) / (1.0 + market.cash[opened]))
    charges = np.zeros((len(COST_COLUMNS), len(held)))
    charge(portfolio.costs.cost_parameters(market, row), row, np.abs(before), charges)
    came = {market.dates[opened + t]: float(flows[t]) for t in np.flatnonzero(flows).tolist() if t}
    use = "cash" if portfolio.flows is None else portfolio.flows.use
    terms = conditions(
        portfolio, nav=wealth + float(charges.sum()), start=market.dates[opened], start_weights=before / wealth,
        flows=Flows(came, use) if came else None,
    )  # fmt: skip
    return backtest(market, policy, portfolio.costs, **terms, name=name)


def _splits(portfolio: Portfolio, opened: int) -> Array:
    """(D + 1, n) units after for one before."""
    market = portfolio.market
    return (
        np.ones((len(market.dates) - opened, len(market.assets))) if market.splits is None else market.splits[opened:]
    )


def _check(book: Book, portfolio: Portfolio) -> None:
    """Raise DataError for what a record cannot value."""
    known = [asset for asset in portfolio.market.assets if asset not in book.unquoted]
    amounts = [portfolio.basis if each.asset else each.currency for each in book.entries]
    held = [asset for of in book.holders for asset, units in of.units.items() if units]
    for what in (*(fill.asset for fill in book.blotter.fills), *held, *amounts):
        if what not in known and what != portfolio.basis:
            fix = "Give the market quotes, or the file a `nav_history` in place of the book."
            raise DataError(f"book {book.name} has amounts of {what}, of which the market has no quotes. {fix}")


def _parted(live: DailyMoney, test: DailyMoney, played: Backtest, quoted: Array) -> Parting:
    """Attribute each day's change of the difference of NAV.  quoted : (D + 1, n) returns of quotes."""
    market, first = played.market, played.first + 1
    causes, units = np.zeros((len(live.nav), len(CAUSES))), np.zeros((len(live.nav), len(HELD)))
    apart = np.zeros((len(HELD), live.held.shape[1]))
    units[0, OPENING] = 0.5 * np.abs(live.held[0] - test.held[0]).sum()
    apart[OPENING], causes[0, OPENING] = live.held[0] - test.held[0], live.nav[0] - test.nav[0]
    price_returns = contributions(played).price_returns
    adjusted, reinvested = np.zeros_like(live.held), np.zeros_like(live.held)
    if live.costs is not None:  # else live holds what the backtest does
        adjusted[1:] = live.held[:-1] * (quoted[1:] - price_returns[1:])
        reinvested = test.income * (played.dividends == "reinvest")
    lots = market.lots * np.nan_to_num(market.prices[first:], nan=0.0) * (1.0 + COUNTED)
    traded, floor = (live.traded, test.traded), COUNTED * test.nav[:, None]
    alone = (np.abs(traded[0]) > floor) != (np.abs(traded[1]) > floor)
    alone[0] = False
    for t in range(1, len(live.nav)):
        causes[t, : len(HELD)] = apart @ price_returns[t]
        apart *= 1.0 + price_returns[t]
        more = live.traded[t] - test.traded[t]
        cause = np.where(alone[t], ALONE, np.where(np.abs(more) <= lots[t], LOTS, SIZE))
        apart[cause, np.arange(len(more))] += more
        apart[INCOME] += adjusted[t] - reinvested[t]
        units[t] = 0.5 * np.abs(apart).sum(axis=1)
        paid = test.fees[t] - live.fees[t]
        causes[t, ALONE] += paid[alone[t]].sum()
        causes[t, FEES] = paid[~alone[t]].sum()
    causes[1:, INCOME] += (live.income - test.income + adjusted)[1:].sum(axis=1)
    causes[1:, FILLED] = (live.filled - test.filled)[1:].sum(axis=1)
    causes[1:, OTHERS] = (live.others - test.others)[1:]
    change = np.diff(live.nav - live.flows.cumsum() - test.nav + test.flows.cumsum())
    causes[1:, REST] = change - causes[1:].sum(axis=1)
    return Parting(live, test, alone, causes, units, played)
