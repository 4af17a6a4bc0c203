"""How far rules are from the best that is possible, in a market whose best policy is known.

    bench = Bench.worked()
    gaps(bench, bench.rules())          # a row a rule: J, its parts, and what it loses to the optimum

The optimum is the region that dynamic programming finds, played on the same simulated paths as every rule: differences
are between policies and not between their luck. What dynamic programming says of its own loss is shown beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtests.laboratory import Laboratory, Played, difference, estimate, play
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market.market import Array
from research.risk import GBM
from research.rules import (
    BestPoint,
    Calendar,
    CostBenefit,
    NoTradeRegion,
    OptimalRegion,
    Rule,
    Threshold,
    TrackingError,
    Within,
)
from research.rules.dynamic_programming import optimal_region
from research.rules.region import Region

OPTIMUM = "optimal region"
WEEKS, SESSIONS = 52, 5  # of a year; of a week in which no day is a holiday
BANDS = tuple(round(float(b), 4) for b in np.geomspace(0.01, 0.1, 12))  # half-widths tried, fraction of NAV
LIMITS, PARTS = (0.004, 0.006, 0.008, 0.01, 0.012), (0.1, 0.2, 0.4)  # of a tracking error that shrinks its gaps


@dataclass(frozen=True, eq=False)
class Bench:
    """One or two lines beside cash, in weekly steps: rules are measured on its laboratory against its region.

    mean, covariance : (n,) and (n, n) a year, above cash.  cost : a side, fraction of the notional.
    paths, years, seed, warm_up : of the laboratory; warm-up in years.
    """

    target: tuple[float, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    cost: float
    g: float = 5.0
    paths: int = 1000
    years: int = 10
    seed: int = 1
    warm_up: int = 3

    @classmethod
    def worked(cls, **others: object) -> "Bench":
        """The worked market: volatilities 20 and 25 %, correlation 0.3, 10 bp; others : fields to be otherwise."""
        square = ((0.04, 0.015), (0.015, 0.0625))
        given = {"target": (0.4, 0.3), "mean": (0.05, 0.055), "covariance": square, "cost": 0.001} | others
        return cls(**given)  # type: ignore[arg-type]

    @cached_property
    def allocation(self) -> FixedWeights:
        """The target."""
        return FixedWeights(self.target)

    @cached_property
    def laboratory(self) -> Laboratory:
        """Where rules are played: each week is five sessions, so that calendars and weeks agree."""
        return Laboratory(
            model=GBM(np.array(self.mean), np.array(self.covariance), WEEKS),
            target=self.target,
            costs=Costs.bps(len(self.target), commission=self.cost * 1e4),
            g=self.g,
            paths=self.paths,
            days=WEEKS * (self.years + self.warm_up),
            seed=self.seed,
            warm_up=WEEKS * self.warm_up,
            calendar="24/5",
            every="week",
            periods_per_year=WEEKS,
        )

    def region(self, g: float | None = None) -> Region:
        """The optimal policy, of another price of tracking where one is given."""
        cost = np.full(len(self.target), self.cost)
        price = self.g if g is None else g
        weights, mean, covariance = (np.array(part) for part in (self.target, self.mean, self.covariance))
        return optimal_region(weights, mean, covariance, cost, price, 1.0 / WEEKS)

    def rules(self) -> dict[str, Rule]:
        """Rules as they come, without tuning, and the optimum first; what they go by, they know."""
        held, known = self.allocation, {"covariance": self.covariance, "periods_per_year": float(WEEKS)}
        return {
            OPTIMUM: OptimalRegion(held, self.region()),
            "best point": BestPoint(held, g=self.g, horizon=0.25, check="day", **known),  # type: ignore[arg-type]
            "no-trade region": NoTradeRegion(held, g=self.g, check="week", **known),  # type: ignore[arg-type]
            "cost and benefit": CostBenefit(held, g=self.g, horizon=0.25, **known),  # type: ignore[arg-type]
            "5 % to edge": Threshold(held, 0.05, "edge"),
            "5 % to target": Threshold(held, 0.05),
            "20 % relative": Threshold(held, 0.2, kind="relative"),
            "5/25": Threshold(held, 0.25, kind="relative", cap=0.05),
            "weekly": Calendar(held, SESSIONS),
            "4 weeks": Calendar(held, 4 * SESSIONS),
            "13 weeks": Calendar(held, 13 * SESSIONS),
            "52 weeks": Calendar(held, WEEKS * SESSIONS),
        }

    def families(self) -> dict[str, list[Rule]]:
        """Rules with a setting to tune, over values of it."""
        held, known = self.allocation, {"covariance": self.covariance, "periods_per_year": float(WEEKS)}
        shrinking: list[Rule] = [
            TrackingError(held, limit, part=part, **known)  # type: ignore[arg-type]
            for part in PARTS
            for limit in LIMITS
        ]
        return {
            "band to target": [Threshold(held, band) for band in BANDS],
            "band half-way": [Threshold(held, band, Within(0.5 * band)) for band in BANDS],
            "band to edge": [Threshold(held, band, "edge") for band in BANDS],
            "tracking error, shrunk": shrinking,
        }


def gaps(bench: Bench, rules: Mapping[str, Rule], workers: int = 1) -> pd.DataFrame:
    """A row a rule: its J and the parts of it, and how much more than the optimum's J that is.

    J, cost, tracking, gap : bp of NAV a year; turnover : one-way, a year; events : a year.
    J_error : standard error.  gap_lower, gap_upper : 95 % bounds of the paired difference.  percent : of the optimum.
    apart : can it be told from the optimum? (Do its bounds leave out zero?)
    Raises : ConfigError where no rule is called as the optimum is.
    """
    found = {name: play(bench.laboratory, rule, workers) for name, rule in rules.items()}
    best = found[OPTIMUM] if OPTIMUM in found else play(bench.laboratory, bench.rules()[OPTIMUM], workers)
    return pd.DataFrame.from_dict({name: _row(one, best) for name, one in found.items()}, orient="index")


def _row(one: Played, best: Played) -> dict[str, float | bool]:
    own, gap, least = estimate(one.J), difference(one, best), estimate(best.J)
    means = {name: float(getattr(one, name).mean()) for name in ("cost", "tracking", "turnover", "events")}
    return {
        "J": own.mean,
        "J_error": own.error,
        **means,
        "gap": gap.mean,
        "gap_lower": gap.lower,
        "gap_upper": gap.upper,
        "percent": 100.0 * gap.mean / least.mean,
        "apart": bool(gap.lower > 0.0 or gap.upper < 0.0),
    }


def tuned(bench: Bench, workers: int = 1) -> tuple[dict[str, Rule], int]:
    """The best rule of each family on worlds of another seed, called as it is set, and how many were tried."""
    other = replace(bench, seed=bench.seed + 1)
    found, tried = {}, 0
    for name, rules in bench.families().items():
        losses = [play(other.laboratory, rule, workers).J.mean() for rule in rules]
        found[f"tuned {name}"] = rules[int(np.argmin(losses))]
        tried += len(rules)
    return found, tried


def frontier(bench: Bench, multiples: Sequence[float] = (0.1, 0.3, 1.0, 3.0, 10.0), workers: int = 1) -> pd.DataFrame:
    """Cost and tracking, at the bench's own g, of the optimal policies for other prices of tracking: none does better.

    multiples : of the bench's g.
    """
    rows = []
    for multiple in multiples:
        rule = OptimalRegion(bench.allocation, bench.region(bench.g * multiple))
        one = play(bench.laboratory, rule, workers)
        rows.append({"g": bench.g * multiple, "cost": one.cost.mean(), "tracking": one.tracking.mean()})
    return pd.DataFrame(rows)


class Laws(NamedTuple):
    """How width and loss of one line grow with cost.

    table : a row a cost, with half-width and loss.  width, loss : exponents, fitted to the logarithms.
    """

    table: pd.DataFrame
    width: float
    loss: float


def laws(costs: Sequence[float] = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3)) -> Laws:
    """One line of 60 % and 16 % a year, watched each day: optimal half-widths and losses by dynamic programming."""
    rows, variance = [], np.array([[0.16**2]])
    for cost in costs:
        one = optimal_region(np.array([0.6]), 0.6 * variance[0], variance, np.array([cost]), 2.0, 1.0 / 2520)
        width = float(one.upper[0][0] - one.lower[0][0]) / 2.0
        rows.append({"cost": cost, "half_width": width, "loss": one.value})
    table = pd.DataFrame(rows)
    fitted = [float(np.polyfit(np.log(table["cost"]), np.log(table[name]), 1)[0]) for name in ("half_width", "loss")]
    return Laws(table, *fitted)


def elsewhere(paths: int = 300, workers: int = 1) -> pd.DataFrame:
    """What each rule loses to the optimum in other markets, bp a year: a row a market; J of the optimum first."""
    crypto = ((0.49, 0.5 * 0.7 * 0.9), (0.5 * 0.7 * 0.9, 0.81))
    markets: dict[str, dict[str, object]] = {
        "liquid ETFs, 1 bp": {"cost": 0.0001},
        "10 bp": {},
        "illiquid, 50 bp": {"cost": 0.005},
        "crypto, 70 and 90 %, 10 bp": {"covariance": crypto, "mean": (0.2, 0.25)},
    }
    rows = {}
    for name, others in markets.items():
        bench = Bench.worked(paths=paths, **others)
        found = gaps(bench, bench.rules(), workers)
        rows[name] = {"J*": found.loc[OPTIMUM, "J"], **found["gap"].drop(OPTIMUM)}
    return pd.DataFrame.from_dict(rows, orient="index")


def trades_of(bench: Bench, path: int = 0) -> pd.DataFrame:
    """The optimum's trades on one path: the date, and each line's gap before and after, fraction of NAV."""
    played = bench.laboratory.backtest(bench.rules()[OPTIMUM], path)
    book, done = played.ledger, np.flatnonzero(played.ledger.booked >= 0)
    rows, target = book.booked[done], np.array(bench.target)
    after: Array = played.weights.to_numpy()[rows - played.first] - target
    before: Array = book.units[done] * played.index[rows - played.first] / book.nav_before[done, None] - target
    frame: dict[str, Any] = {"date": played.market.dates[rows]}
    for i in range(len(bench.target)):
        frame |= {f"before_{i + 1}": before[:, i], f"after_{i + 1}": after[:, i]}
    return pd.DataFrame(frame)
