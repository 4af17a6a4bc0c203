"""Rules × targets, and targets under one rule: each J by its own path, what cannot be moved, and what is chosen."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from backtests.comparison.axes import TwoAxes, chosen_target, comparing_rule
from backtests.comparison.comparison import Comparison, compare
from backtests.comparison.fitting.candidates import Fitted, backtest_candidate
from backtests.comparison.paired import has_shown_its_limit
from backtests.comparison.rule_grid import STRATEGIC, rule_grid
from backtests.engine import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from backtests.evaluation.scores import score
from backtests.inference.block_draws import Resampling
from backtests.inference.evidence import Difference
from backtests.inference.slow_waves import confidence_set
from backtests.inference.target_inference import CERTAIN
from backtests.sweeps import threshold
from foundation.errors import ConfigError
from research.accounting import Hold, Trade, View, Why
from research.allocation import HRP, Allocation, EqualWeights, FixedWeights, target_path
from research.learning import Training
from research.portfolio import load_portfolio
from research.rules import Calendar, Threshold

pytestmark = pytest.mark.usefixtures("few_simulated_tests")

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "global_multi_asset.yaml"
FIVE_TARGETS = FILE.with_name("five_targets.yaml")
NAMES = ["never", "quarterly", "threshold", "tuned", "hrp_monthly", "hrp_threshold"]
HRP_NAME = "HRP of 252 returns"


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(load_portfolio(FILE), only=NAMES, draws=400)


@pytest.fixture(scope="module")
def axes(comparison: Comparison) -> TwoAxes:
    found = comparison.axes
    assert found is not None
    return found


# which rule


def test_rules_and_targets_are_those_of_the_policies_each_once(axes: TwoAxes) -> None:
    assert list(axes.grid.targets) == [STRATEGIC, HRP_NAME]
    assert list(axes.grid.rules) == ["never", "quarterly", "threshold", "tuned", "hrp_monthly"]
    assert axes.grid.policies["threshold", HRP_NAME] == "hrp_threshold"
    assert not axes.grid.missing
    assert len(axes.rules) == 10


def test_the_shipped_grid_has_five_targets_with_four_rules_on_the_lines_of_the_main_job() -> None:
    portfolio, main = load_portfolio(FIVE_TARGETS), load_portfolio(FILE)
    for name in ("market", "lines", "cash", "costs", "limits", "tracking_penalty", "test_start"):
        assert portfolio.settings.get(name) == main.settings.get(name), name
    assert portfolio.weights.tolist() == main.weights.tolist()
    found = compare(portfolio, draws=200).axes
    assert (len(found.grid.targets), len(found.grid.rules)) == (5, 4)
    assert not found.grid.missing
    assert found.rules["best"].groupby("target").sum().tolist() == [1] * 5


def test_the_strategic_column_is_the_comparisons_own(comparison: Comparison, axes: TwoAxes) -> None:
    for name in ("never", "quarterly", "threshold", "tuned"):
        assert axes.grid.scores[name, STRATEGIC] is comparison.scores[name]
        assert axes.grid.backtests[name, STRATEGIC] is comparison.backtests[name]
        assert axes.rules.loc[(name, STRATEGIC), "loss"] == comparison.scores[name]["loss"]


def test_another_targets_j_is_that_of_its_own_path_to_the_bit(comparison: Comparison, axes: TwoAxes) -> None:
    for rule in axes.grid.rules:
        played = axes.grid.backtests[rule, HRP_NAME]
        own = Benchmark.of(played, comparison.portfolio.tracking_penalty)
        assert played.targets is comparison.backtests["hrp_monthly"].targets
        assert axes.grid.scores[rule, HRP_NAME].losses.tobytes() == losses(played, own).tobytes()
        assert axes.rules.loc[(rule, HRP_NAME), "loss"] == score(played, own)["loss"]
    row = axes.rules.loc[("threshold", HRP_NAME)]
    assert row["loss"] < 3.0 < 200.0 < comparison.scores["hrp_threshold"]["loss"]  # to the strategic target
    assert row["cost"] + row["tracking_loss"] == pytest.approx(row["loss"], rel=1e-12)
    assert row["tracking_error"] == pytest.approx(comparison.scores["hrp_threshold"]["tracking_error_own"], rel=1e-12)


def test_a_rule_that_is_moved_is_the_rule_on_the_other_target(comparison: Comparison, axes: TwoAxes) -> None:
    portfolio = comparison.portfolio
    alone = backtest_candidate(portfolio, Calendar(HRP(window=252), "quarter"), "alone")
    assert axes.grid.backtests["quarterly", HRP_NAME].ledger.nav.tobytes() == alone.ledger.nav.tobytes()
    back = backtest_candidate(portfolio, Calendar(portfolio.strategic, "month"), "alone")
    assert axes.grid.backtests["hrp_monthly", STRATEGIC].ledger.nav.tobytes() == back.ledger.nav.tobytes()
    assert axes.grid.scores["hrp_monthly", STRATEGIC]["loss"] == score(back, comparison.benchmark)["loss"]


def test_a_tuned_threshold_is_tuned_on_earlier_days_for_the_target_it_follows(axes: TwoAxes) -> None:
    """Every band and destination played on the days before the test, against the path of HRP: the lowest J is taken."""
    moved, portfolio = axes.grid.backtests["tuned", HRP_NAME].policy, load_portfolio(FILE)
    assert f"{moved.fitted_until:%Y-%m-%d}" == "2014-12-31"
    assert moved.allocation == HRP(window=252)
    before, spec = portfolio.market.until("2014-12-31"), portfolio.policies["tuned"]
    path, tried = target_path(moved.allocation, before, start=252), {}
    for band in spec.bands:
        for to in spec.to:
            rule = threshold(moved.allocation, band, to)
            played = backtest(before, rule, portfolio.costs, start=before.dates[253], targets=path)
            work = 25.0 / portfolio.nav * 1e4 * len(played.trading_days) / (len(played.net_returns) / 252.0)
            tried[rule.band, rule.to] = losses(played, Benchmark.of(played, 5.0)).mean() + work
    assert (moved.band, moved.to) == min(tried, key=lambda one: tried[one])


def test_the_best_rule_of_a_target_leads_its_confidence_set(axes: TwoAxes) -> None:
    for target, best in axes.grid.best.items():
        scores = axes.grid.on(target)
        assert best.rule == min(scores, key=lambda rule: scores[rule]["loss"])
        slow = axes.grid.slow_losses(target)
        assert slow.known.tolist() == [has_shown_its_limit(axes.grid.backtests[rule, target]) for rule in scores]
        assert best.p == dict(zip(scores, confidence_set(slow).p.tolist(), strict=True))
        assert best.losses == {rule: slow.figure(k, 0.95) for k, rule in enumerate(scores)}
        assert best.rule in best.members
        column = axes.rules.xs(target, level="target")
        assert column.index[column["best"]].tolist() == [best.rule]
        assert column.index[column["in_set"]].tolist() == list(best.members)


def test_only_the_strategic_target_has_the_ranges_of_the_file(axes: TwoAxes) -> None:
    assert axes.grid.benchmarks[STRATEGIC].has_ranges
    assert not axes.grid.benchmarks[HRP_NAME].has_ranges
    assert {s["days_outside"] for s in axes.grid.on(HRP_NAME).values()} == {0.0}
    assert set(axes.grid.candidates(HRP_NAME)) == {"hrp_monthly", "hrp_threshold"}


def test_where_all_policies_hold_one_target_there_is_nothing_to_ask(comparison: Comparison) -> None:
    assert compare(comparison.portfolio, only=["never", "quarterly"], draws=100).axes is None


@dataclass(frozen=True)
class Own:
    """A rule of a user's own that was written for the weights of one target."""

    allocation: Allocation

    def decide(self, view: View) -> Hold | Trade:
        """Hold; and fail on a target that moves."""
        return (Hold(Why("own")), None)[int(view.target[0] != 0.25) * 2]


