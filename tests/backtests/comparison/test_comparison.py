"""Policies of the main portfolio on the same days: paired, judged by the stated rule, each blind to the others."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.comparison import Comparison, backtest_warnings, compare
from backtests.comparison.fitting.candidates import backtest_candidate, fit
from backtests.comparison.recommendation import PricedAnswer
from backtests.comparison.verdict import Verdict, VerdictInputs, orders_words, verdict_of
from backtests.sheets.sections.first_screen import first_screen
from desk.commands.report import trades_of
from foundation.errors import ConfigError, PolicyError
from foundation.paper.wording import number
from research.learning import GradientSettings
from research.portfolio import load_portfolio
from research.portfolio.assumed import assumed_words

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
    assert (few.trials, more.trials) == (4, 4 + 40 + 1)


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


@pytest.mark.parametrize(("rows", "start", "said"), [
    (10, 3, r"the market of .*\.yaml has 10 rows, and 41 at least are needed: one before the test, and 40 of"),
    (40, 1, r"has 40 rows, and 41 at least are needed"),
    (41, 2, r"test_start of .*\.yaml is 2007-07-30: it leaves 39 sessions, and 40 at least are needed\. Choose an"),
])  # fmt: skip
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


def words_and_figures(text: str) -> tuple[int, int]:
    return len(text.split()), len(re.findall(r"\d[\d,.]*", text))


def test_the_verdict_says_what_to_do_what_it_gains_and_how_likely_that_is(more: Comparison) -> None:
    made, said = more.recommendation, more.verdict
    assert (made.now, made.base, made.policy) == ("quarterly", "quarterly", "tuned")
    assert said.heading == "Global multi-asset, 24,993,527 USD, tested 2015-01-02 to 2022-12-29."
    assert said.do.startswith("Use tuned instead of quarterly: it trades when a weight is ")
    one, now = made.candidates["tuned"], made.candidates["quarterly"]
    assert said.gain == f"It is expected to cost {one.gain.value:,.0f} USD a year less, a trading day at 25."
    ends = " to ".join(number(v, 0, signed=True) for v in (one.gain.lower, one.gain.upper))
    worse, days = round(100 * (1.0 - one.better)), [f"{each.work.days:.1f}" for each in (one, now)]
    assert said.likely.startswith(
        f"19 times in 20 it gains {ends}; {worse} in 100 that it costs more. It trades on {days[0]} instead of "
        f"{days[1]} days a year."
    )
    assert "hrp_threshold (another target)" in said.details["What was left out"]
    assert more.answer().startswith(f"{said.heading} **{said.do}** {said.gain}")


def test_its_tables_have_the_figures_of_both_policies_and_of_the_best_of_each_class(more: Comparison) -> None:
    made, said, nav = more.recommendation, more.verdict, more.portfolio.nav
    assert said.figures.heads == ("a year", "quarterly (now)", "tuned (use)", "change")
    rows = {row[0]: row[1:] for row in said.figures.rows}
    assert list(rows) == [
        "costs, USD", "tracking error, %", "expected days / orders", "expected loss, USD", "growth, %",
    ]  # fmt: skip
    names = ("quarterly", "tuned")
    assert rows["costs, USD"][:2] == tuple(f"{more.scores[name]['cost'] / 1e4 * nav:,.0f}" for name in names)
    assert rows["growth, %"][:2] == tuple(f"{100 * more.scores[name]['growth']:.2f}" for name in names)
    assert rows["expected loss, USD"][:2] == tuple(f"{made.candidates[name].loss:,.0f}" for name in names)
    contest = {row[0]: row[1:] for row in said.contest.rows}
    assert list(contest) == ["threshold: tuned", "another target: hrp_threshold"]
    own = more.scores["hrp_threshold"]
    priced = (own["cost"] + 2.5e4 * own["tracking_error_own"] ** 2) / 1e4 * nav + 25.0 * own["trading_days"]
    assert float(contest["another target: hrp_threshold"][0].replace(",", "")) == pytest.approx(priced, rel=0.01)


def test_the_first_screen_has_120_words_and_20_figures_and_its_tables_30(more: Comparison, few: Comparison) -> None:
    kept = compare(load_portfolio(FILE, {"policy": "threshold"}), only=FEW, draws=100)
    forced = compare(load_portfolio(FILE, {"policy": "never"}), only=FEW, draws=100)
    for one in (more, few, kept, forced, compare(load_portfolio(FILE, {"policy": None}), only=FEW, draws=100)):
        screen = first_screen(one)
        few_warnings = one.warnings[: screen["warnings_shown"]]
        orders = orders_words(one.recommendation, trades_of(one))
        words, figures = words_and_figures(" ".join([screen["verdict"], *screen["beside"], orders, *few_warnings]))
        assert words <= 120, screen["verdict"]
        assert figures <= 20
        cells = [cell for table in (one.verdict.figures, one.verdict.contest) for row in table.rows for cell in row[1:]]
        assert words_and_figures(" ".join(cells))[1] <= 30


def test_what_is_done_now_is_kept_and_the_best_other_named(few: Comparison) -> None:
    desk = load_portfolio(FILE, {"policy": "threshold"})
    found = compare(desk, only=FEW, draws=500)
    said, made = found.verdict, found.recommendation
    assert said.do.startswith("Keep threshold: ")
    other = made.others[0]
    apart = made.candidates[other].loss - made.candidates["threshold"].loss
    assert (
        said.gain == f"The best other, {other}, is expected to cost {apart:,.0f} USD a year more, a trading day at 25."
    )
    assert said.figures.heads[1:] == ("threshold (now)", f"{other} (best other)", "change")
    unnamed = compare(replace(desk, policy=None), only=FEW, draws=500).verdict
    assert unnamed.heading.endswith("You named no policy of today.")
    assert unnamed.do.startswith("Use threshold: ")
    assert unnamed.gain.startswith(f"The next best, {other}, is expected to cost ")
    assert unnamed.figures.heads[1] == f"{other} (next best)"


def told(more: Comparison, **changed: Any) -> Verdict:
    return verdict_of(VerdictInputs(more, replace(more.recommendation, **changed), more.evidence))


def test_a_kept_policy_says_when_nothing_is_worth_the_time_and_what_a_wrong_choice_costs(more: Comparison) -> None:
    kept = {"policy": "quarterly"}
    assert "Nothing here is worth your time." in told(more, **kept, nothing=0.95).likely
    assert "Nothing here" not in told(more, **kept, nothing=0.94).likely
    doubt = "Not to know which is best costs 3,000 USD a year on average."
    assert doubt in told(more, **kept, nothing=0.5, at_stake=3_000.0).likely
    assert "Not to know" not in told(more, **kept, nothing=0.5, at_stake=2_000.0).likely
    gain = max(one.gain.value for one in more.recommendation.candidates.values())
    said = told(more, **kept, margin=gain + 0.004).gain
    lost, margin = re.search(r"cost ([\d,.]+) USD a year less, within your margin of ([\d,.]+),", said).groups()
    assert float(lost.replace(",", "")) < float(margin.replace(",", ""))


@pytest.mark.parametrize(
    ("better", "said"), [(0.995, "less than 1 in 100"), (0.985, "2 in 100"), (0.002, "more than 99 in 100")]
)
def test_a_probability_near_its_ends_is_not_said_to_more_digits(better: float, said: str, more: Comparison) -> None:
    made = more.recommendation
    one = replace(made.candidates["tuned"], better=better)
    assert f"; {said} that it costs more." in told(more, candidates={**made.candidates, "tuned": one}).likely


def test_the_menu_names_the_answers_at_the_next_prices_of_a_day(more: Comparison) -> None:
    offers = (
        PricedAnswer("monthly", 0.0, 9.5), PricedAnswer("tuned", 9.5, 137.2), PricedAnswer("never", 137.2, math.inf),
    )  # fmt: skip
    assert told(more, menu=offers).menu == "If a trading day costs you under 9.50: monthly; 137 or more: never."
    assert told(more, menu=offers[1:2]).menu == ""
    said = told(more, menu=offers).details["What else would do"]
    assert said.endswith("in USD, under 9.50: monthly; 9.50 to 137: tuned; 137 or more: never.")


def test_an_assumed_price_of_work_stands_in_the_first_line_and_beside_the_gain() -> None:
    found = compare(load_portfolio(FILE, {"day_cost": None, "order_cost": 1.5}), only=FEW, draws=100).verdict
    assert found.heading.endswith("A trading day is assumed to cost you 25 USD.")
    assert found.gain.endswith("a trading day at 25 (assumed) and an order at 1.50.")
    free = compare(load_portfolio(FILE, {"day_cost": 0}), only=FEW, draws=100).verdict
    assert "assumed" not in free.heading
    assert free.gain.endswith(" a year less.")


def test_what_a_file_marks_as_assumed_is_so_called_wherever_it_is_told() -> None:
    marked = ["costs", "tracking_penalty", "materiality_bps"]
    desk = load_portfolio(FILE, {"day_cost": None, "assumed": marked})
    found = compare(desk, only=FEW, draws=100).verdict
    said = "Assumed: costs, tracking penalty 5, margin 1 bp and a trading day at 25 USD."
    assert found.heading.endswith(said)
    assert "tracking error at the assumed penalty" in found.figures.caption
    assert "The assumed margin is" in str(found)
    assert "your margin" not in str(found).lower()
    assert "times yours" not in str(found)
    own = load_portfolio(FILE, {"assumed": marked, "tracking_penalty": 4, "day_cost": 0})
    assert assumed_words(own) == "Assumed: costs and margin 1 bp."  # what is given beside the file is stated
    assert assumed_words(load_portfolio(FILE, {"assumed": ["day_cost"], "day_cost": 7})) == ""


@pytest.mark.parametrize(
    ("costs", "do"),
    [
        ({"commission_bps": 1.5, "half_spread_bps": 1.5, "ticket": 0}, "Keep quarterly"),
        ({"commission_bps": 0, "half_spread_bps": 3, "ticket": 5.9}, "Use threshold instead of quarterly"),
    ],
)
def test_a_fee_for_each_order_decides_for_an_account_of_230_000(costs: dict[str, float], do: str) -> None:
    """Bp that nobody takes of it keep a policy of many small orders; what a broker takes asks for fewer."""
    held = {"cash": 2_300, "lines": {"SPY": {"shares": 360}, "AGG": {"shares": 940}}, "limits": {"minimum_trade": 100}}
    asked = held | {"day_cost": 0, "policy": "quarterly", "costs": {"us_equity": costs, "bonds": costs}}
    small = load_portfolio(FILE.with_name("sixty_forty.yaml"), asked)
    assert small.nav == pytest.approx(230_000, rel=0.01)
    found = compare(small, only=["quarterly", "threshold", "threshold_within"], draws=100).verdict
    assert found.do.startswith(do)


def test_growth_is_told_as_chance_with_the_premium_that_would_outweigh_the_gain(more: Comparison) -> None:
    """By hand: the mean difference in the weight of each class, and the spread of daily differences."""
    played = {name: more.backtests[name] for name in ("quarterly", "tuned")}
    apart = played["tuned"].net_returns - played["quarterly"].net_returns
    chance = np.std(apart) * np.sqrt(252.0) * more.portfolio.nav
    kinds = more.portfolio.market.instruments["asset_class"].to_numpy()
    by_class = (played["tuned"].weights - played["quarterly"].weights).mean().groupby(kinds).sum()
    most = by_class.abs().idxmax()
    premium = more.recommendation.candidates["tuned"].gain.value / (by_class[most] * more.portfolio.nav)
    said = more.verdict.details["What of growth"]
    assert f"a standard deviation of {chance:,.0f}." in said
    way = "below" if premium > 0.0 else "above"
    assert (
        f"of {most}: a premium of that {way} {-100 * premium:.1f} % a year would outweigh the gain.".replace("-", "−")
        in said
    )
    ratio = more.evidence.against("tuned").differences("sharpe")["hrp_threshold"]
    points = 100.0 * more.scores["tuned"]["volatility"] * ratio.value
    assert f"at the volatility of tuned it earned {number(points, 1, signed=True)} points a year" in said


def test_a_barred_policy_of_today_is_in_no_figure_of_what_may_be_had() -> None:
    """It is the cheapest by far: what the doubt costs, the menu and the tax at the end are those of candidates."""
    strict = {"policy": "never", "limits.tracking_error": 0.02, "limits.max_days_outside": 1.0}
    found = compare(load_portfolio(FILE, strict | {"tracking_penalty": 1e-6}), only=["never", "monthly", "quarterly"])
    made = found.recommendation
    assert made.is_forced
    assert made.policy in ("monthly", "quarterly")
    assert made.candidates["never"].loss < made.candidates[made.policy].loss
    assert made.at_stake < made.candidates[made.policy].loss - made.candidates["never"].loss
    assert "never" not in {one.policy for one in made.menu}
    assert "never" not in made.others


def test_the_verdict_of_a_taxed_file_says_where_tax_is_and_who_is_best_after_that_at_the_end() -> None:
    found = compare(load_portfolio(TAXED, {"day_cost": 0}), draws=100)
    said, years = found.verdict, 755 / 252
    assert said.figures.rows[0][0] == "costs and tax, USD"
    after = {
        name: found.scores[name]["loss"] + played.tax_at_end / played.nav.iloc[-1] / years * 1e4
        for name, played in found.backtests.items()
        if name in found.recommendation.candidates
    }
    assert len(found.backtests["wide"].net_returns) == 755
    best, own = min(after, key=lambda name: after[name]), found.recommendation.policy
    beside = "" if best == own else f"; that of {own} is {after[own]:.2f}"
    assert (
        f"Tax after the last day (at_end: liquidate) is in none of these figures: with it, J is lowest for {best}, "
        f"{after[best]:.2f} bp a year{beside}."
    ) in said.details["What of growth"]


@pytest.mark.parametrize(("rate", "warned"), [(None, True), (0.0, True), (0.2, False)])
def test_a_deferral_without_a_tax_is_said_to_have_no_effect(rate: float | None, warned: bool) -> None:
    rule = {"rule": "no_trade_region", "deferral": {"years": 10, "growth": 0.06}}
    tax = None if rate is None else {"rate": rate, "short_rate": rate}
    deferred = load_portfolio(TAXED, {"policies": {"deferred": rule}, "tax": tax, "test_start": "2022-06-01"})
    fitted = fit("deferred", deferred)
    played = backtest_candidate(deferred, fitted.policy, "deferred")
    said = "deferred has a deferral, which has no effect: the test charges no tax."
    found = backtest_warnings(deferred, {"deferred": fitted}, {"deferred": played})
    assert any(words.startswith(said) for words in found) == warned


def test_never_to_trade_is_a_choice_only_where_it_is_done_now() -> None:
    short = {"test_start": "2022-06-01", "limits.max_days_outside": 1.0, "limits.tracking_error": 0.05}
    only = ["never", "monthly", "quarterly"]
    found = compare(load_portfolio(FILE, short | {"policy": "monthly"}), only=only, draws=100)
    assert min(found.scores, key=lambda name: found.scores[name]["loss"]) == "never"
    assert "never" not in found.recommendation.candidates
    assert "never (never to trade is a choice only where it is done now)" in found.verdict.details["What was left out"]
    own = compare(load_portfolio(FILE, short | {"policy": "never"}), only=["never", "quarterly"], draws=100)
    assert "never" in own.recommendation.candidates


def test_expected_losses_and_work_of_each_candidate_are_printed(more: Comparison) -> None:
    text, made = str(more), more.recommendation
    title = f"Expected loss, USD a year at a volatility of {100 * made.volatility:.1f} %, by theory and test"
    assert title in text
    priced = compare(load_portfolio(FILE, {"day_cost": 20.0, "order_cost": 1.5}), only=FEW, draws=100)
    assert f"{title}, days at 20 and orders at 1.5 USD included" in " ".join(str(priced).split("\n"))
    name, one = "threshold", made.candidates["threshold"]
    row = next(line for line in text.partition(title)[2].splitlines() if line.startswith(f"{name} "))
    assert row.split()[1:4] == [f"{one.loss:,.0f}", f"{one.work.days:.1f}", f"{one.work.orders:.0f}"]
    assert row.endswith(f"{one.better:.2f}")


def test_what_is_not_tested_has_no_p(more: Comparison) -> None:
    rows = {line.split()[0]: line for line in str(more).partition("difference in loss J")[2].splitlines() if line}
    assert "too few episodes" in rows["never"]
    assert "–  too few episodes" in rows["never"]
    assert "95 % (this pair)" in str(more)


def test_who_now_breaches_a_limit_is_told_to_change_with_the_gain_and_how_often_it_keeps_them() -> None:
    found = compare(load_portfolio(FILE, {"policy": "never"}), only=FEW, draws=500)
    made, said = found.recommendation, found.verdict
    assert (made.is_forced, made.kept["never"]) == (True, 0.0)
    assert said.do.startswith(
        f"Use {made.policy} instead of never, which keeps your limits in 0 of 10 tests as long, 5 are asked: "
    )
    assert said.gain.startswith(
        f"It is expected to cost {made.candidates[made.policy].gain.value:,.0f} USD a year less"
    )
    assert set(made.candidates) == {"never", "monthly", "quarterly", "threshold"}


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
    assert said.do.startswith("Keep threshold: ")
    assert (said.gain, said.figures.rows) == ("It is the only candidate.", ())
    unnamed = compare(replace(desk, policy=None), only=["threshold"], draws=100).verdict
    assert unnamed.heading.endswith("You named no policy of today.")


def test_no_sentence_of_a_verdict_is_long(more: Comparison, few: Comparison) -> None:
    for one in (more, few):
        for text in one.verdict.sentences():
            for sentence in re.split(r"(?<=[.:;])\s", text):
                assert len(sentence.split()) <= 25, sentence


def test_a_calendar_that_loses_less_than_a_daily_one_is_kept() -> None:
    """Costs of 40 bp a side: the calendar's J is 5.60, and that of daily trading 24.72."""
    costs = {f"costs.{c}.{k}_bps": 20.0 for c in ("us_equity", "bonds") for k in ("commission", "half_spread")}
    daily = {"policies.daily.rule": "calendar", "policies.daily.schedule": "day", "policy": "daily"}
    desk = load_portfolio(FILE.parent / "sixty_forty.yaml", costs | daily)
    found = compare(desk, only=["quarterly", "daily"], draws=500)
    assert [round(found.scores[name]["loss"], 2) for name in ("quarterly", "daily")] == [5.60, 24.72]
    assert found.verdict.do.startswith("Use quarterly instead of daily: ")
    more = 100.0 * (found.scores["quarterly"]["growth"] - found.scores["daily"]["growth"])
    assert found.verdict.details["What of growth"].startswith(
        f"In this test quarterly grew {more:.2f} points a year more than daily (+"
    )
    assert found.recommendation.candidates["quarterly"].better > 0.99


