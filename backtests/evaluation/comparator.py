"""What beta and the other relative figures of a comparison are taken to: the benchmark that its file names.

It is not `evaluation.benchmark.Benchmark`, which holds the strategic target, the ranges and g, by which J, tracking
error and limits are measured. Nothing but the metrics of `RELATIVE` and rolling beta depends on the comparator.
"""

from collections.abc import Callable
from dataclasses import dataclass

from backtests.engine.result import Backtest
from research.arrays import Array
from research.errors import DataError
from research.portfolio.benchmark import NamedBenchmark

RELATIVE = ("beta", "alpha", "information_ratio", "up_capture", "down_capture")  # metrics
STRATEGIC, NONE = "the strategic target", "none"


@dataclass(frozen=True, eq=False)
class Comparator:
    """A return series beside the test's, or that there is none.

    name    : in words, as "the policy quarterly" or "SPY"; "none" where there is none.
    returns : (D,) on the days of the test, fraction; None where there is none.
    """

    name: str
    returns: Array | None

    def needed(self) -> Array:
        """(D,) its returns. Raises DataError where the portfolio has no benchmark."""
        if self.returns is None:
            raise DataError("the portfolio file says `benchmark: none`.")
        return self.returns


def comparator_of(named: NamedBenchmark, first: int, play: Callable[[str], Backtest]) -> Comparator | None:
    """The benchmark of a portfolio file on the days of its test; None for the strategic target.

    named : by the file.
    first : market row of the last close before the test.
    play  : gives the backtest of a policy by its name.
    """
    if named.kind == "strategic":
        return None
    if named.kind == "none":
        return Comparator(NONE, None)
    if named.kind == "policy":
        return Comparator(f"the policy {named.name}", play(named.name).net_returns)
    assert named.returns is not None
    return Comparator(named.name, named.returns[first + 1 :])
