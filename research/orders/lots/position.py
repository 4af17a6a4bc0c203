"""The holdings of a portfolio at one close, their trading costs to the cent, and the limits of its orders."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Mask, frozen
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from foundation.tolerances import COUNTED
from research.accounting.cost_parameters import COST_COLUMNS, NO_TERMS, CostParameters
from research.accounting.kernel import charge, wealth, weigh
from research.market import Market
from research.market.liquidity import dollar_volume
from research.portfolio import NO_LIMITS, OrderLimits, Portfolio
from research.portfolio.holdings.prices import last_closes, with_prices
from research.portfolio.keys.orders import TRACKING_ERROR
from research.risk.decomposition.ex_ante import ExAnte

CENT = 0.01  # what an asset without a quote trades in, currency; and what amounts are counted in
MOST_LOTS = 1e15  # of an order: beyond it a float no longer counts them


class GainBudget(NamedTuple):
    """The gain budget that sells are limited by, currency.

    now       : budget in force.
    enough    : budget that limits none of them.
    most_sold : function of a budget: (n,) the most units of a sell within it, on which losses do not count.
    """

    now: float
    enough: float
    most_sold: Callable[[float], Array]


@dataclass(frozen=True, eq=False)
class Position:
    """Holdings and cash at one close, and the limits and costs of trading them.

    units           : (n,) units held.
    prices          : (n,) quoted close, currency per unit.
    lots            : (n,) least number of units in a trade. An asset without a quote is held in units of one currency
                      unit, and trades in cents.
    quoted          : (n,) whether each asset has a quote.
    tradable        : (n,) whether each asset can be traded.
    cash            : currency.
    minimum         : currency; a smaller order is not sent.
    cost_parameters : costs of orders, without tax, since purchase prices are not known here.
    day             : row of the daily costs in `cost_parameters`.
    limits          : limits of the orders.
    most_units      : (n,) the most units of an order, inf where volume does not limit it.
    most_sold       : (n,) the most units of a sell, inf where the gain budget does not limit it.
    gain_budget     : budget that `most_sold` comes from, or None.
    buyable         : (n,) assets that may be bought, where they can be traded.
    sellable        : (n,) assets that may be sold, likewise.
    way             : 1.0 where only buys are sent, -1.0 where only sells are, 0.0 where both are.
    debt            : currency; cash that was below zero before, which orders need not make up for.
    assets          : names of the assets.
    covariance      : (n, n) a year, where whole lots minimise tracking error; else None.
    settles         : (n,) sessions from an order to its settlement, where assets differ; else None.
    open_units      : (n,) the most units of an order, inf where it does not go on with orders that are open.
    minimum_purchase : (n,) currency; a smaller buy is not sent.
    """

    units: Array
    prices: Array
    lots: Array
    quoted: Mask
    tradable: Mask
    cash: float
    minimum: float
    cost_parameters: CostParameters
    day: int
    limits: OrderLimits = NO_LIMITS
    most_units: Array = field(default_factory=lambda: np.array(np.inf))
    most_sold: Array = field(default_factory=lambda: np.array(np.inf))
    gain_budget: GainBudget | None = None
    buyable: Mask = field(default_factory=lambda: np.array(True))
    sellable: Mask = field(default_factory=lambda: np.array(True))
    way: float = 0.0
    debt: float = 0.0
    assets: tuple[str, ...] = ()
    covariance: Array | None = None
    settles: Array | None = None
    open_units: Array = field(default_factory=lambda: np.array(np.inf))
    minimum_purchase: Array = field(default_factory=lambda: np.array(0.0))

    @classmethod
    def of(cls, portfolio: Portfolio) -> "Position":
        """The portfolio at its last close, at its own prices where it has some, with the limits of its orders."""
        market, last = _today(portfolio), len(portfolio.market.dates) - 1
        cost_parameters, minimum = portfolio.costs.cost_parameters(market, last), portfolio.limits.minimum_trade
        made = cls.at(market, last, portfolio.holdings, portfolio.cash, portfolio.limits.lots, minimum, cost_parameters)
        money = np.ones(len(made.units)) if portfolio.currencies is None else portfolio.currencies.of_lines
        share = portfolio.orders.participation
        volume = np.full(len(made.units), np.nan) if share is None else dollar_volume(market)[last]
        return replace(
            made,
            units=np.where(np.isnan(portfolio.shares), made.units, portfolio.shares),
            minimum_purchase=frozen(portfolio.limits.minimum_purchase * money),
            limits=order_limits(portfolio, made.nav),
            most_units=most_units(share, volume, made.prices),
            covariance=_covariance(portfolio) if portfolio.orders.objective == TRACKING_ERROR else None,
            settles=_settles(portfolio),
        ).restricted(market.trading)

    @classmethod
    def at(
        cls,
        market: Market,
        day: int,
        holdings: Array,
        cash: float,
        lots: Array,
        minimum: float,
        cost_parameters: CostParameters,
    ) -> "Position":
        """The position with these holdings at one close; its cash may be spent to the last cent.

        market   : market of the assets.
        day      : row of the close.
        holdings : (n,) value, currency.
        cash     : currency.
        lots     : (n,) least number of units in a trade.
        minimum  : currency; a smaller order is not sent.
        cost_parameters   : costs of orders.
        """
        quoted = ~np.isnan(market.prices[day])
        prices = np.where(quoted, market.prices[day], 1.0)
        return cls(
            units=holdings / prices,
            prices=prices,
            lots=countable(np.where(quoted, lots, CENT), (np.abs(holdings).sum() + abs(cash)) / prices),
            quoted=quoted,
            tradable=market.tradable[day],
            cash=float(_cents(cash) / 100.0),
            minimum=minimum,
            cost_parameters=cost_parameters._replace(tax=0.0, short_tax=0.0, long_from=NO_TERMS, minimum_trade=0.0),
            day=day,
            debt=max(-cash, 0.0),
            assets=market.assets,
        )

    def restricted(self, trading: Sequence[str]) -> "Position":
        """The position whose assets may only be bought or sold as these words (n,) of a market say."""
        no_buys, no_sells = (np.isin(trading, (word, "locked")) for word in ("sell_only", "buy_only"))
        return replace(self, buyable=~no_buys, sellable=~no_sells)

    def may(self, units: Array) -> Mask:
        """(n,) whether each asset may trade in the direction of signed units."""
        buys, sells = self.buyable & (self.way >= 0.0), self.sellable & (self.way <= 0.0)
        return self.tradable & np.where(units > 0.0, buys, sells)

    def with_cash(self, flow: float) -> "Position":
        """The position with this much more cash, currency; a deposit pays debt, and a withdrawal makes none."""
        return replace(self, cash=float(_cents(self.cash + flow) / 100.0), debt=max(self.debt - max(flow, 0.0), 0.0))

    @cached_property
    def nav(self) -> float:
        """Holdings and cash, currency."""
        return float(wealth(self.units, frozen(self.prices[None]), 0, self.cash, 1.0))

    @cached_property
    def weights(self) -> Array:
        """(n,) fraction of NAV, as the kernel weighs them; cash is the rest."""
        weights = np.empty(len(self.units))
        weigh(self.units, frozen(self.prices[None]), 0, self.nav, weights)
        return frozen(weights)

    @property
    def cash_weight(self) -> float:
        """The weight of cash, fraction of NAV."""
        return 1.0 - float(self.weights.sum())

    @property
    def rates(self) -> Array:
        """(2, n) commission and half-spread of this day, fraction of notional."""
        rates = self.cost_parameters.rates
        return rates[min(self.day, len(rates) - 1)]

    def least(self, way: Array) -> Array:
        """(n,) the least notional of an order in these directions (n,), currency, below 0 for a sell.

        It is the stated minimum, and the least that counts as a trade; that of a buy is also its minimum purchase.
        """
        least = max(self.minimum, COUNTED * self.nav)
        return np.where(way > 0.0, np.maximum(self.minimum_purchase, least), least)

    def most(self, way: Array) -> Array:
        """(n,) the most units of an order in these directions (n,), below 0 for a sell."""
        most = np.where(way < 0.0, np.minimum(self.most_units, self.most_sold), self.most_units)
        return np.minimum(most, self.open_units)

    # -- what orders come to, to the cent --------------------------------------------------------------------------

    def notional(self, units: Array) -> Array:
        """(n,) signed currency of signed units, buys positive, in whole cents."""
        return _cents(units * self.prices) / 100.0

    def charges(self, units: Array) -> Array:
        """(columns, n) currency of each cost of each order, in whole cents."""
        return _cents(self.exact_charges(np.abs(self.notional(units)))) / 100.0

    def exact_charges(self, sizes: Array) -> Array:
        """(columns, n) currency of orders of these sizes (n,), currency, before they are rounded to cents."""
        charges = np.empty((len(COST_COLUMNS), len(sizes)))
        charge(self.cost_parameters, self.day, sizes, charges)
        return charges

    def cash_after(self, units: Array) -> float:
        """Cash after orders of signed units and their costs, currency, in whole cents: sums of cents are exact."""
        cents = _cents(units * self.prices)
        return self._left_cents(cents, self._charged_cents(cents)) / 100.0

    def turnover(self, units: Array) -> float:
        """One-way turnover of orders of signed units (..., n): the larger of buys and sells over NAV."""
        traded = units * self.prices
        return float(max(traded[units > 0.0].sum(), -traded[units < 0.0].sum())) / self.nav

    def short(self, units: Array, floor: float) -> float:
        """Shortfall of cash after orders of signed units, currency: to stay at `floor`, and above zero after the move.

        Above zero is too little. On each earlier day on which some of the orders settle, see `early`.
        """
        return max(self.short_on(units, floor, day) for day in (*self.early, np.inf))

    def short_on(self, units: Array, floor: float, day: float) -> float:
        """The same on one day, after the orders that settle within so many sessions; inf for all of them.

        After the move each order fills worse by it, and costs are higher by it: those of an amount, and impact, follow
        the price. Before the last day cash may stay as low as it is, where orders begin below the floor.
        """
        cents, debt = _cents(units * self.prices), self.debt
        if self.settles is not None and day < np.inf:
            held = float(_cents(self.cash)) / 100.0
            cents, floor, debt = np.where(self.settles <= day, cents, 0.0), min(floor, held), max(debt, -held)
        charged = self._charged_cents(cents)
        moved = self.limits.adverse_move * (float(np.abs(cents).sum()) + charged) / 100.0 - debt
        return max(floor, moved) - self._left_cents(cents, charged) / 100.0

    @cached_property
    def early(self) -> tuple[float, ...]:
        """The days, in sessions from the trade, on which some assets have settled and others have not."""
        return () if self.settles is None else tuple(float(day) for day in np.unique(self.settles)[:-1])

    def _charged_cents(self, notional: Array) -> float:
        """Costs of orders of these signed amounts (n,), all in whole cents."""
        return float(_cents(self.exact_charges(np.abs(notional) / 100.0)).sum())

    def _left_cents(self, notional: Array, charged: float) -> float:
        """Cash after such orders and their costs, in cents: whole numbers, so that sums are exact."""
        return float(np.rint(self.cash * 100.0) - notional.sum()) - charged


def countable(lots: Array, units: Array) -> Array:
    """(n,) lots, or powers of ten of them, that a float can count in so many units (n,): 1e15 at most.

    >>> countable(np.array([1.0, 1e-8]), np.array([1e9, 3e8])).tolist()
    [1.0, 1e-06]
    """
    over = np.maximum(units, 1.0) / (lots * MOST_LOTS)
    return np.where(over > 1.0, lots * 10.0 ** np.ceil(np.log10(np.maximum(over, 1.0))), lots)


def volume_of_day(portfolio: Portfolio) -> Array:
    """(n,) mean volume of a day up to the last close of a portfolio whose market has volumes, currency."""
    return dollar_volume(_today(portfolio))[-1]


def most_units(share: float | None, volume: Array, prices: Array) -> Array:
    """(n,) the most units of an order: a share of the volume of a day, none where it is unknown; inf without a share.

    volume : (n,) currency.
    prices : (n,) currency per unit.
    """
    most = np.full(len(prices), np.inf) if share is None else share * volume / prices
    return frozen(np.where(np.isnan(most), 0.0, most))


def _today(portfolio: Portfolio) -> Market:
    """The market of a portfolio with the prices of today in its last row."""
    market = portfolio.market
    if portfolio.currencies is not None:
        market = portfolio.currencies.at_today(market)
    if portfolio.given_prices is not None or np.isnan(market.prices[-1]).any():
        market = with_prices(market, portfolio.given_prices or last_closes(market))
    return market


def order_limits(portfolio: Portfolio, nav: float) -> OrderLimits:
    """The limits of the orders, with dividends that are owed, and a reserve for the rounding of several currencies.

    nav : currency.
    """
    limits, currencies = portfolio.orders, portfolio.currencies
    reserve = limits.reserve
    if currencies is not None:
        reserve = max(reserve, max(len(portfolio.accounts), 1) * currencies.rounding_bound / nav)
    return replace(limits, reserve=reserve, owed=sum(portfolio.owed.values()))


def _covariance(portfolio: Portfolio) -> Array:
    """(n, n) a year, as ex-ante tracking error is measured.

    Raises : DataError for too short a history, and for assets that can be traded and do not vary.
    """
    market = portfolio.market
    covariance = ExAnte.of(market, portfolio.periods_per_year).covariance
    riskless = np.flatnonzero(market.tradable[-1] & ~(covariance.diagonal() > 0.0))
    if len(riskless):
        raise DataError(
            f"{', '.join(market.assets[i] for i in riskless)} did not vary over the last year, have stopped, or lack a "
            f"return of it: a tracking error does not say how much of them to hold ({portfolio.file}, orders: "
            "objective). Use `orders: {objective: gap}`, or give the market their returns."
        )
    return frozen(covariance)


def _settles(portfolio: Portfolio) -> Array | None:
    """(n,) sessions from an order to its settlement, or None where all assets have as many."""
    days = np.array([portfolio.ticket.days(asset) for asset in portfolio.market.assets], dtype=float)
    return frozen(days) if len(set(days)) > 1 else None


def counts(notional: Array | float, nav: float) -> Mask:
    """Whether orders of this notional (n,), currency, are more than 1e-6 of `nav`; smaller ones are no trades."""
    return np.asarray(notional) > COUNTED * nav


def _cents(amount: Array | float) -> Array:
    return np.rint(np.asarray(amount) * 100.0)
