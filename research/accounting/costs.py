"""Costs of trading and holding, per asset. Each cost keeps its name and its own column in the record."""

import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from foundation.arguments import floats, is_number, is_whole, refuse
from foundation.arrays import Array, Rows, frozen
from foundation.dataclasses import dataclass, field, fields, replace
from foundation.errors import ConfigError, DataError
from foundation.labels import refuse_labels
from research.accounting.cost_parameters import (
    AVERAGE_FIRST_IN,
    COST_COLUMNS,
    LOT_METHODS,
    TAX,
    TAX_MINIMAL,
    CostParameters,
    HoldingCosts,
)
from research.accounting.daily_costs import on_each_day, panels_known_from, panels_of, refuse_missing
from research.accounting.impact import Impact
from research.accounting.tax import Tax, first_long_day
from research.market import Market

CHARGED = COST_COLUMNS[:TAX]  # what an order is charged; tax is known only where lots are
USUAL = COST_COLUMNS[:2]  # the proportional ones
BASIS_POINT = 1e-4
FRACTIONS = 1e-5, 0.01  # basis points that nobody is charged, and fractions of the notional that many are
ARRAY_COSTS = {  # the costs that are an array, and what each of them is
    **dict.fromkeys(USUAL, "give a fraction of notional an asset, such as 0.0001 for a basis point."),
    **dict.fromkeys(("per_unit", "minimum", "ticket"), "give currency, one number for all assets or one an asset."),
    "borrow": "give a fraction a year of the value held short, one number for all assets or one an asset.",
}
NO_COST = frozen(np.zeros(1))  # a cost that is not given


