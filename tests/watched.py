"""A portfolio file of a market in which A grows by 0.1 % a day and B stands still: every year to come is the same."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from commanded import rebalance

from desk.commands.orders.book import open_from
from research.market.calendars import sessions

GROWTH, DAYS, UNEVEN_DAYS = 0.001, 400, 42
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

ON_PAPER = {"acts": {"venue": "paper", "notional": 1e6, "turnover": 0.5}, "worlds": 100}  # under `cycle`
OUTSIDE = {"lines": SETTINGS["lines"] | {"A": SETTINGS["lines"]["A"] | {"range": [0.0, 0.55]}}}  # A is at 0.6


def holding(a: float, b: float) -> dict[str, Any]:
    """The lines with other units of A and B."""
    units = {"A": a, "B": b}
    return {"lines": {name: line | {"shares": units[name]} for name, line in SETTINGS["lines"].items()}}


def banded(band: float) -> dict[str, Any]:
    """The policy "band", which trades beyond a band."""
    return {"policies": {"band": {"rule": "threshold", "band": band}}, "policy": "band"}


def steady(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """Write the prices and the file, with some keys changed, to a folder."""
    dates = pd.DatetimeIndex(sessions(np.datetime64("2021-01-04"), np.datetime64("2023-12-29"), "XNYS"))[:DAYS]
    growth = (1.0 + GROWTH) ** np.arange(1 - DAYS, 1)
    prices = pd.DataFrame({"A": 100.0 * growth, "B": 50.0}, index=dates.rename("date"))
    prices.to_csv(folder / "prices.csv")
    (folder / "steady.yaml").write_text(yaml.safe_dump({**SETTINGS, **(changes or {})}, sort_keys=False))
    return folder / "steady.yaml"


def rewrite(file: Path, **keys: Any) -> Path:
    """Write a file anew, with some keys changed."""
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | keys, sort_keys=False))
    return file


def from_store(file: Path, name: str, rows: Iterable[pd.DataFrame]) -> Path:
    """Import rows into a store, and let a file read its prices there."""
    pd.concat(rows).to_csv(file.with_name("rows.csv"), index=False)
    about = ("--as", name, "--adjustment", "raw", "--currency", "USD")
    made = rebalance("data", "import", file.with_name("rows.csv"), *about)
    assert made.status == 0, made.err
    return rewrite(file, market={"store": name, "cash": 0.0})


def with_book(file: Path, day: str) -> Path:
    """Open the book "steady" with what a file holds at a close, and let the file read it."""
    open_from(file, "steady", as_of=day)
    content = yaml.safe_load(file.read_text())
    for line in content["lines"].values():
        del line["shares"]
    del content["cash"], content["last_trade"]
    file.write_text(yaml.safe_dump({**content, "positions": {"book": "steady"}}, sort_keys=False))
    return file


def uneven(folder: Path, nav: float, changes: Mapping[str, Any]) -> tuple[Path, list[str]]:
    """The file with prices that move on every other day alone, and its last days; on the first it is at its targets.

    A list that is sized at a close after which prices stand still fills at the same prices. A tenth is cash, so that no
    buy spends the last cent. nav : of its holdings on the first day.
    """
    file = steady(folder, changes)
    dates = pd.read_csv(folder / "prices.csv")["date"]
    moves = np.random.default_rng(5).normal(0.0, 0.03, (DAYS, 2)) * (np.arange(DAYS) % 2 == 0)[:, None]
    prices = pd.DataFrame(np.round(100.0 * np.exp(np.cumsum(moves, axis=0)), 4), index=dates, columns=["A", "B"])
    prices.to_csv(folder / "prices.csv")
    content = yaml.safe_load(file.read_text())
    for name, line in content["lines"].items():
        shares = round(0.45 * nav / float(prices[name].iloc[-UNEVEN_DAYS]), 4)
        line |= {"target": 0.45, "shares": shares, "fractional": True}
    file.write_text(yaml.safe_dump({**content, "cash": 0.1 * nav, "target_cash": 0.1}, sort_keys=False))
    return file, list(dates.iloc[-UNEVEN_DAYS:])
