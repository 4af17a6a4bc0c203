"""The record of one policy played through history: facts as they were booked; all else is derived from them."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.engine.kept import bands_of
from backtests.engine.ledger import EXIT_BOOKING, FLOW_BOOKING, HARVEST_BOOKING, LIEU_BOOKING, Ledger
from backtests.engine.reconciliation import Reconciliation
from backtests.views import view
from foundation.arrays import Array, Mask, Rows, kept
from foundation.compiled import compiled
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from foundation.paper.wording import percent
from foundation.tolerances import COUNTED
from research.accounting import Costs, Execution, Policy, Why
from research.accounting.cost_parameters import COST_COLUMNS, HOLDING_COSTS, TAX
from research.accounting.kernel import weigh
from research.accounting.turnover import one_way
from research.allocation import TargetPath
from research.market import Market
from research.market.quality import market_warnings
from research.risk import money_weighted, nav_path
from research.rules.no_trade_bands import RESTS, UNSEEN
from research.rules.protocol import compiled_rule, short_name
from research.rules.rule_options import NO_LINE, RuleInput

if TYPE_CHECKING:
    from vectorbt import Portfolio as VectorbtPortfolio


@dataclass(frozen=True, eq=False)
class Backtest:
    """One policy backtested on one market: decisions, bookings, costs and reasons.

    market           : T days of n assets.
    policy           : policy that was backtested.
    costs            : costs that were charged.
    targets          : the allocation's target path on the market.
    lag              : sessions from a decision to its booking.
    execution        : execution of the decisions.
    dividends        : "reinvest" or "cash".
    flows            : (D + 1,) cash flow at each close, currency.
    first            : market row of the opening trade, the last close before the test.
    wealth           : wealth before the opening trade, currency.
    periods_per_year : number of periods by which its figures are annualised.
    name             : name of the backtest.
    ledger           : record of the bookings.
    triggers         : (k,) trigger of each booking.
    holds            : reasons to hold by market row, or None; those of a rule with bands can be derived from these.
    unpaid           : by row of the ledger, (n,) currency of buys in whole lots that cash could not pay when filled.
    tax_at_end       : tax due after the last day, as the `at_end` of the tax says, currency; below 0 for a refund.

    D is the number of test days; paths have D + 1 rows, the opening close first; daily figures have D.
    """

    market: Market
    policy: Policy
    costs: Costs
    targets: TargetPath
    lag: int
    execution: Execution
    dividends: str
    flows: Array
    first: int
    wealth: float
    periods_per_year: float
    name: str
    ledger: Ledger
    triggers: tuple[str, ...]
    holds: dict[int, Why] | None
    unpaid: dict[int, Array]
    tax_at_end: float = 0.0

    # -- paths -------------------------------------------------------------------------------------------------------

    @property
    def dates(self) -> pd.DatetimeIndex:
        """(D + 1,) dates of the closes, the opening trade's first."""
        return kept(self.market, ("dates", self.first), lambda: self.market.dates[self.first :]).view()

    @property
    def nav(self) -> pd.Series:
        """(D + 1,) wealth at each close, currency, net of costs."""
        return pd.Series(self.ledger.nav, index=self.dates, name=self.name)

    @cached_property
    def booked(self) -> Rows:
        """(b,) row numbers of the bookings of decisions that moved something, in order."""
        book = self.ledger
        return np.flatnonzero((book.part_of >= 0) & (book.booked >= 0) & np.any(book.trades != 0.0, axis=1))

    @cached_property
    def plain(self) -> bool:
        """True if nothing but the trades of decisions came, went or cost, and all were booked at closes."""
        book = self.ledger
        paid = self.costs.holding_costs.some and bool(book.holding_costs.any())
        still = not self.flows.any() and not paid and bool((book.part_of >= 0).all())
        return still and self.execution.at == "close" and self.dividends == "reinvest"

    @cached_property
    def index(self) -> Array:
        """(D + 1, n) worth of a unit at each close, currency: with its dividends, or without those paid out."""
        market = self.market
        return (market.price_index if self.dividends == "cash" else market.index)[self.first :]

    @cached_property
    def held(self) -> Rows:
        """(D + 1,) row of `ledger.units` in force at each close."""
        steps = np.zeros(len(self.ledger.nav), dtype=np.int64)
        done = np.flatnonzero(self.ledger.booked >= 0)
        np.add.at(steps, self.ledger.booked[done] - self.first, 1)
        return np.cumsum(steps)

    @cached_property
    def weight_paths(self) -> tuple[Array, Array]:
        """(D + 1, n) weights and (D + 1,) weight of cash at each close, as `weights` and `cash_weight` have them."""
        weights, cash = np.empty(self.index.shape), np.empty(len(self.index))
        _weights_path(self.index, self.ledger.units, self.held, self.ledger.nav, weights, cash)
        return weights, cash

    @property
    def weights(self) -> pd.DataFrame:
        """(D + 1, n) weights at each close, after what was booked that day."""
        return pd.DataFrame(self.weight_paths[0], index=self.dates, columns=list(self.market.assets))

    @property
    def cash_weight(self) -> pd.Series:
        """(D + 1,) weight of cash at each close."""
        return pd.Series(self.weight_paths[1], index=self.dates, name="cash")

    @cached_property
    def charges(self) -> Array:
        """(D,) what the bookings of each test day cost, currency."""
        daily = np.zeros(len(self.ledger.nav) - 1)
        done = np.flatnonzero(self.ledger.booked >= 0)
        np.add.at(daily, self._day_of(done), self.ledger.charges[done].sum(axis=(1, 2)))
        return daily

    @cached_property
    def nav_before(self) -> Array:
        """(D,) wealth at each close without that day's costs and flows."""
        nav = self.ledger.nav[1:].copy()
        if self.plain:
            nav[self._day_of(self.booked)] = self.ledger.nav_before[self.booked]
            return nav
        return nav + self.charges + self.ledger.holding_costs[1:].sum(axis=1) - self.flows[1:]

    @cached_property
    def net_returns(self) -> Array:
        """(D,) time-weighted return of each test day, net of costs; money that came at its close earned nothing."""
        return (self.ledger.nav[1:] - self.flows[1:]) / self.ledger.nav[:-1] - 1.0

    @cached_property
    def gross_returns(self) -> Array:
        """(D,) return of each test day before its costs."""
        return self.nav_before / self.ledger.nav[:-1] - 1.0

    @cached_property
    def growth_path(self) -> Array:
        """(D + 1,) what the opening wealth grew to, time-weighted: NAV, where no money came or went."""
        if not self.flows.any():
            return self.ledger.nav
        return self.ledger.nav[0] * nav_path(self.net_returns)

    @cached_property
    def money_weighted(self) -> float:
        """Annual rate at which the opening wealth and all flows grew to the last NAV, fraction; of 365.25 days."""
        return money_weighted(self.wealth, self.flows[1:], float(self.ledger.nav[-1]), self.dates)

    @cached_property
    def cost_rate(self) -> Array:
        """(D,) cost of each test day, of trading over `wealth_charged`, of holding over yesterday's NAV."""
        held = self.ledger.holding_costs[1:].sum(axis=1) / self.ledger.nav[:-1]
        return self.rate_of(self.ledger.charges.sum(axis=(1, 2))) + held

    @cached_property
    def tax_rate(self) -> Array:
        """(D,) tax of each test day over `wealth_charged`, part of `cost_rate`; negative where it is refunded."""
        return self.rate_of(self.ledger.charges[:, TAX].sum(axis=1))

    def rate_of(self, charged: Array) -> Array:
        """(D,) costs of bookings (k,), currency, on each test day, over `wealth_charged`."""
        return self._per_day(charged, np.flatnonzero(self.ledger.booked >= 0), self.wealth_charged)

    @cached_property
    def wealth_charged(self) -> Array:
        """(k,) what the costs of each booking are a fraction of: NAV before it, without that close's money.

        So costs are on the wealth that the day's return is on, however much comes or goes.
        """
        book = self.ledger
        after_flow = (book.part_of == FLOW_BOOKING) | ((book.part_of >= 0) & (self.execution.at == "close"))
        came = after_flow & (book.booked >= 0)
        wealth = book.nav_before.copy()
        wealth[came] -= self.flows[book.booked[came] - self.first]
        return wealth

    @cached_property
    def cost_rates(self) -> pd.Series:
        """Each cost summed over the test, over `wealth_charged`, or yesterday's NAV for costs of holding.

        Returns : a row for each cost, by name, fraction.
        """
        book = self.ledger
        done = np.flatnonzero(book.booked >= 0)
        traded = (book.charges[done].sum(axis=2) / self.wealth_charged[done, None]).sum(axis=0)
        held = (book.holding_costs[1:] / book.nav[:-1, None]).sum(axis=0)
        return pd.Series(np.concatenate([traded, held]), index=[*COST_COLUMNS, *HOLDING_COSTS])

    @cached_property
    def turnover(self) -> Array:
        """(D,) one-way turnover of each test day: the larger of buys and sells over NAV before; of decisions only."""
        return self._per_day(one_way(self.ledger.trades), self.booked, self.ledger.nav_before)

    @property
    def opening_cost(self) -> float:
        """Cost of the opening trade over the wealth before it."""
        return float(self.ledger.opening_charges.sum()) / self.wealth

    def _day_of(self, decisions: Rows) -> Rows:
        return self.ledger.booked[decisions] - self.first - 1

    def _per_day(self, amounts: Array, bookings: Rows, wealth: Array) -> Array:
        """(D,) amounts (k,) in currency of these bookings, as fractions of wealth (k,), on their days."""
        daily = np.zeros(len(self.ledger.nav) - 1)
        np.add.at(daily, self._day_of(bookings), amounts[bookings] / wealth[bookings])
        return daily

    # -- tables ------------------------------------------------------------------------------------------------------

    @cached_property
    def counted(self) -> Mask:
        """(k, n) trades whose notional exceeds 1e-6 of NAV, of flows and delistings too."""
        book = self.ledger
        paid_out = np.isin(book.part_of, (EXIT_BOOKING, LIEU_BOOKING))  # for nothing, it may be
        lost = paid_out[:, None] & (book.units[1:] != book.units[:-1])
        counted: Mask = lost | (np.abs(book.trades) > COUNTED * book.nav_before[:, None])
        return counted

    @cached_property
    def trading_days(self) -> Rows:
        """(d,) market rows of the days with an order of a decision, flow, delisting or harvest, in order, each once."""
        book = self.ledger
        return np.unique(book.booked[self.counted.any(axis=1) | (book.part_of == HARVEST_BOOKING)])

    @cached_property
    def daily_orders(self) -> Array:
        """(D,) orders of each test day: the rows of `trades()`, and two of each asset harvested at a cost."""
        book = self.ledger
        harvested = book.charges.any(axis=1) & (book.part_of == HARVEST_BOOKING)[:, None]
        of_bookings, daily = self.counted.sum(axis=1) + 2 * harvested.sum(axis=1), np.zeros(len(book.nav) - 1)
        done = np.flatnonzero(of_bookings)
        np.add.at(daily, self._day_of(done), of_bookings[done])
        return daily

    @property
    def traded(self) -> Mask:
        """(D,) the test days with a trade, as `trading_days` has them."""
        days = np.zeros(len(self.ledger.nav) - 1, dtype=bool)
        days[self.trading_days - self.first - 1] = True
        return days

    @property
    def orders(self) -> int:
        """Number of orders: the rows of `trades()`, and a sale and a purchase of each asset harvested at a cost."""
        return int(self.daily_orders.sum())

    @cached_property
    def booked_at(self) -> Array:
        """(k, n) worth of a unit where each booking was made, currency; of what was not booked, at the last close."""
        prices = self.index[np.where(self.ledger.booked >= 0, self.ledger.booked - self.first, -1)]
        if self.execution.at == "open":
            opens = self.market.open_price_index if self.dividends == "cash" else self.market.open_index
            of_decisions = self.ledger.part_of >= 0
            prices[of_decisions] = opens[self.ledger.booked[of_decisions]]
        return prices

    def trades(self) -> pd.DataFrame:
        """A row for each asset traded: dates asked and booked, asset, notional, each cost, weights, and the reason."""
        k, i = np.nonzero(self.counted)
        book = self.ledger
        sentences = [
            self.why(j).sentence(self.market.labels, rule=short_name(self.policy)) for j in range(len(book.asked))
        ]
        after = book.booked[k] - self.first
        prices = self.booked_at[k, i]
        return pd.DataFrame(
            {
                "asked": self.market.dates[book.asked[k]],
                "booked": self.market.dates[book.booked[k]],
                "asset": np.array(self.market.assets, dtype=object)[i],
                "side": np.where(book.trades[k, i] > 0, "buy", "sell"),
                "notional": np.abs(book.trades[k, i]),
                **{column: book.charges[k, c, i] for c, column in enumerate(COST_COLUMNS)},
                "weight_before": book.units[k, i] * prices / book.nav_before[k],
                "weight_after": self.weight_paths[0][after, i],
                "after_listing": self.after_listing[k],
                "reason": np.array(sentences, dtype=object)[k] if len(k) else np.array([], dtype=object),
            }
        )

    def could_not_trade(self) -> pd.DataFrame:
        """A row for each booking of a decision and each asset that was held or wanted, and could not trade as decided.

        An asset that cannot trade keeps its units, at its last mark; the assets that can share what it leaves
        (`nearest`). Where participation limits orders, an asset whose volume of the session is zero is one too. A buy
        in whole lots that costs more when it is filled than cash can pay is reduced.
        weight : weight at that mark, before the booking, fraction of NAV.
        target : target in force when the decision was made, fraction of NAV.
        reason : "no trading", "no volume" or "cash".
        unpaid : amount that cash could not pay, fraction of NAV.
        """
        book = self.ledger
        done = np.flatnonzero((book.part_of >= 0) & (book.booked >= 0))
        wanted = self.targets.rows[self.targets.row[book.asked[done]]]
        halted, unpaid = ~self.market.tradable[book.booked[done]], np.zeros(wanted.shape)
        stuck = halted.copy()
        if self.execution.participation is not None:
            stuck |= self.execution.largest(self.market, self.first)[book.booked[done]] == 0.0
        for row, amounts in self.unpaid.items():
            unpaid[done == row] = amounts / book.nav_before[row]
        kept = (stuck & ((book.units[done] != 0.0) | (wanted != 0.0))) | (unpaid > 0.0)
        k, i = np.nonzero(kept)
        j = done[k]
        reason = np.where(unpaid > 0.0, "cash", np.where(halted, "no trading", "no volume"))
        return pd.DataFrame(
            {
                "asked": self.market.dates[book.asked[j]],
                "booked": self.market.dates[book.booked[j]],
                "asset": np.array(self.market.assets, dtype=object)[i],
                "weight": book.units[j, i] * self.index[book.booked[j] - self.first, i] / book.nav_before[j],
                "target": wanted[k, i],
                "reason": reason[k, i].astype(object),
                "unpaid": unpaid[k, i],
            }
        )

    @cached_property
    def after_listing(self) -> Mask:
        """(k,) True for the first decision after the listing of an asset, which changed the target by itself."""
        listed = self.market.listed[np.concatenate([[self.first], self.ledger.asked])]
        fresh: Mask = (listed[1:] & ~listed[:-1]).any(axis=1)
        return fresh

    def why(self, decision: int) -> Why:
        """The reason of a decision to trade."""
        line = int(self.ledger.line[decision])
        size, allowed = float(self.ledger.size[decision]), float(self.ledger.allowed[decision])
        return Why(self.triggers[decision], None if line == NO_LINE else line, size, allowed)

    def decisions(self) -> pd.DataFrame:
        """A row for each day on which the policy was asked: its answer, the day of the booking, and the reason.

        gap, allowed : fraction of NAV.  asset : "cash", or "" where no asset decided.  booked : NaT for a day of
                       holding,
        and for a trade that the data ended before.
        """
        told = {t: (why, -1, False) for t, why in self.hold_reasons.items()}
        first = np.flatnonzero(self.ledger.part_of == np.arange(len(self.ledger.part_of)))
        told |= {int(self.ledger.asked[j]): (self.why(j), int(self.ledger.booked[j]), True) for j in first.tolist()}
        days = sorted(told)
        whys = [told[t][0] for t in days]
        rows = np.array([told[t][1] for t in days], dtype=np.int64)
        names = ["" if why.line is None else [*self.market.labels, "cash"][why.line] for why in whys]
        return pd.DataFrame(
            {
                "asked": self.market.dates[days],
                "traded": np.array([told[t][2] for t in days], dtype=bool),
                "booked": self.market.dates[rows].where(rows >= 0),
                "trigger": [why.trigger for why in whys],
                "line": names,
                "gap": [why.size for why in whys],
                "allowed": [why.allowed for why in whys],
                "reason": [
                    why.sentence(self.market.labels, holds=not told[t][2], rule=short_name(self.policy))
                    for t, why in zip(days, whys, strict=True)
                ],
            }
        )

    @cached_property
    def _done(self) -> dict[int, int]:
        """The market row at which each decision was done with, by the row at which it was asked."""
        book, done = self.ledger, {}
        for j in np.flatnonzero(book.part_of >= 0):  # the last booking of a decision counts
            done[int(book.asked[j])] = int(book.booked[j]) if book.booked[j] >= 0 else len(self.market.dates)
        return done

    @cached_property
    def last_booked(self) -> NDArray[np.int64]:
        """(D + 1,) the market row of the last booking of a decision by each close; of the opening trade before any."""
        book, last = self.ledger, np.full(len(self.ledger.nav), self.first)
        moved = (book.part_of >= 0) & (book.booked >= 0)
        if self.execution.sizing == "fractional":  # orders in whole lots are done with when they are filled, or not
            moved &= (book.trades != 0.0).any(axis=1)
        last[book.booked[moved] - self.first] = book.booked[moved]
        return np.maximum.accumulate(last)

    @cached_property
    def hold_reasons(self) -> dict[int, Why]:
        """The policy's reasons to hold, by market row: recorded, or derived from its bands and the weights it saw."""
        rule = compiled_rule(self.policy)
        if rule is None:
            assert self.holds is not None  # what decides day by day records its reasons
            return self.holds
        bands = bands_of(rule, self.market, self.targets, self.first, self.costs)
        (weights, cash), done, navs = self.weight_paths, self._done, self.ledger.nav
        last, rest = self.last_booked, bands.options.cooldown
        reasons, again, free = {}, False, self.first + 1
        for t in range(self.first + 1, len(self.market.dates)):
            if t in done:
                again = bands.compiled.again
                free = max(done[t] + (self.lag == 0), t + 1)  # a lag of 0 looks, then books
            elif t < bands.unseen:
                reasons[t] = UNSEEN
            elif t >= free and rest and t - last[t - self.first] <= rest and not again:
                reasons[t] = RESTS if bands.asked[t] else Why(bands.trigger)
            elif t >= free and (bands.asked[t] or again):
                d = t - self.first
                at = RuleInput(weights[d], cash[d], self.market.tradable, t)
                reasons[t], trades = bands.why(at, float(navs[d]), t - int(last[d]))
                again = trades and bands.compiled.again  # where no whole lot came of it
            elif t >= free:
                reasons[t] = Why(bands.trigger)
        return reasons if self.holds is None else dict(sorted((reasons | self.holds).items()))

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """The warnings for a reader: prices that look wrong in the test; lots that cost more than their target; targets
        without a solution; a learned policy on days it saw, or elsewhere.
        """
        of_use: tuple[str, ...] = view(self, "warnings")
        of_data = market_warnings(self.market, self.dates[0], self.dates[-1], file=None)
        return (*of_data, *self._never_bought(), *self.targets.remarks(self.first, self.name), *of_use)

    def _never_bought(self) -> tuple[str, ...]:
        """A warning of assets of which one lot costs more than their target, so that none is ever held."""
        if self.execution.sizing == "fractional":
            return ()
        wanted = self.targets.since(self.first).max(axis=0)
        prices = self.market.prices[self.first :]
        cost = np.nanmin(np.where(np.isnan(prices), np.inf, prices), axis=0) * self.market.lots
        dear = (wanted > 0.0) & ~self.ledger.units.any(axis=0) & (cost > wanted * self.ledger.nav.min())
        return tuple(
            f"{self.market.assets[i]} is never bought: one lot costs {cost[i]:,.2f} at the least, and its target is "
            f"{percent(wanted[i], 2)} of NAV. Give more NAV, a smaller lot, or leave it out."
            for i in np.flatnonzero(dear).tolist()
        )

    def reconcile(self) -> Reconciliation:
        """The wealth of every day and every asset reconciled: start + gains + income - each cost + flows = end."""
        found: Reconciliation = view(self, "reconciliation")
        return found

    def summary(self) -> pd.DataFrame:
        """Value and unit of each figure, net of costs unless labelled gross; tracking error is to its own target."""
        table: pd.DataFrame = view(self, "summary")
        return table

    def sheet(self) -> Any:
        """Its own tearsheet, measured by its own target: `backtests.sheets.pages.single_sheet.SingleSheet`.

        A notebook shows it; `sheet().write(folder)` writes page, numbers and figures.
        Raises : DataError for a backtest that is too short to measure.
        """
        return view(self, "sheet")

    def __repr__(self) -> str:
        """The summary, as text."""
        return str(view(self, "text"))

    def _repr_html_(self) -> str:
        """The blocks of the tearsheet that one policy has."""
        return str(view(self, "html"))

    def to_vectorbt(self) -> "VectorbtPortfolio":
        """The booked trades replayed by vectorbt: units at total-return indices, cash a column with its own index.

        Each cost is charged as booked, in `fixed_fees`. The wealth agrees to 1e-9 relative; vectorbt's analytics
        follow.
        Raises : ConfigError for a backtest with flows, dividends in cash, delistings, tax returns, harvests, costs of
                 holding or bookings at the open.
        """
        if not self.plain:
            raise ConfigError(
                f"backtest {self.name!r} has flows, dividends in cash, delistings, tax returns, harvests, costs of "
                "holding or bookings at the open, which vectorbt's orders cannot say: `reconcile()` follows its money."
            )
        import vectorbt as vbt

        days, n = len(self.ledger.nav), len(self.market.assets)
        prices = np.column_stack([self.market.index, self.market.cash_index])[self.first :]
        size, fees = np.zeros((days, n + 1)), np.zeros((days, n + 1))
        rows = np.concatenate([[0], self.ledger.booked[self.booked] - self.first])
        trades = np.vstack([self.ledger.opening_trades, self.ledger.trades[self.booked]])
        charges = np.vstack(
            [self.ledger.opening_charges.sum(axis=0)[None], self.ledger.charges[self.booked].sum(axis=1)]
        )
        size[rows, :n], fees[rows, :n] = trades / prices[rows, :n], charges
        held = self.ledger.cash_units
        size[rows, n] = np.concatenate([held[:1], held[self.booked + 1] - held[self.booked]])
        columns = [*self.market.assets, "cash"]
        if "cash" in self.market.assets:
            columns[-1] = "cash account"
        close, amount, fee = (pd.DataFrame(panel, self.dates, columns) for panel in (prices, size, fees))
        return vbt.Portfolio.from_orders(
            close,
            amount,
            size_type="amount",
            fixed_fees=fee,
            init_cash=self.wealth,
            group_by=True,
            cash_sharing=True,
            call_seq="auto",
            freq="1D",
        )


@compiled
def _weights_path(index: Array, units: Array, held: Rows, nav: Array, weights: Array, cash: Array) -> None:
    """Weights (D + 1, n) and cash (D + 1,) at each close, by the engine's own arithmetic."""
    for t in range(len(nav)):
        cash[t] = weigh(units[held[t]], index, t, nav[t], weights[t])