@dataclass(frozen=True, eq=False)
class Costs:
    """Costs of a portfolio: for each trade, on each side, and for holding.

    commission     : (n,) fraction of notional (0.0001 is one basis point).
    half_spread    : (n,) fraction of notional; also (T, n), a spread a day of its market, NaN before it is known.
    per_unit       : (n,) currency per unit traded, added to the commission; needs quotes.
    minimum        : (n,) the least commission of an order, currency.
    ticket         : (n,) currency an order. Neither it nor `minimum` keeps a rule from small orders: that is
                     `Execution(minimum_trade=…)`.
    impact         : impact of our own trade on the price, or None.
    tax            : tax on realised gains, or None.
    borrow         : (n,) rate on the value held short, fraction a year.
    financing      : cost of negative cash above the cash rate, fraction a year.
    cash_spread    : shortfall of the return of positive cash below the cash rate, fraction a year.
    management_fee : rate on NAV, fraction a year.
    Raises         : ConfigError for a cost that is negative, not finite, or takes half of the notional or more; for
                     costs that carry labels, such as a pandas Series, since the order of the assets is not known here.

    Years of holding costs are 365 calendar days; they leave cash at each close, for what was held since the last one.
    """

    commission: Array
    half_spread: Array
    per_unit: Array = field(default_factory=lambda: NO_COST)
    minimum: Array = field(default_factory=lambda: NO_COST)
    ticket: Array = field(default_factory=lambda: NO_COST)
    impact: Impact | None = None
    tax: Tax | None = None
    borrow: Array = field(default_factory=lambda: NO_COST)
    financing: float = 0.0
    cash_spread: float = 0.0
    management_fee: float = 0.0

    def __post_init__(self) -> None:
        """Check the costs and make them read-only."""
        for name in ARRAY_COSTS:
            refuse_labels(f"{name} is", getattr(self, name))
        n = np.atleast_1d(floats("commission is", self.commission, ARRAY_COSTS["commission"])).shape[-1]
        for name in ARRAY_COSTS:
            object.__setattr__(self, name, _checked(name, getattr(self, name), n))
        for kind, name, call in ((Impact, "impact", "Impact(coefficient=1.0)"), (Tax, "tax", "Tax(rate=0.2)")):
            if not isinstance(given := getattr(self, name), kind | None):
                refuse(f"{name} is", given, f"give {call}, or nothing.")
        if self.impact is not None and np.ndim(self.impact.coefficient) and len(np.ravel(self.impact.coefficient)) != n:
            raise ConfigError(
                f"impact has {len(np.ravel(self.impact.coefficient))} coefficients and commission {n} assets: give "
                "one, or one an asset."
            )
        for name in ("financing", "cash_spread", "management_fee"):
            if not (is_number(rate := getattr(self, name)) and 0.0 <= rate < 0.5):
                refuse(f"{name} is", rate, "it is a fraction a year, at least 0 and below 0.5.")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its fields and made anew: arrays that a pickle brings back could be written to."""
        return type(self), tuple(getattr(self, f.name) for f in fields(self))

    @classmethod
    def bps(cls, n: int, *, commission: ArrayLike = 0.0, half_spread: ArrayLike = 0.0) -> "Costs":
        """Costs of n assets from basis points, one number for all or one for each asset.

        >>> Costs.bps(2, commission=1, half_spread=[0.5, 2]).total.round(12).tolist()
        [0.00015, 0.0003]

        Raises : ConfigError for a number of assets that is none, for costs of another number of assets, for costs that
                 carry labels, such as a pandas Series: they do not know the market's order.
        Warns  : for costs within `FRACTIONS`.
        """
        if not (is_whole(n) and n >= 1):
            refuse("n is", n, "give the number of assets, such as len(market.assets).")
        return cls(_fractions("commission is", commission, n), _fractions("half_spread is", half_spread, n))

    @cached_property
    def total(self) -> Array:
        """(n,) cost of an asset's notional a side, as far as it does not depend on the day: commission and spread.

        Of spreads by the day it is the median, NaN for an asset of which none is known.
        """
        return frozen(self.commission + (self.half_spread if self.half_spread.ndim == 1 else _median(self.half_spread)))

    @cached_property
    def per_side(self) -> Array:
        """(1, n), or (T, n) where spreads are by the day: commission and spread a side, as a fraction of the notional.

        Zero where a spread is not known yet: a rule that ranks assets by cost sees no later one.
        """
        return frozen(np.nan_to_num(self.commission + np.atleast_2d(self.half_spread)))

    @cached_property
    def proportional(self) -> bool:
        """True if every cost is a constant fraction of notional, whatever the size, price, day or time."""
        amounts = (self.per_unit, self.minimum, self.ticket)
        plain = self.impact is None and self.tax is None and self.half_spread.ndim == 1
        return plain and not any(a.any() for a in amounts) and not self.holding_costs.some

    def scaled(self, multiple: float) -> "Costs":
        """The same with every cost of trading times `multiple`; tax and the costs of holding stay.

        Raises : ConfigError for a multiple below zero.

        >>> Costs.bps(1, commission=2, half_spread=1).scaled(2.0).total.round(12).tolist()
        [0.0006]
        """
        if not (is_number(multiple) and multiple >= 0.0):
            refuse("costs cannot be multiplied by", multiple, "give a number that is at least 0.")
        amounts = ("commission", "half_spread", "per_unit", "minimum", "ticket")
        impact = self.impact
        if impact is not None:
            each = np.asarray(impact.coefficient) * multiple
            impact = replace(impact, coefficient=float(each) if each.ndim == 0 else tuple(each.tolist()))
        return replace(self, impact=impact, **{name: getattr(self, name) * multiple for name in amounts})

    def until(self, rows: int) -> "Costs":
        """The same for the first `rows` dates of its market: spreads by the day end there."""
        return self if self.half_spread.ndim == 1 else replace(self, half_spread=self.half_spread[:rows])

    def known_from(self, market: Market) -> int:
        """The first row of `market` from which on spreads by the day and impact of all traded assets are known."""
        return panels_known_from(market, panels_of(market, self.half_spread, self.impact))

    def simplified(self, market: Market, nav: float) -> "Costs":
        """These costs for simulated paths that start with 1 instead of `nav` and have no volumes, quotes or lots.

        Amounts are divided by `nav`, spreads by the day become their median; what depends on volumes, quotes and lots,
        and what holding costs, is left out.
        market : market on the days of these costs.
        Raises : DataError for an asset without a known spread on any of them.
        """
        n, half_spread = len(self.commission), self.total - self.commission
        if (unknown := np.flatnonzero(np.isnan(half_spread))).size:
            asset, listed = market.assets[unknown[0]], market.listed[:, unknown[0]]
            since = f"it is listed on {market.days[listed.argmax()]}" if listed.any() else "it is not listed by then"
            raise DataError(
                f"no half-spread of {asset} in market {market.name!r} is known by {market.days[-1]}, the last training "
                f"day: found nan on all {len(self.half_spread):,} sessions; {since}, and an estimate needs its whole "
                "window after the listing. Start later, estimate over a shorter window, or leave the asset out."
            )
        return Costs(self.commission, half_spread, np.zeros(n), self.minimum / nav, self.ticket / nav)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the costs that `simplified` leaves out."""
        found = {"per_unit": bool(self.per_unit.any()), "impact": self.impact is not None, "tax": self.tax is not None}
        return tuple(name for name, there in (found | {"costs of holding": self.holding_costs.some}).items() if there)

    def cost_parameters(
        self, market: Market | None = None, first: int = 0, minimum_trade: float = 0.0, at_open: bool = False
    ) -> CostParameters:
        """The arrays of the kernel: the costs of trading, on each day of `market` if they depend on it.

        market        : T days of n assets, or None where no cost depends on it.
        first         : row from which they are needed.
        minimum_trade : currency; a smaller order is not sent.
        at_open       : true if orders are booked at opens: a commission per unit is then counted on units there, and
                        spreads and impact are those known at the last close.
        Raises        : ConfigError where a cost needs a market and there is none; DataError, naming asset, date and
                        value, for a quote, volume, volatility or spread that is missing or zero where it is needed.
        """
        made = self._on_days(market, first, at_open) if self.needs_market else self._same_each_day
        if self.tax is not None and self.tax.has_terms:
            made = made._replace(long_from=_long_rows(self.tax, market))
        if not minimum_trade > 0.0:
            return made
        return made._replace(minimum_trade=float(minimum_trade), plain=False)

    @cached_property
    def needs_market(self) -> bool:
        """True if the rate of some cost depends on the day."""
        return bool(self.per_unit.any() or self.impact is not None or self.half_spread.ndim > 1)

    @cached_property
    def _same_each_day(self) -> CostParameters:
        """The arrays of the kernel for costs that depend on no market, without a least order."""
        return self._on_days(None, 0, False)

    def _on_days(self, market: Market | None, first: int, at_open: bool) -> CostParameters:
        """The arrays of the kernel, without a least order; arguments as in `cost_parameters`."""
        n, half_spread, impact = len(self.commission), self.half_spread, np.zeros((1, len(self.commission)))
        if self.needs_market:
            if market is None:
                raise ConfigError("costs per unit, impact and spreads by the day need a market: give it.")
            if half_spread.ndim > 1 and len(half_spread) != len(market.dates):
                raise ConfigError(
                    f"half_spread has {len(half_spread)} rows and market {market.name!r} {len(market.dates)}: give a "
                    "row a date (`Costs.until` cuts the first of a longer one)."
                )
            half_spread, impact = on_each_day(market, first, half_spread, self.impact, at_open)
        rates = np.stack([np.broadcast_to(self.commission, half_spread.shape), half_spread], axis=-2)
        rates = rates.reshape(-1, 2, n)
        if self.per_unit.any():
            assert market is not None
            quotes = market.bars["open"] if at_open and market.bars is not None else market.prices
            each = np.where(self.per_unit > 0.0, self.per_unit, np.nan) / quotes
            charged = np.where(self.per_unit > 0.0, each, 0.0)
            refuse_missing(market, first, charged, "quote", "a commission per unit needs it")
            rates = np.broadcast_to(rates, (len(each), 2, n)).copy()
            rates[:, 0] += np.nan_to_num(each)
        amounts = bool(self.minimum.any() or self.ticket.any() or impact.any())
        return CostParameters(
            rates=frozen(rates),
            total=frozen(rates.sum(axis=1)),
            minimum=self.minimum,
            ticket=self.ticket,
            impact=frozen(impact),
            exponent=1.5 if self.impact is None else float(self.impact.exponent),
            minimum_trade=0.0,
            tax=0.0 if self.tax is None else float(self.tax.rate),
            method=_method(self.tax),
            plain=not (amounts or self.is_taxed),
            short_tax=0.0 if self.tax is None else self.tax.rate_of_short,
        )

    @property
    def is_taxed(self) -> bool:
        """True if some realised gain is taxed."""
        return self.tax is not None and self.tax.charges

    @cached_property
    def holding_costs(self) -> HoldingCosts:
        """The costs of holding, as the kernel takes them."""
        some = bool(self.borrow.any() or self.financing or self.cash_spread or self.management_fee)
        financing, cash_spread, fee = float(self.financing), float(self.cash_spread), float(self.management_fee)
        return HoldingCosts(self.borrow, financing, cash_spread, fee, some)

    def table(self, assets: tuple[str, ...]) -> Mapping[str, Mapping[str, float]]:
        """Each asset's commission and half-spread in basis points, by name; of spreads by the day, the median."""
        rates = {"commission": self.commission, "half_spread": self.total - self.commission}
        return {
            asset: {name: float(rate[i]) / BASIS_POINT for name, rate in rates.items()}
            for i, asset in enumerate(assets)
        }

    @cached_property
    def settings(self) -> Mapping[str, object]:
        """Every cost that is not zero, as plain JSON values, for manifests."""
        given: dict[str, object] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray):
                given |= {f.name: value.tolist()} if value.any() else {}
            elif value:
                given[f.name] = vars(value) if isinstance(value, Impact) else value
        return given | ({} if self.tax is None else {"tax": self.tax.settings})


