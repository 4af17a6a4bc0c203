"""Targets in force with their reasons: weights are those of the classes, risk is that of one covariance."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from backtests.inference.estimates import NotAvailable
from backtests.inference.evidence import holm
from backtests.inference.sharpe_inference import ledoit_wolf
from backtests.sheets.pages.targets_today import target_use_words, targets_brief, targets_sheet
from backtests.today.targets_today import AgainstControls, TargetsToday, target_today, targets_today
from foundation.errors import ConfigError, DataError
from research.allocation import (
    HERC,
    HRP,
    Average,
    ConstantExposure,
    EqualWeights,
    FixedWeights,
    MeanVariance,
    MinimumVariance,
    RiskParity,
    Shrunk,
)
from research.allocation.allocation import allocation_name
from research.allocation.constraints import Constraints, Most
from research.allocation.input_sensitivity import input_sensitivity
from research.forecast import Estimated
from research.portfolio import Portfolio
from research.rules import Never

DAY = "2016-06-15"  # in the middle of a month


@pytest.fixture(scope="module")
def found(portfolio: Portfolio) -> TargetsToday:
    return targets_today(portfolio, DAY)


def test_each_distinct_allocation_is_there_once(found: TargetsToday, portfolio: Portfolio) -> None:
    assert [target.policies[-2:] for target in found.targets] == [("universal", "rl"), ("hrp_monthly", "hrp_threshold")]
    assert found.of("hrp_threshold") is found.targets[1]
    assert targets_today(portfolio, DAY, ["hrp_monthly"]).targets[0].policies == ("hrp_monthly",)


def test_targets_are_those_that_the_classes_give_on_their_last_day(found: TargetsToday, portfolio: Portfolio) -> None:
    market = portfolio.market
    refit = market.past(market.row("2016-05-31"))
    assert found.date == market.dates[market.row(DAY)]
    classes = {"1/N": EqualWeights(), "minimum variance": MinimumVariance(), "risk parity": RiskParity()}
    for name, allocation in classes.items():
        assert found.controls[name].weights.tolist() == allocation.target(refit).tolist(), name
    hrp = found.of("hrp_monthly")
    assert hrp.answer.seen == refit.date
    assert hrp.weights.tolist() == HRP(window=252).target(refit).tolist()
    assert found.strategic.weights == pytest.approx(portfolio.target)


@pytest.fixture(scope="module")
def damaged(portfolio: Portfolio) -> Portfolio:
    """The portfolio, in which VEA repeats SPY, and GLD has had no move since 2016-03-31; and one more policy."""
    market = portfolio.market
    returns, (spy, vea, gld) = market.returns.copy(), map(market.assets.index, ("SPY", "VEA", "GLD"))
    returns[:, vea] = returns[:, spy]
    returns[market.row("2016-03-31") + 1 :, gld] = 0.0
    sample = Never(MeanVariance(forecast=Estimated(covariance="sample")))
    policies = {"sample": sample, "hrp": Never(HRP()), "threshold": portfolio.policies["threshold"]}
    return replace(portfolio, market=replace(market, returns=returns), policies=policies, policy="threshold")


def test_a_policy_without_a_target_is_named_and_the_others_are_shown(damaged: Portfolio) -> None:
    found = targets_today(damaged, DAY)
    assert [target.policies for target in found.targets] == [("hrp",), ("threshold",)]
    why = "sample has no target, and is not shown: SPY and VEA have the same returns on all of the 252 sessions"
    [note] = [note for note in found.notes if note.startswith(why)]
    assert note.endswith("Leave one out, or take one of ledoit_wolf, oas, shrunk_correlations as the covariance.")
    with pytest.raises(ConfigError, match=r"policy sample has no target of 2016-06-15 here\. sample has no target"):
        found.of("sample")
    with pytest.raises(DataError, match="sample has no target: SPY and VEA have the same returns"):
        targets_today(damaged, DAY, ["sample"])


def test_an_asset_that_has_stopped_is_a_warning_of_page_and_terminal(damaged: Portfolio) -> None:
    found = targets_today(damaged, DAY, ["hrp"])
    assert found.of("hrp").weights[damaged.market.assets.index("GLD")] == 0.0
    why = "GLD has not moved since 2016-03-31, and is left out: correct its prices, or, if it has left the market, "
    [note] = [note for note in found.notes if note.startswith(why)]
    assert note in targets_sheet(found)["warnings"]
    assert f"Warning: {note}" in " ".join(targets_brief(found).split())
    assert "Shares of risk leave out what has not moved, or has fewer than 252 returns: GLD." in found.notes


def test_risk_is_by_the_covariance_of_scikit_learn(found: TargetsToday, portfolio: Portfolio) -> None:
    t = portfolio.market.row(DAY)
    cov = LedoitWolf().fit(portfolio.market.returns[t - 251 : t + 1]).covariance_
    for target in (*found.targets, *found.controls.values()):
        w, risk = target.weights, target.risk
        assert risk.volatility == pytest.approx(np.sqrt(w @ cov @ w), rel=1e-9)
        assert risk.share == pytest.approx(w * (cov @ w) / (w @ cov @ w), abs=1e-9)
        assert risk.share.sum() == pytest.approx(1.0, abs=1e-12)
        assert 1.0 <= risk.bets <= len(w)


def test_the_tree_of_a_hierarchical_target_is_kept(found: TargetsToday) -> None:
    hrp = found.of("hrp_monthly")
    assert dict(zip(hrp.tree.assets, hrp.tree.weights, strict=True)) == pytest.approx(
        dict(zip(found.portfolio.market.assets, hrp.weights, strict=True))
    )
    assert found.of("monthly").tree is None


def test_the_trees_of_what_is_scaled_and_combined_are_kept_by_name(portfolio: Portfolio) -> None:
    market, hrp, herc = portfolio.market.until(DAY), HRP(window=252), HERC(window=252)
    scaled, alone = target_today(ConstantExposure(hrp, 0.5), market), target_today(hrp, market)
    assert scaled.tree.weights.tolist() == alone.tree.weights.tolist()
    assert scaled.weights == pytest.approx(0.5 * alone.weights)
    both = target_today(Shrunk(Average((hrp, herc)), 0.2), market)
    assert list(both.trees) == [allocation_name(hrp), allocation_name(herc)]
    assert both.tree is both.trees[allocation_name(hrp)]


def test_table_has_what_is_held_beside_it_and_every_column_sums_to_one(found: TargetsToday) -> None:
    table = found.table(found.of("hrp_monthly"))
    assert list(table)[:4] == ["held", "strategic", "target", "risk"]
    assert table.sum().to_numpy() == pytest.approx(np.ones(table.shape[1]), abs=1e-9)
    assert table.loc["SPY", "held"] == found.portfolio.weights[0]


def test_side_by_side_has_each_target_once(found: TargetsToday) -> None:
    table = found.side_by_side()
    assert list(table) == ["held", "strategic", "hrp_monthly", "1/N", "minimum variance", "risk parity"]
    assert table.iloc[:-3].sum().to_numpy() == pytest.approx(np.ones(6))
    risk = found.of("hrp_monthly").risk
    assert table.loc["volatility", "hrp_monthly"] == pytest.approx(risk.volatility * 252**0.5)
    assert table.loc["torsion bets", "hrp_monthly"] == risk.bets
    assert table.loc["to trade", "held"] == 0.0


def test_turnover_is_the_larger_of_buys_and_sells(found: TargetsToday) -> None:
    held = found.portfolio.weights
    assert found.to_trade(np.zeros(len(held))) == pytest.approx(held.sum())
    assert found.to_trade(held) == 0.0


def test_sensitivity_is_of_the_day_on_which_the_target_was_computed(portfolio: Portfolio) -> None:
    asked = targets_today(portfolio, DAY, ["never", "hrp_monthly"], sensitivity=True)
    assert asked.of("never").sensitivity is None  # nothing is estimated
    found, target = asked.of("hrp_monthly").sensitivity, asked.of("hrp_monthly")
    assert np.array_equal(found.weights, target.weights)
    wanted = input_sensitivity(target.allocation, portfolio.market.until(f"{target.answer.seen:%Y-%m-%d}"))
    assert np.array_equal(found.moved, wanted.moved)


def test_clusters_have_the_weights_of_a_target_that_follows_the_one_before(portfolio: Portfolio) -> None:
    capped = HRP(window=126, constraints=Constraints(turnover=Most(most=0.02)))
    target = targets_today(replace(portfolio, policies={"capped": Never(capped)}), DAY).of("capped")
    by_line = dict(zip(portfolio.market.assets, target.weights.tolist(), strict=True))
    assert target.tree.by_line()["weight"].to_dict() == pytest.approx({n: by_line[n] for n in target.tree.assets})


def test_sensitivity_of_what_follows_its_target_before_starts_from_that_target(portfolio: Portfolio) -> None:
    capped = MeanVariance(schedule="year", constraints=Constraints(turnover=Most(most=0.02)))
    found = targets_today(replace(portfolio, policies={"capped": Never(capped)}), DAY, sensitivity=True).of("capped")
    assert found.sensitivity.weights == pytest.approx(found.weights, abs=1e-9)


def test_a_later_day_changes_nothing(found: TargetsToday, portfolio: Portfolio) -> None:
    """What is known then is all that is used: the whole market gives the same as one that ends there."""
    hrp, again = found.of("hrp_monthly"), target_today(HRP(window=252), portfolio.market.until(DAY))
    assert again.weights.tolist() == hrp.weights.tolist()
    assert again.risk is None


def test_a_limit_that_binds_is_there_with_the_slope_of_the_objective(portfolio: Portfolio) -> None:
    market, step = portfolio.market.until(DAY), 1e-4
    bounded, wider = (target_today(MeanVariance(upper={"AGG": 0.4 + room}), market) for room in (0.0, step))
    binds = {one.limit: one.price for one in bounded.answer.binding}
    slope = (bounded.answer.value - wider.answer.value) / step
    assert binds["AGG is at most 40.00 % of NAV"] == pytest.approx(slope, rel=1e-2)


def test_a_short_history_leaves_out_controls_and_risk_and_says_so(portfolio: Portfolio) -> None:
    early = f"{portfolio.market.dates[100]:%Y-%m-%d}"
    found = targets_today(portfolio, early, ["monthly"])
    assert list(found.controls) == ["1/N"]
    assert found.held is None
    assert [note.partition(":")[0] for note in found.notes] == [
        "Shares of risk are not known",
        "The control minimum variance is not shown",
        "The control risk parity is not shown",
    ]
    with pytest.raises(DataError, match="too short for HRP"):
        targets_today(portfolio, early, ["hrp_monthly"])


def test_unknown_policies_and_dates_are_refused(portfolio: Portfolio) -> None:
    with pytest.raises(ConfigError, match="policy 'hrp' is not in"):
        targets_today(portfolio, policies=["hrp"])
    with pytest.raises(ConfigError, match="not a date: found '2016-13-01'"):
        targets_today(portfolio, "2016-13-01")
    with pytest.raises(DataError, match="no session on or before 1990-01-01"):
        targets_today(portfolio, "1990-01-01")


def test_controls_are_compared_on_the_days_of_the_test_up_to_the_date(
    found: TargetsToday, portfolio: Portfolio
) -> None:
    """Daily rebalancing to a target without costs earns its weights times the returns, and cash on what is left."""
    against = found.against_controls
    assert isinstance(against, AgainstControls)
    market = portfolio.market.until(DAY)
    days = market.dates >= portfolio.test_start
    assert (against.first, against.last) == tuple(market.dates[days][[0, -1]])
    equal, own = np.full(8, 1.0 / 8.0), portfolio.target
    excess = [market.returns[days] @ w + (1.0 - w.sum() - 1.0) * market.cash[days] for w in (equal, own)]
    ratios = [np.sqrt(252.0) * one.mean() / one.std(ddof=1) for one in excess]
    one = against.differences["1/N"]
    assert one.value == pytest.approx(ratios[0] - ratios[1], rel=1e-9)
    test = ledoit_wolf(*excess, 252.0)
    assert (one.p, one.lower, one.upper) == pytest.approx((test.p, test.lower, test.upper), rel=1e-6)
    raw = [each.p for each in against.differences.values()]
    assert [each.p_holm for each in against.differences.values()] == pytest.approx(list(holm(raw)))


def test_another_target_is_compared_with_the_strategic_one_too(portfolio: Portfolio) -> None:
    against = targets_today(replace(portfolio, policies={"equal": Never(EqualWeights())}), DAY).against_controls
    assert isinstance(against, AgainstControls)
    assert list(against.differences) == ["the strategic target", "minimum variance", "risk parity"]


def test_targets_of_one_path_are_one_comparison(portfolio: Portfolio) -> None:
    """A fixed 1/N is the control 1/N; Holm counts the three others alone."""
    own = targets_today(replace(portfolio, policies={"own": Never(FixedWeights((0.125,) * 8))}, policy="own"), DAY)
    against = own.against_controls
    assert isinstance(against, AgainstControls)
    assert against.same == ("1/N",)
    assert list(against.differences) == ["the strategic target", "minimum variance", "risk parity"]
    raw = [each.p for each in against.differences.values()]
    assert [each.p_holm for each in against.differences.values()] == pytest.approx(list(holm(raw)))
    twice = replace(own, controls=own.controls | {"twin": own.controls["risk parity"]}).against_controls
    assert isinstance(twice, AgainstControls)
    assert list(twice.differences) == ["the strategic target", "minimum variance", "risk parity = twin"]


def test_a_control_with_too_little_history_is_named_and_the_others_are_compared(portfolio: Portfolio) -> None:
    """150 rows lie before the test, and 1/N needs none: its difference is that of a file that has it alone."""
    found = targets_today(replace(portfolio, test_start=portfolio.market.dates[150]), DAY, ["monthly"])
    against = found.against_controls
    assert isinstance(against, AgainstControls)
    assert list(against.left_out) == ["minimum variance", "risk parity"]
    short = "of 252 returns: it needs 252 returns on 2008-02-28 (row 149), and 149 are known there."
    assert all(short in reason for reason in against.left_out.values())
    alone = replace(found, controls={"1/N": found.controls["1/N"]}).against_controls
    assert isinstance(alone, AgainstControls)
    assert against.differences == alone.differences != {}
    assert (
        f"Minimum variance is not compared: market 'multi_asset_daily' is too short for minimum variance {short}"
        in (" ".join(targets_brief(found).split()))
    )
    assert target_use_words(found).startswith(
        "Hold your strategic target: none of the controls compared is clearly better"
    )
    none = replace(found, controls={"risk parity": found.controls["risk parity"]}).against_controls
    assert isinstance(none, NotAvailable)
    assert short in none.reason


def test_a_target_is_called_by_its_policy(portfolio: Portfolio) -> None:
    sharpe = MeanVariance("maximum_sharpe", upper=0.4)
    both = replace(portfolio, policies={"minvol": Never(MeanVariance(upper=0.4)), "maxsharpe": Never(sharpe)})
    found = targets_today(both, DAY)
    assert [target.name for target in found.targets] == ["minvol", "maxsharpe"]
    assert found.targets[1].words == "mean variance (maximum Sharpe ratio) of 252 returns"


def test_before_the_test_nothing_is_compared(portfolio: Portfolio) -> None:
    against = targets_today(portfolio, "2014-12-30", ["monthly"]).against_controls
    assert isinstance(against, NotAvailable)
    assert against.reason == "the test begins on 2015-01-01: there are no days to compare."
