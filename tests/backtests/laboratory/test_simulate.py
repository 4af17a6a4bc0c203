"""The laboratory: path by path what one backtest says, and over paths what the closed forms say."""

import math
import re
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from laws import bootstrap, garch, gbm, merton
from scipy.stats import ttest_rel
from simulated import world

from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from backtests.inference.estimates import Estimate
from backtests.laboratory import simulate as module
from backtests.laboratory.simulate import Laboratory, difference, estimate, play
from foundation.errors import ConfigError, PolicyError
from research.accounting import Costs
from research.allocation import HRP, FixedWeights, target_path
from research.risk import GBM, StationaryBootstrap
from research.rules import Calendar, Never, Threshold, Within
from research.rules.optimum.one_asset import OVERSHOOT, best_half_width, reviewed, to_edge, to_target

HALF = FixedWeights((0.5, 0.3))
RULES = {
    "never": Never(HALF),
    "week": Calendar(HALF, "week"),
    "month, part of the way": Calendar(HALF, "month", fraction=0.5),
    "edge": Threshold(HALF, 0.01, "edge"),
    "target": Threshold(HALF, 0.01),
    "within": Threshold(HALF, 0.01, Within(0.004), fraction=0.7),
    "relative": Threshold(HALF, 0.05, kind="relative", schedule="week"),
}
PLAIN = Costs.bps(2, commission=5, half_spread=[5, 1])
TICKETS = Costs(np.full(2, 1e-3), np.zeros(2), ticket=np.full(2, 2e-5))  # of a wealth of 1


def small(**changes):
    """Ten paths: a whole block and a part of one."""
    given = {
        "model": gbm(),
        "target": (0.5, 0.3),
        "costs": PLAIN,
        "tracking_penalty": 5.0,
        "paths": 10,
        "days": 250,
        "seed": 3,
    }
    return Laboratory(**given | {"cash": 1e-4} | changes)


# -- path by path ----------------------------------------------------------------------------------------------------


def agrees(laboratory, rule):
    """Hold every figure of each path to the record of one backtest on it."""
    played, year = play(laboratory, rule, workers=2), laboratory.periods_per_year
    for k in range(laboratory.paths):
        one = laboratory.backtest(rule, k)
        strategic = target_path(FixedWeights(laboratory.target), one.market)
        found = score(one, Benchmark(strategic, np.zeros(2), np.ones(2), laboratory.tracking_penalty, year))
        days = laboratory.days - laboratory.warm_up
        assert played.loss[k] == pytest.approx(found.losses[-days:].mean(), rel=1e-11, abs=1e-12)
        gaps = one.weights.to_numpy()[-days:] - laboratory.target
        np.testing.assert_allclose(played.deviation[k], (gaps**2).mean(axis=0), rtol=1e-12, atol=1e-18)
        cost, turnover = 1e4 * year * one.cost_rate[-days:].mean(), year * one.turnover[-days:].mean()
        assert (played.cost[k], played.turnover[k]) == pytest.approx((cost, turnover), rel=1e-12, abs=1e-15)
        if laboratory.warm_up == 0:
            assert (played.cost[k], played.turnover[k]) == pytest.approx((found["cost"], found["turnover"]), rel=1e-12)
            assert played.events[k] == pytest.approx(found["trading_days"], rel=1e-12)
    return played


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("rule", RULES)
def test_each_path_is_one_backtest(rule, lag):
    played = agrees(small(lag=lag, costs=TICKETS if lag else PLAIN), RULES[rule])
    assert (played.events > 0).all() == (rule != "never")
    assert (played.deviation > 0).all()


@pytest.mark.parametrize("law", [merton, garch, bootstrap])
def test_each_path_of_any_law_is_one_backtest_after_its_warm_up(law):
    agrees(small(model=law(), warm_up=60, paths=3), RULES["within"])


def test_steps_may_be_weeks_and_days_those_of_another_calendar():
    agrees(small(model=gbm(periods_per_year=52), periods_per_year=52.0, paths=3), RULES["within"])
    agrees(small(model=gbm(periods_per_year=365), periods_per_year=365.0, calendar="24/7", paths=3), RULES["week"])


