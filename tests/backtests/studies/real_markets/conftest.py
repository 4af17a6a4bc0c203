"""A study made up, whose figures are known by hand."""

import numpy as np
import pandas as pd
import pytest

from backtests.studies.real_markets.study import Study


def row(case: str, rule: str, j: float, seed: int | None = None, stands: bool = True, **others: float) -> dict:  # type: ignore[type-arg]
    figures = {
        "loss": j,
        "trades": 10.0,
        "trading_days": 5.0,
        "turnover": 0.2,
        "tracking_error": 0.01,
        "sharpe": 0.5,
        "max_drawdown": -0.3,
    }
    about = {"case": case, "rule": rule, "seed": seed, "stands": stands, "cost_multiple": 1.0, "universe": "funds"}
    return about | {"window": int(case[-4:]), "cost": 1.0} | figures | others


@pytest.fixture
def made() -> Study:
    """Three windows of one case; ppo is at 0.8 of the tuned thresholds, and its seeds at 0.8 x e^±0.1."""
    rows = []
    for k, window in enumerate((2010, 2013, 2016)):
        case, scale = f"funds-2-{window}", 1.0 + k
        for rule, j in {"band to target": 3.0, "band to edge": 1.0, "tracking error": 2.0}.items():
            chosen = rule == "tracking error"  # it has the lowest J of the three on the training days
            rows.append(row(case, rule, j * scale, turnover=0.1 * j, loss_training=0.5 if chosen else j))
        for rule, j in {"month": 6.0, "quarter": 4.0, "year": 5.0, "better calendar": 6.0}.items():
            rows.append(row(case, rule, j * scale))
        for seed, away in enumerate((-0.1, 0.0, 0.1)):
            rows.append(row(case, "ppo", 1.6 * scale * np.exp(away), seed, seed == 1, turnover=0.15 + 0.01 * k))
        rows.append(row(case, "never", 9.0 * scale, trades=0.0, cost=0.0))
    table = pd.DataFrame(rows).astype({"seed": "Int64"})
    return Study(table, {"cases": {name: {"trials": 7, "seconds": {}} for name in set(table["case"])}})
