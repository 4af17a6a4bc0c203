"""Controls: what no policy can earn in a martingale world, what shuffled days leave, and what random times would do.

The defects that are planted are found: a peek of one day, in a rule and in a target, and costs charged twice or lost.
"""

import inspect
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from commanded import FILE, rebalance
from learned import made_up
from typing_extensions import is_protocol

from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of
from backtests.engine import Backtest, backtest
from backtests.evaluation.benchmark import losses
from backtests.studies.audits import controls as module
from backtests.studies.audits.controls import (
    ERRORS,
    Controls,
    OnDays,
    _apart,
    _excess,
    _fair_days,
    _shuffled,
    controls,
    martingale_worlds,
    random_times,
    shuffled_days,
)
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError
from research import rules
from research.accounting import Costs, Execution, Hold, Policy, Trade, View
from research.allocation import HRP, Allocation, EqualWeights, FixedWeights, InverseVolatility
from research.forecast import VolatilityPercentiles
from research.learning import LearnedPolicy, Universal
from research.market import Past
from research.portfolio import Portfolio, load_portfolio
from research.rules.optimum.dynamic_programming import optimal_region

MANY = FILE.with_name("global_multi_asset.yaml")


def silent(*_: object) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    """Eight assets, at twenty times the costs of the file: as much as a defect in costs must show."""
    desk = load_portfolio(MANY)
    return replace(desk, costs=desk.costs.scaled(20.0))


@pytest.fixture(scope="module")
def two() -> Portfolio:
    desk = load_portfolio(FILE)
    return replace(desk, costs=desk.costs.scaled(20.0))


BY_WEALTH = ["CPPI", "drawdown floor", "stop-loss"]  # played day by day, in Python


def every_rule(portfolio: Portfolio) -> dict[str, Policy]:
    held, parity = portfolio.strategic, HRP(window=120)
    seen = portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1))
    return {
        "never": rules.Never(held),
        "daily": rules.Calendar(held, "day"),
        "monthly": rules.Calendar(held, "month"),
        "in tranches": rules.Calendar(held, "month", tranches=3),
        "quarterly": rules.Calendar(held, "quarter"),
        "band": rules.Threshold(held, 0.02),
        "edge": rules.Threshold(held, 0.01, "edge"),
        "within": rules.Threshold(held, 0.01, rules.Within(0.005)),
        "band or quarter": rules.Threshold(held, 0.03, review_schedule="quarter"),
        "capped": rules.Threshold(held, 0.01, turnover_cap=0.005),
        "regimes": rules.RegimeThreshold(held, VolatilityPercentiles("SPY", levels=(0.3, 0.5, 0.6)), 0.01, 0.02),
        "groups": rules.GroupThreshold(held, "asset_class", 0.02),
        "tracking error": rules.TrackingError(held, 0.008, returns=120),
        "cost and benefit": rules.CostBenefit(held, tracking_penalty=5.0, horizon=0.5, returns=120),
        "closed form": rules.NoTradeRegion(held, tracking_penalty=50.0, returns=120),
        "best point": rules.BestPoint(held, tracking_penalty=50.0, horizon=1.0, schedule="month", returns=120),
        "pairs": rules.PairRegion(held, tracking_penalty=50.0, returns=120),
        "several periods": rules.MultiPeriod(held, 8, tracking_penalty=50.0, returns=120),
        "CPPI": rules.CPPI(held),
        "drawdown floor": rules.DrawdownFloor(held),
        "stop-loss": rules.StopLoss(held),
        "universal": Universal(held, tracking_penalty=50.0, returns=120),
        "learned": made_up(portfolio.market, held, seen),
        "equal weights, monthly": rules.Calendar(EqualWeights(), "month"),
        "volatilities, edge": rules.Threshold(InverseVolatility(window=60), 0.02, "edge"),
        "HRP, monthly": rules.Calendar(parity, "month"),
        "HRP, band": rules.Threshold(parity, 0.02),
    }


