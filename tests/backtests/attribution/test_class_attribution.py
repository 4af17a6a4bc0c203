"""Attribution by class: against the formula day by day, sums that are exact, and what has no classes."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from drawn_cases import case

from backtests.attribution.class_attribution import NO_SECTOR, brinson_fachler, class_attribution, class_returns
from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import target_returns
from foundation.errors import ConfigError, DataError, PolicyError
from research.allocation import FixedWeights
from research.portfolio import Portfolio
from research.risk.decomposition.linking import linked_effects
from research.rules import Never

# Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd edition: UK, Japanese and US equities.
# The first quarter is the single period of table 5.3; the four quarters and their linking are tables 8.1 and 8.2,
# with figures to four decimals as quoted in the tests of the R package PortfolioAttribution.
WEIGHTS = np.array([[0.4, 0.3, 0.3], [0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.3, 0.5, 0.2]])
RETURNS = np.array([[0.20, -0.05, 0.06], [-0.05, 0.03, -0.05], [-0.20, 0.08, -0.15], [0.10, -0.07, 0.25]])
BENCHMARK = np.array([[0.4, 0.2, 0.4], [0.4, 0.3, 0.3], [0.5, 0.4, 0.1], [0.4, 0.4, 0.2]])
INDICES = np.array([[0.10, -0.04, 0.08], [-0.07, 0.04, -0.10], [-0.25, 0.05, -0.20], [0.05, -0.05, 0.10]])


@pytest.fixture(scope="module")
def main(portfolio: Portfolio) -> dict[str, Backtest]:
    names = ("never", "quarterly", "threshold", "hrp_monthly")
    return {name: backtest_candidate(portfolio, portfolio.policies[name], name) for name in names}


def test_effects_add_up_in_every_month_and_linked_over_the_test(main: Mapping[str, Backtest]) -> None:
    for one, other in permutations(main, 2):
        found = class_attribution(main[one], main[other])
        assert found.residual <= 1e-12
        grown = [b.ledger.nav[-1] / b.wealth for b in (main[one], main[other])]
        assert found.difference == pytest.approx(grown[0] - grown[1], abs=1e-10)
        assert found.table["total"].sum() == pytest.approx(found.difference, abs=1e-10)
        months = np.diff(np.log(np.append(1.0, np.cumprod(1.0 + found.returns))))
        dates = main[one].dates[1:].to_period("M")
        logs = np.bincount(dates.astype("int64") - dates.astype("int64")[0], np.log1p(main[one].net_returns))
        logs[0] += np.log(main[one].ledger.nav[0] / main[one].wealth)
        assert months == pytest.approx(logs, abs=1e-12)


def test_one_month_is_the_formula_of_its_days(main: Mapping[str, Backtest]) -> None:
    """March 2020 of us_equity, which has two assets, written out from the weights at closes."""
    one, other = main["hrp_monthly"], main["quarterly"]
    found = class_attribution(one, other)
    month = list(found.months.strftime("%Y-%m")).index("2020-03")
    inside = np.flatnonzero(one.dates.strftime("%Y-%m") == "2020-03")
    returns, logs = one.market.returns[one.first :], np.zeros(3)
    nets = np.zeros((len(inside), 2))
    for k, t in enumerate(inside):
        w, v = (b.weights.to_numpy()[t - 1] for b in (one, other))
        a, b = w[:2].sum(), v[:2].sum()  # SPY and QQQ
        r, i, whole = w[:2] @ returns[t, :2] / a, v[:2] @ returns[t, :2] / b, v @ returns[t]
        nets[k] = [played.ledger.nav[t] / played.ledger.nav[t - 1] - 1.0 for played in (one, other)]
        factor = np.log((1.0 + nets[k, 0]) / (1.0 + nets[k, 1])) / (nets[k, 0] - nets[k, 1])
        logs += factor * np.array([(a - b) * (i - whole), b * (r - i), (a - b) * (r - i)])
    total = np.prod(1.0 + nets, axis=0) - 1.0
    logs /= np.log((1.0 + total[0]) / (1.0 + total[1])) / (total[0] - total[1])
    assert found.effects[month, found.classes.index("us_equity"), :3] == pytest.approx(logs, abs=1e-11)


def test_against_the_strategic_target_the_other_return_is_the_targets(portfolio, main) -> None:
    target = benchmark_of(portfolio, portfolio.market).strategic
    found = class_attribution(main["never"], target)
    expected = np.prod(1.0 + target_returns(target, portfolio.market, main["never"].first))
    assert np.prod(1.0 + found.compared) == pytest.approx(expected, rel=1e-12)
    assert found.residual <= 1e-12
    assert found.table["compared"].sum() == pytest.approx(1.0, abs=1e-12)
    assert found.other == "the target"


def test_sectors_are_taken_where_the_instruments_have_them(main: Mapping[str, Backtest]) -> None:
    with pytest.raises(ConfigError, match=r"no asset of market 'multi_asset_daily' has a sector: give them in"):
        class_attribution(main["never"], main["quarterly"], by="sector")
    one = main["never"].market
    table = one.instruments.assign(sector=["broad", "tech", *[""] * 6])
    named = [replace(main[n], market=replace(one, instruments=table)) for n in ("never", "quarterly")]
    found = class_attribution(*named, by="sector")
    assert found.classes == ("broad", "tech", NO_SECTOR, "cash")
    assert found.residual <= 1e-12


def test_random_mixtures_of_every_cost_and_event_add_up() -> None:
    for seed in range(60):
        c = case(seed)
        less = FixedWeights(tuple(0.6 * w for w in c.policy.allocation.weights))
        try:
            one, other = c.played(), c.played(Never(less))
        except PolicyError:
            continue
        assert class_attribution(one, other).residual <= 1e-10


def test_one_period_of_the_textbook() -> None:
    found = brinson_fachler(WEIGHTS[:1], RETURNS[:1], BENCHMARK[:1], INDICES[:1])
    assert found.allocation[0] == pytest.approx([0.0, -0.0104, -0.0016], abs=1e-12)
    assert found.selection[0] == pytest.approx([0.04, -0.002, -0.008], abs=1e-12)
    assert found.interaction[0] == pytest.approx([0.0, -0.001, 0.002], abs=1e-12)
    assert sum(effect.sum() for effect in found) == pytest.approx(0.083 - 0.064, abs=1e-12)


def test_four_quarters_of_the_textbook_linked_by_carino() -> None:
    found = brinson_fachler(WEIGHTS, RETURNS, BENCHMARK, INDICES)
    r, b = (WEIGHTS * RETURNS).sum(axis=1), (BENCHMARK * INDICES).sum(axis=1)
    assert found.allocation.sum(axis=1) == pytest.approx([-0.012, -0.005, 0.035, -0.010], abs=1e-12)
    top_down = found.selection + found.interaction  # which the book adds up
    allocation, selection = (linked_effects(effect, r, b).sum(axis=0) for effect in (found.allocation, top_down))
    assert allocation == pytest.approx([0.0165, -0.0060, 0.0015], abs=6e-5)
    assert selection == pytest.approx([0.0804, 0.0018, 0.0385], abs=6e-5)
    assert allocation.sum() == pytest.approx(0.0120, abs=6e-5)
    assert selection.sum() == pytest.approx(0.1207, abs=6e-5)
    assert allocation.sum() + selection.sum() == pytest.approx(np.prod(1.0 + r) - np.prod(1.0 + b), abs=1e-14)


def test_a_class_that_one_side_does_not_hold_has_an_allocation_effect_only() -> None:
    w, v = np.array([[0.7, 0.3, 0.0, 0.0]]), np.array([[0.6, 0.0, 0.4, 0.0]])
    r, b = np.array([[0.10, -0.05, np.nan, np.nan]]), np.array([[0.08, np.nan, 0.02, np.nan]])
    found, whole = brinson_fachler(w, r, v, b), 0.6 * 0.08 + 0.4 * 0.02
    assert found.allocation[0, 1:] == pytest.approx([0.3 * (-0.05 - whole), -0.4 * (0.02 - whole), 0.0], abs=1e-15)
    assert found.selection[0, 1:].tolist() == [0.0, 0.0, 0.0]
    assert found.interaction[0, 1:].tolist() == [0.0, 0.0, 0.0]
    assert sum(effect.sum() for effect in found) == pytest.approx(0.7 * 0.10 - 0.3 * 0.05 - whole, abs=1e-15)


def test_a_class_whose_lines_cancel_is_refused_with_its_name() -> None:
    weights, members = np.array([[0.5, 0.2, -0.2]]), np.array([0, 1, 1])
    with pytest.raises(DataError, match=r"class pairs holds 0.4 of NAV long and short in period 0"):
        class_returns(weights, np.zeros((1, 3)), members, ("funds", "pairs"))
