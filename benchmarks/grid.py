"""Ten thousand configurations: what one costs, and what the machine could do.

The grid is 25 bands (1 to 13 points) x 10 costs (0 to 45 bp) x 10 targets x 4 lags on twenty stocks and 8,313 days,
with all streamed metrics. vectorbt plays some of its configurations in the same run; at zero cost and lag it comes to
the same wealth. Seconds are the processor's. The bound is that of a plain loop: three fused operations and 24 bytes
from the first cache for each asset and day of each configuration.
"""

import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import product
from unittest import mock

import numba
import numpy as np

from backtests.batch.batch import PreparedConfiguration, play_batch
from backtests.batch.streaming_metrics import BATCH_METRICS
from backtests.sweeps import Setup, sweep
from backtests.sweeps.plan import Plan
from benchmarks import with_vectorbt
from benchmarks.jobs import Job
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array
from foundation.machine import peak_memory
from research.accounting import Costs
from research.allocation import Allocation, EqualWeights, FixedWeights, TargetPath, target_path
from research.market import Market, instruments_table, load_market
from research.rules import Calendar, Never, Rule, Threshold

BANDS = np.arange(0.01, 0.1301, 0.005)  # half-widths, fraction of NAV
BPS = np.arange(0.0, 46.0, 5.0)
LAGS = (0, 1, 2, 5)
UNIT = 10.0  # basis points that a sweep's cost multiples are of
TARGETS = 10
TRACKING_PENALTY, YEAR = 5.0, 252.0
SAME = 1e-9  # relative


def held(n: int) -> list[Allocation]:
    """What the configurations hold: equal weights, and others drawn at random."""
    rng = np.random.default_rng(7)
    return [EqualWeights(), *(FixedWeights(tuple(rng.dirichlet(np.full(n, 20.0)))) for _ in range(TARGETS - 1))]


def grid(market: Market) -> tuple[list[PreparedConfiguration], TargetPath]:
    """Configurations by target, band, lag and cost, the cost last; and the strategic target."""
    allocations = held(len(market.assets))
    paths = [target_path(allocation, market) for allocation in allocations]
    rates = [Costs.bps(len(market.assets), commission=bps) for bps in BPS]
    configurations = []
    for (allocation, targets), band in product(zip(allocations, paths, strict=True), BANDS):
        bands = Threshold(allocation, float(band)).no_trade_bands(market, targets)
        configurations += [PreparedConfiguration(bands, targets, costs, lag) for lag, costs in product(LAGS, rates)]
    return configurations, paths[0]


def grid_plan(market: Market) -> tuple[Setup, Plan]:
    """The same configurations as users ask for them: a setup and a plan."""
    n = len(market.assets)
    rules = [Threshold(allocation, float(band)) for allocation, band in product(held(n), BANDS)]
    multiples = [float(bps / UNIT) for bps in BPS]
    setup = Setup.on(market, Costs.bps(n, commission=UNIT), EqualWeights(), market.dates[1])
    return setup, Plan(rules, cost_multiples=multiples, lags=LAGS)


def same_configurations(market: Market, rule: Rule, count: int) -> tuple[list[PreparedConfiguration], TargetPath]:
    """One rule at `count` costs."""
    targets = target_path(rule.allocation, market)
    bands = rule.no_trade_bands(market, targets)
    costs = [Costs.bps(len(market.assets), commission=bps) for bps in BPS]
    return [PreparedConfiguration(bands, targets, costs[j % len(costs)], 0) for j in range(count)], targets


def processor(call: Callable[[], object], rounds: int = 3) -> float:
    """Processor seconds of a call, the least of some rounds after one that is not counted."""
    call()
    seconds = []
    for _ in range(rounds):
        before = time.process_time()
        call()
        seconds.append(time.process_time() - before)
    return min(seconds)


def simulated(days: int, n: int) -> Market:
    """A market of n assets that move like stocks."""
    rng = np.random.default_rng(0)
    returns = (rng.normal(3e-4, 0.008, (days, 1)) + rng.normal(0.0, 0.012, (days, n))).clip(-0.5, 0.5)
    returns[0] = 0.0
    names, dates = [f"A{i}" for i in range(n)], load_market("sp500_20").dates[:days]
    lines, prices = instruments_table(names), np.full((days, n), np.nan)
    return Market(dates, tuple(names), returns, np.ones((days, n), dtype=bool), np.full(days, 1e-4), lines, prices)


# -- the machine -----------------------------------------------------------------------------------------------------


