"""Policies of the main portfolio on the same days: paired, judged by the stated rule, each blind to the others."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.comparison import Comparison, backtest_warnings, compare
from backtests.comparison.fitting.candidates import backtest_candidate, fit
from backtests.comparison.recommendation import Work
from backtests.comparison.verdict import Told, cause_words, verdict_of
from foundation.errors import ConfigError, PolicyError
from research.learning import GradientSettings
from research.portfolio import load_portfolio

pytestmark = pytest.mark.usefixtures("few_simulated_tests", "few_judged_sessions")

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "global_multi_asset.yaml"
TAXED = FILE.parents[1] / "examples" / "tax_in_backtests.yaml"
FEW = ["never", "monthly", "quarterly", "threshold"]


@pytest.fixture(scope="module")
def few() -> Comparison:
    return compare(load_portfolio(FILE), only=FEW, draws=500)


@pytest.fixture(scope="module")
def more() -> Comparison:
    return compare(load_portfolio(FILE), only=[*FEW, "tuned", "hrp_threshold"], draws=500)


def test_a_policy_more_changes_no_other_policys_figures_or_intervals(few: Comparison, more: Comparison) -> None:
    for name in FEW:
        assert few.table()[name].equals(more.table()[name])
        assert np.array_equal(few.backtests[name].ledger.nav, more.backtests[name].ledger.nav)
        for metric in ("loss", "growth", "sharpe"):
            assert few.evidence.figures(metric)[name] == more.evidence.figures(metric)[name]
    for metric in ("loss", "growth", "sharpe"):
        for name, difference in few.evidence.differences(metric).items():
            other = more.evidence.differences(metric)[name]
            same = ("value", "lower", "upper", "p")
            assert [getattr(difference, f) for f in same] == [getattr(other, f) for f in same]


def test_all_policies_share_market_days_costs_and_start(more: Comparison) -> None:
    assert {b.first for b in more.backtests.values()} == {more.backtests["never"].first}
    assert {len(b.ledger.nav) for b in more.backtests.values()} == {2014}
    assert f"{more.backtests['never'].dates[0]:%Y-%m-%d}" == "2014-12-31"
    assert len({id(b.costs) for b in more.backtests.values()}) == 1


def test_policies_with_the_same_allocation_share_one_target_path(more: Comparison) -> None:
    assert len({id(more.backtests[name].targets) for name in [*FEW, "tuned"]}) == 1


def test_trials_count_every_configuration_that_was_tried(few: Comparison, more: Comparison) -> None:
    assert few.trials == 4
    assert more.trials == 4 + 40 + 1


def test_hrp_is_judged_against_the_strategic_target_and_is_not_eligible(more: Comparison) -> None:
    assert "hrp_threshold" in more.recommendation.broken
    s = more.scores["hrp_threshold"]
    assert s["tracking_error"] > 0.05 > 0.01 > s["tracking_error_own"]


def test_the_tuned_threshold_is_fitted_on_the_days_before_the_test(more: Comparison) -> None:
    assert f"{more.fitted['tuned'].tuned.policy.fitted_until:%Y-%m-%d}" == "2014-12-31"  # type: ignore[union-attr]


def test_an_unknown_candidate_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="'quaterly' is not among the candidates"):
        compare(load_portfolio(FILE), only=["never", "quaterly"])
    with pytest.raises(ConfigError, match="the reference 'quarterly' is not among those to compare"):
        compare(load_portfolio(FILE), only=["never", "monthly"])


@pytest.mark.parametrize(
    ("rows", "start", "said"),
    [
        (10, 3, r"the market of .*\.yaml has 10 rows, and 41 at least are needed: one before the test, and 40 of"),
        (40, 1, r"has 40 rows, and 41 at least are needed"),
        (41, 2, r"test_start of .*\.yaml is 2007-07-30: it leaves 39 sessions, and 40 at least are needed\. Choose an"),
    ],
)
def test_a_history_that_is_too_short_for_any_test_is_told_from_a_late_start(rows: int, start: int, said: str) -> None:
    whole = load_portfolio(FILE)
    market = whole.market.until(whole.market.dates[rows - 1])
    with pytest.raises(ConfigError, match=said):
        compare(replace(whole, market=market, test_start=market.dates[start]), only=["never", "quarterly"])


def test_an_allocation_without_a_solution_is_refused_with_the_name_of_its_policy() -> None:
    tight = {"kind": "mean_variance", "constraints": {"every_line": {"least": 0, "most": 0.1}}}
    portfolio = load_portfolio(FILE, {"policies.tight": {"rule": "calendar", "allocation": tight}})
    with pytest.raises(PolicyError, match=r"^policy 'tight': MeanVariance\(.*has no solution"):
        backtest_candidate(portfolio, portfolio.policies["tight"], "tight")


# -- the verdict -----------------------------------------------------------------------------------------------------


def test_the_verdict_says_what_to_do_and_what_it_gains_in_the_test_and_by_belief(more: Comparison) -> None:
    made, said, nav = more.recommendation, more.verdict, more.portfolio.nav
    assert (made.now, made.policy) == ("quarterly", "threshold")
    assert said.heading.startswith("Global multi-asset, 24,993,527 USD, tested 2015-01-02 to 2022-12-29.")
    assert said.heading.endswith("You do now: quarterly.")
    assert said.do == "USE threshold: it trades when a weight is 2 points off its target, to target."
    now, use = (more.scores[name] for name in ("quarterly", "threshold"))
    cash, saved = ((now[key] - use[key]) / 1e4 * nav for key in ("cost", "loss"))
    assert f"{cash:,.0f} less in costs and {saved - cash:,.0f} less in tracking at your penalty" in said.gain
    one, best = made.candidates["threshold"], made.candidates[made.best]
    lead = f"quarterly is expected to lose {best.gain.value:,.0f} USD a year more than {made.best}, the best"
    assert said.gain.startswith(f"{lead}: beyond your margin of 2,499 USD (1 bp; 1 bp is 0.01 %).")
    assert f"The expected gain of threshold is +{one.gain.value:,.0f} USD a year" in said.gain
    assert f"with a probability of {one.better:.2f}, and above the margin with {one.pays:.2f}" in said.gain
    growth = more.evidence.differences("growth")["threshold"]
    lead = f"grew {-100 * growth.value:.2f} points a year less than quarterly: −{-growth.value * nav:,.0f} USD"
    assert lead in said.growth
    assert f"(95 %: −{-growth.lower * nav:,.0f} to +{growth.upper * nav:,.0f}, not adjusted" in said.growth
    assert said.growth.endswith("Most of that came from BTC, of which it held 0.2 points less on average.")
    assert "hrp_threshold (another target)" in said.left
    assert more.answer().startswith(f"**{said.heading}** {said.do} {said.gain}")


def test_the_table_of_the_verdict_has_the_figures_of_the_test(more: Comparison) -> None:
    rows = {row[0]: row[1:] for row in more.verdict.rows}
    now, use = (more.scores[name] for name in ("quarterly", "threshold"))
    for label, key in (("growth, %", "growth"), ("tracking error, %", "tracking_error")):
        assert rows[label][:2] == (f"{100 * now[key]:.2f}", f"{100 * use[key]:.2f}")
    assert rows["costs, USD"][:2] == tuple(f"{s['cost'] / 1e4 * more.portfolio.nav:,.0f}" for s in (now, use))


def test_the_verdict_of_a_taxed_file_says_where_tax_is_and_who_is_best_after_that_at_the_end() -> None:
    found = compare(load_portfolio(TAXED), draws=100)
    said, years = found.verdict, 755 / 252
    assert said.rows[0][0] == "costs and tax, USD"
    assert "less in costs and tax and" in said.gain
    assert "Most of that is costs and tax." in said.growth
    after = {
        name: found.scores[name]["loss"] + played.tax_at_end / played.nav.iloc[-1] / years * 1e4
        for name, played in found.backtests.items()
    }
    assert len(found.backtests["wide"].net_returns) == 755
    assert min(after, key=lambda name: after[name]) == "yearly"
    assert said.growth.endswith(
        "Tax after the last day (at_end: liquidate) is in none of these figures: with it, J is lowest for yearly, "
        f"{after['yearly']:.2f} bp a year; that of wide is {after['wide']:.2f}."
    )


@pytest.mark.parametrize(("rate", "warned"), [(None, True), (0.0, True), (0.2, False)])
def test_a_deferral_without_a_tax_is_said_to_have_no_effect(rate: float | None, warned: bool) -> None:
    rule = {"rule": "no_trade_region", "deferral": {"years": 10, "growth": 0.06}}
    tax = None if rate is None else {"rate": rate, "short_rate": rate}
    given = {"policies": {"deferred": rule}, "tax": tax, "test_start": "2022-06-01"}
    deferred = load_portfolio(TAXED, given)
    fitted = fit("deferred", deferred)
    played = backtest_candidate(deferred, fitted.policy, "deferred")
    said = "deferred has a deferral, which has no effect: the test charges no tax."
    found = backtest_warnings(deferred, {"deferred": fitted}, {"deferred": played})
    assert any(words.startswith(said) for words in found) == warned


@pytest.mark.parametrize(
    ("probability", "said"),
    [(0.995, "more than 0.99"), (0.99, "more than 0.99"), (0.985, "0.98"), (0.02, "0.02"), (0.01, "less than 0.01")],
)
def test_a_probability_near_its_ends_is_not_said_to_more_digits(
    probability: float, said: str, more: Comparison
) -> None:
    made = more.recommendation
    one = replace(made.candidates["threshold"], better=probability)
    sure = replace(made, candidates={**made.candidates, "threshold": one})
    told = Told(more, sure, more.evidence)
    assert f"It is above zero with a probability of {said}, and" in verdict_of(told).gain


def test_a_probability_just_below_what_a_change_asks_is_not_written_like_it(more: Comparison) -> None:
    made = more.recommendation
    unsure = {name: replace(one, better=0.7987) for name, one in made.candidates.items()}
    told = Told(more, replace(made, policy="quarterly", candidates=unsure), more.evidence)
    said = verdict_of(told).gain
    assert "may be better, but not with the probability of 0.8 that a change asks." in said
    assert "It is above zero with a probability of 0.799, and" in said


def test_a_loss_just_beyond_the_margin_is_not_written_like_it(more: Comparison) -> None:
    made = more.recommendation
    least = made.candidates[made.best].gain.value - 0.004
    said = verdict_of(Told(more, replace(made, margin=least), more.evidence)).gain
    lost, margin = re.search(r"to lose ([\d,.]+) USD .* beyond your margin of ([\d,.]+) USD", said).groups()
    assert float(lost.replace(",", "")) > float(margin.replace(",", ""))


def test_a_best_policy_that_is_not_surely_better_is_not_given_for_the_reason(more: Comparison) -> None:
    made = more.recommendation
    best = made.best
    unsure = replace(made, candidates={**made.candidates, best: replace(made.candidates[best], better=0.79)})
    told = Told(more, unsure, more.evidence)
    losses = {name: one.loss for name, one in made.candidates.items() if name != best and one.better >= 0.8}
    next_best = min(losses, key=losses.__getitem__)
    said = f"{best} is better with a probability below 0.8, and {next_best} is the best of those above it."
    assert said in verdict_of(told).gain
    assert f"within the margin of {best}" not in verdict_of(told).gain


@pytest.mark.parametrize(
    ("beyond", "said"), [(-1.0, ", and is taken for that: its own gain is below your margin. The"), (1.0, ". The")]
)
def test_a_policy_taken_for_its_work_whose_own_gain_is_below_the_margin_says_so(
    beyond: float, said: str, more: Comparison
) -> None:
    made = more.recommendation
    one = made.candidates["threshold"]
    own = replace(one, gain=replace(one.gain, value=made.margin + beyond))
    told = Told(more, replace(made, candidates={**made.candidates, "threshold": own}), more.evidence)
    lead = f"threshold asks for the least work of those within the margin of {made.best_change}"
    assert f"{lead}{said} expected gain of threshold is +{made.margin + beyond:,.0f} USD" in verdict_of(told).gain


def test_the_least_work_of_a_verdict_is_that_of_the_recommendation(more: Comparison) -> None:
    """All trade on as many days, and one, not the first of the file, with fewer orders."""
    made = more.recommendation
    names = [name for name in made.candidates if name not in ("quarterly", made.best)]
    works = dict.fromkeys(made.candidates, Work(2.0, 9.0, 1)) | {names[-1]: Work(2.0, 8.0, 1)}
    alike = {name: replace(one, work=works[name]) for name, one in made.candidates.items()}
    kept = replace(made, policy="quarterly", margin=1e9, candidates=alike)
    assert verdict_of(Told(more, kept, more.evidence)).heads[-1] == f"{names[-1]} (least work)"


def test_a_verdict_to_keep_names_the_policy_that_loses_more(more: Comparison) -> None:
    made = more.recommendation
    kept = {"policy": "quarterly", "margin": 2.0 * made.candidates[made.best].gain.value}
    told = Told(more, replace(made, **kept), more.evidence)
    assert verdict_of(told).gain.startswith("quarterly is expected to lose ")


def test_policies_that_did_the_same_in_the_test_have_words(more: Comparison) -> None:
    alike = {**more.scores, "threshold": more.scores["quarterly"]}
    made = more.recommendation
    idle = replace(made.candidates["threshold"], work=made.candidates["quarterly"].work)
    same = replace(made, candidates={**made.candidates, "threshold": idle})
    told = Told(replace(more, scores=alike), same, more.evidence)
    assert "This test showed no difference." in verdict_of(told).gain


def test_the_price_of_tracking_is_said_as_what_a_file_may_give_in_its_place(more: Comparison) -> None:
    found = re.search(
        r"Your tracking penalty, 5, makes halving the ([\d.]+)\W% of quarterly worth ([\d.]+) bp", more.verdict.gain
    )
    assert found is not None
    error, worth = float(found[1]) / 100.0, float(found[2])
    assert 8.0 * worth / 1e4 / (3.0 * error**2) == pytest.approx(5.0, rel=0.01)  # as `load_portfolio` reads it


def test_its_table_has_the_figures_of_both_policies(more: Comparison) -> None:
    said = more.verdict
    assert said.heads == ("a year", "quarterly (now)", "threshold (use)", "change")
    rows = {row[0]: row[1:] for row in said.rows}
    assert list(rows) == [
        "costs, USD", "tracking error, %", "tracking at your penalty, USD", "days with a trade / orders",
        "loss at your prices, USD", "expected loss, by test and theory", "growth, %",
    ]  # fmt: skip
    assert rows["costs, USD"] == ("2,710", "2,256", "−454")
    assert rows["days with a trade / orders"] == ("3.9 / 31", "2.6 / 21", "−1.3 / −10")
    assert rows["tracking error, %"][2] == "−0.50"
    assert rows["tracking at your penalty, USD"][2] == "−5,091"  # with that of costs the change of the loss, rounded
    assert rows["loss at your prices, USD"][2] == "−5,544"


def test_where_nothing_matters_the_desk_is_told_to_go_on(few: Comparison) -> None:
    desk = load_portfolio(FILE, {"policy": "threshold"})
    said = compare(desk, only=FEW, draws=500).verdict
    assert said.do.startswith("KEEP threshold: ")
    next_one = r"No candidate is expected to lose less. The next, monthly, is expected to lose ([\d,]+) USD a year more"
    lost = re.search(next_one + r" \(95\W%: −[\d,]+ to \+[\d,]+\)\. It is better with a probability of 0", said.gain)
    assert lost is not None
    assert said.rows[-2][0] == "expected loss, by test and theory"
    threshold, monthly = (float(cell.replace(",", "")) for cell in said.rows[-2][1:])
    assert float(lost[1].replace(",", "")) == pytest.approx(monthly - threshold, abs=1.0)
    assert said.heads[1:] == ("threshold (now)", "monthly (best other)")
    unnamed = compare(replace(desk, policy=None), only=FEW, draws=500).verdict
    assert unnamed.heading.endswith("You named no policy of today: compared with threshold, least work within limits.")
    assert unnamed.do.startswith("USE threshold: ")
    assert unnamed.heads[1] == "threshold (base)"


def test_a_short_test_does_not_tell_how_far_never_drifts() -> None:
    """In forty days nothing drifts far, and not to trade is cheapest: of the years after them that says nothing."""
    short = {
        "test_start": "2022-06-01",
        "limits.max_days_outside": 1.0,
        "limits.tracking_error": 0.05,
        "policy": "monthly",
    }
    said = compare(load_portfolio(FILE, short), only=["never", "monthly", "quarterly"], draws=100)
    assert min(said.scores, key=lambda name: said.scores[name]["loss"]) == "never"
    assert "never" not in said.recommendation.candidates
    assert "never (a test of less than 3 years does not show how far it drifts)" in said.verdict.left
    own = compare(load_portfolio(FILE, short | {"policy": "never"}), only=["never", "quarterly"], draws=100)
    assert "never" in own.recommendation.candidates


def test_expected_losses_and_work_of_each_candidate_are_printed(more: Comparison) -> None:
    text, made = str(more), more.recommendation
    title = f"Expected loss, USD a year at a volatility of {100 * made.volatility:.1f} %, by theory and test"
    assert f"{title}\n" in text
    desk = load_portfolio(FILE, {"day_cost": 20.0, "order_cost": 1.5})
    priced = compare(desk, only=FEW, draws=100)
    assert f"{title}, days at 20 and orders at 1.5 USD included" in " ".join(str(priced).split("\n"))
    lost = next(row for row in priced.verdict.rows if row[0] == "loss at your prices, USD")
    assert [head.partition(" (")[0] for head in priced.verdict.heads[1:3]] == ["quarterly", "threshold"]
    for name, cell in zip(("quarterly", "threshold"), lost[1:3], strict=True):
        work = priced.recommendation.candidates[name].work
        own = priced.scores[name]["loss"] / 1e4 * desk.nav + 20.0 * work.days + 1.5 * work.orders
        assert float(cell.replace(",", "")) == pytest.approx(own, abs=0.51)
    name, one = "threshold", made.candidates["threshold"]
    row = next(line for line in text.partition(title)[2].splitlines() if line.startswith(f"{name} "))
    assert row.split()[1:4] == [f"{one.loss:,.0f}", f"{one.work.days:.1f}", f"{one.work.orders:.0f}"]
    assert row.endswith(f"{one.better:.2f}")


def test_a_policy_that_grew_more_past_a_range_and_another_limit_says_which_of_them_to_change(more: Comparison) -> None:
    both = ("tracking error 2.00 % exceeds the limit of 1.50 %", "an asset outside its range on 6.0 % of days")
    assert more.scores["never"]["growth"] > more.scores["threshold"]["growth"]
    told = Told(more, replace(more.recommendation, broken={"never": both}), more.evidence)
    assert "More growth outside your ranges: never." in verdict_of(told).left
    told = Told(more, replace(more.recommendation, broken={"never": both[:1]}), more.evidence)
    assert "More growth" not in verdict_of(told).left


def test_what_is_not_tested_has_no_p(more: Comparison) -> None:
    rows = {line.split()[0]: line for line in str(more).partition("Difference in loss J")[2].splitlines() if line}
    assert "too few episodes" in rows["never"]
    assert "–  too few episodes" in rows["never"]
    assert "95 % (this pair)" in str(more)


def test_who_now_breaches_a_limit_is_told_to_change_and_not_that_it_is_less_work() -> None:
    said = compare(load_portfolio(FILE, {"policy": "never"}), only=FEW, draws=500).verdict
    assert "You do now never, which breached a limit in the test: " in said.heading
    assert said.gain == (
        "never is no candidate, so a change is needed. Of the candidates threshold is expected to lose least."
    )


def test_the_price_of_a_day_below_which_another_pays_stands_beside_the_desks_own(more: Comparison) -> None:
    name, price = next(iter(more.recommendation.prices.items()))
    said = f"{name} is expected to lose less while a trading day costs you below {price:,.0f} USD"
    assert more.verdict.others.endswith(f"{said}.")
    desk = replace(more, portfolio=replace(more.portfolio, day_cost=20.0))
    assert verdict_of(Told(desk, more.recommendation, more.evidence)).others.endswith(f"{said} (now 20).")


def test_a_forced_change_says_what_it_gives_up_for_less_work(more: Comparison) -> None:
    made = more.recommendation
    forced = replace(made, candidates={name: one for name, one in made.candidates.items() if name != made.now})
    lost = forced.candidates["threshold"].loss - forced.candidates[forced.best].loss
    assert verdict_of(Told(more, forced, more.evidence)).gain == (
        "quarterly is no candidate, so a change is needed. threshold asks for the least work of those within your "
        f"margin of {forced.best}, the best: it is expected to lose {lost:,.0f} USD a year more."
    )


def test_policies_that_all_hold_another_target_breach_no_limit() -> None:
    desk = replace(load_portfolio(FILE), policy=None)
    said = compare(desk, only=["hrp_monthly", "hrp_threshold"], reference="hrp_monthly", draws=100).verdict
    assert said.heading.endswith("You named no policy of today.")
    assert said.do == (
        "No policy is recommended: all policies hold another target. Give one that holds the target of the file."
    )


def test_a_policy_alone_is_what_you_do_now() -> None:
    desk = load_portfolio(FILE, {"policy": "threshold", "reference": "threshold"})
    said = compare(desk, only=["threshold", "never"], draws=500).verdict
    assert said.heads == ("a year", "threshold (now)")
    assert "It is the only candidate" in said.gain
    unnamed = compare(replace(desk, policy=None), only=["threshold"], draws=100).verdict
    assert unnamed.heading.endswith("You named no policy of today.")


def test_no_sentence_of_a_verdict_is_long(more: Comparison, few: Comparison) -> None:
    for one in (more, few):
        for text in one.verdict.sentences():
            for sentence in re.split(r"(?<=[.:;])\s", text):
                assert len(sentence.split()) <= 25, sentence


def test_what_came_from_holding_more_and_what_from_timing_or_costs_is_told_apart() -> None:
    """B earns 10 % more than the portfolio on the second of four days: held 2 points more, it gives 0.2 points."""
    relative = np.array([[0.0, 0.0], [0.0, 0.1], [0.0, 0.0], [0.0, 0.0]])
    more, timed = np.array([[-0.02, 0.02]] * 4), np.array([[0.02, -0.02], [-0.02, 0.02]] * 2)
    held = "Most of that came from B, of which it held 2.0 points more on average."
    assert cause_words(more, relative, 0.0, 0.002, ("A", "B")) == held
    assert cause_words(timed, relative, 0.0, 0.002, "AB") == "Most of that came from when it held more or less of B."
    assert cause_words(more, relative, 0.001, 0.002, "AB") == "Most of that is costs."
    assert cause_words(more, relative, 0.0, 2.0 * (0.02 * 0.1), "AB") == held  # half of it
    assert cause_words(more, relative, 0.0, 0.0041, "AB") == ""  # less than half of it
    assert cause_words(more, relative, 0.0, -0.002, "AB") == ""  # the other way


def test_a_calendar_that_loses_less_than_a_daily_one_is_kept() -> None:
    """Costs of 40 bp a side: the calendar's J is 5.60, and that of daily trading 24.72."""
    costs = {f"costs.{c}.{k}_bps": 20.0 for c in ("us_equity", "bonds") for k in ("commission", "half_spread")}
    daily = {"policies.daily.rule": "calendar", "policies.daily.schedule": "day", "policy": "daily"}
    desk = load_portfolio(FILE.parent / "sixty_forty.yaml", costs | daily)
    found = compare(desk, only=["quarterly", "daily"], draws=500)
    assert [round(found.scores[name]["loss"], 2) for name in ("quarterly", "daily")] == [5.60, 24.72]
    assert found.verdict.do.startswith("USE quarterly: ")
    more = 100.0 * (found.scores["quarterly"]["growth"] - found.scores["daily"]["growth"])
    assert found.verdict.growth.startswith(f"In this test quarterly grew {more:.2f} points a year more than daily: +")
    assert found.recommendation.candidates["quarterly"].better > 0.99