def test_a_bootstrapped_path_keeps_its_cash_and_halts():
    source = world(days=120, n=2)
    tradable, returns = source.tradable.copy(), source.returns.copy()
    tradable[30:60, 1], returns[30:60, 1] = False, 0.0
    source = replace(source, tradable=tradable, returns=returns, cash=np.arange(120) / 1e5)
    agrees(small(model=StationaryBootstrap(source, 6.0), cash=None), RULES["edge"])


def test_figures_do_not_depend_on_workers_or_blocks(monkeypatch):
    names, laboratory = ("cost", "tracking", "turnover", "events", "deviation"), small()
    one = play(laboratory, RULES["edge"])
    for block, workers in ((8, 2), (3, 1), (3, 3), (64, 2)):
        monkeypatch.setattr(module, "DRAWN_TOGETHER", block)
        other = play(laboratory, RULES["edge"], workers)
        for name in names:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_smaller_laboratory_has_the_first_paths_of_a_larger_one():
    np.testing.assert_array_equal(play(small(paths=4), RULES["edge"]).loss, play(small(), RULES["edge"]).loss[:4])


# -- what is played path by path -------------------------------------------------------------------------------------


class AsDecided(Threshold):
    """The same rule, which says so day by day."""

    def decide(self, view):
        return super().decide(view)


@dataclass(frozen=True)
class Winner:
    """All in the asset that did best so far."""

    schedule = "month"
    window = 0

    def target(self, past):
        return np.eye(2)[int(np.argmax(past.returns.sum(axis=0)))]


def test_a_policy_without_no_trade_bands_has_the_same_figures():
    laboratory = small(paths=3, days=60, warm_up=10)
    compiled, slow = (play(laboratory, kind(HALF, 0.01, "edge")) for kind in (Threshold, AsDecided))
    for name in ("cost", "tracking", "turnover", "events", "deviation"):
        np.testing.assert_allclose(getattr(slow, name), getattr(compiled, name), rtol=1e-11, atol=1e-18)
    assert compiled.events.max() > 0


def test_a_rule_that_reads_returns_is_played_with_the_bands_of_each_path():
    for rule in (Calendar(Winner(), "month"), Calendar(HALF, "month", tranches=3)):
        agrees(small(paths=5), rule)
    agrees(small(paths=3, warm_up=80), Threshold(HALF, 0.1, kind="volatility", returns=40))


def test_rules_that_share_kept_paths_have_the_figures_of_rules_that_do_not():
    shares, alone = small(warm_up=100, keeps=True), small(warm_up=100)
    assert shares.market(2) is shares.market(2)
    assert alone.market(2) is not alone.market(2)
    for rule in (Calendar(HRP(60), "month"), Calendar(HRP(90), "month"), Calendar(HRP(60), "month")):
        one, other = play(shares, rule), play(alone, rule)
        np.testing.assert_array_equal(one.loss, other.loss)
        np.testing.assert_array_equal(one.deviation, other.deviation)


def test_a_rule_that_first_waits_for_a_window_needs_a_warm_up_as_long():
    rule = Calendar(HRP(window=63), "month")
    agrees(small(paths=3, warm_up=80), rule)
    with pytest.raises(
        ConfigError, match="warm_up is 62: the rule has too little history before step 63: give 63 or more"
    ):
        play(small(paths=3, warm_up=62), rule)


def test_costs_that_are_more_than_a_size_are_charged_on_each_path():
    agrees(small(paths=3, costs=replace(PLAIN, management_fee=0.01)), RULES["edge"])


# -- closed forms ----------------------------------------------------------------------------------------------------

P, SIGMA, COST, G = 0.6, 0.16, 0.001, 2.0  # one risky asset of sixty per cent, 10 bp a side
DAY, ONE = 1 / 252, FixedWeights((0.6,))
OVER = OVERSHOOT * P * (1 - P) * SIGMA * math.sqrt(DAY)  # what a band is wider by when it is checked at closes
H = best_half_width(P, COST, G)


@pytest.fixture(scope="module")
def sixty():
    """Ten years on 3,000 paths, after ten in which they forget where they began; the drift leaves the weight alone."""
    model, costs = GBM([P * SIGMA**2], [[SIGMA**2]], 252), Costs.bps(1, commission=1e4 * COST)
    return Laboratory(model, (P,), costs, G, paths=3_000, days=5_040, seed=1, warm_up=2_520)