class Undone:
    """A rule that is no dataclass."""

    def __init__(self, allocation: Allocation) -> None:
        self.allocation = allocation

    def decide(self, view: View) -> Hold:
        """Hold."""
        return Hold(Why("own"))


def test_a_rule_that_cannot_be_moved_has_the_reason_and_the_others_their_figures(comparison: Comparison) -> None:
    portfolio, strategic = comparison.portfolio, comparison.portfolio.strategic
    learned = Fitted(Threshold(strategic, 0.02), training=Training({1: Threshold(strategic, 0.02)}, {1: 1.0}, 2.0, 3.0))
    others = {"own": Fitted(Own(strategic)), "undone": Fitted(Undone(strategic)), "learned": learned}
    spec = {"own": Own(strategic), "undone": Undone(strategic), "learned": Threshold(strategic, 0.0123)}
    portfolio = replace(portfolio, policies=portfolio.policies | spec)
    played = {name: backtest_candidate(portfolio, f.policy, name) for name, f in others.items()}
    more = replace(
        comparison,
        portfolio=portfolio,
        fitted={**comparison.fitted, **others},
        backtests={**comparison.backtests, **played},
        scores={**comparison.scores, **{name: score(b, comparison.benchmark) for name, b in played.items()}},
    )
    grid = rule_grid(more, Resampling(reps=100))
    assert {cell[0] for cell in grid.missing} == {"own", "undone", "learned"}
    assert grid.missing["own", HRP_NAME] == "tuple index out of range"
    assert "takes no other allocation" in grid.missing["undone", HRP_NAME]
    assert "trained for one target" in grid.missing["learned", HRP_NAME]
    assert "own" not in grid.everywhere()
    assert ("own", HRP_NAME) not in grid.table.index
    assert grid.table.notna().all(axis=None)