def test_with_no_policy_within_the_limits_the_verdict_names_each_limit() -> None:
    desk = load_portfolio(FILE, {"limits.tracking_error": 1e-6})
    said = str(compare(desk, only=FEW, draws=500).verdict)
    assert "No policy is recommended: none is within the limits" in said
    for name in FEW:
        assert f"{name}: tracking error" in said


# -- what fitting may see --------------------------------------------------------------------------------------------


def test_fitting_a_candidate_sees_nothing_from_the_test_on() -> None:
    """The candidate's own way to its training days, on a market whose test days are turned upside down."""
    desk = load_portfolio(FILE)
    market, first = desk.market, desk.market.row(desk.test_start - pd.Timedelta(days=1)) + 1
    returns = market.returns.copy()
    returns[first:] *= -0.9
    other = replace(desk, market=replace(market, returns=returns))
    tuned, again = (fit("tuned", d) for d in (desk, other))
    assert tuned.tuned is not None
    assert again.tuned is not None
    assert tuned.policy == again.policy
    assert tuned.tuned.card.tried.equals(again.tuned.card.tried)
    little = GradientSettings(worlds=32, decisions=26, hidden=8)
    learned = replace(desk.policies["rl"], steps=1_000, seeds=(1,), gradient=little)
    one, two = (fit("rl", d, spec=learned, retrain=True).training for d in (desk, other))
    assert one is not None
    assert two is not None
    assert one.losses == two.losses


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rl_seeds": -1}, "rl_seeds is -1"),
        ({"rl_seeds": 10}, "has 5"),
        ({"rl_steps": -1}, "rl_steps is -1"),
        ({"draws": 50}, "50"),
    ],
)
def test_settings_that_cannot_be_met_are_refused_before_anything_is_fitted(settings: dict[str, int], said: str) -> None:
    def never_called(stage: str, done: int, total: int) -> None:
        raise AssertionError(f"{stage} was begun")

    with pytest.raises(ConfigError, match=said):
        compare(load_portfolio(FILE), progress=never_called, **settings)  # type: ignore[arg-type]


def test_a_learner_that_cannot_learn_with_the_costs_is_refused_before_anything_is_fitted() -> None:
    def never_called(stage: str, done: int, total: int) -> None:
        raise AssertionError(f"{stage} was begun")

    desk = load_portfolio(FILE, {"costs.bonds.ticket": 5.0})
    with pytest.raises(ConfigError, match=r"policies\.rl \(.*yaml\): learner 'gradient' needs proportional costs, but"):
        compare(desk, progress=never_called)
    desk = load_portfolio(FILE, {"costs.bonds.ticket": 5.0, "policies.rl.learner": "cross_entropy"})
    assert compare(desk, only=["quarterly", "rl"], rl_steps=1, rl_seeds=1, draws=200).scores["rl"]["loss"] > 0.0
