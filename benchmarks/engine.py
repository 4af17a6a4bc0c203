"""The engine against vectorbt and bt: twenty stocks, 33 years of days, 10 basis points, one thread.

Two questions. *Kernel*: the compiled loop, its arrays ready, against what vectorbt calls a simulation. *Public call*:
from a ready market and a policy to the path of wealth, against vectorbt with `value()` and against bt. Before a clock
starts, everyone's trades are compared at zero cost, and each peer's wealth at full cost with a plain loop that follows
the peer's own convention.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

from backtests.batch.streaming_metrics import batch_metrics, target_path_returns
from benchmarks import jobs, with_bt, with_vectorbt
from benchmarks.jobs import Job, Played
from benchmarks.timing import Ratio, Times, keep, machine, show, show_ratios, take_turns, versions
from research.market import market_from_frame
from research.market.reading.embedded import load_market

ROUNDS = 15
SAME = 1e-9  # of NAV, or relative: what counts as equal
KERNEL, CALL = "ours: compiled loop", "ours: backtest(…).nav"
FLEXIBLE = "vectorbt flexible order function"
BT, LOTS, NEW = "bt", "ours: whole lots", "ours: new {}"
FROM_FRAME, THIRTEEN, FOUR = "ours: market_from_frame", "ours: thirteen figures", "vectorbt: four figures"
AIMS = {"quarterly": (150, 60, 500), "band": (60, 60, 500)}  # kernel, call against vectorbt, call against bt
LOTS_AIMS = {"quarterly": 60, "band": 20}  # whole lots against bt

Contestants = dict[str, Callable[[], object]]


def documented(job: Job) -> str:
    """What the documented way of doing the job in vectorbt is called."""
    return "vectorbt from_orders" if job.days is not None else "vectorbt from_order_func"


def optional(job: Job) -> Contestants:
    """vectorbt's Rust engine, which knows `from_orders` and is a package of its own, where someone has installed it."""
    if job.days is None or find_spec("vectorbt_rust") is None:
        return {}
    close, size = with_vectorbt.prices(job), with_vectorbt.weights_on_days(job)
    return {
        "vectorbt from_orders in Rust": lambda: with_vectorbt.from_orders(job, close, size, "rust"),
        "vectorbt from_orders in Rust + value()": lambda: with_vectorbt.from_orders(job, close, size, "rust").value(),
    }


def contestants(job: Job) -> Contestants:
    """Everyone who plays the job, ready to be called."""
    close = with_vectorbt.prices(job)
    usual = _usual(job)
    calls: Contestants = {
        KERNEL: jobs.our_kernel(job),
        CALL: lambda: jobs.our_backtest(job).nav,
        f"{documented(job)}: compiled loop": with_vectorbt.loop_alone(usual),
        documented(job): usual,
        f"{documented(job)} + value()": lambda: usual().value(),
        f"{FLEXIBLE}: compiled loop": with_vectorbt.loop_alone(lambda: with_vectorbt.flexible(job, close)),
        FLEXIBLE: lambda: with_vectorbt.flexible(job, close),
        f"{FLEXIBLE} + value()": lambda: with_vectorbt.flexible(job, close).value(),
    }
    new = {NEW.format(name): lambda call=call: call().nav for name, call in jobs.with_new(job).items()}
    lots = jobs.in_lots(job)
    last: Contestants = {LOTS: lambda: lots().nav, BT: lambda: with_bt.backtest(job, close).strategy.values}
    return calls | new | optional(job) | last


def peers(job: Job) -> dict[str, Played]:
    """What each peer comes to."""
    close = with_vectorbt.prices(job)
    return {
        documented(job): with_vectorbt.played(_usual(job)()),
        FLEXIBLE: with_vectorbt.played(with_vectorbt.flexible(job, close)),
        BT: with_bt.played(job, with_bt.backtest(job, with_bt.prices(job))),
    }


def _usual(job: Job) -> Callable[[], object]:
    close = with_vectorbt.prices(job)
    if job.days is None:
        return lambda: with_vectorbt.from_order_func(job, close)
    size = with_vectorbt.weights_on_days(job)
    return lambda: with_vectorbt.from_orders(job, close, size)


# -- do they do the same? --------------------------------------------------------------------------------------------


