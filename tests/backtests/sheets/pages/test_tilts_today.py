"""Tilts by a forecast on the page of targets and in the reasons of orders: the numbers of the tilt itself."""

from pathlib import Path

import numpy as np
import pytest

from backtests.sheets.pages.targets_today import targets_html, targets_numbers
from backtests.today.targets_today import targets_today
from foundation.paper.render import per_cents
from foundation.paper.wording import number, percent
from research.orders import Request, trade_list
from research.portfolio import load_portfolio
from research.rules.protocol import held_by

FILE = """
name: Tilted
market: multi_asset_daily
basis: USD
cash: 0
lines:
  SPY: {asset_class: us_equity, target: 0.40, range: [0.30, 0.50], shares: 1_000}
  AGG: {asset_class: bonds, target: 0.40, range: [0.30, 0.50], shares: 4_000}
  GLD: {asset_class: gold, target: 0.20, range: [0.10, 0.30], shares: 1_000}
costs:
  us_equity: {commission_bps: 1, half_spread_bps: 1}
  bonds: {commission_bps: 1, half_spread_bps: 1}
  gold: {commission_bps: 1, half_spread_bps: 1}
test_start: 2015-01-01
policies:
  tilted:
    rule: calendar
    schedule: month
    allocation: {kind: tilted, forecast: {kind: estimated, window: 1y}, tracking_error: 0.02, confidence: 0.5}
policy: tilted
"""


def test_the_page_and_the_orders_state_the_numbers_of_the_tilt(tmp_path: Path) -> None:
    file = tmp_path / "tilted.yaml"
    file.write_text(FILE, encoding="utf-8")
    portfolio = load_portfolio(file)
    found = targets_today(portfolio)
    tilted, market = held_by(portfolio.policies["tilted"], portfolio.strategic), portfolio.market
    tilt = tilted.tilt(market.past(market.row(found.judged.answer.seen)))
    assert tilt.tracking_error == pytest.approx(0.01, rel=1e-6)
    [shown] = targets_numbers(found)["targets"][-1]["tilts"]
    assert shown["lines"] == tilt.table().reset_index().to_dict("records")
    html = targets_html(found)
    signs = (False, False, True, False, True, False)
    for asset, *cells in tilt.table().itertuples():
        row = [f"<td>{number(100.0 * of, 1, signed=signed)}</td>" for of, signed in zip(cells, signs, strict=True)]
        assert f"{asset}</span></th>{''.join(row)}</tr>" in html
    assert per_cents(f"The tilt moves {percent(np.abs(tilt.moved).sum() / 2.0)} of NAV") in html
    orders = trade_list(portfolio, portfolio.policies["tilted"], Request(to_target=True)).orders
    assert len(orders) == 3
    for asset, reason in zip(orders["asset"], orders["reason"], strict=True):
        by = tilt.table().loc[asset, "moved"]
        assert f"which the forecast {'raises' if by > 0.0 else 'lowers'} by {100.0 * abs(by):.2f} points" in reason
