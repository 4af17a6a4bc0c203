"""A small sweep of a real portfolio by a plain loop, a row a configuration, as the table of a sweep is written."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from backtests.batch.streaming_metrics import BATCH_METRICS
from backtests.comparison.fitting.candidates import benchmark_of
from backtests.engine import backtest
from backtests.evaluation.scores import score
from research.allocation import HRP, Allocation
from research.portfolio import load_portfolio
from research.rules import Calendar, Never, Threshold

COLUMNS = tuple(m for m in BATCH_METRICS if m != "nav")


def rules(allocation: Allocation, bands: Sequence[float]) -> Iterable[tuple[Any, dict[str, Any]]]:
    """Policies, each with its columns."""
    none = {"calendar": "", "band": np.nan, "to": np.nan}
    yield Never(allocation), none | {"rule": "never"}
    for every in ("week", "month", "quarter"):
        yield Calendar(allocation, every), none | {"rule": "calendar", "calendar": every}  # type: ignore[arg-type]
    for band, to in product(bands, (0.0, 1.0)):
        policy = Threshold(allocation, band, to="edge" if to else "target")
        yield policy, none | {"rule": "threshold", "band": band, "to": to}


def swept(
    portfolio: str = "sixty_forty",
    *,
    bands: Sequence[float] = (0.005, 0.01, 0.02, 0.04),
    costs: Sequence[float] = (0.0, 1.0, 3.0, 10.0),
    lags: Sequence[int] = (0, 1, 5),
    starts: int = 3,
    hrp: bool = False,
) -> pd.DataFrame:
    """The table; starts are 40 sessions apart."""
    desk = load_portfolio(f"data/portfolios/{portfolio}.yaml")
    market, benchmark = desk.market, benchmark_of(desk, desk.market)
    first = int(market.dates.searchsorted(desk.test_start))
    allocations = {("fixed", 0): desk.strategic} | ({("hrp", 252): HRP(window=252)} if hrp else {})
    rows: list[dict[str, Any]] = []
    for (name, window), allocation in allocations.items():
        targets = None
        for (policy, columns), multiple, lag, k in product(rules(allocation, bands), costs, lags, range(starts)):
            rates = {c: multiple * getattr(desk.costs, c) for c in ("commission", "half_spread")}
            day = market.dates[first + 40 * k]
            cost = replace(desk.costs, **rates)
            played = backtest(market, policy, cost, start=day, lag=lag, targets=targets if k else None)
            targets = played.targets if k == 0 else targets
            figures = score(played, benchmark).figures(played.dates) | {"nav": float(played.ledger.nav[-1])}
            conditions = {"cost_multiple": multiple, "lag": lag, "start": day.date()}
            about = {
                "configuration": len(rows),
                "portfolio": portfolio,
                **columns,
                "allocation": name,
                "window": window,
            }
            rows.append(about | conditions | {m: figures[m] for m in (*COLUMNS, "nav")})
    return pd.DataFrame(rows)
