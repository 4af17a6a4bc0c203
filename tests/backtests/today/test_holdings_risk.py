"""The risk of today's holdings: sums, hand calculations, and what is not defined."""

from dataclasses import replace

import numpy as np
import pytest

from backtests.attribution.risk_contributions import contributions_of
from backtests.engine import backtest
from backtests.inference.estimates import NotAvailable
from backtests.sheets.pages.risk_sheet import risk_text, risk_warnings
from backtests.today.holdings_risk import holdings_risk
from foundation.errors import DataError
from research.orders import trade_list
from research.portfolio import Portfolio
from research.risk.simulation.future_laws import sample
from research.rules import Calendar, Threshold


@pytest.fixture(scope="module")
def risk(portfolio: Portfolio):
    return holdings_risk(portfolio, {}, paths=500)


def test_contributions_sum_to_the_whole(risk):
    assert risk.contributions.sum() == pytest.approx(risk.volatility, abs=1e-12)
    assert risk.active.sum() == pytest.approx(risk.tracking_error, abs=1e-12)
    for by in ("asset_class", "sector", "currency"):
        table = risk.exposures(by)
        assert table["risk_share"].sum() == pytest.approx(1.0, abs=1e-12)
        assert table["weight"].sum() == pytest.approx(1.0, abs=1e-12)
        assert table["gap"].sum() == pytest.approx(0.0, abs=1e-12)


def test_volatility_and_beta_are_those_of_the_last_year(risk, portfolio):
    returns = portfolio.market.returns[-252:]
    held, target = returns @ portfolio.weights, returns @ portfolio.target
    assert risk.volatility == pytest.approx(held.std(ddof=1) * np.sqrt(252), rel=1e-12)
    assert risk.tracking_error == pytest.approx((held - target).std(ddof=1) * np.sqrt(252), rel=1e-12)
    assert risk.beta == pytest.approx(np.cov(held, target)[0, 1] / target.var(ddof=1), rel=1e-12)


def test_losses_are_those_of_the_weights_of_today(risk, portfolio):
    returns = sample(portfolio.market, 252.0)[1] @ portfolio.weights
    by_key = {(x.horizon, x.method, x.level): x for x in risk.losses}
    assert len(by_key) == 8
    cash = (1.0 - portfolio.weights.sum()) * portfolio.market.cash[-21:].mean()
    day = by_key["one day", "historical", 0.95]
    assert day.var == pytest.approx(-np.quantile(returns + cash, 0.05), rel=0.01)
    assert day.cvar > day.var
    gaussian = by_key["one day", "Gaussian", 0.99]
    assert gaussian.var == pytest.approx(2.32635 * returns.std(ddof=1) - returns.mean() - cash, rel=1e-5)
    assert by_key["one month", "historical", 0.95].var > 3.0 * day.var


def test_the_risk_of_a_held_asset_that_has_stopped_is_named_and_not_counted_as_calm(portfolio):
    """With its close of 60 sessions ago, all is that of the other seven lines; the day and the weight are named."""
    line, returns = portfolio.market.assets.index("QQQ"), portfolio.market.returns.copy()
    returns[-60:, line] = 0.0
    held = replace(portfolio, market=replace(portfolio.market, returns=returns))
    found, others = holdings_risk(held, {}, paths=200), np.arange(8) != line
    alone = returns[-252:, others] @ held.weights[others]
    assert found.volatility == pytest.approx(alone.std(ddof=1) * np.sqrt(252), rel=1e-12)
    assert np.isnan(found.contributions).tolist() == (~others).tolist()
    assert np.nansum(found.contributions) == pytest.approx(found.volatility, rel=1e-12)
    classes = found.exposures("asset_class").set_index("group")["risk_share"]
    assert classes.index[classes.isna()].tolist() == ["us_equity"]
    sample_of_others = sample(held.market, 252.0)[1][:, others] @ held.weights[others]
    cash = (1.0 - held.weights.sum()) * held.market.cash[-21:].mean()
    loss = next(one for one in found.losses if (one.method, one.level) == ("historical", 0.95))
    assert loss.var == pytest.approx(-np.quantile(sample_of_others + cash, 0.05), rel=0.01)
    last = held.market.days[-61]
    said = f"QQQ has not moved since {last}, and its risk is not known: volatility, tracking error, "
    for told in (found.notes, risk_warnings(found), trade_list(held, Calendar(held.strategic, "month"), "m").notes):
        assert sum(text.startswith(said) for text in told) == 1
    assert said in risk_text(found)
    assert f"Correlations: QQQ is held and has not moved since {last}: " in found.stress.left_out[-1]
    played = backtest(held.market, Calendar(held.strategic, "month"), held.costs, start=held.market.dates[-30])
    assert contributions_of(played, 252.0, 252).undefined["ex_ante"].endswith(f"QQQ has not moved since {last}.")


