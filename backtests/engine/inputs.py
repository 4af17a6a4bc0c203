"""Inputs of one backtest, the policy and its accounting, in the form that the loops take."""

from functools import cached_property

import numpy as np

from backtests.engine.account_events import OVERDRAFT
from backtests.engine.ledger import Ledger
from backtests.engine.loop_inputs import NO_WHOLE_LOTS, BeforeFlow, Desk, EventInputs, LoopInputs, Sessions, WholeLots
from backtests.engine.quiet_days import tiles_of
from foundation.arrays import Array, Mask, Rows, frozen, kept, owned
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError, PolicyError
from foundation.paper.wording import counted, percent
from research.accounting import Costs, Execution, Flows, Policy
from research.accounting.cost_parameters import COST_COLUMNS, CostParameters, Lots, Scratch, years_of
from research.accounting.execution import Dividends, check_flows
from research.accounting.kernel import Record, charge
from research.allocation import TargetPath
from research.market import Market
from research.orders.lots.lot_terms import SCRATCH_ROWS, TERM_ROWS
from research.orders.lots.sizing import TURNS
from research.rules.protocol import traits
from research.rules.rule_options import BandArrays, RuleOptions, Workspace

NO_HARVESTS, NO_RETURNS = owned(np.zeros(0, dtype=np.int64)), owned(np.zeros(0, dtype=bool))


