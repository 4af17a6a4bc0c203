"""A small portfolio file, to be changed by a word at a time."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation.errors import ConfigError
from research.portfolio import Portfolio, load_portfolio

GOOD = """\
name: Two funds
market: multi_asset_daily
basis: USD
cash: 1_000.50
last_trade: 2022-09-30

lines:
  SPY: {asset_class: us_equity, target: 0.60, range: [0.55, 0.65], shares: 100}
  AGG: {target: 0.38, range: [0.30, 0.45], holdings: 25_000, lot: 10, half_spread_bps: 3}

costs:
  us_equity: {commission_bps: 1, half_spread_bps: 1.5}
  bonds: {commission_bps: 2, half_spread_bps: 1}

limits: {minimum_trade: 250, tracking_error: 0.01}
test_start: 2015-01-02
target_cash: 0.02

policies:
  quarterly: {rule: calendar, schedule: quarter}
  band:
    rule: threshold
    band: 0.03
    to: {half_width: 0.01}
  parity: {rule: calendar, schedule: month, allocation: {kind: hrp, window: 126}}

policy: band
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the good file with one piece of its text changed, as `desk.yaml`."""

    def written(old: str = "", new: str = "") -> Path:
        assert old in GOOD, f"nothing to change: {old!r}"
        path = tmp_path / "desk.yaml"
        path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
        return path

    return written


@pytest.fixture
def again(tmp_path: Path) -> Callable[[Portfolio], Portfolio]:
    """Loads the portfolio that the settings of another give as a file: its settings are the same."""

    def loaded(first: Portfolio) -> Portfolio:
        path = tmp_path / "again.yaml"
        path.write_text(yaml.safe_dump(first.settings, sort_keys=False), encoding="utf-8")
        second = load_portfolio(path)
        assert second.settings == first.settings
        return second

    return loaded


@pytest.fixture
def mistaken(write: Write) -> Callable[..., None]:
    """Refuses the good file with a piece changed: by key, file, `lines` (a pattern), the fault, its value, the mend."""

    def refused(
        old: str,
        new: str,
        key: str,
        lines: str,
        what: str,
        found: str,
        mend: str,
        overrides: dict[str, Any] | None = None,
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            load_portfolio(write(old, new), overrides)
        message = str(caught.value)
        assert re.match(re.escape(key) + rf": .+ \(.*desk\.yaml{lines}", message), message
        assert what in message
        assert f"found {found}" in message
        assert mend in message.partition("found")[2]

    return refused