def test_effective_lines_are_by_hand(risk, portfolio):
    assert risk.lines == pytest.approx(1.0 / ((portfolio.weights / portfolio.weights.sum()) ** 2).sum(), rel=1e-12)
    assert 1.0 < risk.bets < risk.lines


def test_a_line_outside_its_range_and_band_is_named_with_how_far(portfolio):
    held = replace(
        portfolio, upper=np.where(np.arange(8) == 0, 0.27, portfolio.upper),
        lower=np.where(np.arange(8) == 5, 0.25, portfolio.lower), policy="threshold",
    )  # fmt: skip
    found = holdings_risk(held, {"threshold": Threshold(portfolio.strategic, 0.02)}, paths=500)
    drift = found.drift().set_index("asset")
    assert drift.loc["SPY", "outside_range"] == pytest.approx(portfolio.weights[0] - 0.27, abs=1e-15)
    assert drift.loc["AGG", "outside_range"] == pytest.approx(portfolio.weights[5] - 0.25, abs=1e-15)
    assert (drift["outside_range"] != 0.0).sum() == 2
    assert drift.loc["SPY", "band_upper"] == pytest.approx(0.27)
    assert drift.loc["SPY", "outside_band"] == pytest.approx(portfolio.weights[0] - 0.27)
    assert found.policy == "threshold"


def test_a_policy_without_bands_shows_none(portfolio):
    monthly = {"monthly": Calendar(portfolio.strategic, "month")}
    found = holdings_risk(replace(portfolio, policy="monthly"), monthly, paths=500)
    assert found.drift()["outside_band"].isna().all()
    assert (found.drift()["outside_range"] == 0.0).all()


def test_holdings_on_target_have_no_tracking_error(portfolio):
    found = holdings_risk(replace(portfolio, holdings=(1e6) * portfolio.target, cash=0.0), {}, paths=500)
    assert found.tracking_error == pytest.approx(0.0, abs=1e-12)
    assert not len(found.active)
    assert "no risk" in found.undefined["active"]
    assert found.drift()["active_contribution"].isna().all()


def test_cash_alone_has_no_risk(portfolio):
    found = holdings_risk(replace(portfolio, holdings=np.zeros(8), cash=1e6), {}, paths=500)
    assert found.volatility == 0.0
    assert np.isnan(found.lines)
    assert {"contributions", "lines", "bets"} <= set(found.undefined)
    assert not isinstance(found.future, NotAvailable)


def test_too_few_returns_are_refused(portfolio):
    young = replace(portfolio, market=portfolio.market.until("2014-01-15"))
    with pytest.raises(DataError, match=r"need 252\."):
        holdings_risk(young, {})


def test_a_line_with_less_than_a_year_of_rows_does_not_count_as_riskless(portfolio):
    """A year of 365 rows is longer than the history of BTC on that day: the covariance is of the days that it has."""
    short = replace(portfolio, market=portfolio.market.until("2014-07-01"), periods_per_year=365)
    rows = len(sample(short.market, 252.0)[1])
    assert 252 < rows < 365
    found, held = holdings_risk(short, {}, paths=500), short.market.returns[-rows:] @ short.weights
    assert found.window == rows
    assert found.volatility == pytest.approx(held.std(ddof=1) * np.sqrt(365), rel=1e-12)
