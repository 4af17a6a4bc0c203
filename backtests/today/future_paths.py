"""Playing policies through simulated futures, from today's holdings, by the accounting of a backtest.

A future begins one close before the last one, with the units that are held today: so a rule is asked at the last close
already, as a trade list asks it, and a calendar rule that missed a session since the last trade is due there. Rules
whose bands follow from dates and fixed weights have the same bands on every future, which are made once. A rule that
estimates is played on many futures with its estimates of the last close, and on single ones as it is: on a market of
its own, with the past that it estimates from.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numba import typeof
from numpy.typing import NDArray

from backtests.engine.compiled_loop import play
from backtests.engine.inputs import EngineInputs
from backtests.engine.kept import bands_of
from backtests.engine.ledger import Ledger
from backtests.engine.loop_inputs import Sessions
from backtests.engine.python_loop import play_daily
from backtests.engine.quiet_days import TILE_DAYS, whole
from backtests.engine.run import backtest, play_compiled
from foundation.arguments import refuse
from foundation.arrays import Array, Mask, frozen, kept
from foundation.compiled import compiled
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError, PolicyError
from foundation.tolerances import COUNTED
from research.accounting import Costs, Execution, Policy
from research.allocation import EqualWeights, FixedWeights, TargetPath, target_path
from research.market import Market
from research.market.calendars import due, last_of, row_name, sessions
from research.market.facts import extended
from research.portfolio import Portfolio
from research.portfolio.holdings.prices import last_closes
from research.risk.simulation.simulated import staying
from research.rules import Never, RegimeThreshold
from research.rules.protocol import CompiledRule, compiled_rule, held_by, short_name, traits
from research.rules.rule_options import BandArrays, RuleOptions

YEAR, MONTH = 365, 30  # calendar days ahead: of the longer horizon, and of the shorter
RECENT = 21  # rows whose mean return of cash and mean volume go on
FEATURES = 300  # rows of the past that a policy without a window of its own may see


@dataclass(frozen=True, eq=False)
class Opening:
    """Today's holdings, and the accounting by which they are played on; what it leaves out is in `left_out`.

    portfolio : the holdings.
    paid      : cost of a first purchase that led to them, currency.
    """

    portfolio: Portfolio
    paid: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse holdings that cannot be played on. Raises DataError, ConfigError."""
        market, held = self.portfolio.market, self.portfolio.holdings != 0.0
        if len(market.dates) < 2:
            raise DataError(f"market {market.name!r} has one close: a future begins one close before the last.")
        if not self.portfolio.nav > 0.0:
            refuse(f"the net asset value of {self.portfolio.file} is", self.portfolio.nav, "it is above zero.")
        gone = held & ~market.listed[-1]
        if gone.any():
            raise DataError(
                f"{market.assets[int(np.argmax(gone))]} is held and not listed at the last close, {market.days[-1]}: "
                "no future of it can be simulated. Correct the holdings."
            )

    def begun(self, target: Array | None) -> Self:
        """The holdings with which a policy goes on: after the first purchase of its target (n,), as a backtest opens.

        target : of `first_target`; None leaves them as they are, and so do costs that cash cannot pay.
        """
        if target is None:
            return self
        portfolio = self.portfolio
        try:
            made = backtest(
                self.skeleton.until(self.dates[1]), Never(portfolio.strategic), self.costs, start=self.dates[1],
                nav=portfolio.nav, lag=0, start_weights=target, leverage_limit=max(1.0, float(np.abs(target).sum())),
            ).ledger  # fmt: skip
        except PolicyError:
            return self
        values = made.units[0] * self.closes[1]  # of row 1, the last close
        bought = replace(portfolio, holdings=values, cash=float(made.cash[0]), last_trade=portfolio.date)
        return replace(self, portfolio=bought, paid=float(made.opening_charges.sum()))

    @cached_property
    def dates(self) -> pd.DatetimeIndex:
        """(D + 1,) the last close, and the rows to come within a year of it: those that the exchange calendar knows."""
        market, today = self.portfolio.market, self.portfolio.market.days[-1]
        known = sessions(today + 1, today + YEAR, market.calendar)
        every = row_name(self.portfolio.periods_per_year)
        if every != "day":
            known = known[last_of(known, every, market.calendar)]
        return pd.DatetimeIndex(np.concatenate([[today], known])).as_unit("us")

    @property
    def days(self) -> int:
        """D, the rows to come."""
        return len(self.dates) - 1

    @property
    def month(self) -> int:
        """The row of `dates` that is the last within 30 days, or the first to come where none is: of monthly rows."""
        return max(int(self.dates.searchsorted(self.dates[0] + pd.Timedelta(days=MONTH), side="right")) - 1, 1)

    @cached_property
    def cash_growth(self) -> float:
        """1 + return of cash of each row to come: the mean of the last 21 rows."""
        return 1.0 + float(self.portfolio.market.cash[-RECENT:].mean())

    @cached_property
    def execution(self) -> Execution:
        """The execution of the file as far as simulated markets have the data for it: at the close, without volumes."""
        given = self.portfolio.execution
        return Execution(minimum_trade=given.minimum_trade, days=given.days)

    @cached_property
    def costs(self) -> Costs:
        """The costs of the file without tax; where they depend on volumes, quotes or the day, at constant rates."""
        costs = self.portfolio.costs
        return costs.simplified(self.portfolio.market, 1.0) if costs.needs_market else replace(costs, tax=None)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The features that the file has and a simulated future does not, by name."""
        portfolio, costs = self.portfolio, self.portfolio.costs
        found = {
            "whole lots": portfolio.execution.sizing == "units",
            "orders at the open": portfolio.execution.at == "open",
            "limits of participation": portfolio.execution.participation is not None,
            "dividends paid in cash": portfolio.dividends == "cash",
            "money that comes and goes": portfolio.flows is not None,
            "tax on gains": costs.tax is not None,
            "market impact": costs.impact is not None,
            "commission per unit": bool(costs.per_unit.any()),
            "spreads that depend on the day": costs.half_spread.ndim > 1,
            "costs of holding": bool(costs.needs_market and costs.holding_costs.some),
        }
        return tuple(name for name, there in found.items() if there)

    def market(self, growths: Array, past: int = 1) -> Market:
        """One future as a market: `past` rows before the last close, that close, and the rows to come.

        growths : (D, n) 1 + simple return of each asset on each row to come.
        past    : number of rows.
        """
        market, n = self.portfolio.market, growths.shape[1]
        first = len(market.dates) - 1 - past
        returns, tradable = market.returns[first:].copy(), market.tradable[first:].copy()
        returns[0], tradable[0] = 0.0, market.listed[first]
        later, known = np.cumprod(growths, axis=0), extended(market.facts, len(growths))
        return Market(
            dates=pd.DatetimeIndex(np.concatenate([market.dates[first:], self.dates[1:]])),
            assets=market.assets,
            returns=np.vstack([returns, growths - 1.0]),
            tradable=np.vstack([tradable, np.ones((len(growths), n), dtype=bool)]),
            cash=np.concatenate([[0.0], market.cash[first + 1 :], np.full(len(growths), self.cash_growth - 1.0)]),
            instruments=self.instruments,
            prices=np.vstack([market.prices[first:], last_closes(market).per_unit * later]),
            volumes=self._volumes(first),
            facts=None if known is None else {name: fact[first:] for name, fact in known.items()},
            calendar=market.calendar,
            name=f"a future of {market.name}",
        )

    def _volumes(self, first: int) -> Array | None:
        """Units a row from row `first` of the past on: those to come are the mean of the last 21 rows; None without."""
        volumes = self.portfolio.market.volumes
        if volumes is None:
            return None
        return np.vstack([volumes[first:], np.tile(volumes[-RECENT:].mean(axis=0), (self.days, 1))])

    @cached_property
    def instruments(self) -> pd.DataFrame:
        """The instruments of every future: none is delisted."""
        return staying(self.portfolio.market.instruments)

    @cached_property
    def skeleton(self) -> Market:
        """A future with the dates and assets of all futures, as are bands on it; its prices do not matter."""
        return self.market(self.repeated)

    def costless(self, growths: Array, target: Array) -> Array:
        """(P, D) return of a target (n,), rebalanced at each close without cost, on futures (P, D, n)."""
        earned: Array = growths @ target - target.sum() + (1.0 - target.sum()) * (self.cash_growth - 1.0)
        return earned

    @property
    def repeated(self) -> Array:
        """(D, n) growths of the last rows of the past again."""
        rows = 1 + np.arange(-self.days, 0) % (len(self.portfolio.market.dates) - 1)
        return 1.0 + np.asarray(self.portfolio.market.returns[rows])

    @cached_property
    def closes(self) -> Array:
        """(2, n) worth of a unit at the two last closes, 1 at the first."""
        return np.vstack([np.ones(len(self.portfolio.market.assets)), 1.0 + self.portfolio.market.returns[-1]])

    @cached_property
    def cash_closes(self) -> Array:
        """(D + 2,) worth of a unit of cash at the two last closes and the rows to come, 1 at the first."""
        start = np.cumprod([1.0, 1.0 + float(self.portfolio.market.cash[-1])])
        return frozen(np.append(start, start[1] * self.cash_growth ** np.arange(1, self.days + 1)))


@dataclass(frozen=True, eq=False)
class PlayedPaths:
    """The results of one policy on P futures, from the last close on.

    nav      : (P, D + 1) wealth at each close, the last one of the data first, currency, net of costs.
    cost     : (P, D + 1) cost of trading at that close, over wealth before it.
    holding  : (P, D + 1) cost of holding since the close before, over wealth there.
    turnover : (P, D + 1) one-way, over wealth before the trade.
    orders   : (P, D + 1) number of assets traded.
    """

    nav: Array
    cost: Array
    holding: Array
    turnover: Array
    orders: Array

    @property
    def gross(self) -> Array:
        """(P, D) return of each row before costs of trading and holding."""
        grown: Array = self.nav[:, 1:] / ((1.0 - self.cost[:, 1:]) * self.nav[:, :-1])
        return grown - 1.0 + self.holding[:, 1:]


def is_played_at_once(policy: Policy) -> bool:
    """True if a policy can run through many futures by shared bands: by its own, or by those of the last close.

    A rule of a user's own may look at prices, tranches drift with them, and some policies decide day by day.
    """
    rule, allocation = compiled_rule(policy), held_by(policy)
    shipped = any(k.__module__.startswith("research.rules.") for k in type(policy).__mro__[:2])
    known = type(allocation).__module__.startswith("research.allocation.")
    return rule is not None and shipped and known and traits(policy).tranches == 1


def estimates(policy: Policy) -> bool:
    """True if a policy estimates anew on the way, so that its bands or targets depend on the prices to come."""
    return (
        isinstance(policy, RegimeThreshold)
        or traits(policy).window > 0
        or type(held_by(policy)) not in (FixedWeights, EqualWeights)
    )


@dataclass(frozen=True, eq=False)
class SharedBands:
    """A policy, its target and its bands on the rows from the close before the last on: the same in all futures.

    A policy that estimates has its target and bands of the last close all the time.
    """

    policy: Policy
    targets: TargetPath
    bands: BandArrays
    options: RuleOptions

    @classmethod
    def of(cls, opening: Opening, policy: Policy) -> "SharedBands":
        """The bands of a policy that can run on all futures at once."""
        rule, past = compiled_rule(policy), _past(opening, policy)
        assert rule is not None
        market = opening.skeleton if past == 1 else opening.market(opening.repeated, past)
        first = past - 1
        targets = target_path(held_by(policy, opening.portfolio.strategic), market, start=first)
        bands = bands_of(rule, market, targets, first, opening.costs)
        row, asked = bands.row[first:].copy(), bands.asked[first:]
        if estimates(policy):
            targets = replace(
                targets, rows=targets.at(past)[None], row=np.zeros(len(row), dtype=np.int64), seen=np.zeros(1, np.int64)
            )
            row[:] = row[1]
        asked = _asked(opening, rule, asked, opening.skeleton, 1)
        return cls(policy, targets, bands.compiled._replace(asked=asked, row=frozen(row)), bands.options)


def first_target(portfolio: Portfolio, policy: Policy) -> Array | None:
    """(n,) the target that a policy buys at the last close, as a trade list does; None where anything was ever held."""
    if not portfolio.unopened:
        return None
    last = len(portfolio.market.dates) - 1
    return target_path(held_by(policy, portfolio.strategic), portfolio.market, start=last).at(last)


def shared_bands(opening: Opening, policies: Mapping[str, Policy]) -> dict[str, SharedBands]:
    """The bands of policies for `play_futures`, by name; those with `is_played_at_once` false are left out."""
    return {name: SharedBands.of(opening, one) for name, one in policies.items() if is_played_at_once(one)}


class FuturePrices(NamedTuple):
    """The worth of units in one future after the other: the same arrays for all, of which the loop has views.

    closes : (D + 2, n) at each close from the one before the last on.
    tiles  : (tiles, n + 1, TILE_DAYS) the same with cash, as `quiet_days.tiles_of` lays them out.
    """

    closes: Array
    tiles: Array

    @classmethod
    def room(cls, opening: Opening) -> "FuturePrices":
        """Room for futures, with what they have in common: the two last closes, and cash."""
        cash = whole(opening.cash_closes).reshape(-1, TILE_DAYS)
        (_, n), rows = opening.closes.shape, len(opening.cash_closes)
        prices = cls(np.empty((rows, n)), np.empty((len(cash), n + 1, TILE_DAYS)))
        prices.closes[:2], prices.tiles[:, n] = opening.closes, cash
        return prices

    def sessions(self, given: Sessions, opening: Opening) -> Sessions:
        """The sessions of a skeleton at these prices."""
        return given._replace(closes=shown(self.closes), tiles=shown(self.tiles), cash_index=opening.cash_closes)

    def write(self, growths: Array) -> None:
        """Write those of a future.  growths : (D, n) 1 + simple return of each asset on each row to come."""
        _write_prices(growths, self.closes, self.tiles)


def play_futures(opening: Opening, policies: Mapping[str, SharedBands], growths: Array) -> dict[str, PlayedPaths]:
    """Play policies by bands that all futures share, from today's holdings through each of P futures.

    opening  : today's holdings.
    policies : by name.
    growths  : (P, D, n) 1 + simple return of each asset on each row to come.
    Raises   : PolicyError, with the date, for a future in which a policy cannot go on.
    """
    return {name: _play_all(opening, shared, growths) for name, shared in policies.items()}


def play_future(opening: Opening, policy: Policy, growths: Array, name: str = "") -> PlayedPaths:
    """Run any policy, from today's holdings, through one future, on a market with the past that it estimates from.

    opening : today's holdings.
    policy  : the policy to run.
    growths : (D, n) 1 + simple return of each asset on each row to come.
    name    : name of the policy, in messages.
    Raises  : PolicyError, with the date, where the policy cannot go on.
    """
    past = _past(opening, policy)
    market = opening.market(growths, past)
    first = past - 1
    targets = target_path(held_by(policy, opening.portfolio.strategic), market, start=first)
    inputs = engine_inputs(opening, policy, market, targets, first, name)
    ledger, cash_units = _opened(opening, inputs)
    rule = compiled_rule(policy)
    if rule is None:
        play_daily(inputs, cash_units, ledger)
        count = int(np.flatnonzero(ledger.booked > 0)[-1]) + 1 if (ledger.booked > 0).any() else 0
    else:
        bands = bands_of(rule, market, targets, first, opening.costs)
        arrays = bands.compiled._replace(asked=_asked(opening, rule, bands.asked, market, first + 1))
        given = inputs.loop(arrays, bands.options, ledger)
        count = play_compiled(inputs, given, cash_units, past - opening.portfolio.sessions_since_trade)
    counted = cost, turnover, orders = tuple(np.zeros((3, len(ledger.nav))))
    _tally(ledger.booked, ledger.trades, ledger.charges, ledger.nav_before, count, inputs.first, *counted)
    rows = (ledger.nav, cost, _holding(ledger), turnover, orders)
    return PlayedPaths(*(row[None, 1:].copy() for row in rows))


def _past(opening: Opening, policy: Policy) -> int:
    """Rows before the last close that a policy needs to estimate on each row from it on."""
    allocation, whole = held_by(policy), len(opening.portfolio.market.dates) - 1
    if isinstance(policy, RegimeThreshold):
        return whole  # its regimes are known from all days so far
    window = max(traits(policy).window, 0 if allocation is None else allocation.window)
    if compiled_rule(policy) is None or traits(policy).family == "learned":
        window += FEATURES
    return min(2 * window + 63, whole) if window else 1


def engine_inputs(
    opening: Opening, policy: Policy, market: Market, targets: TargetPath, first: int, name: str
) -> EngineInputs:
    """The inputs of a backtest on a market that holds the future, opened at its row `first`."""
    leverage = max(1.0, float(np.abs(targets.rows).sum(axis=1).max()))
    return EngineInputs(
        market, policy, targets, opening.costs, first, opening.portfolio.lag, opening.execution, "reinvest", None,
        name or short_name(policy), leverage,
    )  # fmt: skip


def _opened(opening: Opening, inputs: EngineInputs) -> tuple[Ledger, float]:
    """A ledger at today's holdings, and units of cash."""
    portfolio, first, market = opening.portfolio, inputs.first, inputs.market
    ledger = Ledger.empty(len(market.dates) - first, len(market.assets), inputs.extra_bookings)
    ledger.booked[:] = -1
    cash_units = portfolio.cash / float(market.cash_index[first + 1])
    ledger.units[0], ledger.cash_units[0] = portfolio.holdings / market.index[first + 1], cash_units
    ledger.cash[0] = cash_units * market.cash_index[first]
    ledger.nav[0] = ledger.units[0] @ market.index[first] + ledger.cash[0]
    return ledger, cash_units


