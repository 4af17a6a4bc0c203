"""The words of a risk sheet: whole sentences, also where a figure is not defined."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.sheets.pages.risk_sheet import loss_words, risk_sheet, risk_warnings, source_words
from backtests.sheets.parts import Words
from backtests.today.holdings_risk import HoldingsRisk, holdings_risk
from research.market import load_market
from research.portfolio import load_portfolio
from research.rules import Never


@pytest.fixture(scope="module")
def risk() -> HoldingsRisk:
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    return holdings_risk(portfolio, {"never": Never(portfolio.strategic)}, paths=500)


@pytest.mark.parametrize(("known", "unknown"), [("lines", "bets"), ("bets", "lines")])
def test_sources_are_whole_sentences_where_a_number_is_not_known(risk, known, unknown) -> None:
    both, one = source_words(risk), source_words(replace(risk, **{unknown: float("nan")}))
    of = {"lines": "equal assets", "bets": "uncorrelated assets of equal risk"}
    assert of[known] in one
    assert of[unknown] not in one
    assert all(words in both for words in of.values())
    for said in (both, one, source_words(replace(risk, lines=float("nan"), bets=float("nan")))):
        assert said.endswith(".")
        assert ". , " not in said
        assert all(sentence[0].isupper() for sentence in said.split(". ") if not sentence[0].isdigit())


def test_what_is_not_defined_is_named_in_words(risk) -> None:
    undefined = {"active": "the holdings are the target.", "one day, historical, 0.99": "too few returns."}
    said = risk_warnings(replace(risk, undefined=undefined))
    assert "No contributions to tracking error: the holdings are the target." in said
    assert "No loss (one day, historical, 0.99): too few returns." in said


@pytest.mark.parametrize(("loss", "mean", "said"), [
    (0.0002, 0.0003, "lost 0.02 % ({}) or more, 0.03 % on average of such days."),
    (-0.0002, -0.0001, "gained 0.02 % ({}) or less, 0.01 % on average of such days."),
    (-0.0002, 0.0001, "gained 0.02 % ({}) or less, and lost 0.01 % on average of such days."),
])  # fmt: skip
def test_a_loss_below_zero_is_a_gain_in_words(risk, loss, mean, said) -> None:
    losses = tuple(replace(one, var=loss, cvar=mean) for one in risk.losses)
    money = f"{0.0002 * risk.portfolio.nav:,.0f} USD"
    assert f" these holdings would have {said.format(money)} " in loss_words(replace(risk, losses=losses))


def test_a_file_of_weekly_rows_loses_in_weeks(tmp_path) -> None:
    """The sixty-forty portfolio on its Friday closes: each word for a row, and the 5 % quantile of weekly returns."""
    daily = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
    closes = pd.DataFrame(daily.index, daily.dates, ["SPY", "AGG"]).resample("W-FRI").last()
    closes = closes[closes.index.isin(daily.dates)].round(6)
    closes.to_csv(tmp_path / "closes.csv", index_label="date")
    (tmp_path / "weekly.yaml").write_text(
        "name: Weekly\nmarket: closes.csv\nbasis: USD\ncash: 0\nlast_trade: 2022-12-02\nperiods_per_year: 50\n"
        "lines:\n  SPY: {asset_class: a, target: 0.6, range: [0, 1], holdings: 60_000}\n"
        "  AGG: {asset_class: a, target: 0.4, range: [0, 1], holdings: 40_000}\n"
        "costs: {a: {commission_bps: 1, half_spread_bps: 1}}\ntest_start: 2012-01-06\n"
        "policies: {never: {rule: never}}\n"
    )
    desk = load_portfolio(tmp_path / "weekly.yaml")
    risk = holdings_risk(desk, {"never": Never(desk.strategic)}, paths=20)
    assert {one.horizon for one in risk.losses} == {"one week", "one month"}
    assert loss_words(risk).startswith("In one week of twenty since 1993-02-05 these holdings would have lost ")
    week = next(one for one in risk.losses if (one.horizon, one.method, one.level) == ("one week", "historical", 0.95))
    weekly = closes.pct_change().dropna() @ np.array([0.6, 0.4])
    assert week.var == pytest.approx(-weekly.quantile(0.05), rel=0.02)
    sheet = risk_sheet(risk, {})
    words, parts = str(sheet), [part for section in sheet["sections"] for part in section["parts"]]
    assert "weeks from 20" in words
    assert "longest time under water', 'weeks'" in words
    assert "% a week" in words
    assert "% a day" not in words
    assert any("each week anew" in part.text for part in parts if isinstance(part, Words))
