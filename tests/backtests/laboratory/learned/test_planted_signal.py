"""A signal that is there is learned, out of sample too; in noise alone nothing is.

An asset rises for a few months and falls for a few months. How much of it to hold is learned on forty years, and played
on the twenty that follow, beside as much of it, always the same.
"""

import numpy as np
import pandas as pd
import pytest
from learned import PENALTY, YEAR

from backtests.engine import Backtest, backtest
from backtests.studies.audits.matched_exposure import CONSTANT, benchmarks
from research.accounting import Costs
from research.allocation import FixedWeights
from research.learning import Learned, Reward, train
from research.market import Market, instruments_table

pytestmark = pytest.mark.usefixtures("few_judged_sessions")
WHOLE, COSTS = FixedWeights((1.0,)), Costs.bps(1, commission=2)
YEARS, LEARNED_ON, SPELL = 60, 40, 60  # of the market, of which to learn; sessions that it rises or falls, in the mean


def line(drift: float) -> Market:
    """One asset of volatility 15 %, which rises or falls by `drift` a year; cash earns nothing."""
    rng, sessions = np.random.default_rng(1), YEAR * YEARS
    rises = np.cumsum(rng.random(sessions) < 1.0 / SPELL) % 2 == 0
    returns = np.where(rises, drift, -drift) / YEAR + 0.15 / np.sqrt(YEAR) * rng.standard_normal(sessions)
    days = np.arange(np.datetime64("1901-01-04"), np.datetime64("2250-01-01"))
    days = days[np.is_busday(days)][:sessions]
    return Market(
        pd.DatetimeIndex(days), ("A",), returns[:, None], np.ones((sessions, 1), dtype=bool), np.zeros(sessions),
        instruments_table(("A",)), np.full((sessions, 1), np.nan), calendar="24/5", name="planted",
    )  # fmt: skip


def learned_beside_constant(drift: float) -> tuple[Backtest, Backtest]:
    """The exposure that was learned, out of sample, and as much of it all the time."""
    market = line(drift)
    last, reward = market.dates[YEAR * LEARNED_ON], Reward(objective=0.0, log_growth=1.0)
    spec = Learned(
        WHOLE, steps=180_000, seeds=(1,), learner="ppo", action="exposure", reward=reward, block=250, episode=104
    )
    policy = train(spec, market.until(last), COSTS, PENALTY, YEAR, workers=1).policy
    played = backtest(market, policy, COSTS, start=last + pd.offsets.BDay(), periods_per_year=YEAR)
    return played, benchmarks(played, WHOLE)[CONSTANT]


def t_of_difference(one: Backtest, other: Backtest) -> float:
    """Of mean monthly returns, paired."""
    gaps = np.array([month.sum() for month in np.array_split(one.net_returns - other.net_returns, 240)])
    return float(gaps.mean() / gaps.std(ddof=1) * np.sqrt(len(gaps)))


@pytest.fixture(scope="module", params=[0.6, 0.0], ids=["planted", "noise"])
def both(request: pytest.FixtureRequest) -> tuple[float, Backtest, Backtest]:
    return request.param, *learned_beside_constant(request.param)


def test_a_signal_is_learned_and_noise_is_not(both: tuple[float, Backtest, Backtest]) -> None:
    drift, learned, constant = both
    t = t_of_difference(learned, constant)
    if drift > 0.0:
        assert t > 4.0
    else:
        assert abs(t) < 3.0  # what is learned of noise is another on every processor


def test_what_is_learned_steers_by_the_market(both: tuple[float, Backtest, Backtest]) -> None:
    """Where there is a signal it holds more after a month that rose than after one that fell."""
    drift, learned, _ = both
    held = learned.weights.to_numpy()[21:-1, 0]
    month = np.convolve(learned.market.returns[learned.first + 1 :, 0], np.ones(21), "valid")[:-1]
    more = held[month > 0.0].mean() - held[month < 0.0].mean()
    assert (more > 0.06) == (drift > 0.0)  # by processor 0.13 to 0.15 of a signal, and 0.00 to 0.01 of noise