def optimal(portfolio: Portfolio) -> rules.OptimalRegion:
    held, days = FixedWeights((0.4, 0.3)), portfolio.market.returns[portfolio.market.listed.all(axis=1)]
    region = optimal_region(
        (0.4, 0.3), mean=np.zeros(2), covariance=np.cov(days.T) * 252, cost=portfolio.costs.total,
        tracking_penalty=50.0, interval=1 / 252,
    )  # fmt: skip
    return rules.OptimalRegion(held, region)


# -- martingale worlds -------------------------------------------------------------------------------------------------


def test_wealth_and_costs_sum_to_the_wealth_at_the_start_for_every_rule(portfolio: Portfolio) -> None:
    policies = every_rule(portfolio)
    found = martingale_worlds(portfolio, policies, 60, 7, silent, rows=126)
    assert found["holds"].all(), found
    strategic = found.loc[
        [n for n, rule in policies.items() if rule.allocation == portfolio.strategic and n not in BY_WEALTH]  # type: ignore[attr-defined]
    ]
    costs = strategic["costs"]
    assert (costs.drop("never") > costs["never"]).all()  # the opening trade costs as much for all of them
    assert costs.idxmax() == "daily"
    assert (strategic["error"] < 6.0).all(), found
    assert (found.loc[BY_WEALTH, "costs"] > costs["never"]).all()
    assert set(found["worlds"]) == {60, 40}  # day by day in fewer worlds


def test_the_same_holds_where_the_optimal_rule_is_known(two: Portfolio) -> None:
    found = martingale_worlds(two, {"optimal": optimal(two), "quarterly": two.policies["quarterly"]}, 200, 7, silent)
    assert found["holds"].all(), found
    assert (found["error"] < 3.0).all(), found


def test_no_rule_of_the_house_is_left_out(portfolio: Portfolio, two: Portfolio) -> None:
    exported = [rule for name in rules.__all__ if inspect.isclass(rule := getattr(rules, name))]
    deciding = {
        rule for rule in exported if hasattr(rule, "decide") and not is_protocol(rule) and not inspect.isabstract(rule)
    }
    played = {type(rule) for rule in every_rule(portfolio).values()} | {type(optimal(two))}
    assert played == deciding | {Universal, LearnedPolicy}


@dataclass(frozen=True)
class Peeks:
    """Holds, early in a month, two points more of what will return most on the day after the booking."""

    allocation: Allocation

    def decide(self, view: View) -> Hold | Trade:
        past = view.past
        if past.date.day > 3:
            return Hold()
        ahead = past._market.returns[min(past.t + 2, len(past._market.dates) - 1)]  # lag 1
        tilt = np.zeros(len(view.target))
        tilt[int(np.argmax(ahead))], tilt[int(np.argmin(ahead))] = 0.02, -0.02
        return Trade.to(view.target + tilt)


@dataclass(frozen=True)
class PeekingTarget:
    """Weights of two assets that know which of them is better in the next month."""

    window: int = field(default=0)
    schedule: str = "month"

    def target(self, past: Past) -> Array:
        month = past._market.returns[past.t + 1 : past.t + 22].sum(axis=0)
        return np.array([0.62, 0.38]) if month[0] > month[1] else np.array([0.58, 0.42])


def test_a_peek_of_one_day_is_found(portfolio: Portfolio) -> None:
    row = martingale_worlds(portfolio, {"peeks": Peeks(portfolio.strategic)}, 40, 7, silent).loc["peeks"]
    assert not row["holds"]
    assert row["excess"] > ERRORS * row["error"]


def test_a_target_that_peeks_is_found_although_its_rule_does_not(two: Portfolio) -> None:
    row = martingale_worlds(two, {"peeks": rules.Calendar(PeekingTarget(), "month")}, 100, 7, silent).loc["peeks"]
    assert not row["holds"]
    assert row["excess"] > 2 * ERRORS * row["error"]


def charged(multiple: float, recorded: float) -> object:
    """A `backtest` that charges its costs so many times, and writes them down so many times."""

    def planted(market: object, policy: Policy, costs: Costs, **settings: object) -> Backtest:
        one = backtest(market, policy, costs.scaled(multiple), **settings)  # type: ignore[arg-type]
        book, part = one.ledger, recorded / multiple
        kept = book._replace(charges=part * book.charges, opening_charges=part * book.opening_charges)
        return replace(one, ledger=kept)

    return planted


