"""Payloads of the service: 50 assets with a year of returns, from the bytes of the request to those of the answer.

Weights drifted by a quarter of their targets, as in `benchmarks.trades`; whole units, five basis points a side, a
turnover of 20 % at most. The numbers of every payload are
others, its assets are the same. PyPortfolioOpt's lots beside it
size the same portfolio from cash: no limits, costs, reasons or figures of risk.
"""

import asyncio
import gc
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastapi import FastAPI
from pypfopt.discrete_allocation import DiscreteAllocation

from benchmarks.timing import keep, machine, show, take_turns, versions
from desk.service.app import create_app
from desk.service.payload.readiness import READINESS
from desk.service.settings import ServiceSettings

ASSETS, RETURNS, PAYLOADS, ROUNDS = 50, 252, 40, 20
VALUE, SPREAD, COST_BPS, BAND, TURNOVER = 1_000_000.0, 0.25, 5.0, 0.005, 0.2
AIMS = {"quick": 0.012, "exact": 0.060}  # seconds


def payload(seed: int, lots: str) -> dict[str, Any]:
    """A payload of drifted weights."""
    rng = np.random.default_rng(seed)
    target = 0.98 * rng.dirichlet(np.full(ASSETS, 5.0))
    current = target * np.exp(rng.normal(0.0, SPREAD, ASSETS))
    current *= 0.98 / current.sum()
    prices, market = np.round(10.0 ** rng.uniform(1.0, 2.8, ASSETS), 2), rng.normal(3e-4, 0.008, (RETURNS, 1))
    returns = np.round(market + rng.normal(0.0, 0.009, (RETURNS, ASSETS)), 8)
    assets = [
        {
            "asset": f"L{i:03d}",
            "asset_class": f"class {i % 7}",
            "target_weight": float(target[i]),
            "current_weight": float(current[i]),
            "price": float(prices[i]),
            "historical_returns": returns[:, i].tolist(),
        }
        for i in range(ASSETS)
    ]
    limits = {"portfolio_value": VALUE, "drift_threshold": BAND, "turnover_limit": TURNOVER}
    return {**limits, "transaction_cost_bps": COST_BPS, "lots": lots, "assets": assets}


def post(app: FastAPI, loop: asyncio.AbstractEventLoop, body: bytes) -> tuple[int, bytes]:
    """The status and the body that an application answers to a payload, without a network."""
    headers = [(b"host", b"127.0.0.1:5000"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/api/rebalance", "raw_path": b"/api/rebalance", "query_string": b"", "root_path": "",
        "headers": [*headers, (b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 5000),
    }  # fmt: skip
    status, parts = 0, list[bytes]()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    asyncio.run_coroutine_threadsafe(app(scope, receive, send), loop).result()  # type: ignore[arg-type]
    return status, b"".join(parts)


def running_loop() -> asyncio.AbstractEventLoop:
    """A loop of events that runs in a thread, as a server's does: the threads of its routes stay."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_until_complete, args=(loop.create_future(),), daemon=True).start()
    return loop


def posts(app: FastAPI, loop: asyncio.AbstractEventLoop, lots: str) -> Callable[[], None]:
    """A function that posts one payload after another."""
    bodies: Iterator[bytes] = cycle([json.dumps(payload(seed, lots)).encode() for seed in range(PAYLOADS)])

    def one() -> None:
        status, answer = post(app, loop, next(bodies))
        assert status == 200, answer[:500]

    return one


def allocates(by: str) -> Callable[[], None]:
    """A function that sizes the same portfolios by PyPortfolioOpt."""
    each = [payload(seed, "quick")["assets"] for seed in range(PAYLOADS)]
    cases = cycle(
        [
            ({a["asset"]: a["target_weight"] for a in assets}, pd.Series({a["asset"]: a["price"] for a in assets}))
            for assets in each
        ]
    )

    def one() -> None:
        weights, prices = next(cases)
        made = DiscreteAllocation(weights, prices, VALUE)
        made.greedy_portfolio() if by == "greedy" else made.lp_portfolio(solver="HIGHS")

    return one


def main() -> None:
    """Print and keep the processor time of a request, by search for lots, and that of PyPortfolioOpt's lots."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(ServiceSettings(folder=Path(folder)))
        READINESS.wait()
        gc.collect()
        gc.freeze()
        loop = running_loop()
        requests = {lots: posts(app, loop, lots) for lots in AIMS}
        peers = {f"PyPortfolioOpt, {by}": allocates(by) for by in ("greedy", "programme")}
        times = take_turns(requests | peers, ROUNDS)
    rows, facts = [], dict[str, Any]()
    for name, seconds in times.seconds.items():
        middle, worst = float(np.median(seconds)), float(seconds.max())
        aim = f"{AIMS[name] * 1e3:.0f}" if name in AIMS else ""
        rows.append([name, f"{middle * 1e3:.1f}", f"{worst * 1e3:.1f}", aim])
        facts[name] = {"median_ms": middle * 1e3, "worst_ms": worst * 1e3}
    quicker = times.ratio("PyPortfolioOpt, programme", "exact")
    note = f"PyPortfolioOpt's programme takes {quicker:.1f} times an exact request, the median over rounds."
    head = ["processor ms a request", "median", "worst round", "aim"]
    title = f"{ASSETS} assets x {RETURNS} returns, from bytes to bytes ({machine()})"
    show(title, head, rows, [note, versions("fastapi", "pydantic", "pyportfolioopt")])
    keep("service_speed", facts | {"programme_over_exact": quicker})


if __name__ == "__main__":
    main()
