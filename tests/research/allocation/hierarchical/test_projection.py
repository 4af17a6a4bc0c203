"""Bounds kept after the fact: hand calculation, another solver, random bounds, and libraries that break theirs."""

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError
from research.allocation import HERC, HRP, NCO, NotSolvedError, Schur
from research.allocation.constraints import (
    Bounds,
    Cardinality,
    Constraints,
    Exclusions,
    Exposure,
    Group,
    Most,
    TrackingErrorLimit,
)
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.hierarchical.model import nearest

MODELS = (HRP, HERC, NCO, Schur)


def limits_of(rows, low, high):
    """Limits with rows (m, k) of ones and zeros, those of the k assets first."""
    names = tuple(f"A{i}" for i in range(rows.shape[1]))
    bounds = [{"least": float(least), "most": float(most)} for least, most in zip(low, high, strict=True)]
    lines = {name: Bounds(**bound) for name, bound in zip(names, bounds, strict=False)}
    groups = {
        f"group {j}": Group(lines=tuple(np.array(names)[row > 0.0]), **bounds[j])
        for j, row in enumerate(rows) if j >= len(names) and row.any()
    }  # fmt: skip
    return build(Constraints(lines=lines, groups=groups), Known(names))


def projected(weights, rows, low, high):
    found = nearest(weights, limits_of(rows, low, high))
    return weights if found is None else found.weights


def box(weights, lower, upper):
    return projected(np.array(weights), np.eye(len(weights)), np.array(lower), np.array(upper))


def test_lines_at_no_bound_keep_their_proportions():
    # 0.6 is cut to 0.4; the others, 0.3 and 0.1, share 0.6 as 3 to 1.
    assert box([0.6, 0.3, 0.1], [0.0] * 3, [0.4, 0.9, 0.9]) == pytest.approx([0.4, 0.45, 0.15], abs=1e-9)
    assert box([0.6, 0.3, 0.1], [0.0, 0.0, 0.2], [1.0] * 3) == pytest.approx([8 / 15, 4 / 15, 0.2], abs=1e-9)
    # 3 % is cut to 1 %; an asset of one basis point keeps its proportion to the large one.
    assert box([0.9699, 0.03, 0.0001], [0.0] * 3, [1.0, 0.01, 1.0])[2] == pytest.approx(1e-4 * 0.99 / 0.97, abs=1e-10)


def test_a_line_of_no_weight_takes_some_only_where_others_have_no_room():
    assert box([0.7, 0.3, 0.0], [0.0] * 3, [0.6] * 3) == pytest.approx([0.6, 0.4, 0.0], abs=1e-9)
    assert box([0.7, 0.3, 0.0, 0.0], [0.0] * 4, [0.3] * 4) == pytest.approx([0.3, 0.3, 0.2, 0.2], abs=1e-9)
    assert box([0.7, 0.3, 0.0], [0.0] * 3, [0.6] * 3)[2] == 0.0


def test_what_binds_is_what_is_stated():
    found = nearest(np.array([0.7, 0.3, 0.0]), limits_of(np.eye(3), [0.0] * 3, [0.6] * 3))
    assert [one.limit for one in found.binding] == ["A0 is at most 60.00 % of NAV"]
    moved = nearest(np.array([0.7, 0.3, 0.0]), limits_of(np.eye(3), [0.0, 0.0, 0.1], [1.0] * 3))
    assert moved.weights == pytest.approx([0.63, 0.27, 0.1], abs=1e-9)
    assert [(one.limit, one.key) for one in moved.binding] == [("A2 is at least 10.00 % of NAV", "lines.A2.least")]
    # The sum is 0.1² for the others, at 0.9 of their weights, and 3 x 0.1² for the asset, which counts as 1 / 3.
    assert moved.binding[0].price == pytest.approx(2 * (0.1 + 3 * 0.1), abs=1e-6)


def test_bounds_that_hold_already_move_not_a_bit():
    assert nearest(np.array([0.6, 0.3, 0.1]), limits_of(np.eye(3), [0.1] * 3, [0.6] * 3)) is None


@cases("weights, lower, upper", ([0.6, 0.3, 0.1], 0.0, 0.3), ([0.6, 0.4, 0.0], 0.0, 0.3), ([0.6, 0.3, 0.1], 0.5, 0.6))
def test_bounds_that_no_weights_keep_are_told(weights, lower, upper):
    with pytest.raises(NotSolvedError, match=r"no weights keep these constraints together: .*To make weights possible"):
        box(weights, [lower] * 3, [upper] * 3)


