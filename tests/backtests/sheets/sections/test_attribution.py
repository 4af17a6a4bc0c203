"""The section on attribution: its tables, CSV and numbers are the records'; what there is not is a sentence."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from written import section_words

from backtests.attribution.attribution import attribution
from backtests.attribution.rebalancing_premium import RebalancingPremium
from backtests.comparison import Comparison, compare
from backtests.sheets.pages.tearsheet import TEARSHEET_SCHEMA
from backtests.sheets.sections.attribution import _premium_words, attribution_numbers, attribution_parts
from foundation.paper.picture import Picture
from foundation.paper.wording import number
from research.portfolio import load_portfolio
from research.risk.simulation.long_run_variance import newey_west_lags

FILE = "data/portfolios/global_multi_asset.yaml"
SCHEMAS = Path(__file__).parents[4] / "docs" / "schemas"


def section(folder: Path) -> str:
    return section_words(folder, "attribution")


def test_the_csv_of_the_picture_has_every_cell_and_adds_up_to_the_gap(comparison: Comparison, folder: Path) -> None:
    expected = attribution(comparison.backtests[comparison.attributions.shown], comparison.backtests["quarterly"])
    cells = pd.read_csv(folder / "figures" / "attribution.csv")
    assert cells.columns.tolist()[:2] == ["year", "asset"]
    assert cells["total"].sum() == pytest.approx(expected.gap, abs=1e-10)
    assert len(cells) == len(expected.years) * len(expected.lines)
    written = json.loads((folder / "tearsheet.json").read_text(encoding="utf-8"))["attribution"]
    assert written["gap"]["log_growth"] == expected.gap
    assert sum(written["gap"]["components"].values()) == pytest.approx(expected.gap, abs=1e-10)
    assert sum(row["total"] for row in written["gap"]["by_asset"]) == pytest.approx(expected.gap, abs=1e-10)


def test_the_section_says_the_gap_the_premium_and_the_classes(comparison: Comparison, folder: Path) -> None:
    words, found = section(folder), comparison.attributions
    gap = found.gap
    assert f"log growth differs by {number(gap.gap * 1e4 / gap.span, signed=True)} bp a year" in words
    final = [comparison.backtests[n].ledger.nav[-1] for n in (found.shown, "quarterly")]
    assert (
        f"total {number(gap.gap * 1e4 / gap.span, signed=True)} {number(final[0] - final[1], 0, signed=True)}" in words
    )
    assert "Rebalancing premium in this sample: threshold grew" in words
    assert "by asset class: allocation, selection and interaction of Brinson and Fachler" in words
    assert "Income is not a component: market 'multi_asset_daily' has no dividends" in words


def test_factors_are_shown_where_they_are_given_only(comparison: Comparison, folder: Path) -> None:
    assert f"intervals of Newey and West with {newey_west_lags(2_013)} lags" in section(folder)
    betas = pd.read_csv(folder / "figures" / "factor_betas.csv")
    assert betas.columns.tolist() == ["date", "policy", "beta on equity", "beta on bonds"]
    found = comparison.attributions.factors[comparison.attributions.shown]
    own = betas[betas["policy"] == comparison.attributions.shown]
    assert own["beta on bonds"].to_numpy() == pytest.approx(found.rolling[:, 1], rel=1e-12)
    without = compare(load_portfolio(FILE), only=["quarterly", "never"], draws=100)
    assert attribution_numbers(without.attributions)["factors"] == {}
    assert not any("Newey" in str(part) for part in attribution_parts(without))


def test_the_numbers_obey_their_schema_with_factors_too(comparison: Comparison, folder: Path) -> None:
    schema = json.loads((SCHEMAS / f"tearsheet-{TEARSHEET_SCHEMA}.json").read_text(encoding="utf-8"))
    written = json.loads((folder / "tearsheet.json").read_text(encoding="utf-8"))
    assert [e.message for e in Draft202012Validator(schema).iter_errors(written)] == []
    assert comparison.settings["portfolio"]["factors"]["file"] == "factors.csv"


def test_one_policy_has_no_gap_but_a_premium_and_classes_against_the_target() -> None:
    alone = compare(load_portfolio(FILE), only=["quarterly"], draws=100)
    found = alone.attributions
    assert found.gap is None
    assert [one.other for one in found.by_class] == ["the target"]
    assert set(found.premiums) == {"quarterly"}
    assert attribution_parts(alone)


def test_parts_by_class_are_those_of_the_sheets_own_growth(comparison: Comparison) -> None:
    for one in comparison.attributions.by_class:
        own = comparison.backtests[comparison.attributions.shown]
        assert np.prod(1.0 + one.returns) == pytest.approx(own.ledger.nav[-1] / own.wealth, rel=1e-12)


def test_policies_that_do_the_same_have_no_gap() -> None:
    twin = {"policies.twin": {"rule": "calendar", "schedule": "quarter"}}
    found = compare(load_portfolio("data/portfolios/sixty_forty.yaml", twin), only=["quarterly", "twin"], draws=100)
    (drawn,) = [part for part in attribution_parts(found) if isinstance(part, Picture)]
    assert drawn.caption == "twin and quarterly held the same on every day and paid the same."
    assert attribution_numbers(found.attributions)["gap"]["log_growth"] == 0.0


def test_the_words_on_the_premium_name_every_term_that_is_there() -> None:
    dates = pd.DatetimeIndex(["2020-12-31", "2021-12-31"])

    def said(execution: float) -> str:
        cells = np.array([[0.03, -0.01, 0.002, execution, -0.004]])
        return _premium_words(RebalancingPremium("mine", dates, (2021,), cells, np.ones(2), float(cells[:, :-1].sum())))

    assert "and holding other weights than the opening ones added 0.20" in said(0.0)
    assert "execution" not in said(0.0)
    assert re.search(r"opening ones added 0\.20\W+%, and execution at the open took 0\.10\W+%\.$", said(-0.001))