def _method(tax: Tax | None) -> int:
    """The order of sale as the kernel has it: with one rate, the least tax is that of the highest cost."""
    if tax is None:
        return LOT_METHODS["average"]
    if tax.has_terms and tax.lots in ("average", "tax_minimal"):
        return AVERAGE_FIRST_IN if tax.lots == "average" else TAX_MINIMAL
    return LOT_METHODS["highest" if tax.lots == "tax_minimal" else tax.lots]


def _long_rows(tax: Tax, market: Market | None) -> Rows:
    """(T,) the first row on which what is bought on each row is long-term; T for none. Raises ConfigError."""
    if market is None:
        raise ConfigError("tax with terms needs the days of a market: give it.")
    rows: Rows = frozen(np.searchsorted(market.days, first_long_day(market.days, tax.long_after)))
    return rows


def _fractions(subject: str, bps: ArrayLike, n: int) -> Array:
    """(n,) fractions of notional, from basis points. Raises ConfigError."""
    fix = f"give basis points, one number for all assets or {n}, one an asset."
    refuse_labels(subject, bps)
    each = floats(subject, bps, fix)
    tiny = each[(each >= FRACTIONS[0]) & (each < FRACTIONS[1])]
    if tiny.size:
        told = f"{subject} {tiny[0]:g} basis points. If that is a fraction of the notional, give"
        warnings.warn(f"{told} {tiny[0] / BASIS_POINT:g}.", stacklevel=3)
    if each.shape not in ((), (1,), (n,)):
        refuse(subject, bps, fix)
    return np.broadcast_to(each * BASIS_POINT, (n,))


