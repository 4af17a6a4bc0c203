"""Readings against figures from elsewhere, and the levels that they reach."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from learned import COSTS, TARGET, carded, two_lines
from watched import OUTSIDE, holding, steady

from desk.cycle.monitor import Monitored, Reading, feature_drift, monitored, news, risk_words
from research.allocation import NewsTilt, Smoothed
from research.forecast.news import Score, Scores
from research.orders import trade_list
from research.portfolio import load_portfolio
from research.rules import Never

DATA = Path(__file__).parents[3] / "data"
DESK = DATA / "portfolios" / "desk.yaml"


def read(file: Path, changes: dict[str, Any] | None = None) -> Monitored:
    portfolio = load_portfolio(file, changes)
    return monitored(trade_list(portfolio, portfolio.policies[portfolio.policy or portfolio.reference]))


@pytest.mark.parametrize(
    ("shares", "level", "triggers"), [(50, "normal", 0), (51.6, "medium", 0), (52.6, "high", 0), (53.1, "critical", 1)]
)
def test_a_drift_reaches_the_level_of_the_file(tmp_path: Path, shares: float, level: str, triggers: int) -> None:
    found = read(steady(tmp_path, holding(shares, 200 - 2 * shares)))
    gap = shares / 100.0 - 0.5  # units of A at 100, of B at 50: 10,000 in all
    assert found["drift of an asset"].value == pytest.approx(gap)
    assert found["drift of an asset"].level == level
    assert "drift of a class" not in {each.name for each in found.readings}  # each class has one asset
    assert len(found.triggers) == triggers
    assert found.status == ("triggered" if triggers else "quiet")


def test_the_drift_of_a_sector_is_that_of_its_assets_together() -> None:
    portfolio = load_portfolio(DATA / "portfolios" / "stocks_20.yaml")
    gaps = portfolio.holdings / portfolio.nav - portfolio.target
    of_sectors = pd.Series(gaps).groupby(list(portfolio.market.instruments["sector"])).agg(["sum", "count"])
    largest = of_sectors[of_sectors["count"] > 1]["sum"]
    found = read(DATA / "portfolios" / "stocks_20.yaml")["drift of a sector"]
    assert found.value == pytest.approx(largest[largest.abs().idxmax()])


def test_losses_and_correlation_are_those_of_numpy() -> None:
    found, portfolio = read(DESK), load_portfolio(DESK)
    weights = portfolio.holdings / portfolio.nav
    market = portfolio.market
    whole = market.listed.all(axis=1) & np.isfinite(market.returns).all(axis=1)
    first = int(np.argmax(whole)) + 1
    returns = market.returns[first:]
    earned = np.sort(returns @ weights + (1.0 - weights.sum()) * market.cash[-21:].mean())
    loss = found["VaR 95 of one day"].value
    assert loss is not None
    assert (earned <= -loss + 1e-12).mean() == pytest.approx(0.05, abs=2.0 / len(earned))
    pairs = np.corrcoef(market.returns[-63:][:, weights > 0.0], rowvar=False)[np.triu_indices((weights > 0.0).sum(), 1)]
    assert found["correlation"].value == pytest.approx(pairs.mean())


def test_risk_in_words_has_weights_volatility_and_the_correlations_that_pandas_gives() -> None:
    portfolio = load_portfolio(DATA / "examples" / "allocation_news.yaml")  # 300, 200, 390, 100 and 10 thousand of cash
    weights, volatility, loss, mean, pairs = risk_words(portfolio)  # the file has no history of NAV, so no drawdown
    assert weights == "weights of NAV: SPY 30.00 %, VEA 20.00 %, AGG 39.00 %, GLD 10.00 %, cash 1.00 %"
    assert loss == read(DATA / "examples" / "allocation_news.yaml")["VaR 95 of one day"].sentence
    returns = pd.DataFrame(portfolio.market.returns, columns=list(portfolio.market.assets))
    held = pd.Series({"SPY": 0.30, "VEA": 0.20, "AGG": 0.39, "GLD": 0.10})
    yearly = float((returns[held.index].tail(252) @ held).std() * 252**0.5)
    assert volatility == f"volatility is {100.0 * yearly:.2f} % a year"
    recent = returns.tail(63).corr()
    assert mean.startswith("mean correlation of the assets held is 0.64")
    listed = [("AGG", "SPY"), ("AGG", "VEA"), ("AGG", "GLD"), ("SPY", "VEA"), ("SPY", "GLD"), ("VEA", "GLD")]
    said = ", ".join(f"{one} and {other} {recent.loc[one, other]:.2f}" for one, other in listed)
    assert pairs == f"correlations in the last 63 sessions: {said}"


def test_risk_in_words_of_what_does_not_move_has_no_correlations(tmp_path: Path) -> None:
    words = risk_words(load_portfolio(steady(tmp_path)))
    assert not any(each.startswith("correlations") for each in words)


def test_what_is_not_known_is_said_and_triggers_nothing(tmp_path: Path) -> None:
    found = read(steady(tmp_path))
    assert found["drawdown"].value is None
    assert "the file names no `nav_history`" in found["drawdown"].sentence
    assert found["correlation"].value is None  # both assets never vary
    assert not any(each.triggers for each in found.readings if each.value is None)


def test_cash_alone_has_no_loss_below_zero(tmp_path: Path) -> None:
    found = read(steady(tmp_path, {**holding(0, 0), "cash": 10_000.0}))["VaR 95 of one day"]
    assert found.sentence == "VaR 95 of one day is 0.00 % of NAV"


def test_a_drawdown_past_the_limit_of_the_file_triggers(tmp_path: Path) -> None:
    file = steady(tmp_path, {"nav_history": "nav.csv", "limits": {"max_drawdown": 0.10}})
    dates = pd.read_csv(tmp_path / "prices.csv")["date"]
    for peak, triggers in ((11_000.0, False), (11_200.0, True)):
        nav = pd.DataFrame({"date": dates[-101:-1], "nav": 10_500.0})
        nav.loc[nav.index[50], "nav"] = peak
        nav.to_csv(tmp_path / "nav.csv", index=False)
        found = read(file)["drawdown"]
        assert found.value == pytest.approx(10_000.0 / peak - 1.0)
        assert found.triggers is triggers


@pytest.mark.parametrize(("nav", "flow", "fault"), [(5_000.0, 0.0, True), (5_000.0, 5_000.0, False)])
def test_a_history_of_other_holdings_says_no_drawdown(tmp_path: Path, nav: float, flow: float, fault: bool) -> None:
    """A holds 6,000 and B 4,000 at the last close."""
    file = steady(tmp_path, {"nav_history": "nav.csv", "limits": {"max_drawdown": 0.10}})
    dates = pd.read_csv(tmp_path / "prices.csv")["date"]
    history = pd.DataFrame({"date": dates[-6:], "nav": nav, "flow": 0.0})
    history.iloc[-1, 2] = flow
    history.to_csv(tmp_path / "nav.csv", index=False)
    found = read(file)["drawdown"]
    told = "`nav_history` ends at 5,000.00 one close before the last, where the holdings are worth 10,000.00"
    assert ((found.value, found.level) == (None, "warning")) is fault
    assert (told in found.sentence) is fault
    assert any(told in note for note in load_portfolio(file).notes) is fault
    assert fault or found.sentence == "NAV is 0.00 % below its peak"


def test_an_asset_outside_its_range_triggers(tmp_path: Path) -> None:
    found = read(steady(tmp_path, OUTSIDE))
    assert "A is at 60.00 %, outside its range of 0.00 % to 55.00 % by 5.00 points" in found.triggers


@pytest.mark.parametrize(("limit", "level"), [(0.5, "warning"), (0.0105, "critical")])
def test_var_warns_and_triggers(limit: float, level: str) -> None:
    found = read(DESK, {"cycle": {"var": {"warning": 0.01, "critical": limit}}})["VaR 95 of one day"]
    assert (found.level, found.triggers) == (level, level == "critical")


def test_a_var_that_is_a_level_reaches_it() -> None:
    value = read(DESK)["VaR 95 of one day"].value
    assert value is not None
    for levels, level in (({"warning": value}, "warning"), ({"warning": value / 2, "critical": value}, "critical")):
        assert read(DESK, {"cycle": {"var": levels}})["VaR 95 of one day"].level == level


def test_a_policy_that_trades_triggers_with_its_reason() -> None:
    found = read(DESK)
    assert found.triggers[0] == "the policy trades: review due; SPY is 2.68 points over target"
    assert (found.shown[0].sentence, found.shown[0].triggers) == (found.triggers[0], True)


def test_features_of_a_learned_policy_that_drifted_are_a_flag() -> None:
    """Twice the volatility after the training, and not a bit else before."""
    market = two_lines(2_010, seed=1)
    of = load_portfolio(DATA / "examples" / "rule_learned.yaml")
    calm = replace(of, market=market, strategic=TARGET, costs=COSTS, test_start=market.dates[1_502])
    policy = carded(market.until(market.dates[1_500]))
    assert feature_drift(calm, policy, "rl").value == 0.0
    returns = market.returns.copy()
    returns[1_501:] *= 2.0
    wild = feature_drift(replace(calm, market=replace(market, returns=returns)), policy, "rl")
    assert (wild.level, wild.triggers) == ("warning", False)
    assert wild.sentence.startswith("Features of rl drifted from their training distribution")
    assert "volatility regime (" in wild.sentence
    short = feature_drift(replace(calm, test_start=market.dates[-20]), policy, "rl")
    assert (short.value, "has decided too seldom" in short.sentence) == (None, True)


def test_the_monitor_reads_the_drift_of_the_policy_that_decides() -> None:
    of = load_portfolio(DATA / "examples" / "rule_learned.yaml")
    policy = carded(of.market.until(of.test_start - pd.Timedelta(days=1)), target=of.strategic)
    reading = monitored(trade_list(of, policy, "learned"))["drift of features"]
    assert reading == feature_drift(of, policy, "learned")


def test_bad_news_is_a_flag_and_good_news_takes_none_away(tmp_path: Path) -> None:
    still = load_portfolio(steady(tmp_path))
    moves = np.random.default_rng(0).normal(0.0, 1e-3, still.market.returns.shape)  # a tilt needs volatilities
    of = replace(still, market=replace(still.market, returns=moves))
    moment = datetime(2022, 8, 1, 12, tzinfo=UTC)
    given = (("A", -0.8, 0.3), ("A", 0.0, 0.1), ("B", 1.0, 0.8), ("B", -1.0, 0.0))  # A: -0.24 / 0.4
    rows = [Score(moment, asset, x, sure, "", "m", date(2020, 1, 1), "", moment) for asset, x, sure in given]
    tilt = NewsTilt(of.strategic, scores=Scores("scores.csv", "1", tuple(rows)), estimate=20)
    plain, raised = (monitored(trade_list(of, Never(each))) for each in (of.strategic, Smoothed(tilt)))
    said = "mean score of news is at most -0.50: A -0.60"
    assert raised["news"] == Reading("news", pytest.approx(-0.6), "warning", False, said, "A")
    assert raised.flags == (*plain.flags, said)
    assert news(of.market, replace(tilt, flag=-0.7)) == Reading("news", None, "normal", False, "no asset has bad news")


def test_a_row_a_month_has_losses_of_a_month() -> None:
    portfolio = load_portfolio(DATA / "examples" / "market_of_months.yaml")
    found = monitored(trade_list(portfolio, portfolio.policies["quarterly"]))
    market, weights = portfolio.market, portfolio.holdings / portfolio.nav
    earned = np.sort(market.returns @ weights + (1.0 - weights.sum()) * market.cash[-21:].mean())
    loss = found["VaR 95 of one month"].value
    assert loss is not None
    assert (earned <= -loss + 1e-12).mean() == pytest.approx(0.05, abs=1.0 / len(earned))
    assert found["sessions since the last trade"].sentence.startswith("1 month since the last trade")
