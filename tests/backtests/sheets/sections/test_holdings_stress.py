"""Stress tests of today's holdings: amounts by hand, the same numbers as words, and what is left out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backtests.sheets.parts import Words
from backtests.sheets.sections.holdings_stress import holdings_stress_numbers, holdings_stress_parts
from backtests.today.holdings_stress import HoldingsStress, holdings_stress
from foundation.paper.wording import number
from research.portfolio import Portfolio, load_portfolio
from research.risk.stress.shocks import Shock


@pytest.fixture(scope="module")
def desk() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


def shock_rows(desk: Portfolio, found: HoldingsStress) -> list[dict[str, Any]]:
    """The rows of the table of shocks."""
    tables = [part for part in holdings_stress_parts(desk, found) if isinstance(part, dict)]
    rows: list[dict[str, Any]] = next(each for each in tables if each["caption"].startswith("Shocks"))["rows"]
    return rows


def test_a_shock_takes_its_part_of_each_holding(desk: Portfolio) -> None:
    shocks = (Shock("All", {"us_equity": -0.2, "bonds": -0.05}),)
    found = holdings_stress(replace(desk, stress=replace(desk.stress, shocks=shocks)))
    loss = 0.2 * desk.holdings[0] + 0.05 * desk.holdings[1]
    assert found.shocks[0].total * desk.nav == pytest.approx(-loss, rel=1e-12)
    numbers = holdings_stress_numbers(desk, found)
    assert numbers["shocks"][0]["classes"] == pytest.approx(
        {"us_equity": -0.2 * desk.weights[0], "bonds": -0.05 * desk.weights[1]}
    )
    assert numbers["shocks"][0]["stated"] == ["SPY", "AGG"]
    (row,) = shock_rows(desk, found)
    assert row["cells"][3:5] == ["SPY", number(-20.0 * desk.weights[0], 1)]


def test_no_line_is_named_for_a_loss_where_none_loses(desk: Portfolio) -> None:
    shocks = (Shock("All", {"us_equity": 0.2, "bonds": 0.05}),)
    (row,) = shock_rows(desk, holdings_stress(replace(desk, stress=replace(desk.stress, shocks=shocks))))
    assert row["cells"][3:5] == ["–", "–"]


def test_the_section_shows_every_shock_and_says_what_is_left_out(desk: Portfolio) -> None:
    found = holdings_stress(desk)
    parts = holdings_stress_parts(desk, found)
    episodes, shocks, correlations = (part for part in parts if isinstance(part, dict))
    assert [row["cells"][0].removesuffix(", in part") for row in episodes["rows"]] == [x.name for x in found.episodes]
    assert [row["cells"][0] for row in shocks["rows"]] == [one.name for one in found.shocks]
    assert len(correlations["rows"]) == 5
    left_out = " ".join(part.text for part in parts if isinstance(part, Words)).partition("Left out: ")[2]
    assert "Crypto falls 50 %: the portfolio has no crypto." in left_out
    assert "Dot-com bust 2000-02: the data has no two returns of it." in left_out
    assert "nan" not in str(parts).lower()


def test_cash_alone_has_no_correlations(desk: Portfolio) -> None:
    bare = replace(desk, holdings=np.zeros(2), shares=np.zeros(2), cash=1_000.0)
    found = holdings_stress(bare)
    assert found.breakdown == ()
    assert "holds cash alone" in found.left_out[-1]
    assert all(one.total == 0.0 for one in found.shocks)
    assert holdings_stress_parts(bare, found)


def test_a_stress_that_lowers_the_risk_of_a_book_with_shorts_is_said_to_be_none(desk: Portfolio) -> None:
    book = replace(desk, holdings=np.array([-0.5, 1.0]) * desk.nav, cash=0.5 * desk.nav)
    said = [part.text for part in holdings_stress_parts(book, holdings_stress(book)) if isinstance(part, Words)]
    assert any("short assets then hedge the long ones" in text for text in said)
    long = [part.text for part in holdings_stress_parts(desk, holdings_stress(desk)) if isinstance(part, Words)]
    assert not any("hedge" in text for text in long)
