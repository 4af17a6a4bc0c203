"""The card of the universal rebalancer as a page: its figures against the laboratory's, and how a browser shows it."""

import shutil
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import check_page

from backtests.laboratory.learned.universal_gap import MARKET_KINDS, median, simulated_markets
from backtests.laboratory.simulate import play
from backtests.laboratory.simulated_market import BASE_CASE
from backtests.laboratory.universal import lines_in, losses_of_bands
from backtests.sheets.pages.policy_card import write_card
from backtests.sheets.pages.policy_catalog import policies_text
from backtests.sheets.pages.universal_card import judged_markets, universal_html, worked_region
from foundation.paper.render import per_cents
from foundation.paper.wording import number, percent
from research.learning import Universal
from research.learning.universal.rule import FOLDER, trained

MARKETS, PATHS = 2 * len(MARKET_KINDS), 20


def judged_over_few_years(markets: int) -> pd.DataFrame:
    """Three years after one that does not count: nothing here depends on how well a gap is known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backtests.laboratory.simulated_market.YEARS", 3)
        patch.setattr("backtests.laboratory.simulated_market.WARM_UP", 1)
        return judged_markets(trained(), markets, PATHS)


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return judged_over_few_years(MARKETS)


@pytest.fixture(scope="module")
def page(found: pd.DataFrame) -> str:
    return universal_html("universal", trained(), found)


def test_what_is_judged_is_what_the_rule_does() -> None:
    """The rule itself, played by the laboratory week by week through the accounting, path by path.

    It counts a trade in the week that ends with it, and the worlds in the week that begins: where nothing is traded at
    either end of the ten years both are the same, and else one trade of many is another.
    """
    for k, market in list(enumerate(simulated_markets(MARKETS)))[2:4]:
        laboratory, known = market.laboratory(PATHS, k), tuple(map(tuple, market.covariance.tolist()))
        rule = Universal(market.holding, market.tracking_penalty, schedule=1, periods_per_year=52.0, covariance=known)
        mine, worlds = play(laboratory, rule).loss, losses_of_bands(laboratory, lines_in(market), trained())
        assert np.isclose(mine, worlds, rtol=1e-6).mean() > 0.5
        assert mine.mean() == pytest.approx(worlds.mean(), rel=5e-3)


def test_the_page_says_what_was_judged(page: str, found: pd.DataFrame) -> None:
    assert found["kind"].tolist() == 2 * list(MARKET_KINDS)
    above = median(found["universal"])
    assert above.lower <= above.value == np.median(found["universal"]) <= above.upper
    words = f"{percent(above.value)} above the optimum in the median [{percent(above.lower)}, {percent(above.upper)}]"
    assert per_cents(words) in unescape(page)


def test_the_learned_region_is_where_the_rule_holds() -> None:
    lines, data = lines_in(BASE_CASE), worked_region(trained()).data
    for row in data.sample(40, random_state=1).to_dict("records"):
        weights = lines.target + np.array([row["first"], row["second"]])
        widths = trained().widths(
            lines.target, weights, BASE_CASE.covariance, np.full(2, BASE_CASE.cost), BASE_CASE.tracking_penalty, 1 / 52
        )
        assert row["outside"] == pytest.approx((np.abs(weights - lines.target) - widths).max(), abs=1e-12)
    assert ((data["outside"] <= 0.0) & data["optimal"]).sum() > 0.8 * ((data["outside"] <= 0.0) | data["optimal"]).sum()


def test_markets_are_drawn_one_after_the_other(found: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(judged_over_few_years(1), found[:1], check_exact=True)


def test_a_browser_shows_the_page_at_every_width_in_both_themes(page: str, found: pd.DataFrame, tmp_path: Path) -> None:
    assert page == universal_html("universal", trained(), found)
    check_page(page, drawn=21)


def test_its_folder_gets_its_page_like_any_other_and_the_list_its_gap(
    page: str, found: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "universal"
    shutil.copytree(FOLDER, folder)
    monkeypatch.setattr("backtests.sheets.pages.universal_card.judged_markets", lambda policy: found)
    assert write_card(folder).read_text(encoding="utf-8") == page
    row = policies_text([folder]).splitlines()[3].split()
    assert row[-2:] == [number(100.0 * found["universal"].median(), 1, signed=True), "optimum"]
