"""A review without orders: where each asset stands, how far it is from a trade, and what would trade today."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from desk.tickets.review import Review
from research.orders import trade_list
from research.portfolio import Portfolio
from research.portfolio.holdings.household import Account
from research.rules import Calendar, Never, Threshold


def review(portfolio: Portfolio, policy: object) -> Review:
    return Review(trade_list(portfolio, policy))  # type: ignore[arg-type]


def test_each_line_has_its_distance_from_range_and_band(two: Portfolio) -> None:
    """60 and 35 %, each to be 50 %, with bands of 12 points and ranges of 40 to 58 %."""
    ranged = replace(two, lower=np.array([0.4, 0.4]), upper=np.array([0.58, 0.58]))
    lines = review(ranged, Threshold(two.strategic, 0.12)).lines.set_index("asset")
    assert lines["weight"].tolist() == pytest.approx([0.6, 0.35, 0.05])
    assert lines["target"].tolist() == [0.5, 0.5, 0.0]
    assert lines["gap"].tolist() == pytest.approx([0.1, -0.15, 0.05])
    assert lines["outside_range"].tolist() == pytest.approx([0.02, -0.05, np.nan], nan_ok=True)
    assert lines.loc["A", ["trades_below", "trades_above"]].tolist() == pytest.approx([0.38, 0.62])
    assert lines.loc[["A", "B"], "to_trade"].tolist() == pytest.approx([0.02, -0.03])
    assert np.isnan(lines.loc["cash", "to_trade"])


def test_policy_without_bands_has_no_distance_to_a_trade(two: Portfolio) -> None:
    found = review(two, Calendar(two.strategic, "month"))
    assert found.lines["to_trade"].isna().all()
    assert "trades at" not in repr(found)


def test_text_shows_lines_what_is_due_and_figures(two: Portfolio) -> None:
    lines = repr(review(two, Threshold(two.strategic, 0.12))).splitlines()
    assert lines == [
        "Review of 'By hand' under policy 'Threshold', as of 2022-12-29",
        "Would trade today: B is 15.00 points under target, past the 12.00 allowed.",
        "",
        "Assets, at the closes of 2022-12-29",
        "asset  weight  target     gap           range  trades at  to trade",
        "            %       %  points               %     points    points",
        "A       60.00   50.00  +10.00  0.00 to 100.00     ±12.00      2.00",
        "B       35.00   50.00  −15.00  0.00 to 100.00     ±12.00     −3.00",
        "cash     5.00    0.00   +5.00",
        "",
        "The trade that is due today would be",
        "asset  side  units   notional   cost  reason",
        "                          USD    USD",
        "A      sell    100  10,000.00  10.00  10.00 points over target: to its target",
        "B      buy     299  14,950.00  14.95  15.00 points under target: to its target",
        "",
        "Before, and after the trade that is due today",
        "                                           before      after",
        "NAV                         USD        100,000.00  99,975.05",
        "cash                        % of NAV         5.00       0.03",
        "largest drift               points      15.00 (B)   0.04 (B)",
        "half the sum of drifts      points          15.00       0.04",
        "assets outside their range                      0          0",
        "expected cost               bp of NAV        0.00       2.50",
        "",
        "No figures of risk: market 'by hand' has 2 days with returns of all its assets, and figures of risk and "
        "futures need 252. Leave out the asset that was listed last, or take more history.",
        "No orders: nothing of this review is to be sent.",
        f"From by_hand.yaml, policy Threshold, closes of 2022-12-29, data {two.market.fingerprint[:16]}.",
    ]


def test_policy_that_holds_shows_the_trade_to_target(two: Portfolio) -> None:
    found = review(two, Never(two.strategic))
    assert found.headline == "Holds today: this rule never trades."
    assert found.due["units"].tolist() == [100.0, 299.0]
    assert "A trade to target today would be" in repr(found)


def test_line_outside_its_range_is_named(two: Portfolio) -> None:
    tight = replace(two, upper=np.array([0.55, 1.0]))
    found = review(tight, Never(two.strategic))
    assert found.outside == ["A is at 60.00 %, outside its range of 0.00 % to 55.00 % by 5.00 points."]
    assert found.outside[0] in repr(found)


def test_lines_of_several_accounts_name_theirs(two: Portfolio) -> None:
    none = np.zeros(2, dtype=bool)
    accounts = (
        Account("tax", "U1", True, np.array([400.0, 300.0]), 3_000.0, none),
        Account("ira", "U2", False, np.array([200.0, 400.0]), 2_000.0, none),
    )
    due = repr(review(replace(two, accounts=accounts), Threshold(two.strategic, 0.12))).partition("due today would be")[
        2
    ]
    rows = [row.split()[:3] for row in due.splitlines()[1:]]
    assert rows[0] == ["asset", "account", "side"]
    assert {row[1] for row in rows[2:] if row[:1] in (["A"], ["B"])} == {"tax", "ira"}


def test_nothing_to_trade_shows_the_figures_alone(desk) -> None:  # type: ignore[no-untyped-def]
    on_target = desk([100.0, 50.0], [500, 1_000], 0.0, [0.5, 0.5])
    text = repr(review(on_target, Threshold(on_target.strategic, 0.02)))
    assert "Figures at the closes of 2022-12-29" in text
    assert "after" not in text


def test_block_is_well_formed_and_escaped(evil: Portfolio) -> None:
    found = review(evil, Never(evil.strategic))
    block = ElementTree.fromstring(found.html())
    assert block.get("class") == "trade-list review"
    assert [table.get("class") for table in block.iter("table")] == ["lines", "would-trade", "before-after"]
    for html in (found.html(), found._repr_html_()):
        assert "<b>" not in html
        assert "<script>" not in html
    assert found._repr_html_().endswith(found.html())