def _asked(opening: Opening, rule: CompiledRule, asked: Mask, market: Market, today: int) -> Mask:
    """(T,) when a rule is asked: at the last close, row `today`, if it missed a session since the last trade."""
    schedule, found = rule.desk_schedule, asked.copy()
    if schedule is not None:
        last_trade, day = np.datetime64(opening.portfolio.last_trade, "D"), market.days[today]
        found[today] = any(due(last_trade, day, schedule, market.calendar, offset) for offset in rule.desk_offsets)
    return frozen(found)


def _play_all(opening: Opening, shared: SharedBands, growths: Array) -> PlayedPaths:
    """Play one policy through all futures: prices change from one to the next, and nothing else does."""
    paths, days, n = growths.shape
    rows = days + 2
    inputs = engine_inputs(opening, shared.policy, opening.skeleton, shared.targets, 0, "")
    ledger, _ = _opened(opening, inputs)
    prices = FuturePrices.room(opening)
    given = inputs.loop(shared.bands, shared.options, ledger)._replace(
        sessions=prices.sessions(inputs.sessions, opening)
    )
    out = PlayedPaths(np.empty((paths, rows)), *np.zeros((4, paths, rows)))
    units, held = np.empty(n), opening.portfolio.holdings / opening.closes[1]
    cash_units = float(opening.portfolio.cash / opening.cash_closes[1])
    written = ledger.booked, ledger.trades, ledger.charges, ledger.nav_before
    booked = 1 - opening.portfolio.sessions_since_trade  # row of the last trade; the last close is row 1
    one, count_up = kept(  # all futures that one policy is played on have the same types
        opening,
        ("code", shared),
        lambda: (
            typed(play, given, 0, units, cash_units, booked),
            typed(_tally, *written, 0, 0, out.cost[0], out.turnover[0], out.orders[0]),
        ),
    )
    for p in range(paths):
        prices.write(growths[p])
        units[:] = held
        count, stopped = one(given, 0, units, cash_units, booked)
        if stopped >= 0:
            raise inputs.refused(stopped, float(ledger.nav[stopped]))
        out.nav[p] = ledger.nav
        count_up(*written, count, 0, out.cost[p], out.turnover[p], out.orders[p])
        if inputs.desk.holding_costs.some:
            out.holding[p] = _holding(ledger)
    return PlayedPaths(*(values[:, 1:] for values in vars(out).values()))