def test_with_no_policy_within_the_limits_the_verdict_names_each_limit() -> None:
    said = str(compare(load_portfolio(FILE, {"limits.tracking_error": 1e-6}), only=FEW, draws=500).verdict)
    assert (
        "No policy is recommended: none keeps your limits often enough in tests as long, any of them in none." in said
    )


# -- what fitting may see --------------------------------------------------------------------------------------------


def test_fitting_a_candidate_sees_nothing_from_the_test_on() -> None:
    """The candidate's own way to its training days, on a market whose test days are turned upside down."""
    desk = load_portfolio(FILE)
    market, first = desk.market, desk.market.row(desk.test_start - pd.Timedelta(days=1)) + 1
    returns = market.returns.copy()
    returns[first:] *= -0.9
    other = replace(desk, market=replace(market, returns=returns))
    tuned, again = (fit("tuned", d) for d in (desk, other))
    assert tuned.policy == again.policy
    assert tuned.tuned.card.tried.equals(again.tuned.card.tried)
    little = GradientSettings(worlds=32, decisions=26, hidden=8)
    learned = replace(desk.policies["rl"], steps=1_000, seeds=(1,), gradient=little)
    one, two = (fit("rl", d, spec=learned, retrain=True).training for d in (desk, other))
    assert one.losses == two.losses


@pytest.mark.parametrize(("settings", "said"), [
    ({"rl_seeds": -1}, "rl_seeds is -1"),
    ({"rl_seeds": 10}, "has 5"),
    ({"rl_steps": -1}, "rl_steps is -1"),
    ({"draws": 50}, "50"),
])  # fmt: skip
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
