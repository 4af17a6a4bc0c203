"""Worth of a forecast's variances: minimum variance and a volatility target by them, and by a trailing estimate.

A model of variances is judged by risk, not by its mean. The trailing estimate has as many returns as the model's own
correlations, or those of a year; schedule, rule and costs are the same.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.batch.streaming_metrics import BATCH_METRICS, target_path_returns
from backtests.inference.estimates import EstimateWithTest
from backtests.inference.forecast_skill import diebold_mariano
from backtests.studies.forecasts.traded_paths import backtest_path, figures
from backtests.sweeps import Setup
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import WEIGHT
from research.allocation import Allocation, MeanVariance, VolatilityTarget, kept_target_path
from research.allocation.estimated import EstimationSchedule
from research.forecast import Estimated, Forecast
from research.forecast.factor_model import FactorModel
from research.forecast.skill import qlike
from research.market.frequency import sample_rows
from research.risk import volatility
from research.rules import Calendar

MINIMUM_VARIANCE, VOLATILITY_TARGET = "minimum variance", "volatility target"
SHARE = 0.75  # of the strategic target's volatility, at which a volatility target aims: reached without borrowing
COVARIANCE_SESSIONS = 252  # sessions of the covariance of models that state no other number


@dataclass(frozen=True, eq=False)
class RiskWorth:
    """Portfolios by the variances of a forecast, and by those of a trailing estimate.

    window  : number of returns of the trailing estimate.
    aim     : volatility a year at which the volatility target aims, fraction.
    figures : by use, (2, metrics) of `BATCH_METRICS`: by the trailing estimate, and by the forecast.
    saved   : by use, the share of the trailing estimate's loss that the forecast saves: of minimum variance, the
              variance that came; of the volatility target, the QLIKE of realised variances against the one aimed at.
    """

    window: int
    aim: float
    figures: Mapping[str, Array]
    saved: Mapping[str, EstimateWithTest]

    def table(self) -> pd.DataFrame:
        """Two rows a use: volatility and turnover a year, cost in bp; and the share saved with its interval and p."""
        shown = [BATCH_METRICS.index(name) for name in ("volatility", "turnover", "cost")]
        none = (np.nan,) * 4
        rows = {
            (use, by): (*row[shown].tolist(), *saved)
            for use, both in self.figures.items()
            for by, row, saved in zip(
                (f"last {self.window} returns", "forecast"), both, (none, self.saved[use].row), strict=True
            )
        }
        columns = ["volatility", "turnover", "cost", "saved", "lower", "upper", "p"]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        return table.set_axis(pd.MultiIndex.from_tuples(rows, names=["use", "by"]))


def risk_worth(setup: Setup, forecast: Forecast, horizon: int, schedule: EstimationSchedule = "month") -> RiskWorth:
    """Backtest minimum variance and a volatility target by a forecast, and by a trailing estimate.

    setup    : market, costs and test; the volatility target holds its strategic target.
    forecast : forecast of covariances.
    horizon  : rows over which realised variance is held beside the one aimed at.
    schedule : schedule of all targets and trades.
    Raises   : DataError for variances that are those of the trailing estimate, and for a test of less than 24 horizons.
    Source   : Fleming, Kirby and Ostdiek (2001), The economic value of volatility timing, Journal of Finance 56(1), for
               the judgement of variances by portfolios; Patton (2011) for QLIKE.
    """
    first, year = setup.first(None), setup.periods_per_year
    trailing = Estimated(window=_window(forecast, year))
    held = target_path_returns(setup.strategic_path, setup.market)[first + 1 :]
    aim = SHARE * volatility(held, year)

    def uses(by: Forecast) -> dict[str, Allocation]:
        return {
            MINIMUM_VARIANCE: MeanVariance(schedule=schedule, forecast=by, periods_per_year=year),
            VOLATILITY_TARGET: VolatilityTarget(
                setup.strategic, aim, schedule=schedule, forecast=by, periods_per_year=year
            ),
        }

    plain, own = uses(trailing), uses(forecast)
    paths = {use: [kept_target_path(by[use], setup.market, start=first) for by in (plain, own)] for use in plain}
    if all(np.allclose(one.rows, other.rows, rtol=0.0, atol=WEIGHT) for one, other in paths.values()):
        raise DataError(f"Its variances are those of the last {trailing.window} returns: nothing is left to judge.")
    rule = Calendar(setup.strategic, schedule)
    played = {use: [backtest_path(setup, rule, path) for path in pair] for use, pair in paths.items()}
    losses = {
        use: [_losses(use, one.net_returns, aim / year**0.5, horizon) for one in pair] for use, pair in played.items()
    }
    return RiskWorth(
        trailing.window,
        aim,
        {use: np.array([figures(setup, *one) for one in zip(played[use], paths[use], strict=True)]) for use in paths},
        {
            use: diebold_mariano(before / before.mean(), after / before.mean())
            for use, (before, after) in losses.items()
        },
    )


def _window(forecast: Forecast, periods_per_year: float) -> int:
    """The number of returns of a forecast's own estimate, or of as good an estimate as that of a year of sessions."""
    model = getattr(forecast, "model", forecast)
    of_a_year = sample_rows(COVARIANCE_SESSIONS, periods_per_year)
    return model.window if isinstance(model, Estimated | FactorModel) else getattr(model, "estimate", of_a_year)


def _losses(use: str, returns: Array, aim: float, horizon: int) -> Array:
    """The losses of a use, by day or by horizon of returns (T,); `aim` is a standard deviation a period."""
    if use == MINIMUM_VARIANCE:
        losses: Array = np.square(returns - returns.mean())
        return losses
    came = np.square(returns[: len(returns) // horizon * horizon]).reshape(-1, horizon).sum(axis=1)
    return qlike(np.full(len(came), horizon * aim**2), came)
