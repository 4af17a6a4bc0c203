"""Exposures, concentration, contributions and worst days: they sum to the whole, and are what a reader recomputes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.attribution.exposures import concentration_path, exposures
from backtests.attribution.risk_contributions import contributions_of, return_parts
from backtests.engine import Backtest, backtest
from backtests.evaluation.worst_days import worst_days
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market, load_market
from research.risk import volatility
from research.risk.decomposition.contributions import effective_bets, risk_contributions
from research.rules import Calendar, Never, Threshold

ASSETS = ["SPY", "VEA", "AGG", "GLD"]
TARGET = FixedWeights((0.4, 0.2, 0.25, 0.1))  # the rest is cash
YEAR = 252


@pytest.fixture(scope="module")
def market() -> Market:
    return load_market("multi_asset_daily").select(ASSETS)


@pytest.fixture(scope="module")
def played(market: Market) -> dict[str, Backtest]:
    rules = {"quarterly": Calendar(TARGET, "quarter"), "never": Never(TARGET), "band": Threshold(TARGET, band=0.03)}
    costs = Costs.bps(4, commission=5)
    return {name: backtest(market, rule, costs, start="2015-01-02", name=name) for name, rule in rules.items()}


def test_exposures_sum_to_all_of_nav(played) -> None:
    found = exposures(played["band"], played["band"].market.asset_class)
    assert list(found) == [*dict.fromkeys(played["band"].market.asset_class), "cash"]
    assert found.sum(axis=1).to_numpy() == pytest.approx(1.0, abs=1e-12)
    assert found[played["band"].market.asset_class[0]].iloc[-1] == pytest.approx(
        sum(
            w
            for w, c in zip(played["band"].weights.iloc[-1], played["band"].market.asset_class, strict=True)
            if c == played["band"].market.asset_class[0]
        )
    )
    assert list(exposures(played["band"], played["band"].market.currency)) == ["USD", "cash"]


def test_the_parts_of_a_return_are_its_whole(played) -> None:
    for one in played.values():
        parts = return_parts(one)
        assert parts.sum(axis=1) == pytest.approx(one.net_returns, abs=1e-15)
        traded = one.turnover > 0.0
        assert np.abs(parts[~traded, -1]).max() < 1e-14  # nothing is left where nothing was paid
        assert parts[:, -1].sum() == pytest.approx(-one.cost_rate.sum(), rel=0.02, abs=1e-12)


def test_realised_contributions_sum_to_the_volatility_of_the_sheet(played) -> None:
    for one in played.values():
        found = contributions_of(one, YEAR, YEAR)
        assert found.realised_volatility == pytest.approx(volatility(one.net_returns, YEAR), rel=1e-12)
        parts, net = return_parts(one), one.net_returns
        expected = [np.cov(parts[:, i], net)[0, 1] / np.std(net, ddof=1) * YEAR**0.5 for i in range(parts.shape[1])]
        assert found.realised == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_ex_ante_contributions_are_of_the_last_close(played, market) -> None:
    found = contributions_of(played["never"], YEAR, YEAR)
    weights, covariance = played["never"].weights.to_numpy()[-1], np.cov(market.returns[-YEAR:], rowvar=False) * YEAR
    assert found.ex_ante == pytest.approx(risk_contributions(weights, covariance), rel=1e-12)
    assert found.volatility == pytest.approx(float(np.sqrt(weights @ covariance @ weights)), rel=1e-12)
    assert found.undefined == {}


def test_shares_of_lines_and_classes_sum_to_one(played) -> None:
    for rows in (
        contributions_of(played["band"], YEAR, YEAR).by_line(),
        contributions_of(played["band"], YEAR, YEAR).by_class(),
    ):
        for column in ("weight", "ex_ante", "realised"):
            assert sum(row[column] for row in rows.values()) == pytest.approx(1.0, abs=1e-12)
    assert rows["cash"]["ex_ante"] == 0.0


def test_lines_without_a_year_have_their_reason_and_a_portfolio_of_cash_has_its_reason(market) -> None:
    short, rule = market.until("2008-03-31"), Calendar(FixedWeights((0.5, 0.5, 0.0, 0.0)), "quarter")
    found = contributions_of(backtest(short, rule, Costs.bps(4), start="2008-01-02"), YEAR, YEAR)
    assert "252 returns of every asset held: SPY has fewer" in found.undefined["ex_ante"]
    assert len(found.realised) == 6
    cash = backtest(market, Never(FixedWeights((0.0,) * 4)), Costs.bps(4), start="2020-01-02")
    nothing = contributions_of(cash, YEAR, YEAR)
    assert "no risk" in nothing.undefined["ex_ante"]
    assert all(row["ex_ante"] is None for row in nothing.by_line().values())
    assert all(row["ex_ante"] is None for row in nothing.by_class().values())


def test_a_line_called_cash_is_not_lost(market) -> None:
    named = replace(market, assets=("cash", *ASSETS[1:]), instruments=market.instruments.rename({"SPY": "cash"}))
    found = contributions_of(backtest(named, Never(TARGET), Costs.bps(4), start="2020-01-02"), YEAR, YEAR).by_line()
    assert list(found) == ["cash", *ASSETS[1:], "cash account", "costs and rest"]
    assert sum(row["ex_ante"] for row in found.values()) == pytest.approx(1.0, abs=1e-12)


def test_concentration_is_that_of_each_close(played, market) -> None:
    one = played["never"]
    found, w = concentration_path(one, YEAR), one.weights.to_numpy()
    for row in (0, 700, len(w) - 1):
        assert found.lines[row] == pytest.approx((w[row].sum() / np.linalg.norm(w[row])) ** 2, rel=1e-12)
    assert found.ends[0] >= 0
    assert one.dates[found.ends].isin(pd.Series(one.dates).groupby(one.dates.to_period("M")).last()).all()
    for k in (0, 30, len(found.ends) - 1):
        t = one.first + found.ends[k]
        covariance = np.cov(market.returns[t - YEAR + 1 : t + 1], rowvar=False)
        assert found.bets[k] == pytest.approx(effective_bets(w[found.ends[k]], covariance), rel=1e-10)
    assert 1.0 <= found.bets.min() <= found.bets.max() <= len(ASSETS)


def test_the_worst_days_are_the_references_with_what_each_did(played) -> None:
    found = worst_days(played, "quarterly")
    returns = pd.Series(played["quarterly"].net_returns, played["quarterly"].dates[1:])
    assert list(found) == list(returns.nsmallest(10).index)
    for day, on in found.items():
        for name, one in played.items():
            row = int(one.dates.get_loc(day)) - 1
            assert (on[name].value, on[name].turnover) == (one.net_returns[row], one.turnover[row])
            assert on[name].next == one.turnover[row + 1]
            assert (on[name].turnover > 0.0) == one.trades()["booked"].eq(day).any()


def test_days_of_gain_are_no_worst_days(market) -> None:
    rising = backtest(market, Never(FixedWeights((0.0,) * 4)), Costs.bps(4), start="2022-09-01")
    assert worst_days({"cash": rising}, "cash") == {}