@pytest.fixture(scope="module")
def on_sixty(sixty):
    """Figures of a rule there, played once for all tests."""
    return cache(lambda rule: play(sixty, rule, workers=2))


def loss(played):
    """Bp a year: tracking from the deviation, which has less noise than squared returns, as in the closed form."""
    return float((played.cost + 0.5 * G * SIGMA**2 * played.deviation[:, 0] * 1e4).mean())


@pytest.mark.parametrize("times", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("to", "form"), [("edge", to_edge), ("target", to_target)])
def test_a_band_turns_over_and_strays_as_its_closed_form(on_sixty, to, form, times):
    played, expected = on_sixty(Threshold(ONE, times * H, to)), form(P, SIGMA, times * H, DAY)
    wide = times > 1.0  # the form is of leading order in the band
    assert played.turnover.mean() == pytest.approx(expected.turnover, rel=0.05 if wide else 0.02)
    assert played.deviation.mean() == pytest.approx(expected.deviation, rel=0.05 if wide else 0.03)
    assert loss(played) == pytest.approx(1e4 * expected.loss(SIGMA, COST, G), rel=0.02)
    tracking = estimate(played.tracking)
    assert tracking.value == pytest.approx(0.5e4 * G * SIGMA**2 * played.deviation.mean(), abs=5 * tracking.error)


@pytest.mark.parametrize(("every", "interval"), [("month", 1 / 12), ("quarter", 1 / 4)])
def test_a_calendar_turns_over_and_strays_as_its_closed_form(on_sixty, every, interval):
    played, expected = on_sixty(Calendar(ONE, every)), reviewed(P, SIGMA, interval, watched=DAY)
    assert played.turnover.mean() == pytest.approx(expected.turnover, rel=0.02)
    assert played.deviation.mean() == pytest.approx(expected.deviation, rel=0.03)
    assert played.events.mean() == pytest.approx(1 / interval, rel=0.02)


@pytest.mark.parametrize(("rule", "worked"), [
    (Threshold(ONE, 0.5 * H, "edge"), 0.42),
    (Threshold(ONE, H, "edge"), 0.315),
    (Threshold(ONE, 2 * H - OVER, "edge"), 0.53),  # watched without pause: a narrower band at closes
    (Calendar(ONE, "month"), 1.08),
    (Calendar(ONE, "quarter"), 0.66),
], ids=["half of h*", "h*", "twice h*", "month", "quarter"])  # fmt: skip
def test_losses_of_the_worked_case(on_sixty, rule, worked):
    assert loss(on_sixty(rule)) == pytest.approx(worked, rel=0.02)


@pytest.mark.parametrize(("every", "interval"), [("month", 1 / 12), ("quarter", 1 / 4)])
def test_at_equal_tracking_bands_turn_over_as_much_less_than_a_calendar_as_leland_says(on_sixty, every, interval):
    """Leland (1999): by 48.8 % to the edge and 27.6 % to the target. The bands come from the closed forms alone."""
    calendar, checks = on_sixty(Calendar(ONE, every)), 0.25 * (P * (1 - P) * SIGMA) ** 2 * DAY
    strays = reviewed(P, SIGMA, interval, watched=DAY).deviation + checks
    for to, widths, ratio in (("edge", 3.0, math.sqrt(math.pi / 12)), ("target", 6.0, math.sqrt(math.pi / 6))):
        band = on_sixty(Threshold(ONE, math.sqrt(widths * strays) - OVER, to))
        assert band.deviation.mean() == pytest.approx(calendar.deviation.mean(), rel=0.02)
        assert band.turnover.mean() / calendar.turnover.mean() == pytest.approx(ratio, abs=0.015)


def test_closed_forms_would_notice_a_late_booking(sixty):
    few, daily = replace(sixty, paths=500, days=750, warm_up=250), reviewed(P, SIGMA, DAY)
    at_once, late = (play(replace(few, lag=lag), Calendar(ONE, "day")) for lag in (0, 1))
    assert at_once.turnover.mean() == pytest.approx(daily.turnover, rel=0.02)
    assert at_once.deviation.max() < 1e-12
    assert late.turnover.mean() < 0.75 * daily.turnover  # every other day
    band, expected = play(replace(few, lag=1), Threshold(ONE, H / 2, "edge")), to_edge(P, SIGMA, H / 2, DAY)
    assert band.deviation.mean() > 1.06 * expected.deviation


