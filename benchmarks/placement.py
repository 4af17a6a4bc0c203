"""Where the other side of a trade goes: the rebalancing loss J of edge bands under different placements.

An asset that has left its band is brought to the band's edge. In a portfolio without cash other assets are traded for
the same amount, and a *placement* says which. Each is measured by J over that of the old rule, "nearest": the cheapest
assets first, lines of equal cost by one common distance from their drifted weights, whatever their targets. All others
but the programme and the one by tracking go toward targets only. Bands have one half-width for all assets, or
half-widths in the proportions of the closed form with costs, (c w^2 (1-w)^2)^(1/3).

In each case each placement has its band tuned by J in the same six years, as a desk would choose it in hindsight; all
have as many half-widths to choose from. The rule is asked daily and booked at the next close. The simulation is that
of `benchmarks.edge_bands`; with the placement of the house it must come to the engine's J. Cases share assets and
years: the intervals, which resample cases, are too narrow for other markets.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backtests.engine import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from benchmarks.edge_bands import BY_TRACKING, NEAREST, PROGRAMME, TOWARD, Box, play
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array
from research.accounting import Costs
from research.allocation import FixedWeights, target_path
from research.market import Market, load_market
from research.portfolio import load_portfolio
from research.rules import BestPoint, Threshold
from research.rules.no_trade_region import half_widths
from research.rules.optimum.best_point import scratch_for

PORTFOLIOS = Path(__file__).parent.parent / "data" / "portfolios"
TRACKING_PENALTY, YEAR, BPS = 5.0, 252.0, 1e4
DAYS, BEFORE, MONTH = 6 * 252, 252, 21  # days played; those before, for the covariance; from one start to the next
BANDS = np.geomspace(0.003, 0.06, 9)  # half-widths, or their mean where assets have different ones, fraction of NAV
HORIZONS = np.geomspace(0.02, 2.0, 9)  # years, of the rule that goes to the best point
SAME = 1e-3  # relative gap of J to the engine's
DRAWS = 10_000  # samples of the cases, for an interval
OLD, HOUSE, REGION = "nearest (old)", "gap per cost (house)", "rule best_point, daily"


class Case(NamedTuple):
    """A portfolio without cash on some assets of a market, from the close of row `first` on."""

    market: Market
    first: int
    target: Array  # (n,) fraction of NAV
    cost: Array  # (n,) a side, fraction of the notional

    @property
    def covariance(self) -> Array:
        """(n, n) a year, of the days before the first."""
        return np.cov(self.market.returns[self.first - BEFORE + 1 : self.first + 1].T) * YEAR


class Placement(NamedTuple):
    """A way to place the other side, and its settings; BY_TRACKING has none, PROGRAMME the years that a gap is held."""

    way: int
    pace: Callable[[Case], Array] = lambda case: np.ones(len(case.cost))  # assets come to one gap per pace
    turn: Callable[[Case], Array] = lambda case: np.zeros(len(case.cost))  # the assets with the least go first
    years: float = 0.0


PLACEMENTS = {
    OLD: Placement(NEAREST, turn=lambda case: case.cost),
    "cheapest first": Placement(TOWARD, turn=lambda case: case.cost),
    "furthest first": Placement(TOWARD),
    "gap per cube root of cost": Placement(TOWARD, lambda case: np.cbrt(case.cost)),
    HOUSE: Placement(TOWARD, lambda case: case.cost),
    "gap per cost and width": Placement(
        TOWARD, lambda case: case.cost * half_widths(case.target, case.covariance, case.cost, TRACKING_PENALTY)
    ),
    "tracking saved per cost": Placement(BY_TRACKING),
    "programme, 3 months": Placement(PROGRAMME, years=0.25),
    "programme, 1 year": Placement(PROGRAMME, years=1.0),
    "programme, 4 years": Placement(PROGRAMME, years=4.0),
}
WIDTHS: dict[str, Callable[[Case], Array]] = {  # (n,) half-widths over their mean
    "equal": lambda case: np.ones(len(case.cost)),
    "closed form": lambda case: (x := np.cbrt(case.cost * case.target**2 * (1.0 - case.target) ** 2)) / x.mean(),
}


# -- the cases -------------------------------------------------------------------------------------------------------

CostsByChance = Callable[[np.random.Generator, int], Array]


def drawn(market: Market, most: int, costs: CostsByChance, seed: int) -> Case:
    """A case of three assets to `most`: years by chance in which so many are listed, then assets, targets and costs."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, most + 1))
    firsts = range(BEFORE, len(market.dates) - DAYS, MONTH)
    listed = {first: market.tradable[first - BEFORE : first + DAYS + 1].all(axis=0) for first in firsts}
    first = int(rng.choice([first for first in firsts if listed[first].sum() >= n]))
    lines = market.select([market.assets[i] for i in rng.choice(np.flatnonzero(listed[first]), n, replace=False)])
    return Case(lines.until(lines.dates[first + DAYS]), first, rng.dirichlet(np.full(n, 4.0)), costs(rng, n))


def cases() -> dict[str, list[Case]]:
    """The sets of cases, by name."""
    funds = (load_market("us_etf_ohlcv"), load_portfolio(PORTFOLIOS / "global_multi_asset.yaml").market)
    stocks = (load_portfolio(PORTFOLIOS / "stocks_20.yaml").market,)
    sets: dict[str, tuple[tuple[Market, ...], int, int, CostsByChance]] = {
        "funds, 1.5 to 15 bp": (funds, 8, 36, lambda rng, n: 1.5e-4 * 10.0 ** rng.uniform(0.0, 1.0, n)),
        "stocks, 3, 10 and 30 bp": (stocks, 15, 24, lambda rng, n: rng.permutation(np.resize([3e-4, 1e-3, 3e-3], n))),
        "stocks, 10 bp": (stocks, 15, 24, lambda rng, n: np.full(n, 1e-3)),
        "stocks, 9 to 11 bp": (stocks, 15, 24, lambda rng, n: rng.uniform(0.9e-3, 1.1e-3, n)),
    }
    return {
        name: [drawn(markets[j % len(markets)], most, costs, 100 * k + j) for j in range(count)]
        for k, (name, (markets, most, count, costs)) in enumerate(sets.items())
    }


