"""What a policy that goes to cash is held against: as much exposure, always the same, or steered by volatility alone.

Most of a smaller drawdown is only less exposure. So both benchmarks hold as much of the portfolio as the policy did, in
the mean of the test: that is known afterwards only, and makes them yardsticks and no candidates.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from backtests.backtest import Backtest
from backtests.engine import backtest
from backtests.scores import target_returns
from research.allocation import Allocation, ConstantExposure, VolatilityTarget, target_path
from research.errors import DataError
from research.risk import growth, max_drawdown, sharpe, volatility
from research.rules import Calendar, Rule

CONSTANT, VOLATILITY = "constant exposure", "volatility target"


def mean_exposure(played: Backtest) -> float:
    """What a policy held in its lines in the mean of the test's closes, fraction of NAV."""
    return float(played.weights.to_numpy()[:-1].sum(axis=1).mean())


def benchmarks(
    played: Backtest,
    held: Allocation,
    rule: Callable[[Allocation], Rule] = partial(Calendar, every="month"),  # noqa: B008  (immutable)
    lookback: int = 63,
) -> dict[str, Backtest]:
    """`held`, in the market, on the days and at the costs of `played`, asking for the mean exposure that `played` had.

    rule : when both trade.  lookback : returns of which the volatility target takes its volatility.
    Raises : DataError for a mean exposure that `held` cannot have.
    """
    wanted, year = mean_exposure(played), played.periods_per_year
    whole = _exposure_of(held, played)
    if not 0.0 < wanted < whole:
        raise DataError(
            f"{played.name} held {wanted:.4f} of NAV in its lines in the mean, and {held!r} holds {whole:.4f}: a "
            "benchmark of the same exposure needs a number between 0 and that. Compare a policy that goes to cash."
        )
    steered = partial(VolatilityTarget, held, lookback=lookback, periods_per_year=year)

    def too_much(level: float) -> float:
        return _exposure_of(steered(level), played) - wanted

    from scipy.optimize import brentq

    held_returns = target_returns(target_path(held, played.market, played.first), played.market, played.first)
    scale = volatility(held_returns, year)
    level = float(brentq(too_much, 1e-3 * scale, 1e2 * scale, xtol=1e-6 * scale))
    return {
        CONSTANT: _beside(played, rule(ConstantExposure(held, wanted / whole)), CONSTANT),
        VOLATILITY: _beside(played, rule(steered(level)), VOLATILITY),
    }


def beside(played: Backtest, others: dict[str, Backtest]) -> pd.DataFrame:
    """A row a policy: mean exposure, and what it was worth, net of costs; fractions a year."""
    found = {}
    for name, one in {played.name: played, **others}.items():
        span = float((one.dates[-1] - one.dates[0]).days)
        found[name] = {
            "exposure": mean_exposure(one),
            "growth": growth(one.growth_path, span),
            "volatility": volatility(one.net_returns, one.periods_per_year),
            "sharpe": sharpe(one.net_returns, one.market.cash[one.first + 1 :], one.periods_per_year),
            "max_drawdown": max_drawdown(one.growth_path).depth,
            "cost_bps": 1e4 * float(one.cost_rate.mean()) * one.periods_per_year,
        }
    return pd.DataFrame(found).T


def _exposure_of(held: Allocation, played: Backtest) -> float:
    """What an allocation asks for in the mean of the test's closes."""
    path = target_path(held, played.market, played.first)
    return float(np.mean(path.rows.sum(axis=1)[path.row[played.first : -1]]))


def _beside(played: Backtest, policy: Rule, name: str = "") -> Backtest:
    return backtest(
        played.market, policy, played.costs, start=played.dates[1], lag=played.lag, nav=played.wealth,
        periods_per_year=played.periods_per_year, name=name,
    )  # fmt: skip
