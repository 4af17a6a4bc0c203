"""Worth of a forecast: its means by tilts of the strategic target, its variances by what variances are for.

The portfolio is backtested with the tilts of `research.allocation.Tilted`, at the whole budget of tracking error, and
without them, on the same days, net of costs. What chance would earn is what placebos earn (`placebos`): tilts of as
much risk on other days and with other signs, in the same ranges, backtested likewise. Their law gives the p, the
interval and the power; `risk_worth` judges the variances.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.batch.streaming_metrics import BATCH_METRICS
from backtests.engine.result import Backtest
from backtests.inference.estimates import POWER, Estimate, NotAvailable, or_why_not
from backtests.inference.evidence import holm
from backtests.studies.forecasts.placebos import Tilts, placebos, share_alike
from backtests.studies.forecasts.risk_worth import RiskWorth, risk_worth
from backtests.studies.forecasts.traded_paths import backtest_path, figures, figures_of_many
from backtests.sweeps import Setup
from foundation.arrays import Array, MadeAnew, freeze_fields
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.paper.wording import percent
from research.allocation import TargetPath, Tilted, kept_target_path
from research.allocation.allocation import check_history
from research.allocation.estimated import EstimationSchedule
from research.forecast import Forecast
from research.forecast.earned import view_of
from research.forecast.predicted import overlap
from research.portfolio import Portfolio
from research.risk import volatility
from research.rules import Calendar

WITHOUT, WITH, PLACEBOS = "without", "with the forecast", "placebos"
PLACEBO_COUNT = 999  # placebos: a p of 1 % is that of ten of them
SIZE = 0.05  # of the one-sided test; the interval leaves as much on either side
NO_VIEW = "Its means say nothing beyond the mean so far."
NUMBERS_TOGETHER = 2**22  # numbers in the targets of placebos that are held in memory at a time


@dataclass(frozen=True, eq=False)
class TiltWorth(MadeAnew):
    """A portfolio with and without the tilts of a forecast, and what placebos earn.

    backtests : without the forecast, and with it.
    figures   : (2 + N, metrics) of `BATCH_METRICS`, those two and N placebos.
    expected  : tracking error a year of the tilts and of the placebos, by the forecast's covariance, fraction.
    others    : the p of the other forecasts that were judged with it.
    """

    backtests: Mapping[str, Backtest]
    figures: Array
    expected: tuple[float, float]
    others: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Make the figures read-only."""
        freeze_fields(self, "figures")

    @property
    def gains(self) -> Array:
        """(1 + N,) worth of the forecast and of each placebo, fraction a year: the gain in Sharpe ratio × volatility.

        The volatility is that without a forecast: a tilt to more risk is worth nothing.
        Source : Modigliani and Modigliani (1997), Risk-adjusted performance, Journal of Portfolio Management 23(2).
        """
        sharpe, deviation = (self.figures[:, BATCH_METRICS.index(name)] for name in ("sharpe", "volatility"))
        gains: Array = (sharpe[1:] - sharpe[0]) * deviation[0]
        return gains

    @property
    def worth(self) -> Estimate:
        """The worth a year after costs, fraction, with the 90 % interval by the law of the placebos."""
        value, law = float(self.gains[0]), self.gains[1:]
        low, high = (np.quantile(law, [SIZE, 1.0 - SIZE]) - law.mean()).tolist()
        return Estimate(value, value - high, value - low, 1.0 - 2.0 * SIZE)

    @property
    def p(self) -> float:
        """The share of placebos, and the forecast, that are worth as much as the forecast.

        Source : Phipson and Smyth (2010), Permutation p-values should never be zero, Statistical Applications in
                 Genetics and Molecular Biology 9(1).
        """
        return float((1 + (self.gains[1:] >= self.gains[0]).sum()) / len(self.gains))

    @property
    def adjusted_p(self) -> float:
        """The p by Holm's correction for all forecasts that were judged."""
        return float(holm([self.p, *self.others])[0])

    @property
    def detectable(self) -> float:
        """The smallest worth a year that would be found with a probability of 80 %, fraction."""
        law = self.gains[1:]
        low, high = np.quantile(law, [1.0 - POWER, 1.0 - SIZE])
        return float(high - low + max(law.mean(), 0.0))

    @property
    def is_earned(self) -> bool:
        """True if the forecast may be used: its worth is above that of placebos, and its interval above zero."""
        return self.adjusted_p <= SIZE and self.worth.lower > 0.0

    @property
    def tracking_error(self) -> float:
        """Tracking error a year to the portfolio without the forecast, as it came, fraction."""
        with_it, without = (self.backtests[name] for name in (WITH, WITHOUT))
        return volatility(with_it.net_returns - without.net_returns, with_it.periods_per_year)

    @property
    def years(self) -> str:
        """The years of the test, in words."""
        days = self.backtests[WITHOUT].dates
        return f"{days[1]:%Y} to {days[-1]:%Y}"

    def table(self) -> pd.DataFrame:
        """A row for the portfolio without and with the forecast, and for the mean of the placebos.

        The columns are growth and volatility a year, Sharpe ratio, turnover a year, cost in bp, and worth a year.
        """
        shown = ["growth", "volatility", "sharpe", "turnover", "cost"]
        rows = np.vstack([self.figures[:2], self.figures[2:].mean(axis=0)])
        table = pd.DataFrame(rows, [WITHOUT, WITH, PLACEBOS], list(BATCH_METRICS))[shown]
        return table.assign(worth=[0.0, self.gains[0], self.gains[1:].mean()])