# which target


def test_targets_are_compared_under_the_recommended_rule_or_the_reference_or_the_simplest(
    comparison: Comparison, axes: TwoAxes
) -> None:
    grid, portfolio = axes.grid, comparison.portfolio
    assert axes.compared.rule == comparison.recommendation.policy
    assert comparing_rule(grid, portfolio, ("hrp_threshold", "quarterly")) == "threshold"
    assert comparing_rule(grid, portfolio, (None, "quarterly")) == "quarterly"
    assert comparing_rule(grid, portfolio, (None, "unknown")) == "never"
    without = replace(grid, backtests={})
    with pytest.raises(ConfigError, match="no rule of the file can be played on all"):
        comparing_rule(without, portfolio, ("quarterly",))


def test_a_target_that_may_change_is_chosen_under_the_reference_whatever_is_recommended(comparison: Comparison) -> None:
    may = replace(comparison, portfolio=replace(comparison.portfolio, target_may_change=True))
    for policy in ("threshold", "hrp_threshold", None):
        again = replace(may, recommendation=replace(may.recommendation, policy=policy)).axes
        assert (again.compared.rule, again.may_change) == ("quarterly", True)


def test_figures_of_targets_are_those_of_their_backtests(comparison: Comparison, axes: TwoAxes) -> None:
    compared = axes.compared
    for target in axes.grid.targets:
        s = axes.grid.scores[compared.rule, target]
        for key in ("growth", "volatility", "sharpe", "max_drawdown", "turnover", "cost"):
            assert axes.targets.loc[(key, target), "value"] == pytest.approx(s[key], rel=1e-12)
    figures = comparison.evidence.figures("growth")[compared.rule]  # the same draws: the same interval as elsewhere
    row = axes.targets.loc[("growth", STRATEGIC)]
    assert (row["lower"], row["upper"]) == (figures.lower, figures.upper)


def test_a_table_of_targets_says_none_and_why_in_place_of_nan(axes: TwoAxes) -> None:
    for _, row in axes.targets.iterrows():
        assert (row["lower"] is None) == bool(row["no_interval"])
        assert (row["difference"] is None) == bool(row["no_test"])
        assert not any(isinstance(value, float) and np.isnan(value) for value in row)


def difference(value: float, p: float) -> Difference:
    word = "not significant" if p > 0.05 else "better" if value > 0 else "worse"
    return Difference(value, value - 0.01, value + 0.01, 0.95, p=p, p_holm=p, verdict=word)