@numba.njit(fastmath=True, nogil=True)  # what the machine can do, and no kernel of the house
def _fused(repeats: int, a: Array) -> float:
    for _ in range(repeats):
        for k in range(len(a)):
            x = a[k]
            for _ in range(64):
                x = x * 0.999 + 0.001
            a[k] = x
    return a[0]


@numba.njit(fastmath=True, nogil=True)
def _load(repeats: int, a: Array) -> float:
    total = 0.0
    for r in range(repeats):
        for k in range(len(a)):
            total += a[k]
        a[r % len(a)] = total * 1e-300
    return total


def bound() -> tuple[float, float, float]:
    """(asset-days a second that the machine's bound allows, fused operations a second, bytes a second)."""
    few = np.ones(64)
    operations = 20_000 * 64 * len(few) / processor(lambda: _fused(20_000, few))
    many = np.ones(2_048)
    loaded = 100_000 * many.nbytes / processor(lambda: _load(100_000, many))
    return min(operations / 3.0, loaded / 24.0), operations, loaded


# -- the questions ---------------------------------------------------------------------------------------------------


def vectorbt_seconds(market: Market, targets: TargetPath, count: int = 20) -> tuple[float, float]:
    """(processor seconds a configuration of vectorbt, the widest gap of its final wealth to ours at zero cost)."""
    rng, seconds, gaps = np.random.default_rng(1), [], []
    close = with_vectorbt.prices(Job("band", market, Never(EqualWeights()), None, 0.0))
    for j in range(count + 1):  # the first compiles
        band, rate = float(rng.choice(BANDS)), float(rng.choice(BPS)) * 1e-4 if j % 4 else 0.0
        job = Job("band", market, Threshold(EqualWeights(), band), None, rate)
        with mock.patch.object(with_vectorbt, "BAND", band):
            before = time.process_time()
            played = with_vectorbt.from_order_func(job, close)
            seconds.append(time.process_time() - before)
        if rate == 0.0:
            one = PreparedConfiguration(
                Threshold(EqualWeights(), band).no_trade_bands(market, targets), targets, job.costs, 0
            )
            ours = play_batch(market, [one], targets, TRACKING_PENALTY, YEAR)[0, BATCH_METRICS.index("nav")]
            gaps.append(abs(float(played.value().iloc[-1]) / ours - 1.0))
    if not max(gaps) < SAME:
        raise AssertionError(f"vectorbt does not play the same: its final wealth is off by {max(gaps):.1e}")
    return float(np.median(seconds[1:])), max(gaps)


def against_vectorbt(market: Market) -> dict[str, float]:
    """The grid and vectorbt."""
    configurations, strategic = grid(market)

    def general() -> Array:
        return play_batch(market, configurations, strategic, TRACKING_PENALTY, YEAR)

    setup, plan = grid_plan(market)

    def whole() -> Array:
        return sweep(setup, plan, progress=False).table[list(BATCH_METRICS)].to_numpy()

    out = general()
    if not np.allclose(whole(), out, rtol=SAME, atol=SAME):
        raise AssertionError("a sweep's table is not that of the batch engine")
    years = (len(market.dates) - 1) / YEAR
    peer, gap = vectorbt_seconds(market, strategic)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    made = grid(market)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return {
        "configurations": len(configurations),
        "trading_days_of_a_path": float(out[:, BATCH_METRICS.index("trading_days")].mean() * years),
        "general_us": 1e6 * processor(general, 2) / len(configurations),
        "sweep_us": 1e6 * processor(whole, 2) / len(configurations),
        "vectorbt_us": 1e6 * peer,
        "vectorbt_gap_at_zero_cost": gap,
        "bytes_a_configuration": held / len(made[0]) + out.nbytes / len(configurations),
    }


def share_of_bound(market: Market, grid_us: float) -> dict[str, float]:
    """Share of the bound that the grid reaches, and few trades; and what trading every day costs."""
    asset_days = len(market.dates) * len(market.assets)
    rate, operations, loaded = bound()
    few, paths = same_configurations(market, Threshold(EqualWeights(), 0.10), 2_048)
    daily, _ = same_configurations(market, Calendar(EqualWeights(), "day"), 256)
    few_us = 1e6 * processor(lambda: play_batch(market, few, paths, TRACKING_PENALTY, YEAR), 2) / len(few)
    return {
        "bound_asset_days_a_second": rate,
        "fused_operations_a_second": operations,
        "bytes_loaded_a_second": loaded,
        "grid_share": asset_days / (grid_us * 1e-6) / rate,
        "few_trades_us": few_us,
        "few_trades_share": asset_days / (few_us * 1e-6) / rate,
        "daily_us": 1e6 * processor(lambda: play_batch(market, daily, paths, TRACKING_PENALTY, YEAR), 2) / len(daily),
    }


