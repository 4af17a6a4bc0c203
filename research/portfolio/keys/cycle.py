"""The keys `cycle` and `governance` of a portfolio file: what its decision cycle watches, who decides, who answers."""

from typing import Annotated, Literal

from pydantic import Field

from research.portfolio.file.kinds import Day, Text, Told, record

Share = Annotated[float, Field(gt=0.0, le=1.0, description="A fraction of NAV: 3 % is 0.03.")]
Level = Annotated[float, Field(ge=-100.0, le=100.0)]
Decides = Literal["policy", "scenarios"]
OpenOrders = Literal["complete", "wait"]


@record
class DriftLevels:
    """Distances of an asset, a class or a sector from its target, from which on a drift is of each level."""

    medium: Share = 0.015
    high: Share = 0.025
    critical: Share = 0.03

    def __post_init__(self) -> None:
        """Refuse levels that do not rise."""
        if not self.medium < self.high < self.critical:
            raise Told("levels of drift that do not rise", "Give medium below high, and high below critical.")


@record
class LossLevels:
    """One-row VaR at 95 %, a positive loss, from which on a warning is given and a cycle is triggered."""

    warning: Share = 0.03
    critical: Share = 0.04

    def __post_init__(self) -> None:
        """Refuse levels that do not rise."""
        if not self.warning < self.critical:
            raise Told("levels of VaR that do not rise", "Give warning below critical.")


@record
class SharpeLevels:
    """Sharpe ratios a year, below which a warning is given, and a critical one."""

    warning: Level = 1.0
    critical: Level = 0.0

    def __post_init__(self) -> None:
        """Refuse levels that do not fall."""
        if not self.critical < self.warning:
            raise Told("levels of the Sharpe ratio that do not fall", "Give critical below warning.")


@record
class ActsKeys:
    """The venue to which a cycle sends its orders without a person, and the limits of a list that it sends so.

    venue    : venue, as `rebalance desk execute --exchange` names it.
    notional : largest value of the orders, currency of the portfolio.
    turnover : largest one-way turnover, fraction of NAV.
    orders   : largest number of orders.
    """

    venue: Annotated[str, Field(min_length=1)]
    notional: Annotated[float, Field(gt=0.0, le=1e15, description="Currency of the portfolio.")]
    turnover: Share = 0.05
    orders: Annotated[int, Field(ge=1, le=10_000)] = 20


@record
class CycleKeys:
    """The terms of a decision cycle.

    decides     : "policy", the list of the file's policy; "scenarios", the alternative of the least expected loss.
    worlds      : simulated years that each alternative is played through.
    seed        : seed of their random numbers.
    halving     : loss that halves a score, bp of NAV: the score is 10 · 2^(−loss / halving).
    drift, var, sharpe : levels of these readings.
    beta        : beta to the benchmark, above which a flag is raised.
    correlation : mean correlation of the assets held, likewise.
    cooldown    : sessions after a trade on which scenarios do not trade.
    turnover    : one-way turnover, fraction of NAV, above which a person decides.
    open_orders : while orders of an earlier list are open, "complete" them, or "wait".
    acts        : where and how far it sends orders without a person; None sends nothing.
    """

    decides: Decides = "policy"
    worlds: Annotated[int, Field(ge=100, le=100_000)] = 1_000
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    halving: Annotated[float, Field(gt=0.0, le=10_000.0, description="Basis points of NAV.")] = 10.0
    drift: DriftLevels = DriftLevels()
    var: LossLevels = LossLevels()
    sharpe: SharpeLevels = SharpeLevels()
    beta: Level = 1.5
    correlation: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.7
    cooldown: Annotated[int, Field(ge=0, le=1_000, description="It counts sessions.")] = 3
    turnover: Share = 0.20
    open_orders: OpenOrders = "complete"
    acts: ActsKeys | None = None


@record
class GovernanceKeys:
    """The owner of the models of a portfolio, and their next review.

    owner  : person or group that owns its models.
    review : day by which they are reviewed next.
    """

    owner: Text | None = None
    review: Day | None = None