@pytest.mark.parametrize(("found", "chosen"), [
    ({"a": (0.02, 0.06), "b": (-0.03, 0.001)}, STRATEGIC),  # higher by chance, and significantly lower
    ({"a": (0.02, 0.04), "b": (0.03, 0.20)}, "a"),  # only what is significant counts
    ({"a": (0.02, 0.04), "b": (0.03, 0.01)}, "b"),  # the highest of them
])  # fmt: skip
def test_another_target_is_chosen_only_where_it_is_significantly_better(
    axes: TwoAxes, found: dict[str, tuple[float, float]], chosen: str
) -> None:
    compared = axes.compared
    first = compared.evidence.figures[CERTAIN][STRATEGIC]
    figures = {STRATEGIC: first} | {
        name: replace(first, value=first.value + d, difference=difference(d, p)) for name, (d, p) in found.items()
    }
    evidence = replace(compared.evidence, figures={**compared.evidence.figures, CERTAIN: figures})
    got = chosen_target(replace(compared, evidence=evidence))
    assert (got.target, got.rule, set(got.differences)) == (chosen, compared.rule, set(found))
    assert got.sentence.startswith(f"Hold {chosen}:" if chosen != STRATEGIC else "Keep the strategic target:")
    assert "risk aversion of 3" in got.sentence
    assert ("Holm p 0.010" in got.sentence) == (chosen == "b")


def test_targets_of_one_name_are_told_apart_by_a_policy(comparison: Comparison) -> None:
    policies = {
        **comparison.portfolio.policies,
        "tilt": Calendar(FixedWeights((0.3, 0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.0)), "quarter"),
        "flat": Calendar(FixedWeights((0.125,) * 8), "quarter"),
        "equal": Calendar(EqualWeights(), "quarter"),
    }
    desk = replace(comparison.portfolio, policies=policies)
    found = compare(desk, only=["quarterly", "tilt", "flat", "equal"], draws=100).axes
    assert list(found.grid.targets) == [STRATEGIC, "fixed weights", "fixed weights (flat)", "equal weights"]
    assert list(found.grid.rules) == ["quarterly"]
    flat, equal = (found.grid.scores["quarterly", name] for name in ("fixed weights (flat)", "equal weights"))
    assert flat["loss"] == pytest.approx(equal["loss"], rel=1e-9)


# the recommendation


def falling(word: str) -> Comparison:
    """Two funds of which the larger one falls by a fifth a year in the test, held as in the file and by HRP."""
    hrp = {"kind": "hrp", "window": 252}
    policies = {
        "policies.hrp_quarterly": {"rule": "calendar", "schedule": "quarter", "allocation": hrp},
        "policies.hrp_threshold": {"rule": "threshold", "band": 0.02, "to": "target", "allocation": hrp},
        "limits.tracking_error": None,
        "target": word,
    }
    desk = load_portfolio(FILE.with_name("sixty_forty.yaml"), policies)
    returns = desk.market.returns.copy()
    returns[desk.market.row(desk.test_start) :, list(desk.market.assets).index("SPY")] -= 0.001
    desk = replace(desk, market=replace(desk.market, returns=returns), lower=0.0 * desk.lower)
    return compare(desk, only=["quarterly", "threshold", "hrp_quarterly", "hrp_threshold"], draws=400)


def test_where_the_target_may_change_a_clearly_better_one_is_held_and_the_rule_is_chosen_on_it() -> None:
    found = falling("may_change")
    made = found.recommendation
    assert made.policy in ("hrp_quarterly", "hrp_threshold")
    assert (
        made.broken["quarterly"]
        == made.broken["threshold"]
        == ("it holds, or was tuned for, other target weights than the candidates",)
    )
    assert made.target.startswith(f"Hold {HRP_NAME}: its certainty equivalent")
    assert found.verdict.do.startswith(f"Use {made.policy}: ")
    assert found.verdict.do.endswith(made.target.removesuffix(".") + ".")
    assert found.stability is None


def test_without_leave_the_recommendation_stays_on_the_strategic_target() -> None:
    made = falling("strategic").recommendation
    assert made.policy in ("quarterly", "threshold")
    assert made.broken["hrp_threshold"] == ("it holds, or was tuned for, other target weights than the candidates",)
    assert made.target == made.stays == ""


def test_a_target_that_may_change_and_stays_is_said_to_stay() -> None:
    found = compare(load_portfolio(FILE.parents[1] / "examples" / "target_may_change.yaml"), draws=100)
    rule = found.axes.chosen.rule
    stays = f"The target stays: no other has a significantly higher certainty equivalent under {rule}."
    assert found.recommendation.stays == stays
    assert found.verdict.details["What was left out"].startswith(stays)
