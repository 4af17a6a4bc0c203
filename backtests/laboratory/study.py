"""How far rules are above the optimum, in simulated markets with a known optimal policy.

The reference is the optimal region itself, played on the same paths as every rule, so that random shocks cancel; the
loss that its dynamic programme computes is shown too. A step is a week: rules decide at every step, and trade at the
close that they see.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtests.laboratory.paths import FIGURES
from backtests.laboratory.simulate import Laboratory, SimulationResult, difference, estimate, play, ratio
from backtests.views import view
from research.accounting import Costs, Policy
from research.allocation import FixedWeights
from research.arrays import Array
from research.errors import ConfigError
from research.progress import bar
from research.risk import GBM
from research.rules import (
    BestPoint,
    Calendar,
    CostBenefit,
    Never,
    NoTradeRegion,
    OptimalRegion,
    Threshold,
    TrackingError,
)
from research.rules.dynamic_programming import optimal_region
from research.rules.one_asset import best_half_width, to_edge
from research.rules.region import Region

OPTIMUM = "optimal region"
WEEKS = 52  # steps a year
YEARS, WARM_UP = 10, 3  # that are counted, and that are not
Rules = Mapping[str, Policy]


@dataclass(frozen=True)
class SimulatedMarket:
    """Assets with normal log-returns and cash without interest, with target, cost and tracking penalty.

    target      : of each asset, fraction of NAV; cash is the rest.
    mean        : of each asset, growth a year above cash, continuously compounded, fraction.
    volatility  : of each asset, a year, fraction.
    correlation : of any two assets.
    cost        : a side, fraction of the notional.
    tracking_penalty : price of squared tracking error.
    """

    target: tuple[float, ...]
    mean: tuple[float, ...]
    volatility: tuple[float, ...]
    correlation: float
    cost: float
    tracking_penalty: float = 5.0

    @property
    def covariance(self) -> Array:
        """(n, n) covariance a year."""
        n = len(self.target)
        alike: Array = self.correlation + (1.0 - self.correlation) * np.eye(n)
        return alike * np.outer(self.volatility, self.volatility)

    @property
    def holding(self) -> FixedWeights:
        """The target as an allocation."""
        return FixedWeights(self.target)

    def laboratory(self, paths: int, seed: int) -> Laboratory:
        """The market in weeks, with a warm-up of three years before the ten that are measured. Raises ConfigError."""
        costs = Costs.bps(len(self.target), commission=1e4 * self.cost)
        return Laboratory(
            GBM(np.array(self.mean), self.covariance, WEEKS), self.target, costs, self.tracking_penalty, paths,
            WEEKS * (YEARS + WARM_UP), seed, warm_up=WEEKS * WARM_UP, periods_per_year=WEEKS,
        )  # fmt: skip

    def region(self, tracking_penalty: float | None = None) -> Region:
        """The optimal region for one or two assets, at this or another tracking penalty g. Raises ConfigError."""
        costs = np.full(len(self.target), self.cost)
        price = self.tracking_penalty if tracking_penalty is None else tracking_penalty
        return optimal_region(
            np.array(self.target), np.array(self.mean), self.covariance, costs, price, interval=1.0 / WEEKS
        )


BASE_CASE = SimulatedMarket((0.4, 0.3), (0.05, 0.055), (0.20, 0.25), 0.3, 0.0010)
MARKETS: Mapping[str, SimulatedMarket] = {
    "1 bp": replace(BASE_CASE, cost=0.0001),
    "2 bp": replace(BASE_CASE, cost=0.0002),
    "10 bp": BASE_CASE,
    "50 bp": replace(BASE_CASE, cost=0.0050),
    "10 bp, volatility 70 and 90 %": replace(BASE_CASE, volatility=(0.7, 0.9)),
    "2 bp, ten lines": SimulatedMarket((0.09,) * 10, (0.05,) * 10, (0.2,) * 10, 0.3, 0.0002),
    "10 bp, ten lines": SimulatedMarket((0.09,) * 10, (0.05,) * 10, (0.2,) * 10, 0.3, 0.0010),
}


# -- the score -------------------------------------------------------------------------------------------------------


def optimality_gap(laboratory: Laboratory, rules: Rules, region: Region, workers: int = 1) -> pd.DataFrame:
    """The table `gaps` of rules and of the optimal region, which is its first row and its reference.

    laboratory : lag must be 0 and steps as long as the region's interval, or the region is not its optimum.
    rules      : by name.
    region     : the optimal region.
    workers    : number of threads.
    Raises     : ConfigError where it is not, or where a rule has the name of the optimum.
    """
    if laboratory.lag != 0 or not math.isclose(region.interval * laboratory.periods_per_year, 1.0):
        raise ConfigError(
            f"the region is optimal for decisions every {region.interval:.4g} years with lag 0, but the laboratory has "
            f"steps of {1.0 / laboratory.periods_per_year:.4g} years and lag {laboratory.lag}. Give both the same."
        )
    if OPTIMUM in rules:
        raise ConfigError(f"a rule is named {OPTIMUM!r}, which is the name of the reference. Give it another name.")
    best = OptimalRegion(FixedWeights(laboratory.target), region)
    played = {name: play(laboratory, rule, workers) for name, rule in {OPTIMUM: best, **rules}.items()}
    return gaps(played, OPTIMUM)


def gaps(played: Mapping[str, SimulationResult], reference: str, level: float = 0.95) -> pd.DataFrame:
    """A row a rule: its figures, and its J compared with the reference's, paired over their common paths.

    loss, cost, tracking : bp of NAV a year.  turnover, events : a year.  loss_lower, loss_upper : bounds of the loss.
    gap, gap_error, gap_lower, gap_upper : loss less the reference's, bp a year, its standard error and bounds.
    relative, relative_error, relative_lower, relative_upper : loss over the reference's, less 1; see `simulate.ratio`.
    verdict : "above" or "below" where the bounds of the gap exclude zero, else "not significant"; or "reference".
    """
    base, rows = played[reference], {}
    for name, one in played.items():
        whole, gap = estimate(one.loss, level), difference(one, base, level=level)
        over = ratio(one.loss, base.loss, level)
        rows[name] = {
            "loss": whole.value, "loss_lower": whole.lower, "loss_upper": whole.upper,
            **{figure: float(getattr(one, figure).mean()) for figure in FIGURES},
            "gap": gap.value, "gap_error": gap.error, "gap_lower": gap.lower, "gap_upper": gap.upper,
            "relative": over.value, "relative_error": over.error,
            "relative_lower": over.lower, "relative_upper": over.upper,
            "verdict": "reference" if name == reference else _verdict(gap.lower, gap.upper),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")


def _verdict(lower: float, upper: float) -> str:
    return "above" if lower > 0.0 else "below" if upper < 0.0 else "not significant"


# -- the rules -------------------------------------------------------------------------------------------------------

MakeRule = Callable[..., Policy]
BANDS_TO_TARGET = (0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05, 0.06, 0.08)  # half-widths, fraction of NAV
BANDS_TO_EDGE = (0.01, 0.0125, 0.015, 0.0175, 0.02, 0.025, 0.03, 0.04, 0.05)
LIMITS, PARTS = (0.003, 0.0035, 0.004, 0.0045, 0.005, 0.006, 0.007), (0.05, 0.1, 0.2, 0.4, 1.0)
HORIZONS = (0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0)  # years
PRICES = (0.5, 0.8, 1.25, 2.0, 3.2, 5.0, 8.0, 12.5, 20.0, 32.0)  # of tracking: those of the frontier's regions


class Family(NamedTuple):
    """Rules that differ in one or two settings.

    make     : gives the rule of a setting.
    settings : those that are tried.
    """

    make: MakeRule
    settings: Sequence[tuple[float, ...]]


def families(market: SimulatedMarket) -> dict[str, Family]:
    """The families that are tuned, by name; rules that use a covariance are given the market's own."""
    holding = market.holding
    known: dict[str, Any] = {"covariance": market.covariance.tolist(), "periods_per_year": float(WEEKS)}
    priced = known | {"tracking_penalty": market.tracking_penalty}
    waiting = partial(CostBenefit, holding, **priced)
    shrunk = partial(TrackingError, holding, **known)
    best = partial(BestPoint, holding, schedule="day", **priced)
    return {
        "band to target": Family(lambda band: Threshold(holding, band), [(b,) for b in BANDS_TO_TARGET]),
        "band to edge": Family(lambda band: Threshold(holding, band, "edge"), [(b,) for b in BANDS_TO_EDGE]),
        "cost-benefit": Family(lambda years: waiting(horizon=years), [(h,) for h in HORIZONS]),
        "tracking error": Family(
            lambda limit, fraction: shrunk(limit=limit, fraction=fraction), [(a, b) for a in LIMITS for b in PARTS]
        ),
        "best point": Family(lambda years: best(horizon=years), [(h,) for h in HORIZONS]),
    }


