"""A learned policy beside the known optimum: the same money as in a backtest, and no policy below the best."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from learned import carded, two_lines

from backtests.engine import backtest
from backtests.evaluation.benchmark import target_returns
from backtests.laboratory.learned.optimality_gap import _days, _laboratory, gap_of, losses, region_of, why_no_optimum
from backtests.sheets.pages.policy_catalog import holds_words
from foundation.arrays import Array
from research.allocation import FixedWeights
from research.learning import LearnedPolicy
from research.learning.worlds.rollouts import action_function
from research.market import instruments_table
from research.rules.networks.policy_network import network


@cache
def policy() -> LearnedPolicy:
    return carded(two_lines(3_000, seed=1))


def still(one: LearnedPolicy) -> LearnedPolicy:
    """The same with a network that answers zero: the closed-form bands."""
    return replace(one, net=network([np.zeros_like(array) for array in one.net[:6]]))


def test_paths_are_played_as_the_engine_plays_them() -> None:
    lab = _laboratory(policy(), 2)
    found = losses(lab, _days(policy(), lab), action_function(policy().net, policy().standard))
    for path in range(2):
        market = lab.market(path)
        same = replace(policy(), seen=market.dates[0], assets=market.assets)
        played = backtest(market, same, lab.costs, lag=0, periods_per_year=lab.periods_per_year)
        active: Array = played.gross_returns - target_returns(played.targets, market, played.first)
        terms = (played.cost_rate + 0.5 * lab.tracking_penalty * active**2)[lab.warm_up :]
        assert terms.mean() * lab.periods_per_year * 1e4 == pytest.approx(found[path], rel=1e-9)


def test_the_closed_form_is_a_little_above_the_optimum_and_a_random_network_far() -> None:
    region = region_of(policy())
    closed = gap_of(still(policy()), region, paths=60)
    assert closed.closed_form == closed.loss
    assert 0.0 < closed.lower < closed.gap < closed.upper < 0.04
    wild = gap_of(policy(), region, paths=60)
    assert (wild.optimum, wild.closed_form) == (closed.optimum, closed.closed_form)
    assert wild.lower > 1.0
    assert wild.gap == pytest.approx(wild.loss / wild.optimum - 1.0, rel=1e-12)


def test_without_cash_the_optimum_is_known_too() -> None:
    whole = still(carded(two_lines(3_000, seed=1), target=FixedWeights((0.6, 0.4))))
    assert why_no_optimum({**whole.card, "assets": ["A", "B"]}) == ""
    closed = gap_of(whole, region_of(whole), paths=60)
    assert 0.0 < closed.lower < closed.gap < closed.upper < 0.1


def test_lines_keep_their_order_on_the_way_through_a_file(tmp_path: Path) -> None:
    """A card's keys are sorted when it is saved; the assets of a market need not be."""
    market = two_lines(600, seed=1)
    names = ("Z", "A")
    named = replace(market, assets=names, instruments=instruments_table(names))
    loaded = LearnedPolicy.load(carded(named).save(tmp_path))
    lab = _laboratory(loaded, 2)
    assert lab.target == (0.4, 0.3)
    np.testing.assert_allclose(np.diag(lab.model.covariance), np.diag(loaded.scales.covariance[-1]))  # type: ignore[attr-defined]
    excess = market.returns[1:].mean(axis=0)
    np.testing.assert_allclose(lab.model.mean, 252 * np.log1p(excess), rtol=1e-9)  # type: ignore[attr-defined]
    assert holds_words(loaded.card) == "Z 40 %, A 30 % and cash 30 %"


def test_where_no_optimum_is_known_the_reason_is() -> None:
    card = policy().card
    today = dict(card["targets"][-1])
    assert why_no_optimum({**card, "assets": ["A", "B"]}) == ""
    full = {**card, "targets": [today | {"target": {"A": 0.3, "B": 0.4, "C": 0.3}}]}
    assert why_no_optimum({**full, "assets": ["A", "B", "C"]}) == ""
    more = {**card, "targets": [today | {"target": {"A": 0.3, "B": 0.3, "C": 0.3}}]}
    dear = {**card, "objective": card["objective"] | {"proportional": False}}
    for other, words in ((more, "one or two assets"), (dear, "for proportional costs")):
        assert words in why_no_optimum({"assets": list(other["targets"][-1]["target"]), **other})