def test_prices_say_how_much_nearer_one_more_point_would_bring():
    weights, low = np.array([0.6, 0.3, 0.1]), np.zeros(3)

    def to(most):
        return nearest(weights, limits_of(np.eye(3), low, [most, 0.9, 0.9]))

    assert to(0.4).value == pytest.approx(((to(0.4).weights - weights) ** 2 / weights).sum(), abs=1e-12)
    (binding,) = to(0.4).binding
    assert (binding.limit, binding.key, binding.brings) == ("A0 is at most 40.00 % of NAV", "lines.A0.most", "")
    assert binding.price == pytest.approx((to(0.399).value - to(0.401).value) / 0.002, abs=1e-5)


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), lines=st.integers(2, 12), groups=st.integers(0, 4))
def test_200_random_bounds_are_kept(seed, lines, groups):
    rng = np.random.default_rng(seed)
    inside, weights = rng.dirichlet(np.ones(lines)), rng.dirichlet(np.full(lines, 0.5))
    rows = np.vstack([np.eye(lines), rng.integers(0, 2, (groups, lines)).astype(float)])
    low = np.maximum(rows @ inside - rng.exponential(0.05, len(rows)), 0.0)
    high = np.minimum(rows @ inside + rng.exponential(0.05, len(rows)), 1.0)
    found = projected(weights, rows, low, high)
    assert found.sum() == pytest.approx(1.0, abs=1e-9)
    assert (rows @ found >= low - 1e-8).all()
    assert (rows @ found <= high + 1e-8).all()
    order = rng.permutation(lines)
    columns = np.concatenate([order, np.arange(lines, len(rows))])
    moved = projected(weights[order], rows[columns][:, order], low[columns], high[columns])
    assert moved == pytest.approx(found[order], abs=1e-6)


def test_it_is_the_solution_of_another_solver():
    import cvxpy as cp

    weights = np.random.default_rng(12).dirichlet(np.ones(8))
    rows = np.vstack([np.eye(8), [1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0, 0]])
    low, high = np.array([0.05] * 8 + [0.3, 0.5]), np.array([0.3] * 8 + [0.4, 0.6])
    w = cp.Variable(8)
    objective = cp.Minimize(cp.sum(cp.multiply(1.0 / weights, (w - weights) ** 2)))
    cp.Problem(objective, [cp.sum(w) == 1, rows @ w >= low, rows @ w <= high]).solve(
        solver="OSQP", eps_abs=1e-10, eps_rel=1e-10, max_iter=100_000
    )
    assert projected(weights, rows, low, high) == pytest.approx(w.value, abs=1e-6)


# -- the models --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_each_model_keeps_bounds_of_lines_and_groups(stocks, past_of, model):
    sector = ["technology", "health", "energy", "retail"] * 5
    past = past_of(stocks, sector=sector)
    groups = {
        "technology": Group(where={"sector": "technology"}, least=0.3, most=0.35),
        "energy": Group(where={"sector": "energy"}, most=0.15),
    }
    upper, constraints = {"KO": 0.02, "AAPL": 0.05, "WMT": 0.1}, Constraints(groups=groups)
    answer = model(window=252, lower=0.01, upper=upper, constraints=constraints).answer(past)
    weights = dict(zip(past.assets, answer.weights.tolist(), strict=True))
    of = {name: sum(answer.weights[i] for i in range(20) if sector[i] == name) for name in set(sector)}
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-9)
    assert min(weights.values()) >= 0.01 - 1e-8
    assert all(weights[name] <= most + 1e-8 for name, most in (("KO", 0.02), ("AAPL", 0.05), ("WMT", 0.1)))
    assert 0.3 - 1e-8 <= of["technology"] <= 0.35 + 1e-8
    assert of["energy"] <= 0.15 + 1e-8
    assert "KO is at most 2.00 % of NAV" in {one.limit for one in answer.binding}


def test_riskfolio_libs_weights_can_miss_a_sum_of_one_under_bounds(past_of):
    # Three assets of volatilities that make HRP hold about 60, 30 and 10 %. Riskfolio-Lib 7.4 cuts them off to 40, 35
    # and 20 %, finds no asset between its bounds, and stops at a sum of 95 %.
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
    # cluster is not 10 to 40 % of the portfolio, and a cluster of one asset has none.
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


