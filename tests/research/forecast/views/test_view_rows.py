"""Views as rows: which assets with which weights, what is set aside on a day, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import DataError
from research.forecast.views.posterior import check_views, view_rows
from research.forecast.views.views import InvestorView
from research.market import Market, with_facts

LINES = ("SPY", "VEA", "VWO", "AGG", "TIP")


def rows(market: Market, *texts: str, assets: tuple[str, ...] = LINES, t: int = 799) -> tuple[np.ndarray, np.ndarray]:
    found = view_rows([InvestorView(text) for text in texts], assets, market.past(t), cash=0.01)
    return found.picks, found.expected


def test_lines_and_groups_are_weighted_as_a_view_says(facts_market: Market) -> None:
    picks, expected = rows(
        facts_market,
        "SPY returns 7% a year",
        "SPY returns 7% a year over cash",
        "VEA beats VWO by 2% a year",
        "cap-weighted equity beats equally weighted bond by 3% a year",
    )
    assert picks == pytest.approx(
        np.array([[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 1, -1, 0, 0], [45 / 70, 18 / 70, 7 / 70, -0.5, -0.5]])
    )
    assert expected == pytest.approx([0.07, 0.08, 0.02, 0.03])


def test_a_view_on_a_line_that_is_not_known_yet_is_set_aside_with_a_note(facts_market: Market) -> None:
    known = ("SPY", "VEA", "AGG", "TIP")
    views = [InvestorView("VEA beats VWO by 2% a year"), InvestorView("SPY returns 7% a year")]
    found = view_rows(views, known, facts_market.past(300), 0.0)
    assert found.views == (views[1],)
    assert found.picks.tolist() == [[1, 0, 0, 0]]
    assert found.notes == (
        "view 'VEA beats VWO by 2% a year' on 2015-11-01: set aside, since VWO has no complete window of returns yet",
    )


def test_a_group_is_taken_without_the_lines_that_are_not_known_yet(facts_market: Market) -> None:
    found = view_rows(
        [InvestorView("equally weighted equity returns 5% a year")],
        ("SPY", "VEA", "AGG", "TIP"),
        facts_market.past(300),
        0.0,
    )
    assert found.picks.tolist() == [[0.5, 0.5, 0, 0]]
    assert "equity is taken without VWO" in found.notes[0]


def test_a_view_on_a_group_of_another_day_is_set_aside_and_one_of_no_day_is_refused(facts_market: Market) -> None:
    tags = pd.DataFrame("calm", index=facts_market.dates[[0, 500, 700]], columns=list(LINES))
    tags.loc[facts_market.dates[500], ["SPY", "AGG"]] = "hot"
    tagged = with_facts(facts_market, {"tag": tags})
    views = [InvestorView("equally weighted hot returns 5% a year")]
    check_views(views, tagged.past(799))
    for t in (400, 799):
        found = view_rows(views, LINES, tagged.past(t), 0.0)
        assert found.views == ()
        assert found.notes[0].endswith("set aside, since no asset is in the group hot today")
    assert view_rows(views, LINES, tagged.past(600), 0.0).picks.tolist() == [[0.5, 0, 0, 0.5, 0]]
    with pytest.raises(DataError, match="no group is called 'hit'"):
        check_views([InvestorView("equally weighted hit returns 5% a year")], tagged.past(799))


@cases(
    "text, said",
    ("SPX returns 7% a year", "no asset and no group is called 'SPX'. Did you mean 'SPY'"),
    ("equity returns 7% a year", "'cap-weighted equity' or 'equally weighted equity'"),
    ("cap-weighted equities returns 7% a year", "no group is called 'equities'. Did you mean 'equity'"),
    ("cap-weighted SPY returns 7% a year", "Leave out 'cap-weighted'"),
    ("equally weighted us beats equally weighted us by 1% a year", "itself"),
)
def test_a_name_that_is_not_clear_is_refused_with_the_nearest_one(facts_market: Market, text: str, said: str) -> None:
    with pytest.raises(ValueError, match="view") as error:
        rows(facts_market, text)
    assert said in str(error.value)


def test_a_word_of_two_facts_with_different_lines_is_refused(facts_market: Market) -> None:
    market = with_facts(facts_market, {"income": {"SPY": "bond", "AGG": "bond"}})
    with pytest.raises(DataError, match="bond is a word of kind and of income"):
        rows(market, "equally weighted bond returns 3% a year")


def test_two_names_of_the_same_lines_cannot_be_compared(facts_market: Market) -> None:
    with pytest.raises(DataError, match="two sides hold the same assets"):
        rows(facts_market, "equally weighted emerging beats VWO by 3% a year")


def test_missing_market_capitalisations_are_named(facts_market: Market) -> None:
    caps = {"SPY": 45.0, "AGG": 28.0}
    kinds = {line: "all" for line in LINES}
    bare = with_facts(with_facts(_without_facts(facts_market), {"kind": kinds}), {"market_cap": caps})
    with pytest.raises(DataError, match="market_cap of VEA, VWO, TIP is nan on 2017-03-14"):
        rows(bare, "cap-weighted all returns 5% a year")
    with pytest.raises(DataError, match="need the fact 'market_cap' of SPY, VEA, VWO, AGG, TIP"):
        rows(with_facts(_without_facts(facts_market), {"kind": kinds}), "cap-weighted all returns 5% a year")


def _without_facts(market: Market) -> Market:
    from dataclasses import replace

    return replace(market, instruments=market.instruments.drop(columns=["market_cap", "kind", "region"]))