def typed(kernel: Any, *given: Any) -> Callable[..., Any]:
    """The machine code of a kernel for arguments of these types: asking for them takes longer than a year does."""
    return getattr(kernel, "dispatcher", kernel).compile(tuple(map(typeof, given)))  # type: ignore[no-any-return]


def shown(values: Array) -> Array:
    """A read-only view of an array that is written to."""
    view = values.view()
    view.flags.writeable = False
    return view


def _holding(ledger: Ledger) -> Array:
    """(D + 2,) what holding cost, over wealth at the close before."""
    return np.append(0.0, ledger.holding_costs[1:].sum(axis=1) / ledger.nav[:-1])


@compiled
def _write_prices(growths: Array, closes: Array, tiles: Array) -> None:
    """Write closes from their third row on, and their tiles; arguments as the fields of `FuturePrices`."""
    rows, n = closes.shape
    for t in range(2, rows):
        for i in range(n):
            closes[t, i] = closes[t - 1, i] * growths[t - 2, i]
    for t in range(len(tiles) * TILE_DAYS):
        for i in range(n):
            tiles[t // TILE_DAYS, i, t % TILE_DAYS] = closes[min(t, rows - 1), i]


@compiled
def _tally(
    booked: NDArray[np.int64], trades: Array, charges: Array, before: Array, count: int, first: int, cost: Array,
    turnover: Array, orders: Array,
) -> None:  # fmt: skip
    """Add what each booking cost and traded to its row.

    booked   : (k,) market row of each booking, -1 where the data ended first.
    trades   : (k, n) currency, buys positive.
    charges  : (k, columns, n) currency.
    before   : (k,) wealth before the trade, currency.
    count    : number of bookings.
    first    : market row of the opening.
    cost     : (D + 1,) fraction of wealth; written.
    turnover : (D + 1,) one-way, fraction of wealth; written.
    orders   : (D + 1,) number of trades of more than `COUNTED` of wealth; written.
    """
    for j in range(count):
        if booked[j] < 0:
            continue
        paid, bought, sold, t = 0.0, 0.0, 0.0, booked[j] - first
        for i in range(trades.shape[1]):
            bought += max(trades[j, i], 0.0)
            sold += max(-trades[j, i], 0.0)
            if abs(trades[j, i]) > COUNTED * before[j]:
                orders[t] += 1.0
            for c in range(charges.shape[1]):
                paid += charges[j, c, i]
        cost[t] += paid / before[j]
        turnover[t] += max(bought, sold) / before[j]