@pytest.mark.parametrize("model", MODELS)
def test_each_model_keeps_what_is_no_bound_of_weights(stocks, past_of, model):
    past = past_of(stocks, sector=["us", "eu"] * 10)
    benchmark = dict.fromkeys(past.assets, 0.05)
    constraints = Constraints(
        net=Bounds(least=0.9, most=0.95),
        groups={"us": Group(where={"sector": "us"}, most=0.4)},
        exposures={"beta": Exposure(to=benchmark, most=0.8)},
        volatility=Most(most=0.17),
        tracking_error=TrackingErrorLimit(most=0.06, benchmark=benchmark),
        exclude=Exclusions(lines=("XOM",)),
    )
    answer = model(window=252, constraints=constraints).answer(past)
    weights, equal = answer.weights, np.full(20, 0.05)
    covariance = 252.0 * np.cov(stocks.to_numpy(), rowvar=False)
    assert 0.9 - 1e-8 <= weights.sum() <= 0.95 + 1e-8
    assert weights[::2].sum() <= 0.4 + 1e-8
    assert weights @ covariance @ equal / (equal @ covariance @ equal) <= 0.8 + 1e-8
    assert np.sqrt(weights @ covariance @ weights) <= 0.17 + 1e-8
    assert np.sqrt((weights - equal) @ covariance @ (weights - equal)) <= 0.06 + 1e-8
    assert weights[past.assets.index("XOM")] == 0.0
    assert answer.binding


def test_the_number_of_lines_and_what_gives_way_are_kept_as_by_optimisers(stocks, past_of):
    past = past_of(stocks.iloc[:, :8])
    few = HRP(window=252, constraints=Constraints(cardinality=Cardinality(most=4, if_held=0.1))).target(past)
    assert np.count_nonzero(few) == 4
    assert few[few > 0.0].min() >= 0.1 - 1e-8
    nothing = int(np.argmin(NCO(window=252).target(past)))
    soft = Constraints(lines={past.assets[nothing]: Bounds(least=0.1, price=100.0)})
    assert NCO(window=252).target(past)[nothing] == 0.0
    assert NCO(window=252, constraints=soft).target(past)[nothing] == pytest.approx(0.1, abs=1e-8)
    answer = HRP(window=252, constraints=Constraints(every_line=Bounds(most=0.1, gives_way=1))).answer(past)
    assert answer.weights == pytest.approx(np.full(8, 0.125), abs=1e-6)
    assert "gave way" in answer.notes[0]


def test_a_target_moves_no_further_than_its_turnover(stocks, past_of):
    past, previous = past_of(stocks), np.full(20, 0.05)
    model = HRP(window=252, constraints=Constraints(turnover=Most(most=0.1)))
    free, held = HRP(window=252).target(past), model.answer(past, previous).weights
    assert np.maximum(free - previous, 0.0).sum() > 0.11
    assert np.maximum(held - previous, 0.0).sum() == pytest.approx(0.1, abs=1e-8)
    expected = pytest.approx(held[[past.assets.index(name) for name in model.hierarchy(past).assets]], abs=0.0)
    assert model.hierarchy(past, previous).by_line()["weight"].to_numpy() == expected


def test_bounds_that_exclude_every_portfolio_are_told(stocks, past_of):
    with pytest.raises(NotSolvedError, match=r"every asset is at most 4.00 % of NAV; .* is 100.00 % of NAV\. To make"):
        HRP(window=252, upper=0.04).target(past_of(stocks))
    half = Constraints(groups={"x": Group(where={"sector": "x"}, most=0.5)})
    said = r"x \(sector x\) is at most 50.00 % of NAV.* raise the most of x .*100.00 %"
    with pytest.raises(NotSolvedError, match=said):
        HRP(window=252, constraints=half).target(past_of(stocks, sector=["x"] * 20))


def test_what_the_market_does_not_have_is_refused(stocks, past_of):
    with pytest.raises(ConfigError, match=r"lines.KOO: unknown asset: found 'KOO'. Did you mean 'KO'"):
        HRP(window=252, upper={"KOO": 0.04}).target(past_of(stocks))
    unknown = Constraints(groups={"tec": Group(where={"sector": "tec"}, most=0.5)})
    with pytest.raises(ConfigError, match=r"groups.tec.where.sector: no asset has this sector: found 'tec'"):
        HRP(window=252, constraints=unknown).target(past_of(stocks, sector=["x"] * 20))