@pytest.mark.parametrize(("multiple", "recorded", "sign"), [(2.0, 1.0, -1.0), (1.0, 2.0, 1.0), (1.0, 0.0, -1.0)])
def test_costs_that_are_charged_or_written_down_twice_or_lost_are_found(
    portfolio: Portfolio, monkeypatch: pytest.MonkeyPatch, multiple: float, recorded: float, sign: float
) -> None:
    monkeypatch.setattr(module, "backtest", charged(multiple, recorded))
    policies = {name: every_rule(portfolio)[name] for name in ("never", "monthly", "band", "closed form")}
    found = martingale_worlds(portfolio, policies, 64, 7, silent)
    assert not found["holds"].any(), found
    assert (sign * found["excess"] > 0.0).all()


def test_a_honest_backtest_passes_the_same_plant(portfolio: Portfolio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "backtest", charged(1.0, 1.0))
    assert martingale_worlds(portfolio, {"band": rules.Threshold(portfolio.strategic, 0.02)}, 64, 7, silent)[
        "holds"
    ].all()


def test_the_days_of_a_world_have_no_mean(portfolio: Portfolio) -> None:
    days = _fair_days(portfolio.market)
    np.testing.assert_allclose(days.mean(axis=0), 0.0, atol=1e-16)
    assert len(days) == portfolio.market.listed.all(axis=1).sum() - 1


def test_a_gain_that_is_a_control_variate_leaves_its_constant() -> None:
    """By hand: wealth is 0.999 plus twice what the target gained, costs are 0.002: 10 bp are too much, for certain."""
    gained = np.random.default_rng(0).normal(0.0, 0.1, (50, 1))
    sums = np.column_stack([0.999 + 2.0 * gained[:, 0], np.full(50, 0.002)])
    row = _excess(sums, gained)
    assert (row["worlds"], row["holds"]) == (50, False)
    assert (row["costs"], row["excess"], row["error"]) == pytest.approx((20.0, 10.0, 0.0), abs=1e-9)
    sums[:, 1] = 0.001
    assert _excess(sums, gained)["holds"]


# -- shuffled days -----------------------------------------------------------------------------------------------------


def test_shuffled_days_are_the_days_of_the_test_in_another_order(portfolio: Portfolio) -> None:
    market, row = portfolio.market, portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1))
    moved, _ = _shuffled(portfolio, np.random.default_rng(1))
    np.testing.assert_array_equal(moved.dates, market.dates)
    np.testing.assert_array_equal(moved.returns[: row + 1], market.returns[: row + 1])

    def tested(one: object) -> Array:
        joint = np.column_stack([one.returns, one.cash])[row + 1 :]  # type: ignore[attr-defined]
        return joint[np.lexsort(joint.T)]

    np.testing.assert_array_equal(tested(moved), tested(market))  # assets and cash of a day stay together
    assert (moved.returns[row + 1 :] != market.returns[row + 1 :]).any(axis=1).mean() > 0.99


def test_spreads_by_the_day_move_with_their_days(portfolio: Portfolio) -> None:
    spreads = 1e-4 + 1e-2 * np.abs(portfolio.market.returns)
    desk = replace(portfolio, costs=replace(portfolio.costs, half_spread=spreads))
    moved, costs = _shuffled(desk, np.random.default_rng(1))
    np.testing.assert_array_equal(costs.half_spread, 1e-4 + 1e-2 * np.abs(moved.returns))


@dataclass(frozen=True)
class Trend:
    """Two points more of the asset that rose today, and two less of the other."""

    allocation: Allocation

    def decide(self, view: View) -> Hold | Trade:
        up = view.past.returns[-1, 0] > view.past.returns[-1, 1]
        return Trade.to(view.target + (0.02 if up else -0.02) * np.array([1.0, -1.0]))


