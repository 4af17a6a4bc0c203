"""Trade lists: of 30 and of 500 assets, of 10,000 accounts, from the shell, and PyPortfolioOpt's lots beside ours.

The market is simulated, so that any number of assets can be had: 30 or 500 prices between some 10 and 1,000, whole
units, three basis points a side, a reserve of ten basis points and an adverse move of 1 %. Accounts are worth 50,000 to
10 million and drifted by a quarter of their targets.
"""

import csv
import gc
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.start import REBALANCE, ROUNDS, TRADES, command
from benchmarks.timing import Ratio, keep, machine, processor_seconds, show, show_ratios, take_turns, versions
from desk.tickets.accounts import Model
from foundation.arrays import Array
from research.accounting import Costs
from research.market import load_market
from research.orders import TradeList
from research.orders.lots.lot_problem import LotProblem
from research.orders.lots.lot_solver import solve_lots
from research.orders.lots.position import Position
from research.portfolio import NO_LIMITS, Portfolio, load_portfolio

LISTS = {30: 40, 500: 40}  # assets, and accounts that are listed
ACCOUNTS, EXACT_ACCOUNTS, TAXED_ACCOUNTS = 10_000, 500, 2_000
TAX = {"rate": 0.2, "short_rate": 0.37, "lots": "highest"}  # of accounts with lots
DAYS = 504
AIMS = {30: 0.05, 500: 1.0, "accounts": 300.0, "shell": 1.5}  # seconds
GAP_AIMS = 1e-3, 5e-6  # of the objective, or of NAV
WEALTH = 100_000.0  # in the comparison with PyPortfolioOpt, from cash


def write_model(folder: Path, n: int) -> Path:
    """A portfolio file of n assets with its prices, in a folder; gives its path."""
    rng = np.random.default_rng(n)
    names = [f"L{i:03d}" for i in range(n)]
    moves = np.cumprod(1.0 + rng.normal(3e-4, 0.012, (DAYS, n)), axis=0)
    prices = pd.DataFrame(
        np.round(10.0 ** rng.uniform(1.0, 2.8, n) * moves, 2), load_market("multi_asset_daily").dates[-DAYS:], names
    )
    prices.to_csv(folder / f"prices-{n}.csv", index_label="date")
    weights = np.round(rng.dirichlet(np.full(n, 5.0)), 6)
    weights[-1] = 1.0 - weights[:-1].sum()
    content = {
        "name": f"{n} assets",
        "market": {"file": f"prices-{n}.csv", "quotes": f"prices-{n}.csv", "missing": "halt"},
        "basis": "USD",
        "cash": 1_000.0,
        "last_trade": "2021-06-30",
        "lines": {
            name: {"asset_class": "equity", "target": round(float(w), 6), "range": [0.0, 1.0], "shares": 0}
            for name, w in zip(names, weights, strict=True)
        },
        "costs": {"equity": {"commission_bps": 1, "half_spread_bps": 2}},
        "limits": {"minimum_trade": 100},
        "test_start": "2022-01-04",
        "policies": {"band": {"rule": "threshold", "band": 0.01 if n < 100 else 0.002}},
        "policy": "band",
    }
    path = folder / f"model-{n}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def holdings(model: Portfolio, count: int) -> tuple[Array, Array]:
    """Units (count, n) and cash (count,), currency, of accounts."""
    rng, prices = np.random.default_rng(count), model.market.prices[-1]
    nav = 10.0 ** rng.uniform(4.7, 7.0, count)
    weights = model.target * np.exp(rng.normal(0.0, 0.25, (count, len(prices))))
    weights *= 0.98 / weights.sum(axis=1, keepdims=True)
    return np.floor(weights * nav[:, None] / prices), np.round(0.02 * nav, 2)


# -- one list --------------------------------------------------------------------------------------------------------


