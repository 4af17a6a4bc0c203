"""Bounds kept after the fact: hand calculation, another solver, random bounds, and libraries that break theirs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.allocation import HERC, HRP, NCO, GroupBound, NotSolvedError, Schur
from research.allocation.hierarchical.projection import projected
from research.errors import ConfigError

MODELS = (HRP, HERC, NCO, Schur)


def box(weights, lower, upper):
    found = projected(np.array(weights), np.eye(len(weights)), np.array(lower), np.array(upper))
    return None if found is None else found[0]


def test_lines_at_no_bound_keep_their_proportions():
    # 0.6 is cut to 0.4; the others, 0.3 and 0.1, share 0.6 as 3 to 1.
    assert box([0.6, 0.3, 0.1], [0.0] * 3, [0.4, 0.9, 0.9]) == pytest.approx([0.4, 0.45, 0.15], abs=1e-9)
    assert box([0.6, 0.3, 0.1], [0.0, 0.0, 0.2], [1.0] * 3) == pytest.approx([8 / 15, 4 / 15, 0.2], abs=1e-9)


def test_a_line_of_no_weight_takes_some_only_where_others_have_no_room():
    assert box([0.7, 0.3, 0.0], [0.0] * 3, [0.6] * 3) == pytest.approx([0.6, 0.4, 0.0], abs=1e-9)
    assert box([0.7, 0.3, 0.0, 0.0], [0.0] * 4, [0.3] * 4) == pytest.approx([0.3, 0.3, 0.2, 0.2], abs=1e-9)


def test_bounds_that_hold_already_move_not_a_bit():
    assert box([0.6, 0.3, 0.1], [0.1] * 3, [0.6] * 3).tolist() == [0.6, 0.3, 0.1]


def test_bounds_that_no_weights_keep_are_none():
    assert box([0.6, 0.3, 0.1], [0.0] * 3, [0.3] * 3) is None
    assert box([0.6, 0.4, 0.0], [0.0] * 3, [0.3] * 3) is None
    assert box([0.6, 0.3, 0.1], [0.5] * 3, [0.6] * 3) is None


def test_prices_say_how_much_nearer_one_more_point_would_bring():
    weights, rows, low, high = np.array([0.6, 0.3, 0.1]), np.eye(3), np.zeros(3), np.array([0.4, 0.9, 0.9])
    _, at_least, at_most = projected(weights, rows, low, high)

    def distance(most):
        nearest = projected(weights, rows, low, np.array([most, 0.9, 0.9]))[0]
        return float(((nearest - weights) ** 2 / weights).sum())

    assert at_least == pytest.approx([0.0] * 3, abs=1e-6)
    assert at_most == pytest.approx([(distance(0.399) - distance(0.401)) / 0.002, 0.0, 0.0], abs=1e-5)


@settings(max_examples=500)
@given(seed=st.integers(0, 2**32 - 1), lines=st.integers(2, 12), groups=st.integers(0, 4))
def test_500_random_bounds_are_kept(seed, lines, groups):
    rng = np.random.default_rng(seed)
    inside, weights = rng.dirichlet(np.ones(lines)), rng.dirichlet(np.full(lines, 0.5))
    rows = np.vstack([np.eye(lines), rng.integers(0, 2, (groups, lines)).astype(float)])
    low = np.maximum(rows @ inside - rng.exponential(0.05, len(rows)), 0.0)
    high = np.minimum(rows @ inside + rng.exponential(0.05, len(rows)), 1.0)
    found, _, _ = projected(weights, rows, low, high)
    assert found.sum() == pytest.approx(1.0, abs=1e-9)
    assert (rows @ found >= low - 1e-8).all()
    assert (rows @ found <= high + 1e-8).all()
    order = rng.permutation(lines)
    columns = np.concatenate([order, np.arange(lines, len(rows))])
    moved, _, _ = projected(weights[order], rows[columns][:, order], low[columns], high[columns])
    assert moved == pytest.approx(found[order], abs=1e-6)


def test_it_is_the_solution_of_another_solver():
    import cvxpy as cp

    rng = np.random.default_rng(12)
    weights = rng.dirichlet(np.ones(8))
    rows = np.vstack([np.eye(8), [1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0, 0]])
    low, high = np.array([0.05] * 8 + [0.3, 0.5]), np.array([0.3] * 8 + [0.4, 0.6])
    w = cp.Variable(8)
    objective = cp.Minimize(cp.sum(cp.multiply(1.0 / weights, (w - weights) ** 2)))
    cp.Problem(objective, [cp.sum(w) == 1, rows @ w >= low, rows @ w <= high]).solve(
        solver="OSQP", eps_abs=1e-10, eps_rel=1e-10, max_iter=100_000
    )
    assert projected(weights, rows, low, high)[0] == pytest.approx(w.value, abs=1e-6)


# -- the models --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_each_model_keeps_bounds_of_lines_and_groups(stocks, past_of, model):
    sector = ["technology", "health", "energy", "retail"] * 5
    past = past_of(stocks, sector=sector)
    groups = (GroupBound("sector", "technology", 0.3, 0.35), GroupBound("sector", "energy", 0.0, 0.15))
    answer = model(window=252, lower=0.01, upper={"KO": 0.02, "AAPL": 0.05, "WMT": 0.1}, groups=groups).answer(past)
    weights = dict(zip(past.assets, answer.weights.tolist(), strict=True))
    of = {name: sum(answer.weights[i] for i in range(20) if sector[i] == name) for name in set(sector)}
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-9)
    assert min(weights.values()) >= 0.01 - 1e-8
    assert all(weights[name] <= most + 1e-8 for name, most in (("KO", 0.02), ("AAPL", 0.05), ("WMT", 0.1)))
    assert 0.3 - 1e-8 <= of["technology"] <= 0.35 + 1e-8
    assert of["energy"] <= 0.15 + 1e-8
    assert "KO at most 0.02" in {one.limit for one in answer.binding}


def test_riskfolio_libs_weights_can_miss_a_sum_of_one_under_bounds(past_of):
    # Three lines of volatilities that make HRP hold about 60, 30 and 10 %. Riskfolio-Lib 7.4 cuts them off to 40, 35
    # and 20 %, finds no line between its bounds, and stops at a sum of 95 %.
    import riskfolio

    draws = np.random.default_rng(0).normal(size=(300, 3))
    white = (draws - draws.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(draws.T))).T
    frame = pd.DataFrame(white / np.sqrt([60.0, 30.0, 10.0]) * 0.1, columns=["A", "B", "C"])
    lower, upper = {"A": 0.0, "B": 0.0, "C": 0.2}, {"A": 0.4, "B": 0.35, "C": 0.6}
    theirs = riskfolio.HCPortfolio(returns=frame, w_min=pd.Series(lower), w_max=pd.Series(upper))
    assert theirs.optimization(model="HRP", rm="MV")["weights"].sum() == pytest.approx(0.95, abs=1e-6)
    weights = HRP(window=300, lower=lower, upper=upper).target(past_of(frame))
    assert weights == pytest.approx([0.4, 0.35, 0.25], abs=1e-8)


def test_skfolios_nested_clusters_break_the_bounds_of_their_parts(stocks, past_of):
    # skfolio 1.12 knows bounds of each cluster's own portfolio, of which the whole holds a part: 10 to 40 % of a
    # cluster is not 10 to 40 % of the portfolio, and a cluster of one line has none.
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.optimization import MeanRisk, NestedClustersOptimization

    bounded = MeanRisk(min_weights=0.02, max_weights=0.4)
    clustering = HierarchicalClustering(max_clusters=4, linkage_method=LinkageMethod("single"))
    theirs = NestedClustersOptimization(
        inner_estimator=bounded, outer_estimator=MeanRisk(), clustering_estimator=clustering, cv="ignore"
    ).fit(stocks.to_numpy())
    assert theirs.weights_.min() < 0.0199
    weights = NCO(window=252, clusters=4, linkage="single", lower=0.02, upper=0.4).target(past_of(stocks))
    assert 0.02 - 1e-8 <= weights.min() <= weights.max() <= 0.4 + 1e-8


def test_bounds_that_exclude_every_portfolio_are_told(stocks, past_of):
    with pytest.raises(NotSolvedError, match=r"no weights of AAPL, .* least weights of lines sum to 0, most .* to 0.8"):
        HRP(window=252, upper=0.04).target(past_of(stocks))
    with pytest.raises(NotSolvedError, match=r"most weights to 20, sector x is 0 to 0\.5"):
        HRP(window=252, groups=(GroupBound("sector", "x", upper=0.5),)).target(past_of(stocks, sector=["x"] * 20))


def test_what_the_market_does_not_have_is_refused(stocks, past_of):
    with pytest.raises(ConfigError, match=r"a bound names 'KOO', which the market does not have"):
        HRP(window=252, upper={"KOO": 0.04}).target(past_of(stocks))
    with pytest.raises(ConfigError, match=r"sector of a group is 'tec': the market has x"):
        HRP(window=252, groups=(GroupBound("sector", "tec"),)).target(past_of(stocks, sector=["x"] * 20))


@pytest.mark.parametrize(
    ("group", "complaint"),
    [
        ({"by": "region", "name": "x"}, r"by of the group 'x' is 'region': use one of asset_class, sector"),
        ({"by": "sector", "name": "x", "upper": 40}, r"upper of the group 'x' is 40: give a fraction of NAV"),
        ({"by": "sector", "name": "x", "lower": 0.5, "upper": 0.4}, r"lower of the group 'x' is 0.5, above its upper"),
    ],
)
def test_a_group_outside_its_choices_is_refused(group, complaint):
    with pytest.raises(ConfigError, match=complaint):
        GroupBound(**group)