@dataclass(frozen=True, eq=False)
class Worth:
    """The worth of a forecast's means and of its variances, or why either has none."""

    tilts: TiltWorth | NotAvailable
    risk: RiskWorth | NotAvailable

    @property
    def is_earned(self) -> bool:
        """True if weights may be moved by the forecast."""
        return isinstance(self.tilts, TiltWorth) and self.tilts.is_earned

    @property
    def backtests(self) -> Mapping[str, Backtest]:
        """The portfolio without the tilts of the forecast and with them; nothing where it has none."""
        return {} if isinstance(self.tilts, NotAvailable) else self.tilts.backtests


def worth(
    portfolio: Portfolio, forecast: Forecast, count: int = PLACEBO_COUNT, schedule: EstimationSchedule = "month"
) -> Worth:
    """The worth of a forecast to a portfolio, in its test.

    portfolio : portfolio with market, costs, ranges and strategic target.
    forecast  : forecast of means and covariances.
    count     : number of placebos.
    schedule  : schedule by which all trade to their targets.
    Raises    : ConfigError of a portfolio that cannot be backtested.
    """
    setup = Setup.of(portfolio)
    history = or_why_not(lambda: check_history(forecast, setup.market, setup.first(None), "its window"))
    if isinstance(history, NotAvailable):
        return Worth(history, history)
    return Worth(
        or_why_not(
            lambda: tilt_worth(setup, _tilted(portfolio, forecast, schedule), portfolio.forecasts.horizon, count)
        ),
        or_why_not(lambda: risk_worth(setup, forecast, portfolio.forecasts.horizon, schedule)),
    )


def worths(portfolio: Portfolio, forecasts: Mapping[str, Forecast]) -> dict[str, Worth]:
    """The worth of each of several forecasts by name, whose p count them all; see `worth`."""
    made = {name: worth(portfolio, forecast) for name, forecast in forecasts.items()}
    judged = {name: one.tilts for name, one in made.items() if isinstance(one.tilts, TiltWorth)}
    for name, tilts in judged.items():
        others = tuple(one.p for other, one in judged.items() if other != name)
        made[name] = replace(made[name], tilts=replace(tilts, others=others))
    return made


def _tilted(portfolio: Portfolio, forecast: Forecast, schedule: EstimationSchedule) -> Tilted:
    """The strategic target with the tilts of a forecast at the whole budget, inside the ranges of the file."""
    ranges = zip(portfolio.market.assets, portfolio.lower.tolist(), portfolio.upper.tolist(), strict=True)
    return Tilted(
        portfolio.strategic,
        forecast,
        confidence=1.0,
        ranges=tuple(ranges),
        schedule=schedule,
        periods_per_year=portfolio.periods_per_year,
    )


def tilt_worth(setup: Setup, tilted: Tilted, horizon: int, count: int = PLACEBO_COUNT) -> TiltWorth:
    """Backtest the tilts of a forecast, the portfolio without them, and placebos.

    setup   : market, costs and test; its strategic target is what is tilted.
    tilted  : the tilted target, whose confidence is 1.
    horizon : rows of the market by which placebos are moved, at least.
    count   : number of placebos.
    Raises  : DataError for a forecast that says nothing beyond the mean so far, for too few days, and for a tilt that
              placebos cannot judge.
    """
    first, rule = setup.first(None), Calendar(setup.strategic, tilted.schedule)
    path = kept_target_path(tilted, setup.market, start=first)
    without = setup.strategic_from(first)
    base = np.array([without.at(row) for row in path.seen.tolist()])
    tilts = _tilts(setup, tilted, path, base)
    if not tilts.weights.any():
        raise DataError(NO_VIEW)
    played = {WITHOUT: without, WITH: path}
    backtests = {name: backtest_path(setup, rule, one, name) for name, one in played.items()}
    moved = placebos(tilts, count, overlap(path.seen, horizon))
    if (alike := share_alike(tilts, moved)) > SIZE:
        raise DataError(
            f"Placebos cannot judge its tilt, which lasts and is of few assets: {percent(alike, 0)} of them are the "
            f"same tilt, and no p of {percent(SIZE, 0)} can be reached. Judge it in a portfolio of more assets."
        )
    expected = float(tilts.risk(tilts.weights).mean()), float(tilts.risk(moved).mean())
    rows = [figures(setup, backtests[name], one) for name, one in played.items()]
    size = max(NUMBERS_TOGETHER // base.size, 1)
    for begin in range(0, count, size):
        paths = [replace(path, rows=base + one, answers=()) for one in moved[begin : begin + size]]
        rows.append(figures_of_many(setup, rule, paths))
    return TiltWorth(backtests, np.vstack(rows), expected)


def _tilts(setup: Setup, tilted: Tilted, path: TargetPath, base: Array) -> Tilts:
    """The tilts on the days of a path, with what bounds them; an asset that is not listed has none."""
    days, n = base.shape
    covariance = np.zeros((days, n, n))
    for k, row in enumerate(path.seen.tolist()):
        view = view_of(tilted.forecast, setup.market.past(row))
        covariance[k][np.ix_(view.lines, view.lines)] = view.covariance * setup.periods_per_year
    lower, upper = np.array([ends for _, *ends in tilted.ranges]).T
    known = np.einsum("kii->ki", covariance) > 0.0
    ends = np.where(known, np.minimum(lower - base, 0.0), 0.0), np.where(known, np.maximum(upper - base, 0.0), 0.0)
    return Tilts(path.rows - base, covariance, *ends)