def test_what_a_trend_earns_is_lost_when_days_are_shuffled(two: Portfolio) -> None:
    """The first asset repeats 0.4 of its last return."""
    market, noise = two.market, np.random.default_rng(5).normal(0.0, 0.01, two.market.returns.shape)
    for t in range(1, len(noise)):
        noise[t, 0] += 0.4 * noise[t - 1, 0]
    noise[0] = 0.0
    desk = replace(two, market=replace(market, returns=noise, cash=np.zeros(len(noise))), costs=Costs.bps(2))
    policies = {"quarterly": two.policies["quarterly"], "trend": Trend(two.strategic)}
    desk = replace(desk, lag=0)
    found = shuffled_days(desk, policies, 6, 1, silent)
    gained = found.loc["trend"]
    assert gained["growth_gain"] > 0.008
    assert abs(gained["growth_mean"]) < 0.25 * gained["growth_gain"]
    assert (found.loc["quarterly"] == 0.0).all()


def test_days_that_are_alike_leave_all_of_a_gain(two: Portfolio) -> None:
    """Each asset returns the same every day: no order differs from another."""
    alike = np.tile([3e-4, 1e-4], (len(two.market.dates), 1))
    alike[0] = 0.0
    market = replace(two.market, returns=alike, cash=np.zeros(len(alike)), tradable=np.ones(alike.shape, dtype=bool))
    policies = {name: two.policies[name] for name in ("quarterly", "yearly")}
    row = shuffled_days(replace(two, market=market), policies, 3, 1, silent).loc["yearly"]
    assert row["loss_gain"] == row["loss_mean"] != 0.0
    assert row["loss_sd"] == row["growth_sd"] == 0.0


# -- random times ------------------------------------------------------------------------------------------------------


def test_a_rule_of_given_days_trades_on_them_and_is_played_both_ways(two: Portfolio) -> None:
    market, rows = two.market, [2_000, 2_002, 2_500, 3_000]
    rule = OnDays(two.strategic, frozenset(market.days[rows].astype(int).tolist()))

    @dataclass(frozen=True)
    class ByDay:
        allocation: Allocation

        def decide(self, view: View) -> Hold | Trade:
            return rule.decide(view)

    fast, slow = (backtest(market, one, two.costs, start=two.test_start, lag=1) for one in (rule, ByDay(two.strategic)))
    assert fast.ledger.asked.tolist() == rows
    np.testing.assert_array_equal(fast.ledger.nav, slow.ledger.nav)


def test_a_rule_at_random_times_is_in_the_middle_of_its_like(two: Portfolio) -> None:
    first, days = two.market.row(two.test_start) + 1, two.market.days.astype(int)
    rows = [first + _apart(np.random.default_rng([99, k]), len(days) - first - 2, 30, two.lag) for k in range(16)]
    drawn = [frozenset(days[one].tolist()) for one in rows]
    policies = {f"random {k}": OnDays(two.strategic, days) for k, days in enumerate(drawn)}
    found = random_times(two, policies, 60, 1, silent)
    assert (found["days"] == 30).all()
    assert found["beats"].mean() == pytest.approx(0.5, abs=0.2)
    assert found["beats"].min() < 0.3
    assert found["beats"].max() > 0.7


def test_days_that_are_drawn_lie_apart_and_are_all_equally_likely() -> None:
    """Of five days two, with one between at least: six pairs, each a sixth of the time."""
    drawn = [tuple(_apart(np.random.default_rng(k), 5, 2, 1).tolist()) for k in range(3_000)]
    pairs = [(0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 4)]
    assert [drawn.count(pair) / len(drawn) for pair in pairs] == pytest.approx([1 / 6] * 6, abs=0.03)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_random_times_of_a_policy_that_always_trades_are_its_own(two: Portfolio, lag: int) -> None:
    """Without a lag there is one way to trade every day; with one there are few, and they are much alike."""
    desk = replace(two, lag=lag, market=two.market.until("2013-06-28"))
    row = random_times(desk, {"daily": rules.Calendar(desk.strategic, "day")}, 20, 1, silent).loc["daily"]
    assert row["loss_random"] == pytest.approx(row["loss"], rel=1e-9 if lag == 0 else 0.1)
    assert lag > 0 or row["beats"] == 0.5