def exponents() -> dict[str, float]:
    """Powers with which time grows in assets (20 to 500), configurations (1,000 to 20,000) and days (500 to 8,000)."""

    def seconds(days: int, n: int, count: int) -> float:
        market = simulated(days, n)
        configurations, paths = same_configurations(market, Threshold(EqualWeights(), 1.0 / n), count)
        return processor(lambda: play_batch(market, configurations, paths, TRACKING_PENALTY, YEAR), 2)

    def power(sizes: Sequence[int], times: Sequence[float]) -> float:
        return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])

    assets, counts, days = (20, 100, 500), (1_000, 5_000, 20_000), (500, 2_000, 8_000)
    return {
        "assets": power(assets, [seconds(500, n, 1_024) for n in assets]),
        "configurations": power(counts, [seconds(500, 20, count) for count in counts]),
        "days": power(days, [seconds(t, 20, 1_024) for t in days]),
    }


LARGE = ((8_313, 500, 10_000), (7_560, 3_000, 1_000))  # days, assets, configurations: the larger market last


def large() -> dict[str, dict[str, float]]:
    """Large batches, by their size: processor seconds, and the peak of this process's memory up to then, GB."""
    found = {}
    for days, n, count in LARGE:
        market = simulated(days, n)
        configurations, paths = same_configurations(market, Threshold(EqualWeights(), 1.0 / n), count)
        before = time.process_time()
        play_batch(market, configurations, paths, TRACKING_PENALTY, YEAR)
        took, peak = time.process_time() - before, peak_memory() / 1e9
        found[f"{n:,} assets x {days:,} days x {count:,}"] = {"seconds": took, "peak_GB": peak}
    return found


def two_workers(market: Market) -> dict[str, float]:
    """How much faster two threads are than one, by the wall's clock, in the best of five rounds of turns."""
    configurations, strategic = grid(market)
    ratios = []
    for _ in range(5):
        took = []
        for workers in (1, 2):
            before = time.perf_counter()
            play_batch(market, configurations[:8_192], strategic, TRACKING_PENALTY, YEAR, workers=workers)
            took.append(time.perf_counter() - before)
        ratios.append(took[0] / took[1])
    return {"best": max(ratios), "median": float(np.median(ratios))}


def main() -> None:
    """All of it, in about two minutes."""
    print(f"{machine()}; {versions('numba', 'vectorbt')}")
    market = load_market("sp500_20")
    facts = against_vectorbt(market)
    shares = share_of_bound(market, facts["general_us"])
    grows, workers, wide = exponents(), two_workers(market), large()
    peer = facts["vectorbt_us"]
    rows = [
        ("general loop, us a configuration", f"{facts['general_us']:.1f}", ""),
        ("– faster than vectorbt by", f"{peer / facts['general_us']:,.0f}x", "400x"),
        ("sweep(), grid to table, us a configuration", f"{facts['sweep_us']:.1f}", ""),
        ("– faster than vectorbt by", f"{peer / facts['sweep_us']:,.0f}x", "450x"),
        ("vectorbt, us a configuration", f"{peer:,.0f}", ""),
        ("days of trading of a path", f"{facts['trading_days_of_a_path']:.0f}", ""),
        ("memory a configuration, bytes", f"{facts['bytes_a_configuration']:,.0f}", "1,000"),
        ("share of the bound, grid", f"{shares['grid_share']:.0%}", "30%"),
        ("share of the bound, few trades", f"{shares['few_trades_share']:.0%}", "45%"),
        ("trading every day, us a configuration", f"{shares['daily_us']:.0f}", "300"),
        *((f"power of growth in {name}", f"{power:.2f}", "1.05") for name, power in grows.items()),
        ("two workers against one, best of five", f"{workers['best']:.2f}x", "1.8x"),
        *(
            (f"{size}: seconds, GB", f"{one['seconds']:.1f}, {one['peak_GB']:.2f}", "4 GB")
            for size, one in wide.items()
        ),
    ]
    show("10,000 configurations: 20 stocks x 8,313 days", ("", "measured", "aim"), rows, [
        f"processor time; the bound is {shares['bound_asset_days_a_second'] / 1e9:.1f}e9 asset-days a second",
        f"widest gap of final wealth, vectorbt's to ours at no cost: {facts['vectorbt_gap_at_zero_cost']:.0e}",
    ])  # fmt: skip
    found = {"grid": facts, "bound": shares, "exponents": grows, "workers": workers, "large": wide}
    keep("grid", {"versions": versions("numba", "vectorbt"), **found})


if __name__ == "__main__":
    main()
