"""Policies on simulated futures from today's holdings: the same money as a backtest on that future as a market."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from backtests.engine.run import backtest
from backtests.today import future_paths
from backtests.today.future_paths import Opening, estimates, first_target, is_played_at_once, play_future, shared_bands
from foundation.errors import ConfigError, DataError
from research.accounting import Costs, Execution, Flows, Hold, Tax, Trade
from research.allocation import HRP, FixedWeights, MeanVariance
from research.allocation.constraints import Constraints, Liquidity
from research.forecast import Estimated, VolatilityPercentiles
from research.market import Market
from research.portfolio import Portfolio, load_portfolio
from research.risk.simulation.future_laws import future_laws
from research.rules import Calendar, GroupThreshold, Never, NoTradeRegion, RegimeThreshold, Threshold

WEIGHTS = FixedWeights((0.55, 0.35))


@dataclass(frozen=True)
class EveryTenth:
    """A rule of a user's own, decided in Python: to the target on each tenth session, where weights are far from it."""

    allocation: FixedWeights

    def decide(self, view):
        """Trade or hold."""
        far = np.abs(view.weights - view.target).max() > 0.01
        return Trade(view.target, view.target) if far and len(view.nav_history) % 10 == 0 else Hold()


QUICK = {
    "never": Never(WEIGHTS),
    "monthly": Calendar(WEIGHTS, "month"),
    "friday": Calendar(WEIGHTS, "friday"),
    "to the edge": Threshold(WEIGHTS, 0.01, "edge"),
    "half way": Threshold(WEIGHTS, 0.008, "target", fraction=0.5),
    "by group": GroupThreshold(WEIGHTS, band=0.01),
}
SLOW = {
    "region": NoTradeRegion(WEIGHTS, tracking_penalty=5.0),
    "in tranches": Calendar(WEIGHTS, "month", tranches=3),
    "hrp": Calendar(HRP(window=120), "month"),
    "within liquidity": Calendar(
        MeanVariance(forecast=Estimated(window=120), constraints=Constraints(liquidity=Liquidity(days=1, nav=1e9))),
        "quarter",
    ),
    "own": EveryTenth(WEIGHTS),
}


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


@pytest.fixture(scope="module")
def growths(portfolio: Portfolio) -> np.ndarray:
    opening = Opening(portfolio)
    return future_laws(portfolio.market, 252.0)[0]["stationary bootstrap"].growths(0, opening.days, 3)[:20]


def opened_like(portfolio: Portfolio, market: Market, policy, first: int = 0):
    """A backtest of one future from the close before the last on, and the portfolio that holds what it opened with."""
    played = backtest(
        market, policy, portfolio.costs, start=market.dates[first + 1], nav=1e6, start_weights=np.array([0.62, 0.30]),
        execution=portfolio.execution,
    )  # fmt: skip
    holdings = played.ledger.units[0] * market.index[first + 1]
    cash = played.ledger.cash_units[0] * market.cash_index[first + 1]
    return played, replace(portfolio, holdings=holdings, cash=float(cash), last_trade=portfolio.date)


def played_at_once(opening, policies, growths):
    return future_paths.play_futures(opening, shared_bands(opening, policies), growths)


