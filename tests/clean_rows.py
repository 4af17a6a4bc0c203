"""Simulated rows without a defect: returns with a common factor, closes in cents, bars, volumes, dividends."""

import numpy as np
import pandas as pd

from research.market.calendars import sessions
from research.market.rows import price_rows

KNOWN = np.datetime64("2024-01-02T00:00:00", "us")


def clean_rows(assets: int = 8, last: str = "2013-12-31", seed: int = 0, fat: bool = False) -> pd.DataFrame:
    """Rows of assets A0, A1, … on the sessions of New York from 2010; each pays 0.5 % each 63 sessions and falls by it.

    fat : true for returns of their own from Student's t with four degrees of freedom, of the same deviation.
    """
    rng = np.random.default_rng(seed)
    days = sessions(np.datetime64("2010-01-04"), np.datetime64(last), "XNYS")
    common = rng.normal(0.0003, 0.008, len(days))
    parts = []
    for i in range(assets):
        own = rng.standard_t(4, len(days)) / np.sqrt(2.0) if fat else rng.normal(size=len(days))
        growth = np.exp(common + 0.01 * own)
        paid = np.where(np.arange(len(days)) % 63 == 30 + i % 20, 0.005, 0.0)
        close = 100.0 * np.cumprod(growth / (1.0 + paid))
        cents = np.round(close, 2)
        around = np.round(close[:, None] * np.exp(rng.normal(0.0, 0.004, (len(days), 3))), 2)
        prices = np.column_stack([cents, around])
        parts.append(
            price_rows(
                f"A{i}", days, cents, currency="USD", source="simulated", fetched_at=KNOWN, open=around[:, 0],
                high=prices.max(axis=1), low=prices.min(axis=1), volume=rng.integers(1_000, 1_000_000, len(days)),
                dividend=np.round(paid * close, 4),
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)
