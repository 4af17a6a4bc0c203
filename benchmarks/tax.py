"""Tax on realised gains with trades on every day: what keeping the lots costs, by the order in which they are sold.

Twenty stocks, 33 years of days, traded to equal weights every day. At average cost an asset has one lot; with the
others it may have a lot for each day on which it was bought. The second market is a quarter as long: what grows with
the number of lots takes less a day there.
"""

from dataclasses import replace

from backtests.engine import backtest
from benchmarks.timing import keep, machine, show, take_turns, versions
from research.accounting import Costs, Tax
from research.accounting.cost_parameters import LOT_METHODS
from research.allocation import EqualWeights
from research.market import Market
from research.market.reading.embedded import load_market
from research.rules import Calendar

ROUNDS, RATE, SHORT = 7, 0.25, "1998-03-31"


def measure(market: Market) -> dict[str, float]:
    """Processor microseconds a day of a backtest, by the order of sale."""
    costs, rule = Costs.bps(len(market.assets), commission=10), Calendar(EqualWeights(), "day")
    taxed = {lots: replace(costs, tax=Tax(RATE, lots)) for lots in LOT_METHODS}  # type: ignore[arg-type]
    times = take_turns({lots: lambda lots=lots: backtest(market, rule, taxed[lots]) for lots in LOT_METHODS}, ROUNDS)
    return {lots: 1e6 * times.median(lots) / len(market.dates) for lots in LOT_METHODS}


def main() -> None:
    """Measure, print, and keep."""
    market = load_market("sp500_20")
    found = {len(m.dates): measure(m) for m in (market.until(SHORT), market)}
    print(f"{machine()}; {versions('numba')}")
    show(
        "Tax with trades on every day: processor microseconds a day",
        ("units sold first", *(f"{days:,} days" for days in found)),
        [(lots, *(f"{row[lots]:.2f}" for row in found.values())) for lots in LOT_METHODS],
        [f"medians of {ROUNDS} rounds in which all take turns"],
    )
    keep("tax", {"versions": versions("numba"), "microseconds_a_day": found})


if __name__ == "__main__":
    main()
