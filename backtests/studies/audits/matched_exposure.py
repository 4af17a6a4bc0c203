"""Benchmarks of the same mean exposure as a policy: constant exposure, and a volatility target.

A smaller drawdown is mostly less exposure. Both benchmarks hold the policy's mean exposure in the test. That is known
only afterwards, so they are benchmarks and not candidates.
"""

from collections.abc import Callable
from functools import partial

import pandas as pd

from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import target_returns
from foundation.errors import DataError
from research.allocation import Allocation, ConstantExposure, VolatilityTarget, target_path
from research.allocation.wrappers import HIGHEST_VOLATILITY
from research.risk import growth, max_drawdown, sharpe, volatility
from research.rules import Calendar, Rule

MONTHLY = partial(Calendar, schedule="month")
TARGET_LOOKBACK = 63  # returns from which the volatility target estimates volatility
CONSTANT, VOLATILITY = "constant exposure", "volatility target"


def mean_exposure(played: Backtest) -> float:
    """The mean weight of a policy's assets at the closes of the test, fraction of NAV."""
    return float(played.weights.to_numpy()[:-1].sum(axis=1).mean())


def benchmarks(played: Backtest, held: Allocation, rule: Callable[[Allocation], Rule] = MONTHLY) -> dict[str, Backtest]:
    """Backtests by name of the rules of `matched_rules`, with market, days and costs of `played`.

    played : the policy's backtest.
    held   : the portfolio to hold.
    rule   : function from an allocation to the rule by which both trade.
    Raises : DataError as `matched_rules` does, and where there are no such rules.
    """
    rules = matched_rules(played, held, rule)
    if not rules:
        raise DataError(
            f"{played.name or 'the policy'} held {mean_exposure(played):.4f} of NAV in its assets on average: nothing, "
            f"or as much as {held!r}, so no benchmark has its exposure. Compare a policy that goes to cash."
        )
    return {name: _backtest_of(played, own, name) for name, own in rules.items()}


def matched_rules(played: Backtest, held: Allocation, rule: Callable[[Allocation], Rule] = MONTHLY) -> dict[str, Rule]:
    """The rules by name that hold the mean exposure of `played` at the closes of the test.

    Empty where that is nothing, or as much as `held` has by `rule`: only a policy that goes to cash has such
    benchmarks.
    played : the policy's backtest.
    held   : the portfolio to hold.
    rule   : function from an allocation to the rule by which both trade.
    Raises : DataError for a backtest with deposits or withdrawals.
    """
    if played.flows.any():
        raise DataError(
            f"{played.name} had deposits or withdrawals, whose cash the policy did not choose. Run the "
            "backtest without them."
        )
    wanted, year = mean_exposure(played), played.periods_per_year
    if not 0.0 < wanted < mean_exposure(_backtest_of(played, rule(held))):
        return {}
    held_returns = target_returns(target_path(held, played.market, played.first), played.market, played.first)
    scale = volatility(held_returns, year)

    def constant(share: float) -> Rule:
        return rule(ConstantExposure(held, share))

    def steered(level: float) -> Rule:
        return rule(VolatilityTarget(held, level, lookback=TARGET_LOOKBACK, periods_per_year=year))

    def solved(make: Callable[[float], Rule], low: float, high: float) -> Rule:
        from scipy.optimize import brentq

        return make(
            float(brentq(lambda x: mean_exposure(_backtest_of(played, make(x))) - wanted, low, high, xtol=1e-9 * high))
        )

    return {CONSTANT: solved(constant, 0.0, 1.0), VOLATILITY: solved(steered, 1e-6 * scale, HIGHEST_VOLATILITY)}


def exposure_table(played: Backtest, others: dict[str, Backtest]) -> pd.DataFrame:
    """A row per policy: mean exposure, growth, volatility, Sharpe ratio, drawdown and cost, net of costs, a year."""
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


def _backtest_of(played: Backtest, policy: Rule, name: str = "") -> Backtest:
    return backtest(
        played.market, policy, played.costs, start=played.dates[1], lag=played.lag, nav=played.wealth,
        execution=played.execution, dividends=played.dividends,  # type: ignore[arg-type]  # one of the two words
        periods_per_year=played.periods_per_year, name=name,
    )  # fmt: skip
