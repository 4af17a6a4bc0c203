"""Policies of the main portfolio on the same days: paired, judged by the stated rule, each blind to the others."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.candidates import fit
from backtests.comparison.comparison import Comparison, compare
from backtests.comparison.recommendation import Recommendation, recommend
from backtests.evaluation.metrics import METRICS
from backtests.evaluation.scores import Score
from backtests.evaluation.slow_waves import SlowMeans
from research.errors import ConfigError
from research.portfolio import load_portfolio
from research.risk import Drawdown
from research.rules import RuleTraits

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "global_multi_asset.yaml"
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


# -- the recommendation ----------------------------------------------------------------------------------------------

DAYS = 1_000


def scored(j: float, seed: int, *, error: float = 0.005, outside: float = 0.0) -> Score:
    """A score with noisy daily losses whose mean is J."""
    noise = np.random.default_rng(seed).normal(0.0, 1.0, DAYS)
    losses = j + noise - noise.mean()
    figures = {"loss": j, "tracking_error": error, "days_outside": outside}
    return Score(dict.fromkeys(METRICS, 0.0) | figures, Drawdown(0.0, 0, 0, 0), losses)


@dataclass(frozen=True)
class OfFamily(RuleTraits):
    """A rule of which only the family is known."""

    family: str = "never"


def recommended(scores: dict[str, Score], margin: float = 1.0, known: bool = True, **families: str) -> Recommendation:
    """The recommendation among policies of these families."""
    limits = SimpleNamespace(tracking_error=0.015, max_days_outside=0.05)
    policies = {n: OfFamily(f) for n, f in families.items()}
    desk: Any = SimpleNamespace(limits=limits, policies=policies, materiality=margin, strategic=None)
    losses = SlowMeans.of(
        np.column_stack([s.losses for s in scores.values()]), [known or f == "band" for f in families.values()]
    )
    return recommend(desk, scores, losses)


def test_among_those_not_materially_worse_the_simplest_family_is_recommended() -> None:
    scores = {"learned": scored(1.00, 1), "band": scored(1.02, 2), "quarterly": scored(1.05, 3)}
    found = recommended(scores, learned="learned", band="band", quarterly="calendar")
    assert (found.policy, found.best) == ("quarterly", "learned")
    assert found.as_good == ("learned", "band")
    assert max(found.excess.values()) <= 1.0


def test_within_a_family_the_lowest_loss_is_recommended() -> None:
    scores = {"monthly": scored(1.06, 1), "quarterly": scored(1.02, 2), "band": scored(1.00, 3)}
    assert recommended(scores, monthly="calendar", quarterly="calendar", band="band").policy == "quarterly"


def test_a_simpler_policy_that_is_materially_worse_is_not_recommended() -> None:
    scores = {"quarterly": scored(3.0, 1), "band": scored(1.0, 2)}
    found = recommended(scores, quarterly="calendar", band="band")
    assert (found.policy, found.members, found.as_good) == ("band", ("band",), ())
    assert found.p["quarterly"] < 0.1
    assert found.excess["quarterly"] > 2.0


def test_what_is_material_is_the_files() -> None:
    """A difference of half a basis point, known to a few hundredths, matters to one desk and not to another."""
    one = scored(1.5, 1)
    scores = {"quarterly": one, "band": replace(scored(1.0, 1), losses=one.losses - 0.5)}
    families = {"quarterly": "calendar", "band": "band"}
    assert recommended(scores, 1.0, **families).policy == "quarterly"
    assert recommended(scores, 0.1, **families).policy == "band"


def test_a_policy_whose_worst_is_not_known_is_recommended_only_where_no_other_is_there() -> None:
    near = {"quarterly": scored(1.05, 1), "band": scored(1.00, 2)}
    found = recommended(near, known=False, quarterly="calendar", band="band")
    assert (found.policy, found.excess["quarterly"]) == ("band", math.inf)
    best = {"quarterly": scored(0.5, 1), "band": scored(3.00, 2)}
    assert recommended(best, known=False, quarterly="calendar", band="band").policy == "band"
    only = {"quarterly": scored(0.5, 1), "monthly": scored(3.00, 2)}
    assert recommended(only, known=False, quarterly="calendar", monthly="calendar").policy == "quarterly"


def test_a_policy_past_a_limit_is_not_eligible_however_good() -> None:
    scores = {"never": scored(0.1, 1, error=0.02), "outside": scored(0.1, 2, outside=0.06), "band": scored(1.0, 3)}
    found = recommended(scores, never="never", outside="band", band="band")
    assert found.policy == "band"
    assert found.broken == {
        "never": ("tracking error 2.00% exceeds the limit of 1.50%",),
        "outside": ("an asset outside its range on 6.0% of days, 5.0% allowed",),
    }


def test_when_no_policy_keeps_the_limits_none_is_recommended() -> None:
    scores = {"never": scored(0.1, 1, error=0.02), "band": scored(1.0, 3, error=0.03, outside=0.5)}
    found = recommended(scores, never="never", band="band")
    assert (found.policy, found.best, found.members) == (None, None, ())
    assert set(found.broken) == {"never", "band"}


def test_growth_and_sharpe_never_select() -> None:
    plain = {"quarterly": scored(1.0, 1), "band": scored(1.02, 2)}
    rich = plain | {"band": replace(plain["band"], values={**plain["band"].values, "growth": 9.0, "sharpe": 9.0})}
    families = {"quarterly": "calendar", "band": "band"}
    assert recommended(plain, **families) == recommended(rich, **families)


# -- the verdict -----------------------------------------------------------------------------------------------------


def test_the_verdict_says_what_to_do_what_it_saves_how_sure_and_what_else_would_do(more: Comparison) -> None:
    name, said = more.recommendation.policy, more.verdict
    assert name == "threshold"
    saved = more.scores["quarterly"]["loss"] - more.scores[name]["loss"]
    difference = more.evidence.differences("loss")[name]
    assert said.do.startswith("Use threshold: it trades when a weight is 2 points off its target")
    assert f"saves {saved:.2f} bp" in said.saves
    cost = more.scores["quarterly"]["cost"] - more.scores[name]["cost"]
    assert f"{cost:.2f} bp less in trading costs" in said.saves
    assert f"{saved - cost:.2f} bp less in tracking" in said.saves
    assert f"{cost / 1e4 * more.portfolio.nav:,.0f} USD" in said.saves
    growth = more.evidence.differences("growth")[name]
    assert f"it grew {-100 * growth.value:.2f}" in said.saves
    assert f"{-growth.value * more.portfolio.nav:,.0f} USD" in said.saves
    assert "which may be chance" in said.saves
    assert f"at least {-difference.upper:.2f} bp" in said.sure
    assert f"p {difference.p_holm:.3f}" in said.sure
    assert "how much it may save is not known" in said.sure
    assert "quarterly" in said.others
    assert more.answer().startswith(f"**{said.do}** {said.saves}")


def test_with_no_policy_within_the_limits_the_verdict_names_each_limit() -> None:
    desk = load_portfolio(FILE, {"limits.tracking_error": 1e-6})
    said = str(compare(desk, only=FEW, draws=500).verdict)
    assert said.startswith("No policy is recommended")
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
    learned = replace(desk.policies["rl"], steps=20_000, seeds=(1,))
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
