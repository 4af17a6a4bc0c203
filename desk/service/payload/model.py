"""The request of the payload endpoint. Bounds are those of the market and of the accounting that answer it."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator

from desk.service.bodies import Body
from foundation.arguments import LARGEST_NUMBER, SMALLEST_NUMBER, cut
from foundation.tolerances import TARGET_TOLERANCE
from research.portfolio.file.kinds import BasisPoints, Currency, Fraction, Name, Told

MAX_ASSETS, MAX_RETURNS = 500, 10_000
MIN_VALUE = 0.01  # currency: cash is counted in cents
MAX_RETURN = 1_000.0  # of a period, fraction
LARGEST_GROWTH = 1e100  # of a unit over its history


def _check_growth(returns: list[float]) -> list[float]:
    """Raise Told for returns that multiply to a number that no figure can be computed from."""
    growth = math.prod(map((1.0).__add__, returns))
    if not 1.0 / LARGEST_GROWTH < growth < LARGEST_GROWTH:
        raise Told(f"they multiply to {growth:.3g}", "Correct them: 0.01 is a return of 1 %.")
    return returns


Return = Annotated[float, Field(gt=-1.0, le=MAX_RETURN)]
Returns = Annotated[list[Return], Field(max_length=MAX_RETURNS), AfterValidator(_check_growth)]
Price = Annotated[float, Field(ge=SMALLEST_NUMBER, le=LARGEST_NUMBER, description="Currency per unit.")]
Lots = Literal["exact", "quick"]


class HoldingInput(Body):
    """A security inside an asset: orders of the asset are shown by security in the drilldown."""

    symbol: Name
    weight: Annotated[Fraction, Field(description="Fraction of the asset, not of the portfolio.")]
    price: Price
    historical_returns: Returns = Field(default_factory=list, description="The oldest first; [] for none.")


class AssetInput(Body):
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
        Returns,
        Field(description="Simple returns a period, the oldest first; 0.01 is 1 %. Histories of assets end together."),
    ]
    holdings: list[HoldingInput] = Field(default_factory=list, max_length=MAX_ASSETS)

    @field_validator("holdings")
    @classmethod
    def _check_holdings(cls, holdings: list[HoldingInput]) -> list[HoldingInput]:
        _refuse(
            _repeated("symbol", [each.symbol for each in holdings]),
            _above_one("weight", [each.weight for each in holdings]),
        )
        return holdings

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


EXAMPLE: dict[str, Any] = {
    "portfolio_value": 1_000_000,
    "drift_threshold": 0.03,
    "turnover_limit": 0.1,
    "transaction_cost_bps": 2,
    "assets": [
        {
            "asset": name,
            "target_weight": target,
            "current_weight": current,
            "price": price,
            "historical_returns": returns,
        }
        for name, target, current, price, returns in (
            ("SPY", 0.6, 0.67, 383.44, [0.012, -0.004, 0.007]),
            ("AGG", 0.4, 0.33, 97.45, [0.001, 0.002, -0.003]),
        )
    ],
}


class RebalanceRequest(Body):
    """A portfolio to rebalance. Weights are fractions of its value; what they leave is cash."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    portfolio_value: Annotated[
        float, Field(ge=MIN_VALUE, le=LARGEST_NUMBER, description="Holdings and cash, currency.")
    ]
    drift_threshold: Annotated[
        Fraction, Field(description="Trade when a weight is further than this from its target; 0.03 is 3 points.")
    ]
    turnover_limit: Annotated[
        Fraction, Field(description="Largest one-way turnover of the orders; 0.1 is 10 % of the value.")
    ]
    transaction_cost_bps: BasisPoints = 0.0  # the accounting books no trade that costs half of the notional
    assets: Annotated[list[AssetInput], Field(min_length=1, max_length=MAX_ASSETS)]
    periods_per_year: Annotated[
        int, Field(ge=1, le=366, description="Returns a year: 252 for days, 12 for months.")
    ] = 252
    buys_only: Annotated[bool, Field(description="True to send no sells.")] = False
    cash_flow: Annotated[
        float,
        Field(
            ge=-LARGEST_NUMBER,
            le=LARGEST_NUMBER,
            description="Currency that comes in before the orders, or goes out after them (below zero). It is not part "
            "of the value.",
        ),
    ] = 0.0
    locked: list[str] = Field(default_factory=list, max_length=MAX_ASSETS, description="Assets that are not traded.")
    currency: Currency = "USD"
    lots: Annotated[
        Lots,
        Field(description="Search for whole lots: quick, a local search, or exact, within a stated number of nodes."),
    ] = "quick"

    @field_validator("assets")
    @classmethod
    def _check_assets(cls, assets: list[AssetInput]) -> list[AssetInput]:
        _refuse(
            _repeated("asset", [each.asset for each in assets]),
            _above_one("target_weight", [each.target_weight for each in assets]),
            _above_one("current_weight", [each.current_weight for each in assets]),
        )
        return assets

    @field_validator("cash_flow")
    @classmethod
    def _check_flow(cls, flow: float, info: ValidationInfo) -> float:
        if flow <= -info.data.get("portfolio_value", math.inf):
            raise Told("a withdrawal of the whole value or more", "Withdraw less.")
        return flow

    @field_validator("locked")
    @classmethod
    def _check_locked(cls, locked: list[str], info: ValidationInfo) -> list[str]:
        known = {each.asset for each in info.data.get("assets", [])}
        if known and (unknown := [name for name in locked if name not in known]):
            raise Told(f"{cut(unknown[0])!r} is no asset", "Name assets of the payload.")
        return locked


Fault = tuple[str, str]  # what is wrong, and how to mend it


def _refuse(*faults: Fault | None) -> None:
    """Raise Told for the faults that are there."""
    if there := [fault for fault in faults if fault is not None]:
        raise Told("; ".join(what for what, _ in there), " ".join(dict.fromkeys(fix for _, fix in there)))


def _repeated(key: str, names: Sequence[str]) -> Fault | None:
    """The fault of names of which one appears twice."""
    if len(set(names)) == len(names):
        return None
    return f"{key} {next(name for name, count in Counter(names).items() if count > 1)!r} appears twice", "Rename one."


def _above_one(key: str, weights: Sequence[float]) -> Fault | None:
    """The fault of weights that sum above one."""
    total = math.fsum(weights)
    fix = "Lower them: weights sum to 1 at most, and the rest is cash."
    return None if total <= 1.0 + TARGET_TOLERANCE else (f"{key} sums to {total:.12g}", fix)