@dataclass(frozen=True, eq=False)
class EngineInputs:
    """One policy on one market under one accounting, checked and laid out for the loops.

    first    : market row of the opening trade.
    sessions : the market as the loops take it.
    desk     : execution and costs, likewise.
    scratch  : scratch of a booking.
    Other fields are arguments of `backtest`.
    """

    market: Market
    policy: Policy
    targets: TargetPath
    costs: Costs
    first: int
    lag: int
    execution: Execution
    dividends: Dividends
    flows: Flows | None
    name: str
    leverage_limit: float
    sessions: Sessions = field(init=False)
    desk: Desk = field(init=False)
    scratch: Scratch = field(init=False)

    def __post_init__(self) -> None:
        """Check what accounting needs of the market, and lay it out. Raises ConfigError, DataError."""
        market, execution, n = self.market, self.execution, len(self.market.assets)
        after = len(market.dates) - 1 - self.first  # sessions
        object.__setattr__(self, "sessions", _sessions(market, self.first, execution, self.dividends, self.flows))
        if len(self.costs.total) != n:
            raise ConfigError(f"costs have {len(self.costs.total)} assets and the market {n}: give one for each asset.")
        _check_targets(market, self.targets, self.costs, self.first)
        check_flows(execution, self.flows)
        if self.lag >= after:
            raise ConfigError(
                f"lag is {self.lag}, of {counted(after, 'session')} after the opening trade: nothing would ever be "
                "booked. Give a shorter lag, an earlier start, or more days."
            )
        if execution.sizing == "units" and np.isnan(market.prices[self.first :]).all():
            raise ConfigError(
                f"market {market.name!r} has returns and no quoted prices, so nothing is bought in whole lots: leave "
                "sizing at 'fractional'."
            )
        if execution.at == "open" and self.lag < 1:
            raise ConfigError("what is decided at a close is booked at a later open: give a lag of 1 at least.")
        object.__setattr__(self, "desk", self._desk())
        if len(self.desk.tax_returns):
            busy = frozen(self.sessions.busy | self.desk.tax_returns)
            object.__setattr__(self, "sessions", self.sessions._replace(busy=busy))
        object.__setattr__(self, "scratch", Scratch.of(n))

    def _desk(self) -> Desk:
        tax, taxed, at_open = self.costs.tax, self.costs.is_taxed, self.execution.at == "open"
        at_close = self._cost_parameters(False)
        purchases = 0  # of one asset, at most
        if taxed:
            purchases = len(self.market.dates) - self.first + int(np.count_nonzero(self.sessions.flows)) + 1
        lots = Lots.empty(len(self.market.assets), purchases, len(at_close.long_from) > 0)
        return Desk(
            cost_parameters=self._cost_parameters(True) if at_open else at_close,
            at_close=at_close,
            holding_costs=self.costs.holding_costs,
            lots=lots,
            before=BeforeFlow(np.empty(len(self.market.assets)), lots.room()),
            order_limits=np.array(self.execution.largest(self.market, self.first)),  # writable: bookings use it up
            days=int(self.execution.days),
            at_open=at_open,
            invest_flows=self.flows is not None and self.flows.use == "rebalance",
            lag=int(self.lag),
            tax_returns=self._tax_returns(),
            loss_limit=0.0 if tax is None or tax.loss_limit is None else float(tax.loss_limit),
            harvest_from=self._harvest_from(),
            harvest_above=0.0 if tax is None else float(tax.harvest_above or 0.0),
            harvest=0.0 if tax is None else float(tax.harvest),
        )

    def _harvest_from(self) -> Rows:
        """(T,) the first row after the days in which a purchase on each row disallows a loss; () without harvests."""
        tax, days = self.costs.tax, self.market.days
        if tax is None or tax.harvest_above is None:
            return NO_HARVESTS
        return owned(np.searchsorted(days, days + tax.wash_sale_days, side="right"))

    def _tax_returns(self) -> Mask:
        """(T,) True on the first session of each year, if years end with a tax return; else ()."""
        if not self.costs.is_taxed or self.costs.tax is None or self.costs.tax.loss_limit is None:
            return NO_RETURNS
        years = self.market.days.astype("datetime64[Y]")
        return frozen((years != np.roll(years, 1)) & (np.arange(len(years)) > self.first))

    def _cost_parameters(self, at_open: bool) -> CostParameters:
        made = self.costs.cost_parameters(self.market, self.first, self.execution.minimum_trade, at_open)
        return made if self.execution.participation is None else made._replace(plain=False)

    def loop(self, bands: BandArrays, options: RuleOptions, ledger: Ledger) -> LoopInputs:
        """The inputs of the compiled loop, with bands and a ledger that it writes."""
        n = len(self.market.assets)
        workspace, bounds = Workspace.of(n, options), np.empty((2, n + 1))
        of_rule = (self.sessions, bands, options, self.desk, self.scratch, workspace, bounds, ledger)
        return LoopInputs(*of_rule, self.whole_lots(ledger))

    def whole_lots(self, ledger: Ledger) -> WholeLots:
        """Orders in whole lots, with a ledger of as many bookings."""
        market, execution = self.market, self.execution
        if execution.sizing != "units":
            return NO_WHOLE_LOTS
        n, promised, at_open = len(market.assets), traits(self.policy), self.desk.at_open and market.bars is not None
        return WholeLots(
            True,
            not promised.decides_once and promised.desk_schedule is None,
            float(execution.minimum_trade),
            market.lots,
            *_quotes(market, False),
            *_quotes(market, at_open),
            frozen(np.empty((0, n))) if market.splits is None else market.splits,
            np.zeros(n),
            np.zeros(ledger.trades.shape),
            np.zeros((2, TERM_ROWS, n)),
            np.zeros((SCRATCH_ROWS, n)),
            np.zeros((4, n)),
            np.empty((2, TURNS, n)),
            np.empty(TURNS),
            Record(np.empty((1, n)), np.empty((1, len(COST_COLUMNS), n)), 0),
        )

    def of_events(self, ledger: Ledger) -> EventInputs:
        """The inputs of an event, with a ledger that it writes."""
        return EventInputs(self.sessions, self.desk, self.scratch, ledger)

    @cached_property
    def extra_bookings(self) -> int:
        """Bookings that may come besides one a day: flows, delisted assets, fractions of splits, taxes and harvests."""
        flows = 0 if self.flows is None else np.count_nonzero(self.sessions.flows)
        splits = 0 if self.execution.sizing == "fractional" else np.count_nonzero(self.split)
        of_tax = np.count_nonzero(self.desk.tax_returns) + len(self.desk.harvest_from)
        return int(flows + splits + of_tax) + len(self.market.assets)

    @cached_property
    def split(self) -> Mask:
        """(T,) True where a split changes the units of whole lots."""
        return _split_days(self.market, self.execution)

    def refused(self, t: int, nav: float) -> PolicyError:
        """The error, with its reason, where row t cannot be booked.  nav : before the trade, currency."""
        where, flow = f"policy {self.name!r} cannot go on at {self.market.dates[t]:%Y-%m-%d}", self.sessions.flows[t]
        if flow < 0.0:
            return PolicyError(
                f"{where}: it cannot pay the withdrawal of {-flow:,.2f}. Wealth without it is {nav:,.2f}, and what can "
                f"be sold that day overdraws cash by more than {percent(OVERDRAFT, 0)} of it. Withdraw less, or later."
            )
        if not nav > 0.0:
            return PolicyError(
                f"{where}: its wealth is {nav:,.2f}, no longer positive. Lower the leverage, the costs of holding or "
                "the withdrawals; an asset that lost everything was all it held."
            )
        weights, charges = self.targets.at(t), np.empty((len(COST_COLUMNS), len(self.market.assets)))
        charge(self.desk.cost_parameters, t, np.abs(weights) * nav, charges)
        column, i = np.unravel_index(int(np.argmax(charges)), charges.shape)
        return PolicyError(
            f"{where}: the costs of its trade would take more than the assets that trade are worth. Of its target, at "
            f"a wealth of {nav:,.2f}, the largest is the {COST_COLUMNS[int(column)].replace('_', ' ')} of "
            f"{self.market.assets[int(i)]}: {charges[column, i]:,.2f} on {abs(weights[i]) * nav:,.2f}. Lower the costs "
            "or the leverage, or start with more."
        )