def _checked(name: str, given: ArrayLike, n: int) -> Array:
    """A cost of n assets (n,), or spreads by the day (T, n), read-only. Raises ConfigError for what can be none."""
    if given is NO_COST:
        return frozen(np.zeros(n))
    values = np.atleast_1d(floats(f"{name} is", given, ARRAY_COSTS[name]))
    if name not in USUAL and values.shape == (1,):
        values = np.repeat(values, n)
    if values.shape[-1] != n or values.ndim != 1 + (name == "half_spread" and values.ndim == 2):
        raise ConfigError(
            f"commission has {n} assets and {name} has shape {values.shape}: give both for the same assets."
        )
    fraction = name in (*USUAL, "borrow")
    bad = ~((values >= 0.0) & (values < (0.5 if fraction else np.inf)))
    if values.ndim == 2:
        bad &= ~np.isnan(values)
    if bad.any():
        found = values[bad][0]
        shown = f"{found / BASIS_POINT:g} bps" if fraction else f"{found:g} currency"
        limit, number = " and less than 5,000 bps" if fraction else "", int(np.argwhere(bad)[0][-1]) + 1
        raise ConfigError(f"{name} of asset {number} of {n} is {shown}: a cost is at least 0{limit}. Correct it.")
    return frozen(values)


def _median(by_day: Array) -> Array:
    """(n,) of the days (T, n) on which each asset's is known; NaN where it never is."""
    found, known = np.full(by_day.shape[1], np.nan), ~np.isnan(by_day).all(axis=0)
    found[known] = np.nanmedian(by_day[:, known], axis=0)
    return found
