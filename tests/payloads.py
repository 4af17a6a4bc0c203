"""Payloads of the service that several tests share, and the portfolio file that says the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from desk.service.payload.model import RebalanceRequest
from desk.service.payload.portfolio import nominal_dates


def payload(n: int = 4, returns: int = 260, seed: int = 1, **keys: Any) -> dict[str, Any]:
    """A payload of n assets with simulated returns, whose weights leave some cash."""
    rng = np.random.default_rng(seed)
    target, current = 0.96 * rng.dirichlet(np.full(n, 5.0)), 0.97 * rng.dirichlet(np.full(n, 5.0))
    market, own = rng.normal(0.0003, 0.008, (returns, 1)), rng.normal(0.0, 0.006, (returns, n))
    assets = [
        {
            "asset": f"A{i}",
            "target_weight": float(target[i]),
            "current_weight": float(current[i]),
            "price": round(float(rng.uniform(5.0, 400.0)), 2),
            "historical_returns": (market + own)[:, i].tolist(),
        }
        for i in range(n)
    ]
    limits = {"portfolio_value": 250_000.0, "drift_threshold": 0.02, "turnover_limit": 0.3, "transaction_cost_bps": 5.0}
    return {**limits, "assets": assets, **keys}


def as_file(request: RebalanceRequest, folder: Path) -> Path:
    """A portfolio file, with its prices, that says what a payload of equal histories says."""
    dates = nominal_dates()[-len(request.assets[0].returns) - 1 :]
    growth = {each.asset: np.cumprod([1.0, *(1.0 + r for r in each.returns)]) for each in request.assets}
    prices = pd.DataFrame(
        {each.asset: each.price * growth[each.asset] / growth[each.asset][-1] for each in request.assets}, index=dates
    )
    prices.rename_axis("date").to_csv(folder / "prices.csv")
    cash = 1.0 - sum(each.current_weight for each in request.assets)
    document = {
        "name": "payload",
        "market": {"file": "prices.csv", "quotes": "prices.csv"},
        "basis": request.currency,
        "cash": request.portfolio_value * cash,
        "target_cash": 1.0 - sum(each.target_weight for each in request.assets),
        "last_trade": str(dates[-2]),
        "lines": {
            each.asset: {
                "asset_class": each.class_name,
                "target": each.target_weight,
                "range": [0.0, 1.0],
                "holdings": request.portfolio_value * each.current_weight,
                **({"trading": "locked"} if each.asset in request.locked else {}),
            }
            for each in request.assets
        },
        "costs": {
            each.class_name: {"commission_bps": request.transaction_cost_bps, "half_spread_bps": 0.0}
            for each in request.assets
        },
        "orders": {"turnover": request.turnover_limit},
        "policies": {"threshold": {"rule": "threshold", "band": request.drift_threshold}},
        "policy": "threshold",
    }
    file = folder / "portfolio.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file