def untuned(market: SimulatedMarket) -> dict[str, Policy]:
    """Common rules, and the closed-form bands, by name: nothing about them is fitted."""
    holding = market.holding
    known: Any = market.covariance.tolist()
    return {
        "never": Never(holding),
        "every week": Calendar(holding, 1),
        "every 4 weeks": Calendar(holding, 4),
        "every 13 weeks": Calendar(holding, 13),
        "every 52 weeks": Calendar(holding, 52),
        "5 points to target": Threshold(holding, 0.05),
        "5 points to edge": Threshold(holding, 0.05, "edge"),
        "20 % relative": Threshold(holding, 0.20, kind="relative"),
        "closed form": NoTradeRegion(
            holding, tracking_penalty=market.tracking_penalty, covariance=known, periods_per_year=float(WEEKS)
        ),
    }


@dataclass(frozen=True)
class TunedSettings:
    """The result of tuning.

    settings : by family, the best.
    trials   : number of rules tried in all.
    seed, paths : of the simulated paths.
    """

    settings: Mapping[str, tuple[float, ...]]
    trials: int
    seed: int
    paths: int


def tune(market: SimulatedMarket, paths: int, seed: int, workers: int = 1) -> TunedSettings:
    """The setting of each family with the lowest J on simulated paths; rules are evaluated on paths of another seed.

    market  : the simulated market.
    paths   : number of paths.
    seed    : of the paths.
    workers : number of threads.
    """
    laboratory, chosen, tried = market.laboratory(paths, seed), {}, families(market)
    trials = sum(len(family.settings) for family in tried.values())
    with bar(trials, "tuning", "rules") as progress:
        for name, family in tried.items():
            losses = []
            for given in family.settings:
                losses.append(float(play(laboratory, family.make(*given), workers).loss.mean()))
                progress.update()
            chosen[name] = family.settings[int(np.argmin(losses))]
    return TunedSettings(chosen, trials, seed, paths)


