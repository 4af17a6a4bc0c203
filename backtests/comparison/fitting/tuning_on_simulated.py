"""Simulated paths with the moments of a market's past, to tune rules on: many times its days, none of its test.

    tune(Choices(threshold, band=(0.01, 0.02, 0.04), to=(0.0, 1.0)), setup, measure=on_worlds(paths=500, years=10))

The card says what was tried, as for days that were played (`backtests.comparison.fitting.tuning`).
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from backtests.comparison.fitting.tuning import Measure
from backtests.laboratory.simulate import Laboratory, estimate, play
from backtests.sweeps import Setup
from foundation.arguments import check_positive, is_number, is_whole, refuse
from foundation.errors import ConfigError
from research.allocation import FixedWeights, target_path
from research.market import Market
from research.risk import GBM
from research.risk.simulation.resampling import common_rows
from research.risk.simulation.simulated import staying
from research.rules import Rule
from research.rules.protocol import traits

MOMENT_RETURNS = 20  # returns an asset, below which moments say nothing


def calibrated(market: Market, periods_per_year: float) -> GBM:
    """Geometric Brownian motion with the market's mean of simple returns, and covariance of log returns.

    Days are those on which all assets were listed.  Raises : ConfigError for fewer than 20 of them.
    """
    first, stop = common_rows(market, np.ones(len(market.assets), dtype=bool))
    if stop - first < MOMENT_RETURNS:
        raise ConfigError(
            f"market {market.name!r} has {max(stop - first, 0)} days with returns of all its assets, and calibration "
            f"needs at least {MOMENT_RETURNS}: drop assets (market.select), or give a later `until`."
        )
    returns = market.returns[first:stop]
    covariance = np.atleast_2d(np.cov(np.log1p(returns), rowvar=False))
    return GBM(np.log1p(returns.mean(axis=0)) * periods_per_year, covariance * periods_per_year, periods_per_year)


def on_worlds(
    paths: int = 200, years: float = 10.0, seed: int = 1, *, warm_up: float = 2.0, workers: int = 1
) -> Measure:
    """Measure candidates by their mean J over simulated paths, calibrated to the setup on which they are tuned.

    paths   : number of simulated paths, 2 or more.
    years   : years of each path that count.
    seed    : seed of the paths.
    warm_up : years before them that do not count.
    workers : number of threads.
    Raises  : ConfigError for a number out of range.

    Cash earns its mean return of those days. All candidates run on the same paths, whose assets are named and
    grouped as the setup's are; each row has the standard error of its loss beside it. Rules hold the strategic target,
    and pay its proportional costs, minimums and tickets. Days with a trade are counted, and orders are not.
    """
    if not (is_whole(paths) and paths >= 2):
        refuse("paths is", paths, "give a whole number of paths, 2 or more.")
    check_positive(years=years)
    if not (is_number(warm_up) and warm_up >= 0.0):
        refuse("warm_up is", warm_up, "give years, 0 or more.")
    if not (is_whole(seed) and seed >= 0):
        refuse("seed is", seed, "give a whole number, 0 or more.")

    def measure(setup: Setup, rules: Sequence[Rule]) -> pd.DataFrame:
        target, year = setup.strategic, setup.periods_per_year
        if not isinstance(target, FixedWeights):
            refuse("the strategic target is", target, "simulated paths need one of fixed weights.")
        other = next((rule for rule in rules if setup.held(rule) != target), None)
        if other is not None:
            refuse(
                "a candidate for simulated paths is", other, "no target is estimated there: hold the strategic target."
            )
        longest = max(traits(rule).window for rule in rules)
        if longest and warm_up * year < longest + year / 12.0:  # and the month's end after a whole window
            least = math.ceil(10.0 * (longest / year + 0.1)) / 10.0
            refuse("warm_up is", warm_up, f"a rule estimates from {longest} returns: give {least:g} years or more.")
        first, stop = common_rows(setup.market, np.ones(len(setup.market.assets), dtype=bool))
        laboratory = Laboratory(
            model=calibrated(setup.market, year),
            target=tuple(target_path(target, setup.market).rows[-1].tolist()),
            costs=setup.costs.simplified(setup.market, setup.nav),
            tracking_penalty=setup.tracking_penalty,
            paths=paths,
            days=round((warm_up + years) * year),
            seed=seed,
            warm_up=round(warm_up * year),
            lag=setup.lag,
            cash=float(setup.market.cash[first:stop].mean()),
            instruments=staying(setup.market.instruments),
            calendar="24/7" if year > 260.0 else None,
            periods_per_year=year,
        )
        found = [play(laboratory, setup.policy(rule), workers) for rule in rules]
        rows = [
            {
                "loss": one.loss.mean(),
                "loss_error": estimate(one.loss).error,
                "cost": one.cost.mean(),
                "tracking": one.tracking.mean(),
                "turnover": one.turnover.mean(),
                "trading_days": one.events.mean(),
            }
            for one in found
        ]
        return pd.DataFrame(rows)

    return measure
