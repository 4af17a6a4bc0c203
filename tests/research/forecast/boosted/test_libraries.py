"""Trees of both libraries: those of the library itself, to the bit; their contributions are Shapley values."""

from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

from research.forecast.boosted import libraries
from research.forecast.boosted.libraries import BOOSTING_LIBRARIES, Growth, Library

GROWTH = Growth(60, 0.1, 6, 20, 1.0, 0.7, 3, (0, 0, 0, 0))


def sets(seed: int = 0, rows: int = 800) -> tuple[np.ndarray, np.ndarray]:
    """A step, a slope that falls, an interaction, and noise; some numbers are not known."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4))
    y = np.where(x[:, 0] > 0.3, 1.0, 0.0) - 0.5 * x[:, 1] + x[:, 0] * x[:, 2] + rng.normal(size=rows)
    x[rng.random(size=x.shape) < 0.05] = np.nan
    return x, y


FIT, LATER = sets(0), sets(1)
FOLDS = [(np.arange(400, 800), np.arange(400)), (np.arange(400), np.arange(400, 800))]


def test_trees_are_those_of_lightgbm_itself() -> None:
    text = libraries.train_trees("lightgbm", GROWTH, *FIT)
    native = lightgbm.LGBMRegressor(
        n_estimators=60, learning_rate=0.1, num_leaves=6, min_child_samples=20, reg_lambda=1.0, colsample_bytree=0.7,
        random_state=3, max_bin=63, bin_construct_sample_cnt=5000, deterministic=True, force_col_wise=True, n_jobs=1,
        verbosity=-1,
    ).fit(*FIT)  # fmt: skip
    assert libraries.predicted("lightgbm", text, LATER[0]).tobytes() == native.predict(LATER[0]).tobytes()
    assert libraries.tree_count("lightgbm", text) == 60


def test_trees_are_those_of_xgboost_itself() -> None:
    text = libraries.train_trees("xgboost", GROWTH, *FIT)
    native = xgboost.XGBRegressor(
        n_estimators=60, learning_rate=0.1, grow_policy="lossguide", max_leaves=6, max_depth=0, min_child_weight=20,
        reg_lambda=1.0, colsample_bytree=0.7, random_state=3, max_bin=63, tree_method="hist", n_jobs=1, base_score=0.0,
        monotone_constraints=(0, 0, 0, 0),
    ).fit(*FIT)  # fmt: skip
    assert libraries.predicted("xgboost", text, LATER[0]).tobytes() == native.predict(LATER[0]).astype(float).tobytes()
    assert libraries.tree_count("xgboost", text) == 60


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_a_fold_is_forecast_by_trees_of_the_others_and_their_number_has_the_least_error(library: Library) -> None:
    x, y = FIT
    growth = replace(GROWTH, rounds=100, learning_rate=0.3)
    rounds, found = libraries.folded(library, growth, x, y, FOLDS)
    errors = []
    for count in range(1, rounds + 20):
        apart = np.empty(len(y))
        for train, out in FOLDS:
            text = libraries.train_trees(library, replace(growth, rounds=count), x[train], y[train])
            apart[out] = libraries.predicted(library, text, x[out])
        errors.append(np.square(apart - y).mean())
        if count == rounds:
            assert np.corrcoef(apart, found)[0, 1] > 0.9  # bins of features are those of all samples
    assert errors[rounds - 1] < 1.02 * min(errors)
    assert errors[-1] > errors[rounds - 1]
    changed = y.copy()
    changed[:400] = (
        0.0  # the first fold is not forecast from its own outcomes, which count in the number of trees alone
    )
    expected = libraries.folded(library, replace(growth, rounds=1), x, y, FOLDS)[1][:400].tobytes()
    assert libraries.folded(library, replace(growth, rounds=1), x, changed, FOLDS)[1][:400].tobytes() == expected


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_the_same_seed_gives_the_same_text_and_another_one_another(library: Library) -> None:
    text = libraries.train_trees(library, GROWTH, *FIT)
    assert libraries.train_trees(library, GROWTH, *FIT) == text
    assert libraries.train_trees(library, Growth(60, 0.1, 6, 20, 1.0, 0.7, 4, (0, 0, 0, 0)), *FIT) != text


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_a_monotone_feature_never_turns(library: Library) -> None:
    grid = np.zeros((400, 4))
    grid[:, 1] = np.linspace(-3.0, 3.0, 400)
    for sign in (-1, 1):
        text = libraries.train_trees(library, Growth(60, 0.3, 16, 5, 0.0, 1.0, 0, (0, sign, 0, 0)), *FIT)
        for first in (-1.0, 0.0, 1.0):
            grid[:, 0] = first
            assert (sign * np.diff(libraries.predicted(library, text, grid)) >= 0.0).all()
    free = libraries.predicted(
        library, libraries.train_trees(library, Growth(60, 0.3, 16, 5, 0.0, 1.0, 0, (0,) * 4), *FIT), grid
    )
    assert np.diff(free).max() > 0.0 > np.diff(free).min()


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_contributions_and_their_mean_sum_to_the_forecast(library: Library) -> None:
    text = libraries.train_trees(library, GROWTH, *FIT)
    shares, forecast = libraries.feature_shares(library, text, LATER[0]), libraries.predicted(library, text, LATER[0])
    assert shares.shape == (800, 5)
    assert np.ptp(shares[:, 4]) == 0.0
    np.testing.assert_allclose(shares.sum(axis=1), forecast, atol=1e-12 if library == "lightgbm" else 3e-6)


def lightgbm_value(node: dict[str, Any], x: np.ndarray, known: tuple[int, ...]) -> float:
    """Mean of a tree where only some features are known: both ways, by samples, at a split of another one."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = (lightgbm_value(node[f"{side}_child"], x, known) for side in ("left", "right"))
    if node["split_feature"] in known:
        return left if x[node["split_feature"]] <= node["threshold"] else right
    counts = [
        node[f"{side}_child"].get("leaf_count", node[f"{side}_child"].get("internal_count"))
        for side in ("left", "right")
    ]
    return (counts[0] * left + counts[1] * right) / sum(counts)