# -- the measurement -------------------------------------------------------------------------------------------------


class Tuned(NamedTuple):
    """The best of what was tried: J in bp a year, asset trades a year, and its number."""

    loss: float
    trades: float
    at: int


def best_of(found: Iterator[tuple[float, float]]) -> Tuned:
    """The one of least J."""
    tried = list(found)
    at = int(np.argmin([loss for loss, _ in tried]))
    return Tuned(*tried[at], at)


def tuned(case: Case, placement: Placement, width: Array) -> Tuned:
    """The bands of least J, of those whose half-widths are multiples of `width` (n,)."""
    p, s, kappa = case.target, case.covariance, TRACKING_PENALTY * placement.years
    across, returns = np.eye(len(p)) - p, np.ascontiguousarray(case.market.returns[case.first + 1 :])
    rest = (p, case.cost, placement.pace(case), placement.turn(case), s, across @ s @ across.T, placement.way, kappa)

    def one(band: float) -> tuple[float, float]:
        box = Box(np.maximum(p - band * width, 0.0), p + band * width, *rest)
        lost, traded = play(returns, box, TRACKING_PENALTY, scratch_for(len(p)))
        return BPS * YEAR * lost, YEAR * traded

    return best_of(one(float(band)) for band in BANDS)


def of_engine(case: Case, rule: Threshold | BestPoint) -> tuple[float, float]:
    """(J in bp a year, asset trades a year) of a rule, as the engine plays it."""
    n, start = len(case.target), case.market.dates[case.first + 1]
    played = backtest(case.market, rule, Costs.bps(n, commission=case.cost * BPS), start=start)
    strategic = target_path(rule.allocation, case.market, start=case.first)
    judge = Benchmark(strategic, np.zeros(n), np.ones(n), TRACKING_PENALTY, YEAR)
    return float(losses(played, judge).mean()), YEAR * float(played.counted.sum()) / DAYS


def gap_to_engine(case: Case, ours: Tuned) -> float:
    """How far J of the house's placement is from the engine's, relative. Raises past `SAME`."""
    rule = Threshold(FixedWeights(tuple(case.target)), float(BANDS[ours.at]), "edge")
    gap = abs(ours.loss / of_engine(case, rule)[0] - 1.0)
    if not gap < SAME:
        raise AssertionError(f"the loop does not play what the engine plays: J is off by {gap:.1e}")
    return gap


def through_best_point(case: Case) -> Tuned:
    """The rule that goes to the best point of the whole no-trade region, at the horizon of least J."""
    held, s = FixedWeights(tuple(case.target)), tuple(map(tuple, case.covariance))
    rules = (BestPoint(held, TRACKING_PENALTY, float(h), schedule="day", covariance=s) for h in HORIZONS)
    return best_of(of_engine(case, rule) for rule in rules)


def measured(case: Case) -> dict[tuple[str, str], Tuned]:
    """All placements by name, with both kinds of half-widths, and the rule without bands."""
    return {
        (name, kind): tuned(case, placement, width(case))
        for kind, width in WIDTHS.items()
        for name, placement in PLACEMENTS.items()
    } | {(REGION, ""): through_best_point(case)}


def ratio(found: list[dict[tuple[str, str], Tuned]], which: tuple[str, str], other: str) -> tuple[float, float, float]:
    """(geometric mean, ends of its 95 % interval) of J over that of another placement with equal half-widths."""
    logs = np.array([np.log(one[which].loss / one[other, "equal"].loss) for one in found])
    means = np.random.default_rng(1).choice(logs, (DRAWS, len(logs))).mean(axis=1)
    return float(np.exp(logs.mean())), *np.exp(np.quantile(means, [0.025, 0.975])).tolist()


def main() -> None:
    """All of it, in about a minute and a half."""
    print(f"{machine()}; {versions('numba')}")
    kept: dict[str, dict[str, object]] = {}
    for name, some in cases().items():
        found = [measured(case) for case in some]
        gap = max(gap_to_engine(case, one[HOUSE, "equal"]) for case, one in zip(some, found, strict=True))
        rows, kept[name] = [], {"cases": len(some), "widest_gap_to_engine": gap}
        for which in found[0]:
            over_old, over_house = ratio(found, which, OLD), ratio(found, which, HOUSE)
            trades = float(np.mean([one[which].trades for one in found]))
            ends = sum(one[which].at in (0, len(BANDS) - 1) for one in found)
            shown = [f"{mean:.3f} [{low:.3f}, {high:.3f}]" for mean, low, high in (over_old, over_house)]
            rows.append((*which, *shown, f"{trades:.0f}", f"{ends}"))
            kept[name][", ".join(which)] = {"over_old": over_old, "over_house": over_house, "line_trades": trades}
        old = np.mean([one[OLD, "equal"].loss for one in found])
        show(
            f"{name}: {len(some)} cases",
            ("", "half-widths", "J over old, equal", "over house, equal", "asset trades a year", "tuned to an end"),
            rows,
            [f"J of the old rule: {old:.2f} bp a year in the mean; widest gap of J to the engine's: {gap:.0e}"],
        )
    keep("placement", {"versions": versions("numba"), "sets": kept})


if __name__ == "__main__":
    main()
