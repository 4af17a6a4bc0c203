"""The request of the payload endpoint. Bounds are those of the market and of the accounting that answer it."""

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from foundation.arguments import LARGEST_NUMBER, SMALLEST_NUMBER
from foundation.tolerances import TARGET_TOLERANCE
from research.portfolio.file.kinds import Currency, Fraction, Name, Told

MAX_ASSETS, MAX_RETURNS = 500, 10_000
MIN_VALUE = 0.01  # currency: cash is counted in cents
MAX_RETURN = 1_000.0  # of a period, fraction
MAX_COST_BPS = 10_000.0
REFUSED_COST_BPS = 5_000.0  # the accounting refuses a cost of half the notional
LARGEST_GROWTH = 1e100  # of a unit over its history

Return = Annotated[float, Field(gt=-1.0, le=MAX_RETURN)]
Returns = Annotated[list[Return], Field(max_length=MAX_RETURNS)]
Price = Annotated[float, Field(ge=SMALLEST_NUMBER, le=LARGEST_NUMBER, description="Currency per unit.")]
Lots = Literal["exact", "quick"]


class Strict(BaseModel):
    """A part of a request: unknown keys, numbers in quotes, and numbers that are not finite are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class HoldingInput(Strict):
    """A security inside an asset: orders of the asset are shown by security in the drilldown."""

    symbol: Name
    weight: Annotated[Fraction, Field(description="Fraction of the asset, not of the portfolio.")]
    price: Price
    historical_returns: Annotated[Returns, Field(description="The oldest first; [] for none.")] = []

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_growth(self.historical_returns)
        return self


class AssetInput(Strict):
    """An asset: its weights, its price and its past."""

    asset: Name
    asset_class: Annotated[Name | None, Field(description="By default the asset's own name.")] = None
    target_weight: Fraction
    current_weight: Fraction
    market_return: Annotated[
        Return | None, Field(description="The last return; it is appended where the history does not end with it.")
    ] = None
    price: Price
    historical_returns: Annotated[
        Returns, Field(description="Simple returns a period, the oldest first. Histories of assets end together.")
    ]
    holdings: Annotated[list[HoldingInput], Field(max_length=MAX_ASSETS)] = []

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_growth(self.returns)
        _check_distinct("symbol", [holding.symbol for holding in self.holdings], "holdings")
        _check_sum("weight", (holding.weight for holding in self.holdings), "holdings")
        return self

    @property
    def class_name(self) -> str:
        """The name of its class."""
        return self.asset_class or self.asset

    @property
    def appends(self) -> bool:
        """True if `market_return` is not the last return of the history."""
        return self.market_return is not None and self.market_return not in self.historical_returns[-1:]

    @property
    def returns(self) -> list[float]:
        """The history with `market_return` at its end."""
        last = [] if self.market_return is None or not self.appends else [self.market_return]
        return [*self.historical_returns, *last]


class RebalanceRequest(Strict):
    """A portfolio to rebalance. Weights are fractions of its value; what they leave is cash."""

    portfolio_value: Annotated[
        float, Field(ge=MIN_VALUE, le=LARGEST_NUMBER, description="Holdings and cash, currency.")
    ]
    drift_threshold: Annotated[Fraction, Field(description="Trade when a weight is further than this from its target.")]
    turnover_limit: Annotated[Fraction, Field(description="Largest one-way turnover of the orders.")]
    transaction_cost_bps: Annotated[
        float, Field(ge=0.0, le=MAX_COST_BPS, description="Basis points of notional a side, below 5,000.")
    ] = 0.0
    assets: Annotated[list[AssetInput], Field(min_length=1, max_length=MAX_ASSETS)]
    periods_per_year: Annotated[
        int, Field(ge=1, le=366, description="Returns a year: 252 for days, 12 for months.")
    ] = 252
    buys_only: bool = False
    cash_flow: Annotated[
        float,
        Field(
            ge=-LARGEST_NUMBER,
            le=LARGEST_NUMBER,
            description="Currency that comes in before the orders, or goes out after them (below zero). It is not part "
            "of the value.",
        ),
    ] = 0.0
    locked: Annotated[list[str], Field(max_length=MAX_ASSETS, description="Assets that are not traded.")] = []
    currency: Currency = "USD"
    lots: Annotated[
        Lots,
        Field(description="Search for whole lots: exact, within a stated number of nodes, or quick, a local search."),
    ] = "exact"

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [each.asset for each in self.assets]
        _check_distinct("asset", names, "assets")
        _check_sum("target_weight", (each.target_weight for each in self.assets), "assets")
        _check_sum("current_weight", (each.current_weight for each in self.assets), "assets")
        if self.transaction_cost_bps >= REFUSED_COST_BPS:
            raise Told(
                f"transaction_cost_bps is {self.transaction_cost_bps:g}, half of the notional or more",
                f"Give less than {REFUSED_COST_BPS:,.0f}: the accounting books no dearer trade.",
                "transaction_cost_bps",
            )
        if self.cash_flow <= -self.portfolio_value:
            raise Told(
                f"cash_flow is {self.cash_flow:g}, a withdrawal of the whole value, {self.portfolio_value:g}, or more",
                "Withdraw less.",
                "cash_flow",
            )
        unknown = [name for name in self.locked if name not in names]
        if unknown:
            raise Told(f"locked names {unknown[0]!r}, which is no asset", "Name an asset of the payload.", "locked")
        return self


def _check_distinct(key: str, names: Sequence[str], where: str) -> None:
    """Raise Told for a name that appears twice."""
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise Told(f"{key} {twice!r} appears twice", "Merge the two, or rename one.", where)


def _check_sum(key: str, weights: Iterable[float], where: str) -> None:
    """Raise Told for weights that sum above one."""
    total = math.fsum(weights)
    if total > 1.0 + TARGET_TOLERANCE:
        raise Told(f"{key} sums to {total:.12g}", "Lower them: they sum to 1 at most, and the rest is cash.", where)


def _check_growth(returns: Sequence[float]) -> None:
    """Raise Told for returns that multiply to a number that no figure can be computed from."""
    growth = math.prod([1.0 + one for one in returns])
    if not 1.0 / LARGEST_GROWTH < growth < LARGEST_GROWTH:
        fix = "Correct them: simple returns are fractions, such as 0.01 for 1 %."
        raise Told(f"historical_returns multiply to {growth:.3g}", fix, "historical_returns")