def check(paths, played) -> None:
    """One played future is the backtest of it, from the second close on."""
    np.testing.assert_allclose(paths.nav[0], played.ledger.nav[1:], rtol=1e-12)
    np.testing.assert_allclose(paths.cost[0], played.cost_rate, rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(paths.turnover[0], played.turnover, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", QUICK)
def test_each_future_is_the_backtest_of_it_as_a_market(portfolio, growths, name):
    policy = QUICK[name]
    assert is_played_at_once(policy)
    assert not estimates(policy)
    for path in (0, 7, 19):
        played, held = opened_like(portfolio, Opening(portfolio).market(growths[path]), policy)
        paths = played_at_once(Opening(held), {name: policy}, growths)[name]
        check(type(paths)(*(values[path : path + 1] for values in vars(paths).values())), played)
    assert name == "never" or played.turnover.any()


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_any_policy_plays_one_future_as_a_backtest_does(portfolio, growths, name):
    policy = (QUICK | SLOW)[name]
    past = {"region": 567, "hrp": 303, "within liquidity": 303, "own": 663}.get(name, 1)
    assert is_played_at_once(policy) == (name not in ("own", "in tranches"))
    assert estimates(policy) == (name in ("region", "hrp", "within liquidity"))
    played, held = opened_like(portfolio, Opening(portfolio).market(growths[4], past), policy, past - 1)
    check(play_future(Opening(held), policy, growths[4]), played)


@pytest.mark.parametrize("name", ["region", "hrp"])
def test_a_policy_that_estimates_goes_on_with_what_it_estimated_at_the_last_close(portfolio, growths, name):
    """Until it would estimate anew, at the end of the month, both are one."""
    policy, market = SLOW[name], portfolio.market.until("2022-12-12")
    held = Opening(replace(portfolio, market=market, last_trade=market.dates[-1]))
    shared = played_at_once(held, {name: policy}, growths[:, : held.days])[name].nav
    exact = np.vstack([play_future(held, policy, one[: held.days]).nav for one in growths])
    before = held.dates.month == 12
    before[-20:] = False
    assert before.sum() == 14
    np.testing.assert_allclose(shared[:, before], exact[:, before], rtol=1e-12)
    assert np.abs(shared[:, -1] / exact[:, -1] - 1.0).max() > 1e-7


def test_holding_costs_and_least_orders_are_charged_alike(portfolio, growths):
    costs = Costs.bps(2, commission=2, half_spread=3)
    file = replace(
        portfolio,
        costs=replace(costs, management_fee=0.004, ticket=np.array([9.0, 5.0])),
        execution=Execution(minimum_trade=2_000.0),
    )
    played, held = opened_like(file, Opening(file).market(growths[2]), QUICK["friday"])
    paths = played_at_once(Opening(held), {"": QUICK["friday"]}, growths[2:3])[""]
    np.testing.assert_allclose(paths.nav[0], played.ledger.nav[1:], rtol=1e-12)
    np.testing.assert_allclose(paths.cost[0] + paths.holding[0], played.cost_rate, rtol=1e-12)


def test_today_is_worth_what_the_file_says(portfolio, growths):
    for one in played_at_once(Opening(portfolio), QUICK, growths).values():
        np.testing.assert_allclose(one.nav[:, 0], portfolio.nav, rtol=1e-14)


def test_a_missed_session_is_made_up_for_at_once(portfolio, growths):
    opening, quarterly = Opening(portfolio), {"": Calendar(WEIGHTS, "quarter")}
    missed = replace(portfolio, last_trade=pd.Timestamp("2022-08-15"))
    done = replace(portfolio, last_trade=pd.Timestamp("2022-10-03"))
    first, second = (played_at_once(Opening(p), quarterly, growths)[""].turnover for p in (missed, done))
    assert opening.dates[1] == pd.Timestamp("2022-12-30")
    assert (first[:, 1] > 0.0).all()  # asked at the last close, booked at the next
    assert (second[:, 1] == 0.0).all()
    assert (second[:, 2] > 0.0).all()  # 30 December is the last session of its quarter


def test_the_band_of_todays_regime_goes_on(portfolio, growths):
    """Regimes are known from all days of the past, so that futures have them from their first day on."""
    rule = RegimeThreshold(WEIGHTS, VolatilityPercentiles("SPY"), 0.01, 0.02, "edge", factors=(0.5, 1.0, 1.5))
    today = rule.today(portfolio.market.past(len(portfolio.market.dates) - 1), portfolio.sessions_since_trade)
    assert today.half_width == 0.015
    assert estimates(rule)
    of_regime, plain = (
        played_at_once(Opening(portfolio), {"": one}, growths)[""] for one in (rule, Threshold(WEIGHTS, 0.015, "edge"))
    )
    assert of_regime.orders.any()
    np.testing.assert_array_equal(of_regime.nav, plain.nav)


def test_a_rest_counts_from_the_last_trade_of_the_file(portfolio, growths):
    """Twenty sessions: over today where the last trade was twenty-one ago, and not before row 21 where it was today."""
    resting, plain, dates = Threshold(WEIGHTS, 0.01, cooldown=20), Threshold(WEIGHTS, 0.01), portfolio.market.dates
    old, new = (Opening(replace(portfolio, last_trade=day)) for day in (dates[-22], dates[-1]))
    traded = [
        played_at_once(of, {"": rule}, growths)[""].turnover > 0.0
        for of, rule in ((old, resting), (old, plain), (new, resting))
    ]
    firsts = [each.argmax(axis=1) for each in traded]
    np.testing.assert_array_equal(firsts[0], firsts[1])
    assert firsts[0].min() == 1
    assert firsts[2].min() == 22  # asked at row 21, booked at the next


def test_a_calendar_rule_trades_on_the_day_after_each_month(portfolio, growths):
    opening = Opening(replace(portfolio, last_trade=portfolio.date))
    traded = played_at_once(opening, {"": Calendar(WEIGHTS, "month")}, growths)[""].turnover.any(axis=0)
    months = opening.dates.to_period("M")
    ends = np.flatnonzero(months[:-1] != months[1:])
    assert np.flatnonzero(traded).tolist() == (ends[ends > 0] + 1).tolist()


def test_rows_to_come_are_those_of_the_exchange(portfolio):
    opening = Opening(portfolio)
    assert opening.dates[[0, 1, -1]].strftime("%Y-%m-%d").tolist() == ["2022-12-29", "2022-12-30", "2023-12-29"]
    assert opening.dates[opening.month] == pd.Timestamp("2023-01-27")
    monthly = Opening(replace(portfolio, market=portfolio.market.until("2022-11-30"), periods_per_year=12))
    assert monthly.dates[[1, -1]].strftime("%Y-%m-%d").tolist() == ["2022-12-30", "2023-11-30"]
    assert monthly.days == 12


def test_what_futures_lack_is_named(portfolio):
    costs = replace(portfolio.costs, tax=Tax(0.2), per_unit=np.array([0.01, 0.0]))
    held = replace(
        portfolio, costs=costs, execution=Execution(sizing="units"), dividends="cash",
        flows=Flows({pd.Timestamp("2023-03-31"): 1.0}),
    )  # fmt: skip
    assert Opening(held).left_out == (
        "whole lots", "dividends paid in cash", "money that comes and goes", "tax on gains", "commission per unit",
    )  # fmt: skip
    assert Opening(held).costs.tax is None
    assert Opening(portfolio).left_out == ()


def test_holdings_that_cannot_be_played_on_are_refused(portfolio):
    with pytest.raises(ConfigError, match="net asset value"):
        Opening(replace(portfolio, cash=-1e9))
    tradable = portfolio.market.tradable.copy()
    tradable[:, 1] = False
    returns = np.where(tradable, portfolio.market.returns, 0.0)
    unlisted = replace(portfolio.market, tradable=tradable, returns=returns)
    with pytest.raises(DataError, match="AGG is held and not listed"):
        Opening(replace(portfolio, market=unlisted))


def test_rows_of_a_month_have_one_within_the_shorter_horizon(portfolio: Portfolio) -> None:
    """From 30 April to 29 May 2020 are 29 days, from 29 May to 30 June 32: the row of today is no horizon."""
    market = portfolio.market
    ends = [market.row(day) for day in ("2020-03-31", "2020-04-30", "2020-05-29")]
    monthly = Market(
        market.dates[ends], market.assets, np.zeros((3, 2)), np.ones((3, 2), dtype=bool), np.zeros(3),
        market.instruments, market.prices[ends], calendar=market.calendar, name="months",
    )  # fmt: skip
    opening = Opening(replace(portfolio, market=monthly, periods_per_year=12))
    assert (opening.month, f"{opening.dates[1]:%Y-%m-%d}") == (1, "2020-06-30")


def unopened(portfolio: Portfolio) -> Portfolio:
    """A million in cash, with which nobody ever traded, at 10 bp a side."""
    return replace(
        portfolio, holdings=np.zeros(2), cash=1e6, last_trade=portfolio.market.dates[0],
        costs=Costs.bps(2, commission=10),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["never", "friday", "to the edge", "in tranches", "own"])
def test_what_was_never_invested_is_bought_to_target_whatever_the_rule(portfolio, growths, name):
    policy, cash = (QUICK | SLOW)[name], unopened(portfolio)
    begun = Opening(cash).begun(first_target(cash, policy))
    after = 1e6 / (1.0 + 0.001 * 0.9)  # 0.9 of it is bought at 10 bp
    assert begun.paid == pytest.approx(1e6 - after, rel=1e-12)
    np.testing.assert_allclose(begun.portfolio.holdings, after * np.array([0.55, 0.35]), rtol=1e-12)
    assert begun.portfolio.cash == pytest.approx(0.1 * after, rel=1e-12)
    paths = play_future(begun, policy, growths[4])
    assert paths.nav[0, 0] == pytest.approx(after, rel=1e-12)
    assert (paths.turnover[0, :2] == 0.0).all()  # it is bought once, and no rule is asked for it again
    held = begun.portfolio.holdings @ growths[4].prod(axis=0) + begun.portfolio.cash * begun.cash_growth**begun.days
    assert name != "never" or paths.nav[0, -1] == pytest.approx(held, rel=1e-12)


def test_what_holds_something_or_has_traded_begins_as_it_is(portfolio):
    cash = unopened(portfolio)
    assert first_target(portfolio, QUICK["never"]) is None
    assert first_target(replace(cash, last_trade=portfolio.date), QUICK["never"]) is None
    opening = Opening(portfolio)
    assert opening.begun(None) is opening


def test_a_first_purchase_that_cash_cannot_pay_is_not_made(portfolio):
    cash = replace(unopened(portfolio), costs=replace(Costs.bps(2), ticket=np.full(2, 1e6)))
    opening = Opening(cash)
    assert opening.begun(first_target(cash, QUICK["never"])) is opening
