"""All keys of a portfolio file: their types, bounds and defaults, each in the record of its module.

`load_portfolio` reads the whole file by it first, and finds what else needs no prices (`file_mistakes`); then each
module reads its own part against the market and the other parts, as far as these are right. A policy, an allocation and
a forecast are read by the table of their kinds (`policies`, `allocations`).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from foundation.arguments import MOST_PENALTY
from research.accounting import Execution
from research.accounting.execution import Dividends
from research.portfolio.file.kinds import Day, Fraction, Name, Penalty, Text, Told, record
from research.portfolio.holdings.currencies import Cash
from research.portfolio.holdings.holdings import PositionKeys
from research.portfolio.holdings.household import AccountKeys
from research.portfolio.holdings.lines import LineKeys
from research.portfolio.holdings.rates import RateKeys
from research.portfolio.holdings.tax_file import TaxKeys
from research.portfolio.keys.benchmark import SeriesKeys
from research.portfolio.keys.costs import CostKeys, HoldingKeys, ImpactKeys
from research.portfolio.keys.cycle import CycleKeys, GovernanceKeys
from research.portfolio.keys.factors import FactorKeys
from research.portfolio.keys.flows import FlowKeys
from research.portfolio.keys.forecasts import ForecastKeys
from research.portfolio.keys.limits import LimitKeys
from research.portfolio.keys.market_keys import MarketKeys
from research.portfolio.keys.orders import OrderKeys
from research.portfolio.keys.stress import StressKeys
from research.portfolio.keys.ticket import TicketTerms
from research.portfolio.plan import Plan
from research.portfolio.unstated import MATERIALITY, Assumable
from research.risk.measures import BPS, TRACKING_PENALTY

HALVING = "halving_tracking_error_is_worth"
Bps = Annotated[float, Field(ge=0.0, le=1_000.0, description="Basis points of NAV a year.")]
Work = Annotated[float, Field(ge=0.0, le=1e9, description="It is in currency.")]


@record
class HalvingKeys:
    """The worth of halving a tracking error, bp of NAV a year, and that tracking error, fraction a year."""

    bps: Bps
    of: Annotated[float, Field(ge=1e-4, le=1.0, description="A fraction of NAV a year: 1.5 % is 0.015.")]

    def __post_init__(self) -> None:
        """Refuse a price of tracking error that is too high."""
        if self.penalty > MOST_PENALTY:
            fix = f"Its price g would be {self.penalty:.3g}, and {MOST_PENALTY:g} is the most: give a larger `of` or "
            raise Told("too high a price of tracking error", f"{fix}less `bps`.")

    @property
    def penalty(self) -> float:
        """The price g: the penalty is g/2 × squared tracking error, of which halving saves three quarters.

        So g = 8 · bps / (3 · error²).
        """
        return 8.0 * self.bps / BPS / (3.0 * self.of**2)


@record
class PortfolioKeys:
    """The keys at the top of a portfolio file."""

    name: Name
    market: Text | MarketKeys
    basis: Text
    cash: Cash | None = None
    target_cash: Fraction = 0.0
    last_trade: Day | None = None
    held_on: Day | None = None
    lines: Annotated[Mapping[Name, LineKeys], Field(min_length=1)]
    costs: Annotated[Mapping[Text, CostKeys], Field(min_length=1)]
    holding: HoldingKeys | None = None
    tax: TaxKeys | None = None
    impact: ImpactKeys | None = None
    limits: LimitKeys | None = None
    orders: OrderKeys | None = None
    execution: Execution | None = None
    dividends: Dividends = "reinvest"
    flows: FlowKeys | None = None
    plan: Plan | None = None
    tracking_penalty: Penalty | None = None
    halving_tracking_error_is_worth: HalvingKeys | None = None
    materiality_bps: Bps = MATERIALITY
    day_cost: Work | None = None
    order_cost: Work = 0.0
    assumed: Sequence[Assumable] = ()
    test_start: Day | None = None
    policies: Annotated[Mapping[Name, Any], Field(min_length=1)]
    policy: Text | None = None
    reference: Text | None = None
    benchmark: Text | SeriesKeys | None = None
    target: Literal["strategic", "may_change"] = "strategic"
    periods_per_year: Annotated[int, Field(ge=1)] | None = None
    lag: Annotated[int, Field(ge=0, description="It counts sessions.")] = 1
    factors: Text | FactorKeys | None = None
    stress: StressKeys | None = None
    forecasts: ForecastKeys | None = None
    positions: PositionKeys | None = None
    prices: Text | None = None
    prices_ok: Annotated[Sequence[str], Field(min_length=1)] | None = None
    fx: RateKeys | None = None
    fx_today: RateKeys | None = None
    ticket: TicketTerms | None = None
    cycle: CycleKeys | None = None
    governance: GovernanceKeys | None = None
    accounts: Annotated[Mapping[Name, AccountKeys], Field(min_length=1)] | None = None
    nav_history: Text | None = None

    def __post_init__(self) -> None:
        """Refuse two prices of tracking error."""
        if self.tracking_penalty is not None and self.halving_tracking_error_is_worth is not None:
            raise Told("a second price of tracking error", "Leave it or tracking_penalty out.", HALVING)

    @property
    def penalty(self) -> float:
        """The price g of squared tracking error."""
        return penalty_of(self.tracking_penalty, self.halving_tracking_error_is_worth)


def penalty_of(stated: float | None, halving: HalvingKeys | None) -> float:
    """The price g of squared tracking error: as stated, or from the worth of halving one."""
    if halving is not None:
        return halving.penalty
    return TRACKING_PENALTY if stated is None else stated
