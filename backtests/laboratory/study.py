"""Loss of rules above the optimum, in simulated markets with a known optimal policy.

The reference is the optimal region itself, run on the same paths as every rule, so that random shocks cancel; the
loss that its dynamic programme computes is shown too. A step is a week: rules decide at every step, and trade at the
close that they see.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.laboratory.families import TunedSettings, families, setting_words, tune_families, untuned
from backtests.laboratory.fully_invested import OPTIMUM, rules_above
from backtests.laboratory.paths import PATH_FIGURES
from backtests.laboratory.simulate import Laboratory, SimulationResult, difference, estimate, play, ratio
from backtests.laboratory.simulated_market import BASE_CASE, FULLY_INVESTED, MARKETS, THREE, SimulatedMarket
from backtests.runs.sent_markets import run_on_cluster
from backtests.views import view
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from foundation.progress import bar
from foundation.threads import one_blas_thread
from research.accounting import Policy
from research.allocation import FixedWeights
from research.risk.measures import TRACKING_PENALTY
from research.rules import OptimalRegion
from research.rules.optimum.dynamic_programming import optimal_region
from research.rules.optimum.one_asset import best_half_width, to_edge
from research.rules.optimum.region import Region

PENALTIES = (0.5, 0.8, 1.25, 2.0, 3.2, 5.0, 8.0, 12.5, 20.0, 32.0)  # of tracking: those of the frontier's regions
Rules = Mapping[str, Policy]
Markets = Mapping[str, SimulatedMarket]
Part = Callable[[], pd.DataFrame]  # of a study
Key = tuple[str, str]  # of a part: its kind and name


# -- the score -------------------------------------------------------------------------------------------------------


def optimality_gap(
    laboratory: Laboratory, rules: Rules, region: Region, workers: int = 1, doing: str = "simulating the rules"
) -> pd.DataFrame:
    """The table `gaps` of rules and of the optimal region, which is its first row and its reference.

    laboratory : lag must be 0 and steps as long as the region's interval, or the region is not its optimum.
    rules      : by name.
    region     : the optimal region.
    workers    : number of threads.
    doing      : what progress says of it.
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
    return gaps(play_rules(laboratory, {OPTIMUM: best, **rules}, workers, doing), OPTIMUM)


