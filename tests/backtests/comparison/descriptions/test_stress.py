"""Stress tests of policies: what they do in episodes, after shocks and at higher costs, against plain backtests."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import Comparison, compare
from backtests.comparison.descriptions.replays import Replays
from backtests.comparison.descriptions.stress import (
    SHOCK_SESSIONS,
    StressTests,
    deciding_at,
    longer_costs,
    stress_tests,
)
from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import daily_costs, losses
from backtests.sheets.parts import Words
from backtests.sheets.sections.stress import policies_stress_parts
from backtests.sheets.tables import Looks
from foundation.paper.styles import LineStyle
from research.accounting import Costs
from research.portfolio import Portfolio, load_portfolio
from research.risk.stress.episodes import Episode
from research.risk.stress.shocked_market import market_after
from research.risk.stress.shocks import Shock

pytestmark = pytest.mark.usefixtures("few_simulated_tests")

FILES = Path(__file__).parents[4] / "data" / "portfolios"
FEW = ["never", "quarterly", "threshold", "tuned", "closed_form", "hrp_monthly"]


@pytest.fixture(scope="module")
def desk() -> Portfolio:
    return load_portfolio(FILES / "global_multi_asset.yaml")


@pytest.fixture(scope="module")
def compared(desk: Portfolio) -> Comparison:
    return compare(desk, only=FEW, draws=100)


def stressed(compared: Comparison, portfolio: Portfolio) -> StressTests:
    rules = {name: one.policy for name, one in compared.fitted.items()}
    return stress_tests(Replays(portfolio, compared.benchmark, rules, compared.backtests), "quarterly")


@pytest.fixture(scope="module")
def found(compared: Comparison, desk: Portfolio) -> StressTests:
    return stressed(compared, desk)


# -- episodes --------------------------------------------------------------------------------------------------------


def test_an_episode_of_the_test_is_read_from_the_backtest(found: StressTests, compared: Comparison) -> None:
    one = next(e for e in found.episodes if e.episode.name == "Pandemic 2020")
    assert (one.when, one.whole, f"{one.first:%Y-%m-%d}", f"{one.last:%Y-%m-%d}") == (
        "test", True, "2020-02-19", "2020-03-23",
    )  # fmt: skip
    nav = compared.backtests["tuned"].nav
    assert one.figures["tuned"].total_return == pytest.approx(nav["2020-03-23"] / nav["2020-02-19"] - 1.0, rel=1e-12)
    assert list(one.figures) == FEW
    assert not one.left_out


def test_the_strategic_target_in_an_episode_is_its_daily_rebalanced_return(found: StressTests, desk: Portfolio) -> None:
    one = next(e for e in found.episodes if e.episode.name == "Pandemic 2020")
    returns = pd.DataFrame(desk.market.returns, desk.market.dates)["2020-02-20":"2020-03-23"]  # type: ignore[misc]
    assert one.target == pytest.approx(float((1.0 + returns @ desk.target).prod()) - 1.0, rel=1e-12)


def test_an_episode_before_the_test_is_a_backtest_of_its_days_alone(found: StressTests, desk: Portfolio) -> None:
    one = next(e for e in found.episodes if e.episode.name == "Euro crisis 2011")
    assert one.when == "before"
    alone = replace(desk, market=desk.market.until("2011-10-03"), test_start=pd.Timestamp("2011-04-30"))
    played = backtest_candidate(alone, desk.policies["threshold"], "threshold")
    assert one.figures["threshold"].total_return == pytest.approx(played.nav.iloc[-1] / played.nav.iloc[0] - 1.0)
    assert one.figures["threshold"].cost == pytest.approx(float(played.cost_rate.sum()), rel=1e-12)
    assert one.figures["threshold"].orders == int(played.counted[played.booked].sum())
    assert one.unlisted == ("BTC",)


def test_what_was_fitted_on_an_episode_or_lacks_its_window_is_left_out_with_the_reason(found: StressTests) -> None:
    one = next(e for e in found.episodes if e.episode.name == "Crisis of 2007-09")
    assert set(one.figures) == {"never", "quarterly", "threshold"}
    assert one.left_out["tuned"] == "fitted on days up to 2014-12-31, which contain days of the episode"
    assert one.left_out["closed_form"] == one.left_out["hrp_monthly"] == "252 returns before the episode are needed"


def test_episodes_outside_the_data_are_left_out_and_said(found: StressTests) -> None:
    assert found.left_out == (
        "Russia and LTCM 1998 (1998-07-18 to 1998-10-08): the data runs from 2007-07-26 to 2022-12-29.",
        "Dot-com bust 2000-02 (2000-03-25 to 2002-10-09): the data runs from 2007-07-26 to 2022-12-29.",
    )
    assert not {"Russia and LTCM 1998", "Dot-com bust 2000-02"} & set([one.episode.name for one in found.episodes])


def test_an_episode_over_the_start_of_the_test_or_the_end_of_the_data_is_covered_in_part(
    compared: Comparison, desk: Portfolio
) -> None:
    over = [("start", "2014-12-01", "2015-02-27"), ("end", "2022-11-01", "2023-03-31")]
    episodes = tuple(Episode(name, pd.Timestamp(a), pd.Timestamp(b)) for name, a, b in over)
    found = stressed(compared, replace(desk, stress=replace(desk.stress, episodes=episodes)))
    (start, end), days = found.episodes, compared.backtests["quarterly"].dates
    assert (start.whole, start.first, start.when) == (False, days[0], "test")
    assert (end.whole, end.last, end.when) == (False, days[-1], "test")


def test_an_episode_of_which_most_is_before_the_test_is_backtested_as_a_whole(
    compared: Comparison, desk: Portfolio
) -> None:
    most = (Episode("most", pd.Timestamp("2014-06-02"), pd.Timestamp("2015-01-09")),)
    (one,) = stressed(compared, replace(desk, stress=replace(desk.stress, episodes=most, shocks=()))).episodes
    assert (one.when, one.whole, f"{one.last:%Y-%m-%d}") == ("before", True, "2015-01-09")
    assert "tuned" in one.left_out
    assert set(one.figures) == set(FEW) - {"tuned"}


# -- shocks ----------------------------------------------------------------------------------------------------------


def test_a_policy_after_a_shock_is_the_backtest_of_a_market_that_has_it(
    found: StressTests, compared: Comparison, desk: Portfolio
) -> None:
    """The whole test is played again on the longer market, where the stress test goes on from the last trade."""
    shock = found.shocks[0]
    market = market_after(desk.market, shock.moved.returns, 1 + SHOCK_SESSIONS, 252)
    last = len(desk.market.dates) - 1
    for name in FEW:
        after = backtest_candidate(replace(desk, market=market), compared.fitted[name].policy, name)
        one, row = shock.policies[name], last + 1 - after.first
        before = after.weights.to_numpy()[row - 1]
        np.testing.assert_allclose(one.effect.lines, before * shock.moved.returns, atol=1e-9)
        if not (after.ledger.booked == last + 1).any():
            np.testing.assert_allclose(one.effect.weights, after.weights.to_numpy()[row], atol=1e-9)
        assert one.turnover == pytest.approx(float(after.turnover[row - 1 :].sum()), abs=1e-8), name
        assert one.cost == pytest.approx(float(after.cost_rate[row - 1 :].sum()), abs=1e-10), name
        assert one.orders == int(after.counted[after.booked[after.ledger.booked[after.booked] > last]].sum()), name


def test_a_shock_falls_on_the_weights_of_the_last_close(found: StressTests, compared: Comparison) -> None:
    for shock in found.shocks:
        for name, one in shock.policies.items():
            weights = compared.backtests[name].weights.to_numpy()[-1]
            np.testing.assert_allclose(one.effect.lines, weights * shock.moved.returns, atol=1e-9)
            assert one.effect.total == pytest.approx(float(one.effect.lines.sum()), abs=1e-15)


def test_a_rule_that_never_trades_does_not_after_a_shock(found: StressTests) -> None:
    for shock in found.shocks:
        never = shock.policies["never"]
        assert (never.sessions, never.turnover, never.orders, never.cost, never.reason) == (None, 0.0, 0, 0.0, "")


def test_a_threshold_trades_when_the_shock_takes_a_line_past_its_band(found: StressTests) -> None:
    falls = next(s for s in found.shocks if s.moved.name == "US equities fall 20 %").policies["threshold"]
    assert falls.sessions == 1  # decided at the close of the shock, booked a session later
    assert abs(falls.gap) > 0.02
    assert "past the 2.00 allowed" in falls.reason


def test_shocks_that_move_no_line_are_left_out_and_said(compared: Comparison, desk: Portfolio) -> None:
    shocks = (Shock("Oil", {"commodities": -0.3}), Shock("Gold", {"gold": -0.1}))
    found = stressed(compared, replace(desk, stress=replace(desk.stress, episodes=(), shocks=shocks)))
    assert [one.moved.name for one in found.shocks] == ["Gold"]
    assert found.left_out == ("Oil: the portfolio has no commodities.",)


def test_spreads_by_the_day_go_on_as_they_are() -> None:
    costs = replace(Costs.bps(2, commission=1), half_spread=np.array([[1e-4, 2e-4], [3e-4, 4e-4]]))
    assert longer_costs(costs, 2).half_spread.tolist() == [[1e-4, 2e-4], [3e-4, 4e-4], [3e-4, 4e-4], [3e-4, 4e-4]]


def test_a_rule_that_cannot_decide_after_a_shock_is_left_out_with_its_reason(desk: Portfolio) -> None:
    class Breaks:
        allocation = desk.strategic

        def decide(self, view):  # type: ignore[no-untyped-def]
            if view.past.date > desk.date:
                raise np.linalg.LinAlgError("singular")
            return desk.policies["quarterly"].decide(view)

    few = replace(
        desk, stress=replace(desk.stress, episodes=(), shocks=desk.stress.shocks[:1]), test_start="2022-10-03"
    )
    few = replace(few, test_start=pd.Timestamp("2022-10-03"), policies=desk.policies | {"breaks": Breaks()})
    found = compare(few, only=["quarterly", "breaks"], draws=100).stress
    (shock,) = found.shocks
    assert (list(shock.policies), shock.left_out) == (["quarterly"], {"breaks": "singular"})
    assert list(found.liquidity) == ["quarterly"]
    assert found.left_out == (
        "breaks: of a class of your own that decides day by day; not backtested again, before the test or at higher "
        "costs.",
    )


def test_lines_that_move_as_one_and_are_shocked_apart_move_the_others_as_their_mean(
    compared: Comparison, desk: Portfolio
) -> None:
    """Shrunk correlations are below one, so that no shock divides by a variance of zero."""
    twin = np.array(desk.market.returns)
    twin[:, 1] = twin[:, 0]
    shocks = (Shock("Apart", {"SPY": -0.2, "QQQ": -0.3}), Shock("Mean", {"SPY": -0.25, "QQQ": -0.25}))
    market = replace(desk.market, returns=twin)
    found = stressed(compared, replace(desk, market=market, stress=replace(desk.stress, episodes=(), shocks=shocks)))
    apart, mean = (one.moved.returns for one in found.shocks)
    np.testing.assert_allclose(apart[2:], mean[2:], rtol=1e-9)


# -- liquidity -------------------------------------------------------------------------------------------------------


def test_higher_costs_charge_the_same_decisions_five_times(found: StressTests, compared: Comparison) -> None:
    for name, one in found.liquidity.items():
        played = compared.backtests[name]
        assert one.cost == pytest.approx(float(daily_costs(played).mean()), rel=1e-12)
        assert one.loss == pytest.approx(float(losses(played, compared.benchmark).mean()), rel=1e-12)
        assert one.stressed_cost == pytest.approx(5.0 * one.cost, rel=0.02), name  # a little less wealth is traded
        assert one.stressed_loss - one.loss == pytest.approx(one.stressed_cost - one.cost, abs=0.02)
    assert not found.volumes


def test_a_rule_that_weighs_costs_decides_as_if_they_had_not_changed(compared: Comparison, desk: Portfolio) -> None:
    rule, dearer = compared.fitted["closed_form"].policy, replace(desk, costs=desk.costs.scaled(5.0))
    calm = compared.backtests["closed_form"]
    same = backtest_candidate(dearer, deciding_at(rule, desk.costs), "closed_form")
    told = backtest_candidate(dearer, rule, "closed_form")
    assert same.turnover.sum() == pytest.approx(calm.turnover.sum(), rel=0.02)  # what is charged moves weights a little
    assert told.turnover.sum() < 0.8 * same.turnover.sum()  # told of them, it trades less


def test_a_rule_in_python_sees_the_costs_that_it_is_given(desk: Portfolio) -> None:
    seen: list[float] = []

    class Looks:
        allocation = desk.strategic

        def decide(self, view):  # type: ignore[no-untyped-def]
            seen.append(float(view.costs.total[0]))
            return desk.policies["quarterly"].decide(view)

    backtest(
        desk.market, deciding_at(Looks(), desk.costs), desk.costs.scaled(5.0), start="2022-10-03", periods_per_year=252
    )
    assert set(seen) == {float(desk.costs.total[0])}


def test_less_volume_matters_where_impact_is_charged() -> None:
    """Impact by the 3/2-power law: five times the coefficient and a fifth of the volume cost 5·√5 times as much."""
    classes = ("us_equity", "bonds")
    impact = {"impact": {"exponent": 1.5}} | {
        f"costs.{c}": {"commission_bps": 0, "half_spread_bps": 0, "impact": 1.0} for c in classes
    }
    desk = load_portfolio(
        FILES / "sixty_forty.yaml",
        impact | {"market": "us_etf_ohlcv", "test_start": "2019-01-02", "last_trade": "2022-09-30"},
    )
    compared = compare(desk, only=["quarterly", "yearly"], draws=100)
    found = stressed(compared, replace(desk, stress=replace(desk.stress, episodes=(), shocks=())))
    assert found.volumes
    one = found.liquidity["quarterly"]
    assert one.stressed_cost == pytest.approx(5.0 * 5.0**0.5 * one.cost, rel=0.01)
    assert found.impact == pytest.approx(5.0 * 5.0**0.5)
    looks = Looks({"quarterly": LineStyle("ink")})
    said = [part.text for part in policies_stress_parts(found, desk, ["quarterly"], "quarterly", looks, "day")
            if isinstance(part, Words)]  # fmt: skip
    assert any("Market impact of an order is 11.2 times as large: 5 times its coefficient" in words for words in said)


def test_costs_that_cannot_be_charged_are_said(compared: Comparison, desk: Portfolio) -> None:
    """Five times 1,500 bp are more than half of the notional, which no costs may take."""
    dearest = replace(desk, costs=Costs.bps(8, commission=1_500), stress=replace(desk.stress, episodes=(), shocks=()))
    found = stressed(compared, dearest)
    assert not found.liquidity
    assert found.impact is None
    assert found.left_out[0].startswith("Higher costs of never: ")
    assert len(found.left_out) == len(FEW)


# -- correlations ----------------------------------------------------------------------------------------------------


def test_correlations_are_stressed_at_the_last_weights(
    found: StressTests, compared: Comparison, desk: Portfolio
) -> None:
    from research.risk.stress.correlation_breakdown import stressed_risk
    from research.risk.stress.shocks import recent_covariance

    covariance, _ = recent_covariance(desk.market.past(len(desk.market.dates) - 1), found.window)
    weights = compared.backtests[found.policy].weights.to_numpy()[-1]
    assert list(found.breakdown) == stressed_risk(weights, covariance, 252)
    assert found.window == 504
