"""One desk's portfolio as a record: holdings, market, target, candidate policies and costs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import refuse
from foundation.arrays import Array, Mask, freeze_fields, frozen
from foundation.dataclasses import dataclass, field, fields
from foundation.errors import ConfigError
from foundation.names import check_name, same_names
from research.accounting import Costs, Execution, Flows
from research.accounting.execution import Dividends
from research.accounting.lots.lot import TaxLots
from research.allocation import FixedWeights
from research.market import Market
from research.market.calendars import session_after
from research.market.factors import FactorReturns
from research.portfolio.holdings.blotter import Blotter
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.currencies import Currencies
from research.portfolio.holdings.exposures import Split, group_exposures
from research.portfolio.holdings.household import Account
from research.portfolio.holdings.nav_history import NavHistory
from research.portfolio.holdings.prices import Prices, last_closes, trade_day
from research.portfolio.holdings.rates import Rates
from research.portfolio.keys.benchmark import NamedBenchmark
from research.portfolio.keys.cycle import CycleKeys, GovernanceKeys
from research.portfolio.keys.forecasts import StatedForecasts
from research.portfolio.keys.orders import OrderLimits
from research.portfolio.keys.stress import Stress
from research.portfolio.keys.ticket import TicketTerms
from research.portfolio.plan import Plan
from research.portfolio.unstated import MATERIALITY


@dataclass(frozen=True, eq=False)
class Limits:
    """Limits of trades and policies.

    minimum_trade : currency; a smaller order is not sent.
    lots : (n,) smallest number of units that an asset trades in.
    fractional : (n,) assets that trade in fractions of a unit.
    minimum_purchase : (n,) currency of the asset; a smaller buy is not sent.
    cut_offs : (n,) time of day and time zone until which orders of an asset, a mutual fund, are dealt at the NAV of the
        same day; "" for none.
    tracking_error : maximum realised tracking error to the strategic target, fraction a year, or None.
    max_days_outside : maximum share of the test days on which an asset may be outside its range.
    kept : probability of keeping `tracking_error` and `max_days_outside` in a test as long, which a candidate needs.
    max_drawdown : stated maximum drawdown, fraction of NAV, or None; futures of a year count how often it is reached.
    """

    minimum_trade: float
    lots: Array
    fractional: Mask
    minimum_purchase: Array = field(default_factory=lambda: np.array(0.0))
    cut_offs: tuple[str, ...] = ()
    tracking_error: float | None = None
    max_days_outside: float = 0.05
    kept: float = 0.8
    max_drawdown: float | None = None

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "lots", "minimum_purchase")
        freeze_fields(self, "fractional", dtype=bool)


@dataclass(frozen=True, eq=False)
class Portfolio:
    """A desk's holdings at the last close of its market, with its target, costs and candidate policies.

    name             : name of the portfolio.
    file             : file it was read from, as given.
    market           : market of its n assets in the order of the file, with the classes and lots of the file.
    basis            : currency of the portfolio.
    holdings         : (n,) value at the last close, currency.
    shares           : (n,) units held, NaN for an asset given in currency.
    cash             : currency.
    last_trade       : date of the last trade.
    strategic        : the long-run target, fraction of NAV in the market's order; cash is the rest.
    lower            : (n,) least weight of each asset, fraction of NAV.
    upper            : (n,) largest weight of each asset, fraction of NAV.
    costs            : costs of each asset.
    limits           : limits of trades and policies.
    tracking_penalty : g in the rebalancing loss J, the price of squared tracking error.
    periods_per_year : rows of the market a year: 252 for days.
    lag              : sessions from a decision to its booking.
    test_start       : first day of the test.
    policies         : name -> candidate, with its allocation.
    policy           : name of the active one, or None.
    reference        : name of the one to which a comparison takes differences.
    settings         : settings of the portfolio as plain JSON types, defaults filled in.
    execution        : booking of decisions in backtests.
    dividends        : use of dividends in backtests.
    flows            : deposits and withdrawals in backtests, or None.
    plan             : what is saved and spent over the years to come, or None.
    materiality      : material difference in J: policies that differ by less are equally good to this desk, bp of NAV a
                       year.
    day_cost         : cost to the desk of a day with a trade besides, currency.
    day_cost_assumed : true if its file states none, and `assumed_day_cost` is taken, or marks its own as assumed.
    order_cost       : cost to it of an order besides, currency.
    assumed          : keys whose values nobody stated, as its file marks them (`assumed_words`).
    target_may_change : true if a recommendation may hold another target than the strategic one.
    benchmark        : benchmark of beta and the other relative figures; not of J, which takes the strategic target.
    factors          : factors to which returns are attributed, or None.
    stress           : episodes and shocks that it is tested with.
    orders           : limits that the orders of a trade list keep.
    tax_lots         : lots and rules by which a trade list is taxed, or None.
    given_prices     : prices at which holdings are valued and orders are sized, or None for the last closes.
    notes            : notes on its holdings and prices, in sentences.
    ticket           : terms of its orders.
    cycle            : levels of its decision cycle.
    governance       : owner of its models, and the day of their next review.
    accounts         : accounts whose holdings and cash sum to its own; () for one account without a name.
    currencies       : currencies of its assets and its cash, or None where they are all in the basis. Other amounts
                       here are in the basis.
    nav_history      : NAV since its opening trade, for trade lists of rules that look at wealth.
    forecasts        : forecasts that are asked, measured and compared.
    rates            : rates of today in its file and its market, whether its own lines and cash need them or not.
    splits           : by asset, fractions of funds that are split over classes or sectors; others count in their own.
    today            : the day on which a trade list is asked for, or None where it is not known.
    blotter          : the orders that were sent last and the fills that were booked, or None where nothing is known of
                       them.
    owed             : by account, dividends since their ex-dates that are in its cash, and not paid yet, currency.
    pending          : deposits and withdrawals of earlier lists that are not booked yet, and so not in `cash`; trade
                       lists count them.
    trust_code       : true if its file may name classes by import path, whose code runs where it is read again.
    Raises           : ConfigError for a name of the portfolio or of a policy that is none (`names.name_fault`), and
                       for two policies whose names differ in case only.
    """

    name: str
    file: str
    market: Market
    basis: str
    holdings: Array
    shares: Array
    cash: float
    last_trade: pd.Timestamp
    strategic: FixedWeights
    lower: Array
    upper: Array
    costs: Costs
    limits: Limits
    tracking_penalty: float
    periods_per_year: int
    lag: int
    test_start: pd.Timestamp
    policies: dict[str, Any]
    policy: str | None
    reference: str
    settings: dict[str, Any] = field(repr=False)
    execution: Execution = field(default_factory=Execution)
    dividends: Dividends = "reinvest"
    flows: Flows | None = None
    plan: Plan | None = None
    materiality: float = MATERIALITY
    day_cost: float = 0.0
    day_cost_assumed: bool = False
    order_cost: float = 0.0
    assumed: tuple[str, ...] = ()
    target_may_change: bool = False
    benchmark: NamedBenchmark = field(default_factory=NamedBenchmark)
    factors: FactorReturns | None = None
    stress: Stress = field(default_factory=Stress)
    orders: OrderLimits = field(default_factory=OrderLimits)
    tax_lots: TaxLots | None = None
    given_prices: Prices | None = None
    notes: tuple[str, ...] = ()
    ticket: TicketTerms = field(default_factory=TicketTerms)
    cycle: CycleKeys = field(default_factory=CycleKeys)
    governance: GovernanceKeys = field(default_factory=GovernanceKeys)
    accounts: tuple[Account, ...] = ()
    currencies: Currencies | None = None
    rates: Rates | None = None
    splits: Mapping[str, Split] = field(default_factory=dict)
    nav_history: NavHistory = field(default_factory=NavHistory)
    forecasts: StatedForecasts = field(default_factory=StatedForecasts)
    today: pd.Timestamp | None = None
    blotter: Blotter | None = None
    pending: tuple[CashEntry, ...] = ()
    owed: Mapping[str, float] = field(default_factory=dict)
    trust_code: bool = False

    def __post_init__(self) -> None:
        """Check its name and those of its policies, and make the arrays read-only."""
        check_name("name of a portfolio is", self.name)
        for name in self.policies:
            check_name("name of a policy is", name)
        if (same := same_names(self.policies)) is not None:
            refuse(
                f"name of a policy is {same[0]!r}, and another is", same[1], "they would share a folder: rename one."
            )
        for f in fields(self):
            if isinstance(getattr(self, f.name), np.ndarray):
                object.__setattr__(self, f.name, frozen(getattr(self, f.name)))

    @property
    def date(self) -> pd.Timestamp:
        """The last close: holdings are valued at it, and a trade list is as of it."""
        return self.market.dates[-1]

    @property
    def quoted(self) -> Market:
        """The market of its assets in the currencies in which they are quoted."""
        return self.market if self.currencies is None else self.currencies.quoted

    @property
    def prices(self) -> Prices:
        """The price of each asset: those that are given, else the last closes."""
        return last_closes(self.market) if self.given_prices is None else self.given_prices

    @property
    def priced_on(self) -> pd.Timestamp:
        """The day of its newest price; the last close where no price has a day."""
        days = self.prices.days
        return self.date if np.isnat(days).all() else pd.Timestamp(np.nanmax(days))

    @property
    def trade_day(self) -> pd.Timestamp:
        """The session on which its orders are expected to trade, from which tax lots and locks are reckoned."""
        return trade_day(self.market, self.prices, self.today)

    def settlement_date(self, days: int) -> np.datetime64:
        """The day on which money and units of an order change hands, `days` sessions after `trade_day`."""
        return session_after(np.datetime64(self.trade_day, "D"), days, self.market.calendar)

    @property
    def sessions_since_trade(self) -> int:
        """Rows of the market since the last trade."""
        return int((self.market.dates > self.last_trade).sum())

    @property
    def listed_at(self) -> pd.Timestamp:
        """The close at which its last orders were sized: that of the last trade where nothing else is known."""
        asked = None if self.blotter is None else self.blotter.asked
        return self.last_trade if asked is None else pd.Timestamp(asked)

    @property
    def account_names(self) -> tuple[str, ...]:
        """The names of its accounts; ("",) where it has none, and is all one account."""
        return tuple(each.name for each in self.accounts) or ("",)

    @property
    def cash_by_currency(self) -> Mapping[str, float]:
        """Its cash by currency; all of it is in the basis where it has one currency."""
        return {self.basis: self.cash} if self.currencies is None else self.currencies.cash

    @property
    def quoted_in(self) -> tuple[str, ...]:
        """(n,) the currency in which each asset is quoted."""
        return self.market.currency if self.currencies is None else self.currencies.lines

    @property
    def nav(self) -> float:
        """Holdings and cash at the last close, currency."""
        return float(self.holdings.sum()) + self.cash

    @property
    def stated_day_cost(self) -> float:
        """The cost of a trading day that its file states, currency; 0 where it is assumed: that decides no order."""
        return 0.0 if self.day_cost_assumed else self.day_cost

    @property
    def weights(self) -> Array:
        """(n,) value held over NAV at the last close; cash is the rest."""
        return self.holdings / self.nav

    def exposures(self, by: str) -> dict[str, Array]:
        """For each group, (n,) the fraction of each asset that counts in it; see `group_exposures`.

        by : "asset_class", "sector", or "currency", in which assets are quoted.
        """
        own = self.quoted_in if by == "currency" else self.market.instruments[by]
        return group_exposures(self.market.assets, list(own), self.splits, by)

    def check_policy(self, name: str) -> None:
        """Raise ConfigError for a policy that is not in the file."""
        if name not in self.policies:
            raise ConfigError(
                f"policy {name!r} is not in {self.file}: it has {', '.join(self.policies)}. Correct the name."
            )

    @property
    def target(self) -> Array:
        """(n,) the strategic target, fraction of NAV; cash is the rest."""
        return np.array(self.strategic.weights, dtype=float)

    @property
    def unopened(self) -> bool:
        """True if nothing is held and no trade is stated: as a backtest opens, the first list buys the target."""
        return not self.holdings.any() and self.last_trade == self.market.dates[0]

    @property
    def beside_costs(self) -> tuple[str, ...]:
        """Names of the settings that backtests apply besides costs, and that neither tuning nor training applies."""
        found = {
            "the execution of the file": self.execution != Execution(),
            "dividends in cash": self.dividends == "cash",
            "flows": self.flows is not None,
        }
        return tuple(name for name, there in found.items() if there)

    def table(self) -> pd.DataFrame:
        """A row an asset: class, units, price, value, weight, target, gap and range; cash is the last row."""
        cash = self.cash / self.nav
        target = round(1.0 - float(self.target.sum()), 12) + 0.0
        none = [np.nan]
        return pd.DataFrame(
            {
                "asset_class": [*self.market.instruments["asset_class"], "cash"],
                "shares": np.append(self.shares, none),
                "price": np.append(self.prices.per_unit, none),
                "value": np.append(self.holdings, self.cash),
                "weight": np.append(self.weights, cash),
                "target": np.append(self.target, target),
                "gap": np.append(self.weights - self.target, cash - target),
                "lower": np.append(self.lower, none),
                "upper": np.append(self.upper, none),
            },
            index=pd.Index([*self.market.assets, "cash"], name="asset"),
        )

    def __repr__(self) -> str:
        """One line: name, value, date, assets, policies."""
        active = f", active: {self.policy}" if self.policy else ""
        return (
            f"Portfolio {self.name!r}: {self.nav:,.2f} {self.basis} in {len(self.market.assets)} assets and cash at "
            f"{self.date:%Y-%m-%d}, last traded {self.last_trade:%Y-%m-%d}, {len(self.policies)} policies{active}"
        )
