"""Before and after: closed forms of two assets of known covariance, boxes, ranges, the figures of the risk sheet."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.today.holdings_risk import holdings_risk
from research.allocation import FixedWeights
from research.market import Market
from research.orders import TradeList, trade_list
from research.portfolio import OrderLimits, Portfolio, load_portfolio
from research.portfolio.keys.benchmark import NamedBenchmark
from research.rules import Calendar, Never, Threshold

COVARIANCE = np.array([[0.04, 0.006], [0.006, 0.01]])  # a year: volatilities 20 and 10 %, correlation 0.3
YEAR = 252


def with_history(portfolio: Portfolio, rows: int = YEAR, mean: float = 0.0) -> Portfolio:
    """The portfolio with `rows` returns whose sample covariance a year is exactly `COVARIANCE`."""
    draws = np.random.default_rng(1).standard_normal((rows, 2))
    draws -= draws.mean(axis=0)
    white = draws @ np.linalg.inv(np.linalg.cholesky(np.cov(draws, rowvar=False))).T
    returns = np.vstack([np.zeros(2), mean + white @ np.linalg.cholesky(COVARIANCE / YEAR).T])
    old, dates = portfolio.market, pd.bdate_range(end=portfolio.date, periods=rows + 1)
    ones = np.ones((rows + 1, 1))
    market = Market(
        dates=dates, assets=old.assets, returns=returns, tradable=ones * old.tradable[-1] > 0.0,
        cash=np.full(rows + 1, 1e-4), instruments=old.instruments, prices=ones * old.prices[-1], name="by hand",
    )  # fmt: skip
    return replace(portfolio, market=market, test_start=dates[1])


@pytest.fixture
def known(two: Portfolio) -> Portfolio:
    """60 % in A and 35 % in B, each to be 50 %."""
    return with_history(two)


def test_risk_before_and_after_is_that_of_the_covariance(known: Portfolio) -> None:
    found = trade_list(known, Threshold(known.strategic, 0.02)).before_after
    gap, target = np.array([0.1, -0.15]), np.array([0.5, 0.5])
    before, exact, after = (found.figures[name] for name in ("before", "exact", "after"))
    assert before.volatility == pytest.approx(np.sqrt(0.6**2 * 0.04 + 2 * 0.6 * 0.35 * 0.006 + 0.35**2 * 0.01))
    assert before.tracking_error == pytest.approx(np.sqrt(gap @ COVARIANCE @ gap))
    assert before.beta == pytest.approx((0.6 * 0.023 + 0.35 * 0.008) / 0.0155)  # Σb = (0.023, 0.008), b'Σb = 0.0155
    assert exact.tracking_error == pytest.approx(0.0, abs=1e-9)
    assert exact.beta == pytest.approx(1.0)
    assert exact.volatility == pytest.approx(np.sqrt(target @ COVARIANCE @ target))
    left = np.array([50_000.0, 49_950.0]) / 99_975.05
    assert after.volatility == pytest.approx(np.sqrt(left @ COVARIANCE @ left))
    assert after.tracking_error == pytest.approx(np.sqrt((left - target) @ COVARIANCE @ (left - target)))


def test_losses_are_order_statistics_of_what_the_weights_would_have_returned(known: Portfolio) -> None:
    """A VaR at 95 % of 252 days is the 13th largest loss: 12.6 days are in the tail."""
    figures = trade_list(known, Threshold(known.strategic, 0.02)).before_after.figures["before"]
    losses = np.sort(-(known.market.returns[1:] @ np.array([0.6, 0.35]) + 0.05 * 1e-4))[::-1]
    assert figures.var["one day"] == pytest.approx(losses[12], rel=1e-12)
    assert figures.cvar["one day"] == pytest.approx((losses[:12].sum() + 0.6 * losses[12]) / 12.6, rel=1e-12)
    growth = np.cumprod(np.vstack([np.ones(2), 1.0 + known.market.returns[1:]]), axis=0)
    month = np.sort(-((growth[21:] / growth[:-21] - 1.0) @ np.array([0.6, 0.35]) + 21 * 0.05 * 1e-4))[::-1]
    assert figures.var["one month"] == pytest.approx(month[11], rel=1e-12)  # of 232 months that overlap


def test_holdings_cash_drift_and_cost_are_by_hand(known: Portfolio) -> None:
    figures = trade_list(known, Threshold(known.strategic, 0.02)).before_after.figures
    before, exact, after = (figures[name] for name in ("before", "exact", "after"))
    assert (before.nav, before.cash, before.cash_weight) == (100_000.0, 5_000.0, pytest.approx(0.05))
    assert (before.largest_drift, before.furthest) == (pytest.approx(0.15), "B")
    assert before.drift == pytest.approx(0.15)  # (10 + 15 + 5) / 2 points
    assert (before.cost, before.cost_bps) == (0.0, 0.0)
    # V + 0.001 (60,000 - V/2 + V/2 - 35,000) = 100,000
    assert exact.nav == pytest.approx(99_975.0, abs=1e-9)
    assert (exact.cash, exact.drift) == (pytest.approx(0.0, abs=1e-6), pytest.approx(0.0, abs=1e-11))
    assert (exact.cost, exact.cost_bps) == (pytest.approx(25.0), pytest.approx(2.5))
    assert (after.nav, after.cash, after.cost) == (99_975.05, 25.05, pytest.approx(24.95))
    assert after.cost_bps == pytest.approx(2.495)


def test_columns_of_the_cost_sum_to_it(known: Portfolio) -> None:
    found = trade_list(known, Threshold(known.strategic, 0.02)).before_after
    assert found.states["after"].charges == {"commission": 9.98, "half_spread": 14.97, "ticket": 0.0, "impact": 0.0}
    for name, state in found.states.items():
        assert sum(state.charges.values()) == pytest.approx(found.figures[name].cost)


@settings(max_examples=60)
@given(
    weights=st.lists(st.floats(0.05, 1.0), min_size=2, max_size=5),
    target=st.lists(st.floats(0.05, 1.0), min_size=5, max_size=5),
    band=st.floats(0.01, 0.2),
    cash=st.floats(0.0, 0.3),
)
def test_exact_step_without_costs_ends_in_the_box(
    desk: Any, weights: list[float], target: list[float], band: float, cash: float
) -> None:
    """And the state that is shown is the exact step: its NAV is that before, and its values are those of its units."""
    n = len(weights)
    held, aim = np.array(weights) / sum(weights), np.array(target[:n]) / sum(target[:n])
    made = desk([10.0] * n, 1e5 * (1.0 - cash) * held, 1e6 * cash, aim, lots=1e-6, commission=0.0, half_spread=0.0)
    got = trade_list(made, Threshold(made.strategic, band, to="edge"))
    found, orders = got.before_after, got.sized if got.would is None else got.would
    exact, (lower, upper) = found.states["exact"], got.wanted
    assert (exact.weights >= lower - 1e-6).all()
    assert (exact.weights <= upper + 1e-6).all()
    assert exact.nav == pytest.approx(found.states["before"].nav, rel=1e-12)
    assert exact.weights * exact.nav == pytest.approx((orders.position.units + orders.wished) * 10.0, abs=1e-4)


@pytest.mark.parametrize("file", ["sixty_forty", "global_multi_asset"])
def test_figures_before_are_those_of_the_risk_sheet(file: str) -> None:
    portfolio = load_portfolio(f"data/portfolios/{file}.yaml")
    sheet = holdings_risk(portfolio, {}, paths=500)
    found = trade_list(portfolio, Calendar(portfolio.strategic, "day")).before_after.figures["before"]
    assert found.volatility == pytest.approx(sheet.volatility, rel=1e-9)
    assert found.strategic_tracking_error == pytest.approx(sheet.tracking_error, rel=1e-7)
    assert found.beta == pytest.approx(sheet.beta, rel=1e-9)
    shown = {x.horizon: x for x in sheet.losses if (x.method, x.level) == ("historical", 0.95)}
    assert found.var == pytest.approx({horizon: x.var for horizon, x in shown.items()}, rel=1e-7)
    assert found.cvar == pytest.approx({horizon: x.cvar for horizon, x in shown.items()}, rel=1e-7)


def test_short_history_gives_no_figure_of_risk_and_says_why(two: Portfolio) -> None:
    found = trade_list(two, Threshold(two.strategic, 0.02)).before_after
    figures = found.figures["after"]
    assert (figures.volatility, figures.tracking_error, figures.beta) == (None, None, None)
    assert figures.var == figures.cvar == {"one day": None, "one month": None}
    assert list(found.undefined) == ["risk"]
    assert "has 2 days" in found.undefined["risk"]
    assert figures.nav == 99_975.05
    year = with_history(two, rows=251)
    assert "has 251 days" in trade_list(year, Never(year.strategic)).before_after.undefined["risk"]


def test_beta_is_to_the_benchmark_of_the_file(known: Portfolio) -> None:
    def beta(benchmark: NamedBenchmark) -> tuple[float | None, dict[str, str]]:
        found = trade_list(replace(known, benchmark=benchmark), Threshold(known.strategic, 0.02)).before_after
        return found.figures["before"].beta, found.undefined

    line = known.market.returns[:, 0]
    assert beta(NamedBenchmark("series", "A", line)) == (pytest.approx((0.6 * 0.04 + 0.35 * 0.006) / 0.04), {})
    value, why = beta(NamedBenchmark("series", "A", np.where(np.arange(len(line)) < 5, np.nan, line)))
    assert value is None
    assert why["beta"].startswith("the benchmark has no return on 20")
    assert beta(NamedBenchmark("none"))[1] == {"beta": "the portfolio file says `benchmark: none`."}
    assert "whose returns only a backtest knows" in beta(NamedBenchmark("policy", "quarterly"))[1]["beta"]


# -- ranges ------------------------------------------------------------------------------------------------------------


def outside(portfolio: Portfolio, policy: Any) -> list[str]:
    return trade_list(portfolio, policy).outside


def test_line_outside_its_range_after_the_orders_says_by_how_much_and_why(desk: Any) -> None:
    free = {"commission": 0.0, "half_spread": 0.0}
    three = desk([10.0] * 3, [5_000, 3_000, 2_000], 0.0, [0.4, 0.3, 0.3], **free)
    tight = replace(three, lower=np.array([0.3, 0.2, 0.25]), upper=np.array([0.45, 0.4, 0.4]))
    assert outside(tight, Calendar(three.strategic, "day")) == []
    a, c = (
        "A is at 50.00 %, outside its range of 30.00 % to 45.00 % by 5.00 points: ",
        "C is at 20.00 %, outside its range of 25.00 % to 40.00 % by 5.00 points: ",
    )
    assert outside(tight, Never(three.strategic)) == [f"{a}the policy holds", f"{c}the policy holds"]
    halted = desk([10.0] * 3, [5_000, 3_000, 2_000], 0.0, [0.4, 0.3, 0.3], tradable=[False, True, True], **free)
    stuck = replace(halted, lower=tight.lower, upper=tight.upper)
    assert outside(stuck, Calendar(three.strategic, "day"))[0] == f"{a}cannot trade on 2022-12-29"
    wide = outside(tight, Threshold(three.strategic, 0.08, to="edge"))
    assert wide[0] == "A is at 48.00 %, outside its range of 30.00 % to 45.00 % by 3.00 points: sold back to its edge"


def test_limit_that_leaves_a_line_outside_its_range_is_named(desk: Any) -> None:
    limits = OrderLimits(reserve=0.0, adverse_move=0.0, most=2)
    four = desk([10.0] * 4, [4_000, 3_000, 2_000, 1_000], 0.0, [0.25] * 4, orders=limits, commission=0.0,
                half_spread=0.0)  # fmt: skip
    tight = replace(four, lower=np.full(4, 0.2), upper=np.full(4, 0.27))
    got = trade_list(tight, Threshold(four.strategic, 0.02))
    assert [one.partition(" is at")[0] for one in got.outside] == [
        asset for asset, weight in zip("ABCD", got.sized.after.weights, strict=True) if not 0.2 <= weight <= 0.27
    ]
    assert any("left out (limit of 2 orders)" in one for one in got.outside)


def test_number_of_lines_outside_falls(known: Portfolio) -> None:
    tight = replace(known, lower=np.array([0.45, 0.45]), upper=np.array([0.55, 0.55]))
    found = trade_list(tight, Threshold(known.strategic, 0.02)).before_after
    assert [figures.outside for figures in found.figures.values()] == [2, 0, 0]
    expected = [("B", pytest.approx(0.1)), ("A", pytest.approx(0.05))]
    assert [(one.asset, one.by) for one in found.outside("before")] == expected


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_a_list_that_holds_shows_what_a_trade_to_target_would_change(known: Portfolio) -> None:
    got: TradeList = trade_list(known, Threshold(known.strategic, 0.2))
    due = trade_list(known, Calendar(known.strategic, "day"))
    assert got.holds
    assert got.before_after.figures == due.before_after.figures


def test_a_target_that_is_not_the_strategic_one_has_two_tracking_errors(known: Portfolio) -> None:
    other = FixedWeights((0.6, 0.4))
    before = trade_list(known, Threshold(other, 0.02)).before_after.figures["before"]
    gap, strategic = np.array([0.0, -0.05]), np.array([0.1, -0.15])
    assert before.tracking_error == pytest.approx(np.sqrt(gap @ COVARIANCE @ gap))
    assert before.strategic_tracking_error == pytest.approx(np.sqrt(strategic @ COVARIANCE @ strategic))
    text = repr(trade_list(known, Threshold(other, 0.02)))
    assert "tracking error to target " in text
    assert "tracking error to the strategic target" in text
    assert "tracking error to the strategic target" not in repr(trade_list(known, Threshold(known.strategic, 0.02)))


def test_record_is_plain_json_with_amounts_in_cents(known: Portfolio) -> None:
    tight = replace(known, upper=np.array([0.55, 1.0]))
    record = trade_list(tight, Threshold(known.strategic, 0.02)).before_after.record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert list(record) == ["before", "exact", "after", "level", "benchmark", "undefined"]
    assert (record["after"]["nav"], record["after"]["cash"], record["after"]["cost"]) == (99_975.05, 25.05, 24.95)
    assert record["after"]["charges"] == {"commission": 9.98, "half_spread": 14.97, "ticket": 0.0, "impact": 0.0}
    found = {"asset": "A", "weight": 0.6, "lower": 0.0, "upper": 0.55, "by": 0.05}
    assert record["before"]["outside"] == [found]
    assert record["exact"]["cash"] == 0.0
    assert record["benchmark"] == "the strategic target"