def one_list(path: Path, n: int) -> dict[str, object]:
    """Lists of single accounts: processor seconds of each, how they were solved, and the gaps that are left."""
    portfolio = load_portfolio(path)
    model = Model.of(portfolio, portfolio.policies["band"], "band")
    accounts = [model.account(*held) for held in zip(*holdings(portfolio, LISTS[n]), strict=True)]
    model.trades(accounts[0], greedy=False)
    gc.collect()
    gc.freeze()  # what is loaded is not searched for garbage within a list
    lists, seconds = list[TradeList](), list[float]()
    for account in accounts:
        before = time.process_time()
        lists.append(model.trades(account, greedy=False))
        seconds.append(time.process_time() - before)
    greedy = [model.trades(account) for account in accounts]
    programmed = np.array([made.sized.solved is not None and made.sized.solved.how == "greedy" for made in greedy])
    solved = [made.sized.solved for made in lists if made.sized.solved is not None]
    gaps = np.array([max(one.objective - one.bound, 0.0) for one in solved])
    shares = gaps / [one.objective for one in solved]
    behind = [
        quick.sized.solved.objective - made.sized.solved.objective
        for quick, made in zip(greedy, lists, strict=True)
        if quick.sized.solved is not None and made.sized.solved is not None
    ]
    return {
        "lines": n,
        "seconds, median": float(np.median(seconds)),
        "seconds, median where limits bind": float(np.median(np.array(seconds)[programmed])),
        "limits bind": int(programmed.sum()),
        "seconds, worst": float(np.max(seconds)),
        "how": dict(Counter(one.how.value for one in solved)),
        "gap over the objective, worst": float(shares.max()),
        "gap, bp of NAV, worst": float(gaps.max()) * 1e4,
        "lists within the aim of the gap": int(((shares <= GAP_AIMS[0]) | (gaps <= GAP_AIMS[1])).sum()),
        "lists": len(solved),
        "greedy behind, bp of NAV, mean": float(np.mean(behind)) * 1e4,
    }


# -- many accounts ---------------------------------------------------------------------------------------------------


