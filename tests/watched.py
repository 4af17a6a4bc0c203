"""A portfolio file of a market in which A grows by 0.1 % a day and B stands still: every year to come is the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from research.market.calendars import sessions

GROWTH, DAYS = 0.001, 400
SETTINGS: dict[str, Any] = {
    "name": "Steady",
    "market": {"file": "prices.csv", "quotes": "prices.csv", "cash": 0.0, "calendar": "XNYS", "currency": "USD"},
    "basis": "USD",
    "cash": 0,
    "last_trade": "2022-01-03",
    "lines": {
        "A": {"asset_class": "shares", "target": 0.5, "range": [0.0, 1.0], "shares": 60},
        "B": {"asset_class": "bonds", "target": 0.5, "range": [0.0, 1.0], "shares": 80},
    },
    "costs": {name: {"commission_bps": 10, "half_spread_bps": 0} for name in ("shares", "bonds")},
    "test_start": "2022-06-01",
    "policies": {"never": {"rule": "never"}},
    "policy": "never",
}


def steady(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """Write the prices and the file, with some keys changed, to a folder."""
    dates = pd.DatetimeIndex(sessions(np.datetime64("2021-01-04"), np.datetime64("2023-12-29"), "XNYS"))[:DAYS]
    growth = (1.0 + GROWTH) ** np.arange(1 - DAYS, 1)
    prices = pd.DataFrame({"A": 100.0 * growth, "B": 50.0}, index=dates.rename("date"))
    prices.to_csv(folder / "prices.csv")
    (folder / "steady.yaml").write_text(yaml.safe_dump({**SETTINGS, **(changes or {})}, sort_keys=False))
    return folder / "steady.yaml"