# -- one line --------------------------------------------------------------------------------------------------------

COSTS = (0.0001, 0.0002, 0.0005, 0.0010, 0.0020, 0.0050)  # a side, fraction of the notional
LINE, LINE_VOLATILITY, CHECKS_PER_YEAR = 0.6, 0.16, 2520  # target and volatility of one line; looks a year, ten a day


class ScalingLaws(NamedTuple):
    """How band and loss of one asset's optimum grow with cost.

    table : a row a cost: cost (fraction), half_width (of NAV), loss (bp a year), and closed_width, closed_loss.
    width, loss : exponents of cost, by least squares of logarithms; in theory 1/3 and 2/3.
    """

    table: pd.DataFrame
    width: float
    loss: float


def scaling_laws(tracking_penalty: float = 5.0) -> ScalingLaws:
    """The optimal band of the asset of a 60/40 portfolio at several costs, by dynamic programming and in closed form.

    tracking_penalty : price of squared tracking error.
    Source : Janecek and Shreve (2004), as in `research.rules.one_asset`.
    """
    rows, interval, drift = [], 1.0 / CHECKS_PER_YEAR, LINE * LINE_VOLATILITY**2
    for cost in COSTS:
        region = optimal_region(
            np.array([LINE]),
            np.array([drift]),
            np.array([[LINE_VOLATILITY**2]]),
            np.array([cost]),
            tracking_penalty,
            interval,
        )
        h = best_half_width(LINE, cost, tracking_penalty, sigma=LINE_VOLATILITY, interval=interval)
        closed = 1e4 * to_edge(LINE, LINE_VOLATILITY, h, interval).loss(LINE_VOLATILITY, cost, tracking_penalty)
        width = float(region.upper[0][0] - region.lower[0][0]) / 2.0
        rows.append((cost, width, 1e4 * region.value, h, closed))
    table = pd.DataFrame(rows, columns=["cost", "half_width", "loss", "closed_width", "closed_loss"])
    logs = np.log(table.to_numpy())
    width, loss = (float(np.polyfit(logs[:, 0], logs[:, k], 1)[0]) for k in (1, 2))
    return ScalingLaws(table, width, loss)


# -- one study -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Study:
    """Every rule in the base case, and common rules in other markets.

    market       : the base case.
    laboratory   : its paths.
    region       : its optimum.
    tuned        : the settings that were chosen.
    table        : a row a rule, the optimum first; columns and units as `gaps` gives them.
    curves       : the same for each setting of each family, and for regions that are optimal at other tracking
                   penalties; with columns policy (the setting) and family.
    markets      : the same, a row a market and rule, with columns policy and market; the reference is the optimum, or
                   where none is known the best rule.
    scaling_laws : as `scaling_laws` gives them.
    """

    market: SimulatedMarket
    laboratory: Laboratory
    region: Region
    tuned: TunedSettings
    table: pd.DataFrame
    curves: pd.DataFrame
    markets: pd.DataFrame
    scaling_laws: ScalingLaws

    @property
    def computed_loss(self) -> float:
        """J of the optimum as its dynamic programme computes it, bp of NAV a year."""
        return 1e4 * self.region.value

    def sample(self, path: int = 0) -> pd.DataFrame:
        """One path under the optimum, a row a week after the warm-up.

        Gaps before and after booking, fraction of NAV.
        """
        return weekly_gaps(self.laboratory, OptimalRegion(self.market.holding, self.region), path)

    def __repr__(self) -> str:
        """A short table and the findings."""
        return str(view(self, "text"))

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


