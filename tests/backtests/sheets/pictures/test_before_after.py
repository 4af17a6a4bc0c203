"""The picture of a trade: what it says, its data, and the same bytes every time."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from backtests.sheets.pictures.before_after import ROWS_SHOWN, before_after_frame, before_after_picture
from research.orders import trade_list
from research.orders.before_after import BeforeAfter
from research.portfolio import Portfolio, load_portfolio


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/global_multi_asset.yaml")


@pytest.fixture(scope="module")
def found(portfolio: Portfolio) -> BeforeAfter:
    return trade_list(portfolio, portfolio.policies["threshold_edge"]).before_after


def test_data_hold_weights_that_sum_to_one_target_and_range(found: BeforeAfter, portfolio: Portfolio) -> None:
    frame = before_after_frame(found)
    assert frame["asset"].tolist() == [*portfolio.market.assets, "cash"]
    assert frame[["before", "exact", "after", "target"]].sum().tolist() == pytest.approx([1.0] * 4)
    assert frame["moved"].sum() == pytest.approx(0.0, abs=1e-12)
    assert frame["lower"].isna().tolist() == [False] * 8 + [True]


def test_caption_names_the_largest_changes_and_lines_outside_their_range(
    found: BeforeAfter, portfolio: Portfolio
) -> None:
    assert before_after_picture(found).caption == (
        "The largest changes are those of AGG from 24.4 to 25.4 % and SPY from 27.7 to 27.0 %. "
        "No asset is outside the stated range after the trade."
    )
    tight = replace(portfolio, upper=np.where(np.arange(8) == 2, 0.165, portfolio.upper))
    drawn = before_after_picture(replace(found, portfolio=tight))
    assert drawn.caption.endswith("VEA is outside the stated range after the trade.")
    assert "outside its range after" in drawn.wide


def test_same_trade_gives_the_same_picture_without_an_address(found: BeforeAfter) -> None:
    one, other = before_after_picture(found), before_after_picture(found)
    assert (one.wide, one.narrow) == (other.wide, other.narrow)
    for svg in (one.wide, one.narrow):
        ElementTree.fromstring(svg.replace("xlink:href", "href"))
        assert "http" not in svg


def test_picture_of_many_lines_draws_the_largest_changes() -> None:
    portfolio = load_portfolio("data/portfolios/stocks_20.yaml")
    found = trade_list(portfolio, portfolio.policies["never"]).before_after
    assert len(before_after_frame(found)) <= ROWS_SHOWN
    assert "drawn" not in before_after_picture(found).caption
