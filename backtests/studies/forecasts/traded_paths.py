"""Target paths that are traded by one rule in the test of a setup: one as a whole backtest, or figures of many."""

from collections.abc import Sequence

import numpy as np

from backtests.batch.batch import Batch, play_batch
from backtests.batch.streaming_metrics import batch_metrics, target_path_returns
from backtests.engine.result import Backtest
from backtests.engine.run import backtest, conditions
from backtests.sweeps import Setup
from backtests.sweeps.run_part import is_free
from foundation.arrays import Array
from research.allocation import TargetPath
from research.rules import Calendar


def backtest_path(setup: Setup, rule: Calendar, path: TargetPath, name: str = "") -> Backtest:
    """The backtest of a target path.

    setup : market, costs and test.
    rule  : calendar on which targets are traded.
    path  : targets on the market of the setup.
    name  : name of the backtest.
    """
    given = conditions(setup, start=setup.start, targets=path, name=name)
    return backtest(setup.market, rule, setup.costs, **given)


def figures(setup: Setup, played: Backtest, path: TargetPath) -> Array:
    """(metrics,) of `BATCH_METRICS`, of the backtest of a path."""
    strategic, own = (target_path_returns(one, setup.market) for one in (setup.strategic_path, path))
    return batch_metrics(played, strategic, own, setup.tracking_penalty)


def figures_of_many(setup: Setup, rule: Calendar, paths: Sequence[TargetPath]) -> Array:
    """(N, metrics) the same of N paths, to the bit: in a batch where market and costs allow one, else one by one."""
    if not is_free(setup):
        return np.array([figures(setup, backtest_path(setup, rule, one), one) for one in paths])
    count = len(paths)
    bands = [rule.no_trade_bands(setup.market, one, setup.costs) for one in paths]
    own, shared = np.arange(count), np.zeros(count, dtype=np.int64)
    lags, firsts = np.full(count, setup.lag), np.full(count, setup.first(None))
    batch = Batch(bands, paths, [setup.costs], own, own, shared, lags, firsts)
    return play_batch(setup.market, batch, setup.strategic_path, setup.tracking_penalty, setup.periods_per_year)