def taxed(path: Path, count: int) -> tuple[Path, Path]:
    """The model with a tax on gains, and a file with a tax lot of each position of its accounts."""
    portfolio, rng = load_portfolio(path), np.random.default_rng(1)
    model, lots = path.with_stem(f"{path.stem}-taxed"), path.with_name("lots.csv")
    model.write_text(path.read_text() + yaml.safe_dump({"tax": TAX}))
    prices, assets, days = portfolio.market.prices[-1], portfolio.market.assets, portfolio.market.dates
    with open(lots, "w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["account", "asset", "date", "units", "price"])
        for k, units in enumerate(holdings(portfolio, count)[0].astype(int)):
            bought = days[rng.integers(0, len(days), len(assets))].strftime("%Y-%m-%d")
            paid = (prices * rng.uniform(0.5, 1.2, len(assets))).round(2)
            every = zip(assets, bought, units, paid, strict=True)
            rows.writerows([f"A{k:05d}", *lot] for lot in every if lot[2])
    return model, lots


def many(path: Path, count: int, *options: str | Path) -> dict[str, object]:
    """The command on a file of accounts, in two processes."""
    portfolio = load_portfolio(path)
    units, cash = holdings(portfolio, count)
    file, out = path.parent / f"accounts-{count}.csv", path.parent / f"orders-{count}.csv"
    with open(file, "w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["account", "model", "cash", *portfolio.market.assets])
        rows.writerows([f"A{k:05d}", path.name, cash[k], *units[k].astype(int)] for k in range(count))
    before, used = time.perf_counter(), processor_seconds()
    today = ["--as-of", f"{portfolio.date:%Y-%m-%d}"]
    asked = ["trades", str(file), "--out", str(out), "--workers", "2", *today, *options]
    subprocess.run([REBALANCE, *asked], check=True, capture_output=True)
    seconds, processor = time.perf_counter() - before, processor_seconds() - used
    table = pd.read_csv(out.with_suffix(".accounts.csv"))
    return {
        "accounts": count,
        "seconds": seconds,
        "processor seconds": processor,
        "ms an account": 1e3 * processor / count,
        "orders": int(table["orders"].sum()),
        "solved": table["solved"].value_counts().to_dict(),
    }


# -- the peer --------------------------------------------------------------------------------------------------------


def against_peer(portfolio: Portfolio) -> list[dict[str, object]]:
    """PyPortfolioOpt's two allocations of a wealth in cash, and ours, without costs, on one objective.

    The objective is the distance of each asset and of the rest from their targets, over wealth, as `lp_portfolio`
    states it.
    """
    from pypfopt.discrete_allocation import DiscreteAllocation

    assets, prices, target = portfolio.market.assets, portfolio.market.prices[-1], portfolio.target
    n = len(assets)
    free = Costs.bps(n).cost_parameters()._replace(tax=0.0, minimum_trade=0.0)
    none, all_of = np.zeros(n), np.ones(n, dtype=bool)
    position = Position(none, prices, np.ones(n), all_of, all_of, WEALTH, 0.0, free, 0, NO_LIMITS)
    goal = target * WEALTH
    problem = LotProblem(position, goal, np.sign(goal), none - np.inf, none + np.inf, 0.0, none + np.inf)
    weights, latest = dict(zip(assets, target.tolist(), strict=True)), pd.Series(prices, assets)

    def peer(kind: str) -> Array:
        made = DiscreteAllocation(weights, latest, WEALTH)
        bought, _ = made.greedy_portfolio() if kind == "greedy" else made.lp_portfolio()
        return np.array([float(bought.get(asset, 0)) for asset in assets])

    def ours(greedy: bool) -> Array:
        solved = solve_lots(replace(problem), greedy)
        assert solved is not None
        return solved.units

    calls = {
        "ours: exact": lambda: ours(greedy=False),
        "ours: greedy": lambda: ours(greedy=True),
        "PyPortfolioOpt lp_portfolio": lambda: peer("lp"),
        "PyPortfolioOpt greedy_portfolio": lambda: peer("greedy"),
    }
    found = {name: call() for name, call in calls.items()}
    times = take_turns(calls, 5)
    return [
        {
            "by": name,
            "distance of assets and rest from their targets": float(
                np.abs(units * prices - goal).sum() + WEALTH - units @ prices
            )
            / WEALTH,
            "our objective": problem.objective(units),
            "left in cash": float(WEALTH - units @ prices) / WEALTH,
            "keeps its cash": not problem.broken(units),
            "ms": times.median(name) * 1e3,
        }
        for name, units in found.items()
    ]


def main() -> None:
    """Measure, print, and keep."""
    print(f"{machine()}; {versions('numpy', 'scipy', 'pyportfolioopt', 'cvxpy')}")
    with tempfile.TemporaryDirectory() as folder:
        models = {n: write_model(Path(folder), n) for n in LISTS}
        lists = [one_list(path, n) for n, path in models.items()]
        peers = against_peer(load_portfolio(models[30]))
        greedy, exact = many(models[30], ACCOUNTS), many(models[30], EXACT_ACCOUNTS, "--exact")
        model, lots = taxed(models[30], TAXED_ACCOUNTS)
        with_lots = many(model, TAXED_ACCOUNTS, "--lots", lots)
    command(*TRADES)
    wall, busy = np.median([command(*TRADES) for _ in range(ROUNDS)], axis=0)
    show(
        "One list, lots solved",
        (
            "lines",
            "median, s",
            "where limits bind, s",
            "worst, s",
            "aim, s",
            "gap, bp of NAV",
            "of the objective",
            "within the aim",
            "greedy behind, bp",
        ),
        [
            (
                str(one["lines"]),
                f"{one['seconds, median']:.3f}",
                f"{one['seconds, median where limits bind']:.3f} ({one['limits bind']} of {one['lists']})",
                f"{one['seconds, worst']:.3f}",
                f"{AIMS[n]:g}",
                f"{one['gap, bp of NAV, worst']:.4f}",
                f"{one['gap over the objective, worst']:.2e}",
                f"{one['lists within the aim of the gap']} of {one['lists']}",
                f"{one['greedy behind, bp of NAV, mean']:.3f}",
            )
            for n, one in zip(LISTS, lists, strict=True)
        ],
        [f"{one['lines']} lines: {one['how']}" for one in lists],
    )
    show(
        "Accounts of 30 assets, `rebalance trades accounts.csv` in two processes",
        ("accounts", "seconds", "processor seconds", "orders"),
        [
            (
                f"{one['accounts']:,}, {name}",
                f"{one['seconds']:.1f}",
                f"{one['processor seconds']:.1f}",
                f"{one['orders']:,}",
            )
            for name, one in (("greedy", greedy), ("exact", exact), ("greedy, a lot of each asset", with_lots))
        ],
        [f"aim {AIMS['accounts']:g} s for {ACCOUNTS:,}", f"greedy: {greedy['solved']}", f"exact: {exact['solved']}"],
    )
    show(
        f"{WEALTH:,.0f} in cash into 30 assets, no costs",
        ("", "our objective, bp", "with the rest, bp", "in cash", "ms"),
        [
            (
                str(one["by"]),
                f"{float(str(one['our objective'])) * 1e4:.3f}",
                f"{float(str(one['distance of assets and rest from their targets'])) * 1e4:.3f}",
                f"{float(str(one['left in cash'])):.3%}",
                f"{float(str(one['ms'])):.2f}",
            )
            for one in peers
        ],
    )
    show(
        "`rebalance trades` in the shell, warm",
        ("seconds", "processor seconds", "aim"),
        [(f"{wall:.2f}", f"{busy:.2f}", f"{AIMS['shell']:g}")],
    )
    search = next(float(str(one["ms"])) for one in peers if one["by"] == "ours: greedy")
    show_ratios([
        Ratio(f"an account of 30 assets {words}, ms of the processor", float(str(one["ms an account"])), None,
              f"the search of one list, {search:.2g} ms")
        for words, one in (("without tax lots", greedy), ("with 30 lots", with_lots))
    ])  # fmt: skip
    keep("trades", {"versions": versions("numpy", "scipy", "pyportfolioopt", "cvxpy"), "lists": lists, "greedy": greedy,
                    "exact": exact, "with lots": with_lots, "peers": peers,
                    "shell": {"seconds": float(wall), "processor seconds": float(busy)}})  # fmt: skip


if __name__ == "__main__":
    main()
