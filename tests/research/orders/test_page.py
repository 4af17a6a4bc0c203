"""A trade list for the eye: well formed, escaped, the same words as text and as a block of HTML."""

import re
from xml.etree import ElementTree

from research.orders import Request, trade_list
from research.orders.content import DISCLAIMER
from research.portfolio import Portfolio
from research.rules import Never, Threshold


def words(row: ElementTree.Element) -> list[str]:
    """The cells of a row, with their units."""
    return ["".join(cell.itertext()) for cell in row]


def test_names_are_escaped_in_html(evil: Portfolio) -> None:
    holding = trade_list(evil, Never(evil.strategic))
    for block in (holding.html(), holding._repr_html_()):
        assert "<b>" not in block
        assert "<script>" not in block
    rows = [row.text for row in ElementTree.fromstring(holding.html()).iter("th") if row.get("scope") == "row"]
    assert rows[:4] == 2 * list(evil.market.assets)  # held, and what would be traded


def test_html_is_well_formed_with_a_table_for_each_part(two: Portfolio) -> None:
    holding = ElementTree.fromstring(trade_list(two, Never(two.strategic)).html())
    assert holding.get("class") == "trade-list"
    assert [table.get("class") for table in holding.iter("table")] == ["held", "would-trade", "before-after"]
    trading = ElementTree.fromstring(trade_list(two, Threshold(two.strategic, 0.02)).html())
    assert [table.get("class") for table in trading.iter("table")] == ["orders", "before-after"]


def test_columns_and_rows_have_heads_and_columns_their_units(two: Portfolio) -> None:
    table, changes = ElementTree.fromstring(trade_list(two, Threshold(two.strategic, 0.02)).html()).iter("table")
    head, sell, _ = table.iter("tr")
    assert words(head) == ["asset", "side", "units", "price USD", "notional USD", "cost USD", "weight before %",
                           "weight after %", "target %", "reason"]  # fmt: skip
    assert words(sell) == ["A", "sell", "100", "100.00", "10,000.00", "10.00", "60.00", "50.01", "50.00",
                           "10.00 points over target: to its target"]  # fmt: skip
    assert [cell.get("scope") for cell in table.iter("th")] == ["col"] * 10 + ["row"] * 2
    head, nav, *_ = changes.iter("tr")
    assert words(head) == ["", "", "before", "exact step", "after"]
    assert words(nav) == ["NAV", "USD", "100,000.00", "99,975.00", "99,975.05"]


def test_wide_tables_scroll_within_a_region_that_has_a_name(two: Portfolio) -> None:
    holding = ElementTree.fromstring(trade_list(two, Never(two.strategic)).html())
    regions = [part for part in holding if part.tag == "div"]
    expected = [("scroll", "0", "region")] * 3
    assert [(part.get("class"), part.get("tabindex"), part.get("role")) for part in regions] == expected
    captions = [part.text for part in holding if part.get("class") == "caption"]
    assert [part.get("aria-label") for part in regions] == captions
    assert captions == [
        "Not traded, at the closes of 2022-12-29",
        "Hypothetical trades to target today, at the closes of 2022-12-29",
        "Before and after the hypothetical trades to target, at the closes of 2022-12-29",
    ]


def test_in_a_notebook_it_is_the_same_block_with_a_style_that_touches_nothing_else(two: Portfolio) -> None:
    got = trade_list(two, Threshold(two.strategic, 0.02))
    shown = got._repr_html_()
    assert shown.endswith(got.html())
    (style,) = re.findall(r"<style>(.*?)</style>", shown, flags=re.DOTALL)
    selectors = [s for rule in re.findall(r"([^{}]+)\{", style) for s in rule.split(",")]
    assert len(selectors) > 10
    assert all(s.strip().startswith(".trade-list") for s in selectors)
    assert "<style" not in got.html()
    assert "http" not in shown
    assert "#" not in style  # every colour is made from the text around it: light or dark, it can be read


def test_text_shows_orders_money_and_origin(two: Portfolio) -> None:
    lines = repr(trade_list(two, Threshold(two.strategic, 0.02), "band", run="r1")).splitlines()
    assert lines == [
        "Trade list of 'By hand' by policy 'band', as of 2022-12-29",
        "Sell A; buy B: 24,950.00 USD in 2 orders, costs 24.95, turnover 14.95 %.",
        "Reason: B is 15.00 points under target, past the 2.00 allowed.",
        "",
        "Orders, sells first, at the closes of 2022-12-29",
        "asset  side  units   price   notional   cost  weight before  weight after  target  reason",
        "                       USD        USD    USD              %             %       %",
        "A      sell    100  100.00  10,000.00  10.00          60.00         50.01   50.00  "
        "10.00 points over target: to its target",
        "B      buy     299   50.00  14,950.00  14.95          35.00         49.96   50.00  "
        "15.00 points under target: to its target",
        "",
        "Before and after the orders, at the closes of 2022-12-29",
        "                                           before  exact step      after",
        "NAV                         USD        100,000.00   99,975.00  99,975.05",
        "cash                        % of NAV         5.00        0.00       0.03",
        "largest drift               points      15.00 (B)        0.00   0.04 (B)",
        "half the sum of drifts      points          15.00        0.00       0.04",
        "assets outside their range                      0           0          0",
        "expected cost               bp of NAV        0.00        2.50       2.50",
        "No figures of risk: market 'by hand' has 2 days with returns of all its assets, and figures of risk and "
        "futures need 252. Leave out the asset that was listed last, or take more history.",
        "",
        "Cash 5,000.00 + sells 10,000.00 − buys 14,950.00 − commission 9.98 − half-spread 14.97 = 25.05 USD. "
        "NAV 100,000.00, after 99,975.05. Turnover 14.95 %.",
        "Prices: market close of 2022-12-29.",
        "Whole lots: exact.",
        f"From by_hand.yaml, policy band, run r1, closes of 2022-12-29, data {two.market.fingerprint[:16]}.",
        DISCLAIMER,
    ]


def test_the_figures_before_say_that_money_has_come_or_gone(two: Portfolio) -> None:
    """NAV of 100,000 without the money, which the asset on cash begins with, and 101,000 and 98,000 with it."""
    for flow, said, nav in ((1_000, "deposit", "101,000.00"), (-2_000, "withdrawal", "98,000.00")):
        text = repr(trade_list(two, Never(two.strategic), request=Request(flow)))
        figures = text.partition(f"Before, with the {said}, and after the orders, at the closes of 2022-12-29")[2]
        assert figures.splitlines()[2].split()[:3] == ["NAV", "USD", nav]
        assert "NAV 100,000.00, after " in text