def study(
    market: SimulatedMarket = BASE_CASE,
    paths: int = 1_000,
    seed: int = 1,
    workers: int = 1,
    markets: Mapping[str, SimulatedMarket] = MARKETS,
) -> Study:
    """Tune on paths of the next seed, then play every rule on paths of this seed.

    market  : the base case.
    paths   : number of paths.
    seed    : of the paths.
    workers : number of threads.
    markets : other markets by name.
    Raises  : ConfigError for a number out of range.
    """
    laboratory, region = market.laboratory(paths, seed), market.region()
    tuned = tune(market, max(paths // 3, 2), seed + 1, workers)
    tried = families(market)
    rules = untuned(market) | {f"tuned {name}": tried[name].make(*given) for name, given in tuned.settings.items()}
    optima: dict[str, Policy] = {
        f"g = {price:g}": OptimalRegion(market.holding, market.region(price)) for price in PRICES
    }
    part = tuned.settings["tracking error"][1]
    drawn = {
        name: {setting_words(s): f.make(*s) for s in f.settings if name != "tracking error" or s[1] == part}
        for name, f in tried.items()
    }
    curves, across = [], []
    with bar(2 + len(drawn) + len(markets), "simulating the rules") as progress:
        table = optimality_gap(laboratory, rules, region, workers)
        for family, members in {"optimal region": optima, **drawn}.items():
            progress.stage(f"simulating: {family}", progress.n + 1)
            one = optimality_gap(laboratory, members, region, workers).drop(index=OPTIMUM)
            curves.append(one.reset_index().assign(family=family))
        for name, one_market in markets.items():
            progress.stage(f"simulating other markets: {name}", progress.n + 1)
            found = untuned_gaps(one_market, max(paths // 2, 2), seed, workers)
            across.append(found.reset_index().assign(market=name))
    settings, elsewhere = (pd.concat(tables, ignore_index=True) for tables in (curves, across))
    return Study(market, laboratory, region, tuned, table, settings, elsewhere, scaling_laws())


def setting_words(setting: tuple[float, ...]) -> str:
    """A setting as `Study.curves` names it."""
    return ", ".join(f"{value:g}" for value in setting)


def untuned_gaps(market: SimulatedMarket, paths: int, seed: int, workers: int = 1) -> pd.DataFrame:
    """The table `gaps` of the untuned rules that trade, but not every week.

    market  : the simulated market.
    paths   : number of paths.
    seed    : of the paths.
    workers : number of threads.
    Returns : a row a rule; columns and units as `gaps` gives them. The reference is the optimum, or where none is known
              the best of the rules.
    """
    laboratory, rules = market.laboratory(paths, seed), untuned(market)
    rules = {name: rule for name, rule in rules.items() if name not in ("never", "every week")}
    if len(market.target) <= 2:
        return optimality_gap(laboratory, rules, market.region(), workers)
    played = {name: play(laboratory, rule, workers) for name, rule in rules.items()}
    return gaps(played, min(played, key=lambda name: float(played[name].loss.mean())))


def weekly_gaps(laboratory: Laboratory, rule: Policy, path: int) -> pd.DataFrame:
    """Gaps of two assets on one path, fraction of NAV: a row a week.

    laboratory : of two assets.
    rule       : to be played.
    path       : number of the path.
    Returns    : columns first and second, before booking; first_after and second_after, after it.
    """
    record, target = laboratory.backtest(rule, path), np.array(laboratory.target)
    after = record.weights.to_numpy()
    grown = after[:-1] * (1.0 + record.market.returns[record.first + 1 :])
    cash = 1.0 - after[:-1].sum(axis=1)
    drifted = grown / (grown.sum(axis=1) + cash * (1.0 + record.market.cash[record.first + 1 :]))[:, None]
    kept = slice(laboratory.warm_up, None)
    both = np.hstack([drifted - target, after[1:] - target])[kept]
    return pd.DataFrame(both, columns=["first", "second", "first_after", "second_after"])