def test_closed_forms_would_notice_a_cost_that_is_charged_twice(sixty):
    twice = play(replace(sixty, costs=sixty.costs.scaled(2.0), paths=1_000), Threshold(ONE, H, "edge"), workers=2)
    assert loss(twice) > 1.2 * 0.315


# -- numbers with their errors ---------------------------------------------------------------------------------------


def test_bounds_are_those_of_students_paired_t():
    one, other = (play(small(), RULES[name]) for name in ("edge", "target"))
    found, theirs = difference(one, other, "turnover", level=0.9), ttest_rel(one.turnover, other.turnover)
    assert found.value == pytest.approx((one.turnover - other.turnover).mean(), rel=1e-12)
    assert (found.lower, found.upper) == pytest.approx(theirs.confidence_interval(0.9), rel=1e-9)
    assert found.value / found.error == pytest.approx(theirs.statistic, rel=1e-9)


def test_rules_on_the_same_paths_differ_by_less_noise_than_they_have(sixty):
    shorter = replace(sixty, paths=200)
    one, other = (play(shorter, Threshold(ONE, h, "edge")) for h in (H, 1.1 * H))
    assert difference(one, other).error < 0.35 * estimate(one.loss).error
    assert difference(one, one) == Estimate(0.0, 0.0, 0.0, 0.95)
    assert difference(one, one).error == 0.0


def test_the_summary_has_a_row_a_figure():
    played = play(small(), RULES["edge"])
    table = played.summary()
    assert table.index.tolist() == ["loss", "cost", "tracking", "turnover", "events"]
    assert table.loc["loss", "mean"] == pytest.approx(played.cost.mean() + played.tracking.mean(), rel=1e-12)
    assert "Threshold" in repr(played)
    assert "10 paths" in repr(played)


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small(paths=1), "paths is 1: give a whole number of 2 or more."),
        (lambda: small(warm_up=250), "warm_up is 250: give fewer than the 250 days, so that some are measured."),
        (lambda: small(tracking_penalty=-1.0), "tracking_penalty is -1.0: give a finite number"),
        (lambda: small(periods_per_year=52.0), "periods_per_year is 52.0: give 252, as the model has."),
        (lambda: small(target="half"), "target is 'half': give weights"),
        (lambda: small(target=(0.5, 0.3, 0.1)), "target is (0.5, 0.3, 0.1): give a weight for each of the 2 assets"),
        (lambda: play(small(), RULES["edge"], workers=0), "workers is 0: give a whole number of threads, 1 or more."),
        (lambda: play(small(costs=Costs.bps(3)), RULES["edge"]), "costs have 3 assets and the market 2"),
        (lambda: play(small(lag=-1), RULES["edge"]), "lag is -1: it counts sessions, 0 or more."),
        (lambda: estimate(np.ones(3), level=95), "level is 95: give a confidence between 0 and 1, such as 0.95."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_a_sentence(make, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        make()


def test_rules_of_two_laboratories_are_not_compared():
    one, other = play(small(), RULES["edge"]), play(small(seed=4), RULES["edge"])
    with pytest.raises(
        ConfigError, match="seed is 3 for one result and 4 for the other: simulate both rules on the same paths"
    ):
        difference(one, other)
    with pytest.raises(ConfigError, match="figure is 'growth': use one of loss, cost, tracking, turnover, events"):
        difference(one, one, "growth")


def test_a_path_that_cannot_be_booked_is_named():
    ruinous, rule = small(costs=replace(PLAIN, ticket=np.full(2, 0.3)), days=40), Threshold(HALF, 0.03, "edge")
    calm = [path for path in range(10) if not len(small(days=40).backtest(rule, path).booked)]
    assert 0 in calm
    first = min(set(range(10)) - set(calm))
    with pytest.raises(PolicyError, match="the costs of its trade would take") as alone:
        ruinous.backtest(rule, first)
    with pytest.raises(PolicyError, match=re.escape(f"on path {first}, {alone.value}")):
        play(ruinous, rule, workers=3)