def _quotes(market: Market, at_open: bool) -> tuple[Array, Mask]:
    """(T, n) quoted opens or closes, 1 where there is none, and whether there is one."""

    def make() -> tuple[Array, Mask]:
        quotes = market.bars["open"] if at_open and market.bars is not None else market.prices
        quoted = ~np.isnan(quotes)
        return (frozen(quotes) if quoted.all() else frozen(np.where(quoted, quotes, 1.0))), frozen(quoted)

    return kept(market, ("quotes", at_open), make)


def _check_targets(market: Market, targets: TargetPath, costs: Costs, first: int) -> None:
    """Refuse targets in several currencies, and short ones whose gains are taxed. Raises ConfigError."""
    rows, currency = targets.rows[max(int(targets.row[first]), 0) :], market.currency
    if len(set(currency)) > 1:
        held = np.flatnonzero((rows != 0.0).any(axis=0)).tolist()
        other = [j for j in held if currency[j] != currency[held[0]]]
        if other:
            i, j = held[0], other[0]
            raise ConfigError(
                f"{market.assets[i]} is in {currency[i]} and {market.assets[j]} in {currency[j]}: a portfolio has one "
                "currency. Convert the market first (`research.market.in_currency`)."
            )
    if costs.is_taxed and (rows < 0.0).any():
        k, i = np.argwhere(rows < 0.0)[0]
        raise ConfigError(
            f"tax needs long holdings: a target of {market.assets[i]} is {rows[k, i]:.4f}. Leave the tax out, or the "
            "short asset."
        )


def _sessions(market: Market, first: int, execution: Execution, dividends: Dividends, flows: Flows | None) -> Sessions:
    """The market as the loops play it; what has no flows is made once."""
    if dividends not in ("reinvest", "cash"):
        raise ConfigError(f"dividends is {dividends!r}: use 'reinvest' or 'cash'.")
    if flows is not None:
        return _new_sessions(market, execution, dividends, flows.on(market, first))
    none = ("sessions", execution.at, execution.sizing, dividends)
    return kept(market, none, lambda: _new_sessions(market, execution, dividends, np.zeros(len(market.dates))))


def _split_days(market: Market, execution: Execution) -> Mask:
    if execution.sizing != "units" or market.splits is None:
        return np.zeros(len(market.dates), dtype=bool)
    changed: Mask = (market.splits != 1.0).any(axis=1)
    return changed


def _new_sessions(market: Market, execution: Execution, dividends: Dividends, flows: Array) -> Sessions:
    """The market with flows (T,), currency. All arrays are read-only."""
    paid = dividends == "cash"
    if paid and market.dividends is None:
        raise ConfigError(f"market {market.name!r} has no dividends: its returns reinvest them (dividends='reinvest').")
    empty = np.empty((0, len(market.assets)))
    income = market.income if paid else empty
    busy = flows != 0.0
    if paid:
        busy |= (income != 0.0).any(axis=1)
    busy |= _split_days(market, execution)
    left = market.exits[market.exits < len(market.dates)]
    busy[left] = True
    opens = empty
    if execution.at == "open":
        opens = market.open_price_index if paid else market.open_index
    which = "price_index" if paid else "index"
    made = Sessions(
        closes=getattr(market, which),
        cash_index=market.cash_index,
        tradable=market.tradable,
        opens=opens,
        income=income,
        exits=market.exits,
        flows=flows,
        years=years_of(market.days),
        busy=busy,
        tiles=tiles_of(market, which),
        buyable=np.array([word in ("", "buy_only") for word in market.trading]),
        sellable=np.array([word in ("", "sell_only") for word in market.trading]),
    )
    return Sessions._make(frozen(array) for array in made)
