"""Loss of rules above the optimum in markets without cash, or above a lower bound.

The optimum of three assets is a dynamic programme's, and runs on the same paths as every rule. With more assets
none is known; there the reference is `research.rules.optimum.lower_bound`, which is a number and not a rule, and the
excess of a rule over it is more than its excess over the best rule.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from backtests.laboratory.families import Family, families, played_rule, tune_families, untuned
from backtests.laboratory.paths import PATH_FIGURES
from backtests.laboratory.simulate import estimate, ratio
from backtests.laboratory.simulated_market import WEEKS, SimulatedMarket
from backtests.laboratory.universal import lines_in, losses_of_bands
from foundation.progress import bar
from research.learning.universal.rule import trained
from research.rules import NoTradeRegion, OptimalRegion, PairRegion, Threshold, Within

OPTIMUM, BOUND, PAIRS = "optimal region", "lower bound", "pair region, not tuned"
PAIR_POWER = 0.5  # of the correlations in the pair region: with it, it loses least where assets cluster
TO_EDGE = (0.05, 0.06, 0.07, 0.08, 0.09, 0.10, 0.12, 0.14, 0.17, 0.20, 0.25, 0.30)  # half-widths, fraction of target
TO_TARGET = (0.08, 0.10, 0.12, 0.15, 0.18, 0.20, 0.23, 0.26, 0.32, 0.40)
INSIDE_BAND = (0.25, 0.5)  # of a band: where a trade into it ends
UNTUNED = ("every 4 weeks", "every 13 weeks", "every 52 weeks", "20 % relative", "closed form")
SCALES = (0.2, 0.3, 0.4, 0.5, 0.7, 1.0)  # of g, by which the closed form finds its widths


def families_without_cash(market: SimulatedMarket) -> dict[str, Family]:
    """The families that are tuned, by name; bands are relative, so that they fit any number of assets."""
    holding, usual = market.holding, families(market)
    band = partial(Threshold, holding, kind="relative")
    region = partial(NoTradeRegion, holding, covariance=market.covariance.tolist(), periods_per_year=float(WEEKS))
    return {
        "band to edge": Family(lambda width: band(width, "edge"), [(b,) for b in TO_EDGE]),
        "band to target": Family(band, [(b,) for b in TO_TARGET]),
        "band to inside": Family(
            lambda width, inside: band(width, Within(inside * width)), [(b, i) for b in TO_TARGET for i in INSIDE_BAND]
        ),
        "closed form": Family(
            lambda scale: region(tracking_penalty=scale * market.tracking_penalty), [(s,) for s in SCALES]
        ),
        "tracking error": usual["tracking error"],
        "best point": usual["best point"],
    }


def rules_above(market: SimulatedMarket, name: str, paths: int, seed: int, workers: int = 1) -> pd.DataFrame:
    """A row for each rule of one market: its loss, and its excess over the reference.

    market  : the simulated market.
    name    : name of the market.
    paths   : number of paths; rules are tuned on a third as many, of the next seed.
    seed    : seed of the paths.
    workers : number of threads.
    Returns : columns market, policy, reference ("optimal region" or "lower bound"); loss, loss_lower, loss_upper, cost,
              tracking, bp of NAV a year; turnover and events a year; over, over_lower, over_upper, fractions of the
              reference; bound, the lower bound of the market, bp of NAV a year. The first row is the reference. Of the
              universal policy only the loss is measured.
    """
    tried = families_without_cash(market)
    tuned = tune_families(market, max(paths // 3, 2), seed + 1, workers, tried, f"tuning: {name}")
    rules = {rule: policy for rule, policy in untuned(market).items() if rule in UNTUNED}
    rules |= {f"tuned {family}": tried[family].make(*given) for family, given in tuned.settings.items()}
    known: Any = market.covariance.tolist()
    rules[PAIRS] = PairRegion(
        market.holding, market.tracking_penalty, covariance=known, periods_per_year=float(WEEKS), power=PAIR_POWER
    )
    if market.has_optimum:
        rules = {OPTIMUM: OptimalRegion(market.holding, market.region()), **rules}
    laboratory = market.laboratory(paths, seed)
    results = {}
    with bar(len(rules), f"simulating: {name}", "rules") as progress:
        for rule, policy in rules.items():
            results[rule] = played_rule(market, laboratory, policy, workers)
            progress.update()
    found = {rule: one.loss for rule, one in results.items()}
    if not market.ticket:  # which it does not know
        found["universal"] = losses_of_bands(laboratory, lines_in(market), trained())
    bound = market.lower_bound()
    best = found.get(OPTIMUM, np.full(paths, bound))
    rows: list[dict[str, object]] = [] if market.has_optimum else [{"policy": BOUND, "loss": bound, "over": 0.0}]
    for rule, of_paths in found.items():
        loss, above = estimate(of_paths), ratio(of_paths, best)
        one = results.get(rule)  # none of the universal policy
        figures = {} if one is None else {what: float(getattr(one, what).mean()) for what in PATH_FIGURES}
        rows.append(
            {"policy": rule, "loss": loss.value, "loss_lower": loss.lower, "loss_upper": loss.upper, **figures,
             "over": above.value, "over_lower": above.lower, "over_upper": above.upper}
        )  # fmt: skip
    return pd.DataFrame(rows).assign(market=name, reference=OPTIMUM if market.has_optimum else BOUND, bound=bound)