def xgboost_value(node: dict[str, Any], x: np.ndarray, known: tuple[int, ...]) -> float:
    """The same of a tree of XGBoost."""
    if "leaf" in node:
        return float(node["leaf"])
    left, right = node["children"]
    values, feature = (xgboost_value(left, x, known), xgboost_value(right, x, known)), int(node["split"][1:])
    if feature in known:
        return values[0] if np.float32(x[feature]) < np.float32(node["split_condition"]) else values[1]
    return (left["cover"] * values[0] + right["cover"] * values[1]) / (left["cover"] + right["cover"])


def trees_of(library: Library, text: str) -> tuple[list[dict[str, Any]], Any]:
    import json

    trees = libraries._parsed(library, text)
    if library == "lightgbm":
        return [tree["tree_structure"] for tree in trees.dump_model()["tree_info"]], lightgbm_value
    return [json.loads(tree) for tree in trees.get_dump(with_stats=True, dump_format="json")], xgboost_value


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_contributions_are_shapley_values_by_brute_force(library: Library) -> None:
    """Shapley (1953), over all coalitions of three features, of the trees' conditional means."""
    x, y = (part[:300] for part in sets(5))
    x = np.nan_to_num(x[:, :3])
    text = libraries.train_trees(library, Growth(4, 0.5, 5, 10, 0.0, 1.0, 0, (0, 0, 0)), x, y)
    trees, value = trees_of(library, text)
    found = libraries.feature_shares(library, text, x[:20])
    for row in range(20):
        worth = {
            some: sum(value(tree, x[row], some) for tree in trees)
            for k in range(4)
            for some in combinations(range(3), k)
        }
        for feature in range(3):
            expected = 0.0
            for some in worth:
                if feature not in some:
                    weight = factorial(len(some)) * factorial(2 - len(some)) / factorial(3)
                    expected += weight * (worth[tuple(sorted((*some, feature)))] - worth[some])
            assert found[row, feature] == pytest.approx(expected, abs=1e-9 if library == "lightgbm" else 1e-5)
        assert found[row, 3] == pytest.approx(worth[()], abs=1e-9 if library == "lightgbm" else 1e-5)
