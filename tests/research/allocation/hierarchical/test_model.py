"""What all hierarchical allocations share: invariants, bad input, and the record that explains a target."""

import numpy as np
import pytest
from cases import cases
from scipy.cluster import hierarchy

from research.allocation import HERC, HRP, NCO, Schur, target_path
from research.allocation.allocation import answer_of
from research.allocation.constraints import Constraints, Group
from research.allocation.hierarchical.settings import DISTANCES, HIERARCHICAL_RISKS, LINKAGES

MODELS = {
    "HRP": HRP(window=252),
    "HRP, cvar": HRP(window=252, risk="cvar", linkage="ward"),
    "HRP, bounded": HRP(window=252, upper=0.1, lower=0.01),
    "HERC": HERC(window=252),
    "HERC, bounded": HERC(window=252, upper=0.1, clusters="silhouette"),
    "NCO": NCO(window=252),
    "NCO, bounded": NCO(window=252, lower=0.02, upper=0.2),
    "NCO, ledoit_wolf": NCO(window=252, covariance="ledoit_wolf", linkage="average"),
    "Schur": Schur(window=252),
    "Schur, bounded": Schur(window=252, gamma=1.0, upper=0.15),
}


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_not_negative_and_sum_to_one(stocks, past_of, name):
    weights = MODELS[name].target(past_of(stocks))
    assert (weights >= 0.0).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_the_order_of_columns_moves_nothing(stocks, past_of, name):
    order = np.random.default_rng(1).permutation(20)
    weights, moved = (MODELS[name].target(past_of(frame)) for frame in (stocks, stocks.iloc[:, order]))
    assert moved == pytest.approx(weights[order], abs=1e-8)


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_order_of_columns_moves_no_tree(stocks, past_of, distance):
    order = np.random.default_rng(1).permutation(20)
    for linkage in LINKAGES:
        model = HERC(window=252, distance=distance, linkage=linkage)
        one, other = (model.hierarchy(past_of(frame)) for frame in (stocks, stocks.iloc[:, order]))
        assert one.assets == other.assets
        assert one.cluster.tolist() == other.cluster.tolist()


@cases("risk", "standard_deviation", "mean_absolute_deviation", "semi_deviation", "cvar", "max_drawdown")
def test_hrp_by_other_measures_is_that_of_two_libraries(stocks, past_of, risk):
    import riskfolio
    from skfolio import RiskMeasure
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.optimization import HierarchicalRiskParity
    from skfolio.seriation import HierarchicalSeriation

    short = {
        "standard_deviation": "vol", "mean_absolute_deviation": "MAD", "semi_deviation": "MSV", "cvar": "CVaR",
        "max_drawdown": "MDD",
    }[risk]  # fmt: skip
    weights = HRP(window=252, risk=risk).target(past_of(stocks))
    table = riskfolio.HCPortfolio(returns=stocks).optimization(model="HRP", rm=short, linkage="single", leaf_order=True)
    assert weights == pytest.approx(table["weights"].reindex(stocks.columns).to_numpy(), abs=1e-12)
    clustering = HierarchicalClustering(linkage_method=LinkageMethod.SINGLE)
    theirs = HierarchicalRiskParity(
        risk_measure=RiskMeasure[risk.upper()],
        seriation_estimator=HierarchicalSeriation(hierarchical_clustering_estimator=clustering),
    )
    assert weights == pytest.approx(theirs.fit(stocks).weights_, abs=1e-12)


def test_hrp_of_equal_risk_halves_the_list(stocks, past_of):
    weights = HRP(window=252, risk="equal").target(past_of(stocks.iloc[:, :8]))
    assert weights == pytest.approx(np.full(8, 0.125), abs=1e-15)
    assert set(HIERARCHICAL_RISKS) > {"equal", "variance"}


# -- the record --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_the_record_says_what_is_held_and_why(stocks, past_of, name):
    past, model = past_of(stocks), MODELS[name]
    record, target = model.hierarchy(past), model.target(past)
    lines, parts = record.by_line(), record.by_cluster()
    assert lines["weight"].reindex(stocks.columns).to_numpy() == pytest.approx(target, abs=0.0)
    assert record.risk.sum() == pytest.approx(1.0, abs=1e-12)
    assert parts[["weight", "unbounded", "risk"]].sum().to_numpy() == pytest.approx(np.ones(3), abs=1e-9)
    assert parts["lines"].sum() == 20
    assert (np.diff(record.cluster) >= 0).all()
    assert tuple(record.leaf_names[leaf] for leaf in hierarchy.leaves_list(record.linkage)) == record.assets
    assert record.correlation == pytest.approx(stocks[list(record.assets)].corr().to_numpy(), abs=0.15)
    assert str(record).startswith("20 assets in ")


def test_the_share_of_risk_is_that_of_variance(stocks, past_of):
    record = HERC(window=252, clusters=4).hierarchy(past_of(stocks))
    returns = stocks[list(record.assets)].to_numpy()
    shares = [np.cov(record.weights[i] * returns[:, i], returns @ record.weights)[0, 1] for i in range(20)]
    assert record.risk == pytest.approx(np.array(shares) / np.var(returns @ record.weights, ddof=1), abs=1e-12)


def test_the_record_cannot_be_written_to(stocks, past_of):
    record = HRP(window=252).hierarchy(past_of(stocks))
    with pytest.raises(ValueError, match="read-only"):
        record.weights[0] = 1.0


def test_what_binds_is_in_the_reasons_of_a_path(noisy):
    bonds = Constraints(groups={"bonds": Group(where={"asset_class": "bond"}, least=0.3)})
    path = target_path(HRP(window=100, upper=0.4, constraints=bonds), noisy, 200)
    assert path.answers[-1].binding
    assert all(0.0 <= weight <= 0.4 + 1e-8 for weight in path.rows[-1])
    assert path.rows[-1][[2, 3]].sum() >= 0.3 - 1e-8


def test_bounds_without_room_keep_the_weights_before(noisy):
    # From row 330 on there are six assets; until 220 four, of which each may hold 0.26.
    path = target_path(HRP(window=100, upper=0.26, schedule="month"), noisy, 200)
    assert not any(answer.fallback for answer in path.answers)
    assert target_path(HRP(window=100, lower=0.2, schedule="month"), noisy, 200).answers[-1].fallback == ""
    with_six = target_path(HRP(window=40, lower=0.2, schedule="month"), noisy, 200)
    assert with_six.answers[-1].fallback == "previous weights"
    assert "lower the least of every asset from 20.00 % to 16.66 %" in with_six.answers[-1].why


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [HRP, HERC, NCO, Schur])
def test_a_constant_series_is_left_out(stocks, past_of, model):
    found = answer_of(model(window=252), past_of(stocks.assign(AMD=0.0)))
    without = model(window=252).target(past_of(stocks.drop(columns="AMD")))
    assert np.delete(found.weights, stocks.columns.get_loc("AMD")) == pytest.approx(without)
    assert found.notes == ("AMD did not move in 252 sessions, and is left out",)


@pytest.mark.parametrize("model", [HRP, HERC])
def test_fewer_days_than_lines_and_duplicates_are_no_hindrance_without_an_inverse(stocks, past_of, model):
    assert model(window=10).target(past_of(stocks.iloc[:10])).sum() == pytest.approx(1.0, abs=1e-12)
    twice = model(window=252).target(past_of(stocks.assign(AMD=stocks["AAPL"])))
    assert twice.sum() == pytest.approx(1.0, abs=1e-12)
