"""Value of a forecast: the same allocation and rule with and without it, on the same days, net of costs.

The allocation is the best of Black and Litterman's posterior. Without a forecast that is the strategic target, exactly;
with it, the target with the tilts that the forecast has earned (`research.forecast.views.forecast_views`). Sharpe
ratios do not depend on volatility, and the same is shown at the volatility of the portfolio without it. Controls have
the forecast's tilts on other assets: as much turnover, and no skill.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of
from backtests.comparison.paired import evidence_between
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import losses
from backtests.evaluation.scores import score, table
from backtests.inference.block_draws import Resampling
from backtests.inference.evidence import Difference, Evidence
from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.paper.wording import number, percent
from research.allocation import Allocation, ConstantExposure, MeanVariance
from research.allocation.estimated import EstimationSchedule
from research.forecast import Benchmark, Forecast, ForecastViews
from research.forecast.views.equilibrium import WORLD_RISK_AVERSION
from research.forecast.views.exchanged import Exchanged, circles
from research.portfolio import Portfolio
from research.portfolio.file.lengths import at_frequency
from research.risk import volatility
from research.rules import Calendar

WITHOUT, WITH, MATCHED, OTHER = "without", "with the forecast", "at the same volatility", "other assets"
STRATEGIC = 1e-6  # of NAV: a weight that is further from the target is another
CONTROLS = 5  # permutations of the assets, at most


@dataclass(frozen=True, eq=False, repr=False)
class Worth:
    """A portfolio with and without a forecast.

    forecast  : the views that it held.
    strategic : (n,) the strategic target, fraction of NAV.
    backtests : by name: without the forecast, with it, with it at the volatility without it, and controls.
    evidence  : paired differences to the portfolio without it.
    figures   : a row for each backtest, see `table`.
    """

    forecast: ForecastViews
    strategic: Array
    backtests: Mapping[str, Backtest]
    evidence: Evidence
    figures: pd.DataFrame

    @property
    def holds_strategic(self) -> bool:
        """True if the strategic target was held without the forecast, to 0.0001 % of NAV."""
        rows = self.backtests[WITHOUT].targets.rows
        return bool(np.abs(rows[-1] - self.strategic).max() < STRATEGIC)

    @property
    def difference(self) -> Difference:
        """The Sharpe ratio with the forecast less that without it."""
        return self.evidence.differences("sharpe")[WITH]

    @property
    def growth(self) -> Difference:
        """Growth a year with the forecast, at no more volatility than without it, less that without it, fraction."""
        return self.evidence.differences("growth")[MATCHED]

    @property
    def years(self) -> str:
        """The years of the test, in words."""
        days = self.backtests[WITHOUT].dates
        return f"{days[1]:%Y} to {days[-1]:%Y}"

    @property
    def controls(self) -> tuple[float, ...]:
        """Differences of the controls' Sharpe ratios to that without a forecast."""
        return tuple(d.value for name, d in self.evidence.differences("sharpe").items() if name.startswith(OTHER))

    def table(self) -> pd.DataFrame:
        """A row for each backtest, with the difference of its Sharpe ratio to that without the forecast.

        The columns are growth and volatility a year, Sharpe ratio, turnover a year and cost; and the difference with
        its interval and p.
        """
        rows = {name: d.row for name, d in self.evidence.differences("sharpe").items()}
        columns = ["Sharpe less without", "lower", "upper", "p"]
        return self.figures.join(pd.DataFrame.from_dict(rows, orient="index", columns=columns))

    def sentence(self) -> str:
        """The answer in words."""
        found, worse = self.difference, sum(value < self.difference.value for value in self.controls)
        known = "significant" if found.p <= 1.0 - found.level else "not significant"
        turnover = self.figures["turnover"].astype(float).loc[[WITH, WITHOUT]].tolist()
        return (
            f"With the forecast the Sharpe ratio changes by {number(found.value, signed=True)}, "
            f"{percent(found.level, 0)} interval {found.interval()}: {known} (p {number(found.p, 3)}). Turnover is "
            f"{percent(turnover[0], 1)} a year, and {percent(turnover[1], 1)} without it. The forecast's tilts did "
            f"better than the same tilts on other assets in {worse} of {len(self.controls)} permutations."
        )


def worth(
    portfolio: Portfolio,
    forecast: Forecast,
    schedule: EstimationSchedule = "month",
    controls: int = CONTROLS,
    draws: int = 10_000,
) -> Worth:
    """Backtest a portfolio with and without a forecast, and compare in pairs.

    portfolio : portfolio with market, costs and strategic target, which is the prior; its test is the days.
    forecast  : forecast whose means become views.
    schedule  : schedule by which both trade to the target.
    controls  : maximum number of permutations of the assets.
    draws     : number of draws of the bootstrap.
    Raises    : ConfigError for a target that holds nothing, or is short of an asset; the errors of `backtest` and the
                forecast.
    """
    views = earned_views(portfolio, forecast)
    played: dict[str, Backtest] = {}

    def play(name: str, held: Allocation) -> None:
        played[name] = backtest_candidate(portfolio, Calendar(held, schedule), name)

    play(WITHOUT, tilted(portfolio, views.prior))
    play(WITH, tilted(portfolio, views))
    share = min(1.0, _volatility(played[WITHOUT]) / _volatility(played[WITH]))
    play(MATCHED, ConstantExposure(tilted(portfolio, views), share))
    for k, circle in enumerate(circles(portfolio.market.assets, controls), 1):
        play(f"{OTHER} {k}", tilted(portfolio, Exchanged(views, circle)))
    benchmark = benchmark_of(portfolio, portfolio.market)
    evidence = evidence_between(
        played, [losses(one, benchmark) for one in played.values()], WITHOUT, Resampling(reps=draws)
    )
    scores = {name: score(one, benchmark) for name, one in played.items()}
    figures = table(scores, played).T[["growth", "volatility", "sharpe", "turnover", "cost"]].astype(float)
    return Worth(views, portfolio.target, played, evidence, figures)


def earned_views(portfolio: Portfolio, forecast: Forecast) -> ForecastViews:
    """The views that a forecast has earned, on the means at which the strategic target is the best to hold.

    Raises : ConfigError for a target that holds nothing, or is short of an asset.
    """
    weights = portfolio.target
    if (weights < 0.0).any() or not weights.sum() > 0.0:
        raise ConfigError(
            f"the strategic target of {portfolio.name} is {', '.join(f'{w:.4g}' for w in weights)}: views are put on "
            "one that holds its assets. Give a target without short assets."
        )
    prior = Benchmark(dict(zip(portfolio.market.assets, (weights / weights.sum()).tolist(), strict=True)))
    return ForecastViews(forecast, at_frequency(prior, portfolio.periods_per_year), portfolio.forecasts.horizon)


def tilted(portfolio: Portfolio, forecast: Forecast) -> Allocation:
    """The best allocation under a forecast whose prior is the strategic target; that target where nothing is moved."""
    best = MeanVariance(
        objective="utility",
        forecast=forecast,
        risk_aversion=WORLD_RISK_AVERSION,
        periods_per_year=portfolio.periods_per_year,
    )
    total = float(portfolio.target.sum())
    return best if total >= 1.0 else ConstantExposure(best, total)


def _volatility(played: Backtest) -> float:
    return volatility(played.net_returns, played.periods_per_year)
