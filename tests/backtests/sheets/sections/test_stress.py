"""The section on stress: its CSV, tables and numbers are those of the tests; what is left out is said."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from written import section_words, written

from backtests.comparison import Comparison, compare
from backtests.sheets.pictures.comparison.stress import episode_table, episodes_picture
from backtests.sheets.sections.stress import stress_numbers, stress_parts
from backtests.sheets.tables import page_styles
from foundation.paper.wording import number
from research.portfolio import Portfolio, load_portfolio
from research.risk.stress.episodes import Episode


def words(folder: Path) -> str:
    return section_words(folder, "stress")


def test_the_csv_and_the_numbers_are_those_of_the_tests(comparison: Comparison, folder: Path) -> None:
    csv = pd.read_csv(folder / "figures" / "episodes.csv", parse_dates=["opening_close", "last"])
    pd.testing.assert_frame_equal(csv, episode_table(comparison.stress.episodes), check_dtype=False, rtol=1e-9)
    written = json.loads((folder / "tearsheet.json").read_text())["stress"]
    assert len(written["episodes"]) == len(comparison.stress.episodes)
    one, shown = written["episodes"][-1], comparison.stress.episodes[-1]
    assert one["policies"]["never"]["total_return"] == pytest.approx(shown.figures["never"].total_return)
    assert one["source"] == "S&P 500 bear market, closes of 2022-01-03 and 2022-10-12"
    shock = written["shocks"][0]
    assert sum(shock["policies"]["never"]["lines"].values()) == pytest.approx(shock["policies"]["never"]["total"])
    assert sum(shock["policies"]["never"]["classes"].values()) == pytest.approx(shock["policies"]["never"]["total"])
    assert shock["stated"] == ["SPY", "QQQ"]


def test_the_page_says_what_was_tested_before_the_test_and_what_is_left_out(folder: Path) -> None:
    text = words(folder)
    assert "Before the test: Crisis of 2007-09, Flash crash 2010 and Euro crisis 2011." in text
    assert "%, before the test" in text
    assert (
        "No figures of tuned in Crisis of 2007-09, Flash crash 2010 and Euro crisis 2011: fitted on days up to "
        "2014-12-31, which contain days of the episode." in text
    )
    assert "Left out: Russia and LTCM 1998 (1998-07-18 to 1998-10-08): the data runs from 2007-07-26" in text
    assert "Not listed when Crisis of 2007-09, Flash crash 2010 and Euro crisis 2011 began: BTC." in text
    assert "None of these figures is a forecast." in text
    assert "nan" not in text.lower()


def test_the_recommended_policy_is_the_first_row_and_returns_are_those_of_the_episodes(
    comparison: Comparison, portfolio: Portfolio
) -> None:
    block = next(part for part in stress_parts(comparison) if isinstance(part, dict))
    assert block["rows"][0]["cells"][0] == (comparison.recommendation.policy or comparison.reference)
    by_name = {row["cells"][0]: row["cells"][1:] for row in block["rows"]}
    for k, one in enumerate(comparison.stress.episodes):
        for name in comparison.backtests:
            figures = one.figures.get(name)
            assert by_name[name][k] == ("–" if figures is None else number(100.0 * figures.total_return, 1))
    assert portfolio.stress.episodes[0].name not in str(block["heads"])


def test_the_picture_names_what_has_no_backtest_and_has_words_for_every_policy(comparison: Comparison) -> None:
    drawn = episodes_picture(comparison.stress.episodes, page_styles(comparison), "tuned", "quarterly")
    assert "no backtest" in drawn.wide
    assert "no backtest" in drawn.narrow
    assert all(name in drawn.alt for name in comparison.backtests)
    assert episodes_picture(comparison.stress.episodes, page_styles(comparison), "nobody", "quarterly") is None


def test_a_comparison_without_episodes_and_shocks_still_has_liquidity_and_correlations(comparison: Comparison) -> None:
    bare = replace(comparison, portfolio=replace(comparison.portfolio, stress=type(comparison.portfolio.stress)()))
    found = stress_numbers(bare.stress, bare.portfolio.market)
    assert (found["episodes"], found["shocks"], found["left_out"]) == ([], [], [])
    assert set(found["liquidity"]["policies"]) == set(comparison.backtests)
    assert len(found["correlations"]["shares"]) == 5
    assert stress_parts(bare)


def test_an_episode_in_part_is_marked(comparison: Comparison, portfolio: Portfolio) -> None:
    late = Episode("Winter", pd.Timestamp("2022-12-01"), pd.Timestamp("2023-02-28"))
    desk = replace(portfolio, stress=replace(portfolio.stress, episodes=(late,), shocks=()))
    parts = stress_parts(replace(comparison, portfolio=desk))
    block = next(part for part in parts if isinstance(part, dict))
    assert (block["heads"][1]["words"], block["heads"][1]["unit"]) == ("Winter", "%, in part")
    assert any("Winter (2022-12-01 to 2023-02-28) is covered in part" in str(part) for part in parts)


def test_one_policy_and_a_short_test_have_a_section_too(tmp_path: Path) -> None:
    desk = load_portfolio("data/portfolios/sixty_forty.yaml", {"test_start": "2022-09-01"})
    written(compare(desk, only=["quarterly"], draws=100), tmp_path)
    assert "Pandemic 2020 %, before the test" in words(tmp_path)
    assert "Left out: Russia and LTCM 1998" in words(tmp_path)
    assert "Crypto falls 50 %: the portfolio has no crypto." in words(tmp_path)
