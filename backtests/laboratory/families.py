"""Families of rules that are tuned, and common rules that are not, for markets that are simulated week by week."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from backtests.laboratory.simulate import Laboratory, SimulationResult, play
from backtests.laboratory.simulated_market import WEEKS, SimulatedMarket
from foundation.arrays import frozen
from foundation.dataclasses import dataclass, replace
from foundation.progress import bar
from research.accounting import Policy
from research.risk.measures import BPS
from research.rules import BestPoint, Calendar, CostBenefit, Never, NoTradeRegion, Threshold, TrackingError

MakeRule = Callable[..., Policy]
BANDS_TO_TARGET = (0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05, 0.06, 0.08)  # half-widths, fraction of NAV
BANDS_TO_EDGE = (0.01, 0.0125, 0.015, 0.0175, 0.02, 0.025, 0.03, 0.04, 0.05)
LIMITS, PARTS = (0.003, 0.0035, 0.004, 0.0045, 0.005, 0.006, 0.007), (0.05, 0.1, 0.2, 0.4, 1.0)
TUNED_HORIZONS = (0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0)  # years


class Family(NamedTuple):
    """Rules that differ in one or two settings.

    make     : function that gives the rule of a setting.
    settings : the settings that are tried.
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
        "cost-benefit": Family(lambda years: waiting(horizon=years), [(h,) for h in TUNED_HORIZONS]),
        "tracking error": Family(
            lambda limit, fraction: shrunk(limit=limit, fraction=fraction), [(a, b) for a in LIMITS for b in PARTS]
        ),
        "best point": Family(lambda years: best(horizon=years), [(h,) for h in TUNED_HORIZONS]),
    }


def untuned(market: SimulatedMarket) -> dict[str, Policy]:
    """Common rules, and the closed-form bands, by name: nothing about them is fitted."""
    holding = market.holding
    known: Any = market.covariance.tolist()
    return {
        "never": Never(holding),
        # rows are weeks of five sessions
        "every week": Calendar(holding, "day"),
        "every 4 weeks": Calendar(holding, 20),
        "every 13 weeks": Calendar(holding, 65),
        "every 52 weeks": Calendar(holding, 260),
        "5 points to target": Threshold(holding, 0.05),
        "5 points to edge": Threshold(holding, 0.05, "edge"),
        "20 % relative": Threshold(holding, 0.20, kind="relative"),
        "closed form": NoTradeRegion(
            holding, tracking_penalty=market.tracking_penalty, covariance=known, periods_per_year=float(WEEKS)
        ),
    }


def played_rule(market: SimulatedMarket, laboratory: Laboratory, rule: Policy, workers: int = 1) -> SimulationResult:
    """The figures of a rule on the market's paths, with its ticket for each event."""
    found = play(laboratory, rule, workers)
    return replace(found, cost=frozen(found.cost + BPS * market.ticket * found.events)) if market.ticket else found


@dataclass(frozen=True)
class TunedSettings:
    """The result of tuning.

    settings : the best settings, by family.
    trials   : number of rules tried in all.
    seed, paths : seed and number of the simulated paths.
    """

    settings: Mapping[str, tuple[float, ...]]
    trials: int
    seed: int
    paths: int


def tune_families(
    market: SimulatedMarket,
    paths: int,
    seed: int,
    workers: int = 1,
    tried: Mapping[str, Family] | None = None,
    doing: str = "tuning",
) -> TunedSettings:
    """The setting of each family with the lowest J on simulated paths; rules are evaluated on paths of another seed.

    market  : the simulated market.
    paths   : number of paths.
    seed    : seed of the paths.
    workers : number of threads.
    tried   : the families; by default `families` of the market.
    doing   : what progress says of it.
    """
    laboratory, chosen, tried = market.laboratory(paths, seed), {}, families(market) if tried is None else tried
    trials = sum(len(family.settings) for family in tried.values())
    with bar(trials, doing, "rules") as progress:
        for name, family in tried.items():
            losses = []
            for given in family.settings:
                losses.append(float(played_rule(market, laboratory, family.make(*given), workers).loss.mean()))
                progress.update()
            chosen[name] = family.settings[int(np.argmin(losses))]
    return TunedSettings(chosen, trials, seed, paths)


def setting_words(setting: tuple[float, ...]) -> str:
    """A setting in words, such as the policies of `Study.curves` are named by."""
    return ", ".join(f"{value:g}" for value in setting)