def test_a_policy_that_trades_when_it_should_beats_random_times() -> None:
    desk = load_portfolio(FILE)
    policies = {"band": rules.Threshold(desk.strategic, 0.03), "never": rules.Never(desk.strategic)}
    found = random_times(desk, policies, 60, 1, silent)
    assert found.index.tolist() == ["band"]  # who never trades has no times
    row = found.loc["band"]
    assert row["beats"] > 0.9
    assert row["loss"] < row["loss_random"]
    played = backtest_candidate(desk, policies["band"], "band")
    assert row["days"] == len(played.booked)
    assert row["loss"] == pytest.approx(losses(played, benchmark_of(desk, desk.market)).mean())


# -- all three ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> Controls:
    return controls(load_portfolio(FILE), only=["never", "tuned"], shuffles=2, rules=20, worlds=40)


def test_the_controls_of_a_portfolio_say_what_they_show(found: Controls) -> None:
    assert found.shuffled.index.tolist() == found.martingale.index.tolist() == ["never", "tuned", "quarterly"]
    assert found.passed
    shown = repr(found)
    for text in ("Sixty-forty: controls", "days shuffled", "at random times", "Never traded: never.", "excess, bp"):
        assert text in shown
    assert "nan" not in shown.lower()
    assert max(map(len, shown.splitlines())) <= 120
    failed = replace(found, martingale=found.martingale.assign(holds=False))
    assert not failed.passed
    assert "NO" in repr(failed)


def test_the_same_seed_gives_the_same_controls(found: Controls) -> None:
    again = controls(load_portfolio(FILE), only=["tuned"], shuffles=2, rules=20, worlds=40)
    for table in ("shuffled", "random", "martingale"):
        one, other = getattr(again, table).loc["tuned"], getattr(found, table).loc["tuned"]
        pd.testing.assert_series_equal(one, other, check_exact=True)


def test_execution_and_flows_of_the_file_are_left_out(two: Portfolio) -> None:
    policies, desk = {"quarterly": two.policies["quarterly"]}, replace(two, execution=Execution(days=3))
    pd.testing.assert_frame_equal(
        random_times(desk, policies, 5, 1, silent), random_times(two, policies, 5, 1, silent), check_exact=True
    )


def test_lines_that_were_hardly_ever_listed_together_are_refused(two: Portfolio) -> None:
    late = two.market.tradable & (
        (np.arange(len(two.market.dates)) > len(two.market.dates) - 9)[:, None] | [True, False]
    )
    desk = replace(two, market=replace(two.market, tradable=late, returns=np.where(late, two.market.returns, 0.0)))
    with pytest.raises(
        DataError, match="7 days of market 'multi_asset_daily' on which all its assets have returns: 20"
    ):
        martingale_worlds(desk, {"never": rules.Never(two.strategic)}, 40, 1, silent)
    with pytest.raises(DataError, match="7 days of the test on which all its assets have returns: 20"):
        _shuffled(desk, np.random.default_rng(1))


@pytest.mark.parametrize(("settings", "said"), [
    ({"only": ["nope"]}, "policy 'nope' is not in "),
    ({"shuffles": 1}, "shuffles is 1"),
    ({"rules": 0}, "rules is 0"),
    ({"worlds": 20}, "worlds is 20"),
])  # fmt: skip
def test_what_cannot_be_controlled_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        controls(load_portfolio(FILE), **settings)  # type: ignore[arg-type]


def test_the_command_shows_the_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    from desk.commands import audit

    monkeypatch.setattr(audit, "controls", lambda desk, only: controls(desk, only=only, shuffles=2, rules=5, worlds=40))
    done = rebalance("research", "audit", FILE, "--policy", "yearly", "--controls")
    assert (done.status, done.err.count("Traceback")) == (0, 0)
    assert "Sixty-forty: look-ahead audit" in done.out
    assert "Sixty-forty: controls" in done.out