def gaps(played: Mapping[str, SimulationResult], reference: str) -> pd.DataFrame:
    """A row for each rule: its figures, and its J compared with the reference's, paired over their common paths.

    loss, cost, tracking : bp of NAV a year.  turnover, events : a year.  loss_lower, loss_upper : bounds of the loss.
    gap, gap_error, gap_lower, gap_upper : loss less the reference's, bp a year, its standard error and bounds.
    relative, relative_error, relative_lower, relative_upper : loss over the reference's, less 1; see `simulate.ratio`.
    verdict : "above" or "below" where the bounds of the gap exclude zero, else "not significant"; or "reference".
    """
    base, rows = played[reference], {}
    for name, one in played.items():
        whole, gap = estimate(one.loss), difference(one, base)
        over = ratio(one.loss, base.loss)
        rows[name] = {
            "loss": whole.value, "loss_lower": whole.lower, "loss_upper": whole.upper,
            **{figure: float(getattr(one, figure).mean()) for figure in PATH_FIGURES},
            "gap": gap.value, "gap_error": gap.error, "gap_lower": gap.lower, "gap_upper": gap.upper,
            "relative": over.value, "relative_error": over.error,
            "relative_lower": over.lower, "relative_upper": over.upper,
            "verdict": "reference" if name == reference else _verdict(gap.lower, gap.upper),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")


def _verdict(lower: float, upper: float) -> str:
    return "above" if lower > 0.0 else "below" if upper < 0.0 else "not significant"


def play_rules(laboratory: Laboratory, rules: Rules, workers: int, doing: str) -> dict[str, SimulationResult]:
    """The figures of each rule on every path, with progress that moves after each. doing : what progress says of it."""
    with bar(len(rules), doing, "rules") as progress:
        played = {}
        for name, rule in rules.items():
            played[name] = play(laboratory, rule, workers)
            progress.update()
    return played


# -- one asset --------------------------------------------------------------------------------------------------------

COSTS_A_SIDE = (0.0001, 0.0002, 0.0005, 0.0010, 0.0020, 0.0050)  # a side, fraction of the notional
LINE, LINE_VOLATILITY, CHECKS_PER_YEAR = 0.6, 0.16, 2520  # target and volatility of one asset; looks a year, ten a day


class ScalingLaws(NamedTuple):
    """The growth of band and loss of one asset's optimum with cost.

    table : a row for each cost: cost (fraction), half_width (of NAV), loss (bp a year), and closed_width, closed_loss.
    width, loss : exponents of cost, by least squares of logarithms; in theory 1/3 and 2/3.
    """

    table: pd.DataFrame
    width: float
    loss: float


def scaling_laws() -> ScalingLaws:
    """The optimal band of the asset of a 60/40 portfolio at several costs, by dynamic programming and in closed form.

    Source : Janecek and Shreve (2004), as in `research.rules.optimum.one_asset`.
    """
    rows, interval, drift = [], 1.0 / CHECKS_PER_YEAR, LINE * LINE_VOLATILITY**2
    for cost in COSTS_A_SIDE:
        region = optimal_region(
            np.array([LINE]),
            np.array([drift]),
            np.array([[LINE_VOLATILITY**2]]),
            np.array([cost]),
            TRACKING_PENALTY,
            interval,
        )
        h = best_half_width(LINE, cost, TRACKING_PENALTY, sigma=LINE_VOLATILITY, interval=interval)
        closed = 1e4 * to_edge(LINE, LINE_VOLATILITY, h, interval).loss(LINE_VOLATILITY, cost, TRACKING_PENALTY)
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
    table        : a row for each rule, the optimum first; columns and units as `gaps` gives them.
    curves       : the same for each setting of each family, and for regions that are optimal at other tracking
                   penalties; with columns policy (the setting) and family.
    markets      : the same, a row for each market and rule, with columns policy and market; the reference is the
                   optimum, or where none is known the best rule.
    scaling_laws : as `scaling_laws` gives them.
    invested     : fully invested markets, a row for each market and rule; columns as `fully_invested.rules_above` gives
                   them.
    three        : the optimal region of `THREE`, fully invested.
    """

    market: SimulatedMarket
    laboratory: Laboratory
    region: Region
    tuned: TunedSettings
    table: pd.DataFrame
    curves: pd.DataFrame
    markets: pd.DataFrame
    scaling_laws: ScalingLaws
    invested: pd.DataFrame
    three: Region

    @property
    def computed_loss(self) -> float:
        """J of the optimum as its dynamic programme computes it, bp of NAV a year."""
        return 1e4 * self.region.value

    def sample(self, path: int = 0) -> pd.DataFrame:
        """One path under the optimum, a row for each week after the warm-up.

        Gaps before and after booking, fraction of NAV.
        """
        return weekly_gaps(self.laboratory, OptimalRegion(self.market.holding, self.region), path)

    @property
    def invested_paths(self) -> int:
        """Number of paths of the fully invested markets."""
        return _fewer(self.laboratory.paths)

    def sample_of_three(self) -> pd.DataFrame:
        """The same of the first path of the three fully invested assets: gaps of the first two."""
        laboratory = THREE.laboratory(self.laboratory.paths, self.laboratory.seed)
        return weekly_gaps(laboratory, OptimalRegion(THREE.holding, self.three), 0)

    def __repr__(self) -> str:
        """A short table and the findings."""
        return str(view(self, "text"))

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


def _fewer(paths: int) -> int:
    """The number of paths of the fully invested markets."""
    return max(paths // 3, 6)


@one_blas_thread()  # more sum products in another order: a machine, or a cluster, would give other last digits
def study(
    market: SimulatedMarket = BASE_CASE,
    paths: int = 1_000,
    seed: int = 1,
    workers: int = 1,
    cluster: str = "",
    others: tuple[Markets, Markets] = (MARKETS, FULLY_INVESTED),
) -> Study:
    """Tune on paths of the next seed, then run every rule on paths of this seed.

    market  : the base case.
    paths   : number of paths.
    seed    : seed of the paths.
    workers : number of threads.
    cluster : address of a Dask cluster, whose workers simulate what follows the tuning, or "".
    others  : other markets by name, and fully invested ones.
    Raises  : ConfigError for a number out of range, and as `run_on_cluster` does.
    """
    laboratory, region = market.laboratory(paths, seed), market.region()
    tuned = tune_families(market, max(paths // 3, 2), seed + 1, workers)
    tried = families(market)
    rules = untuned(market) | {f"tuned {name}": tried[name].make(*given) for name, given in tuned.settings.items()}
    optima: dict[str, Policy] = {
        f"g = {price:g}": OptimalRegion(market.holding, market.region(price)) for price in PENALTIES
    }
    part = tuned.settings["tracking error"][1]
    drawn = {
        name: {setting_words(s): f.make(*s) for s in f.settings if name != "tracking error" or s[1] == part}
        for name, f in tried.items()
    }
    workers = 1 if cluster else workers  # those of this machine
    parts: dict[Key, Part] = {
        ("invested", name): partial(rules_above, others[1][name], name, _fewer(paths), seed, workers)
        for name in list(others[1])[::-1]  # the last have the most assets, and take longest
    }
    for family, members in {"all": rules, "optimal region": optima, **drawn}.items():
        doing = "simulating the rules" if members is rules else f"simulating: {family}"
        parts["family", family] = partial(optimality_gap, laboratory, members, region, workers, doing)
    for name, each in others[0].items():
        doing = f"simulating other markets: {name}"
        parts["market", name] = partial(untuned_gaps, each, max(paths // 2, 2), seed, workers, doing)
    found = _tables(parts, cluster)
    table = found.pop(("family", "all"))
    curves = [
        one.drop(index=OPTIMUM).reset_index().assign(family=name) for (of, name), one in found.items() if of == "family"
    ]
    across = [one.reset_index().assign(market=name) for (of, name), one in found.items() if of == "market"]
    without_cash = [found["invested", name] for name in others[1]]
    settings, elsewhere, whole = (pd.concat(one, ignore_index=True) for one in (curves, across, without_cash))
    with bar(None, "solving for the optima"):
        return Study(
            market, laboratory, region, tuned, table, settings, elsewhere, scaling_laws(), whole, THREE.region()
        )


def _tables(parts: Mapping[Key, Part], cluster: str) -> dict[Key, pd.DataFrame]:
    """The tables of the parts of a study, in their order, made here or by the workers of a cluster, longest first."""
    if not cluster:
        return {key: part() for key, part in parts.items()}
    with bar(len(parts), "simulating", "parts") as progress:
        found = {}
        for key, table in run_on_cluster(parts, _table, parts, cluster):
            found[key] = table
            progress.update()
    return {key: found[key] for key in parts}


def _table(parts: Mapping[Key, Part], key: Key) -> pd.DataFrame:
    return parts[key]()


def untuned_gaps(
    market: SimulatedMarket, paths: int, seed: int, workers: int = 1, doing: str = "simulating the rules"
) -> pd.DataFrame:
    """The table `gaps` of the untuned rules that trade, but not every week.

    market  : the simulated market.
    paths   : number of paths.
    seed    : seed of the paths.
    workers : number of threads.
    doing   : what progress says of it.
    Returns : a row for each rule; columns and units as `gaps` gives them. The reference is the optimum, or where none
              is known the best of the rules.
    """
    laboratory, rules = market.laboratory(paths, seed), untuned(market)
    rules = {name: rule for name, rule in rules.items() if name not in ("never", "every week")}
    if market.has_optimum:
        return optimality_gap(laboratory, rules, market.region(), workers, doing)
    played = play_rules(laboratory, rules, workers, doing)
    return gaps(played, min(played, key=lambda name: float(played[name].loss.mean())))


def weekly_gaps(laboratory: Laboratory, rule: Policy, path: int) -> pd.DataFrame:
    """Gaps of the first two assets on one path, fraction of NAV: a row for each week.

    laboratory : laboratory of two assets or more.
    rule       : rule to be backtested.
    path       : number of the path.
    Returns    : columns first and second, before booking; first_after and second_after, after it.
    """
    record, target = laboratory.backtest(rule, path), np.array(laboratory.target)
    after = record.weights.to_numpy()
    grown = after[:-1] * (1.0 + record.market.returns[record.first + 1 :])
    cash = 1.0 - after[:-1].sum(axis=1)
    drifted = grown / (grown.sum(axis=1) + cash * (1.0 + record.market.cash[record.first + 1 :]))[:, None]
    kept = slice(laboratory.warm_up, None)
    both = np.hstack([(drifted - target)[:, :2], (after[1:] - target)[:, :2]])[kept]
    return pd.DataFrame(both, columns=["first", "second", "first_after", "second_after"])