def agreement(free: Job, paid: Job) -> list[dict[str, object]]:
    """How each peer agrees with us at zero cost, and at full cost with its own convention; raises when it does not."""
    found = []
    ours_free, ours_paid, without, with_costs = jobs.ours(free), jobs.ours(paid), peers(free), peers(paid)
    for name in without:
        convention = jobs.bt_convention if name == BT else jobs.vectorbt_convention
        row: dict[str, object] = {
            "peer": name,
            "trades at zero cost, largest difference over NAV": jobs.trade_gap(free, ours_free, without[name]),
            "wealth at zero cost, largest difference": jobs.widest_gap(without[name].wealth, ours_free.wealth),
            "wealth against its convention": jobs.widest_gap(with_costs[name].wealth, jobs.expected(paid, convention)),
            "final wealth against ours": float(with_costs[name].wealth[-1] / ours_paid.wealth[-1] - 1.0),
        }
        off = {key: value for key, value in row.items() if key not in ("peer", "final wealth against ours")}
        if not all(isinstance(value, float) and value < SAME for value in off.values()):
            raise AssertionError(f"{paid.name}: {name} does not play the same job: {off}")
        found.append(row)
    return found


# -- and how fast? ---------------------------------------------------------------------------------------------------


def ratios(job: Job, times: Times) -> list[Ratio]:
    """What has an aim: the call over its loop, a new one over one that was kept, and other libraries over ours."""
    kernel, call, against_bt = AIMS[job.name]
    value, new = f"{documented(job)} + value()", {name: NEW.format(name) for name in jobs.with_new(job)}
    others = [
        *((name, KERNEL, kernel) for name in (documented(job), FLEXIBLE)),
        *((name, CALL, call) for name in (value, f"{FLEXIBLE} + value()")),
        *((value, name, 10 if of == "table" else 60) for of, name in new.items()),
        (BT, CALL, against_bt),
        (BT, LOTS, LOTS_AIMS[job.name]),
    ]
    rows = [(CALL, KERNEL, 3.0, False), (new["weights"], CALL, 1.3, False), *((*row, True) for row in others)]
    return [
        Ratio(
            f"{job.name}: {slow} over {fast}", times.ratio(slow, fast), aim, f"{1e3 * times.median(fast):.3g} ms", more
        )
        for slow, fast, aim, more in rows
    ]


def measure(make: Callable[..., Job]) -> dict[str, object]:
    """One job: compared, then timed, then shown."""
    market = load_market("sp500_20")
    job = make(market)
    same = agreement(make(market, rate=0.0), job)
    times = take_turns(contestants(job), ROUNDS)
    trades = len(jobs.our_backtest(job).booked) + 1
    _show(job, trades, times, same)
    show_ratios(ratios(job, times))
    return {
        "median_ms": {name: 1e3 * times.median(name) for name in times.seconds},
        "agreement": same,
        "days_of_trading": trades,
    }


def _show(job: Job, trades: int, times: Times, same: list[dict[str, object]]) -> None:
    days, lines = job.market.shape
    show(
        f"{job.name}: {lines} assets x {days:,} days, {trades} days of trading",
        ("", "ms", "our loop is faster by", "our call is faster by"),
        [
            (name, f"{1e3 * times.median(name):.3f}", *(f"{times.ratio(name, us):,.1f}x" for us in (KERNEL, CALL)))
            for name in times.seconds
        ],
        [f"processor time; medians of {ROUNDS} rounds in which all take turns"],
    )
    show(
        "Whether they do the same",
        ("peer", "trades, zero cost", "wealth, zero cost", "against its convention", "final wealth against ours"),
        [(str(row["peer"]), *(f"{value:.1e}" for key, value in row.items() if key != "peer")) for row in same],
        ["largest differences, relative to NAV; at zero cost all trade on the same dates"],
    )


def around() -> dict[str, float]:
    """What stands before and after a call: a market from a table of prices, and the figures of a curve; median ms."""
    job = jobs.quarterly(load_market("sp500_20"))
    close = with_vectorbt.prices(job)
    played, portfolio = jobs.our_backtest(job), _usual(job)()
    returns, gained = target_path_returns(played.targets, job.market), portfolio.returns().to_numpy()
    times = take_turns(
        {
            FROM_FRAME: lambda: market_from_frame(close),
            THIRTEEN: lambda: batch_metrics(replace(played), returns, returns, 5.0),
            FOUR: lambda: with_vectorbt.four_figures(gained),
        },
        ROUNDS,
    )
    found = {name: 1e3 * times.median(name) for name in times.seconds}
    aims = {FROM_FRAME: "8", THIRTEEN: "0.1", FOUR: ""}
    rows = [(name, f"{value:.3f}", aims[name]) for name, value in found.items()]
    show("Before and after the call", ("", "ms", "aim"), rows)
    return found


def main() -> None:
    """Both jobs, and what stands before and after them."""
    print(f"{machine()}; {versions('numba', 'vectorbt', 'bt')}")
    found = {make.__name__: measure(make) for make in (jobs.quarterly, jobs.band)}
    keep("engine", {"versions": versions("numba", "vectorbt", "bt"), "jobs": found, "median_ms": around()})


if __name__ == "__main__":
    main()
