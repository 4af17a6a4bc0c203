"""The two jobs in bt, by its own algos; the band is one of ours, as bt's `RunIfOutOfBounds` measures relative bands."""

import bt
import numpy as np
import pandas as pd

from benchmarks.jobs import BAND, SLACK, Job, Played

CAPITAL = 1e6


class PastBand(bt.Algo):
    """Go on when some weight is more than `BAND` off its target, or nothing is held yet."""

    def __init__(self, target: dict[str, float]) -> None:
        super().__init__()
        self.target = target

    def __call__(self, strategy: bt.Strategy) -> bool:
        """Does the stack go on today?"""
        lines = strategy.children
        if not lines:
            return True
        return any(abs(lines[name].weight - weight) > BAND + SLACK for name, weight in self.target.items())


def prices(job: Job) -> pd.DataFrame:
    """Total-return indices as bt takes prices."""
    return pd.DataFrame(job.market.index, index=job.market.dates, columns=list(job.market.assets))


def backtest(job: Job, data: pd.DataFrame) -> bt.Backtest:
    """Play the job; `strategy.values` is its wealth."""
    target = dict(zip(job.market.assets, job.target.tolist(), strict=True))
    when = PastBand(target) if job.days is None else bt.algos.RunOnDate(*job.market.dates[job.days])
    strategy = bt.Strategy(job.name, [when, bt.algos.WeighSpecified(**target), bt.algos.Rebalance()])
    made = bt.Backtest(
        strategy,
        data,
        initial_capital=CAPITAL,
        commissions=lambda quantity, price: job.rate * abs(quantity) * price,
        integer_positions=False,
        progress_bar=False,
    )
    made.run()
    return made


def played(job: Job, made: bt.Backtest) -> Played:
    """What a backtest came to; bt puts a day before the first."""
    wealth = made.strategy.values.reindex(job.market.dates).to_numpy()  # noqa: PD011  (bt's own `values`)
    units = made.strategy.positions.reindex(index=job.market.dates, columns=list(job.market.assets))
    return Played(wealth / CAPITAL, np.asarray(units) / CAPITAL)
