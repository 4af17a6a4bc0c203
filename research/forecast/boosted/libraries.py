"""The two libraries of boosted trees, by one small adapter: trained on one thread, to the bit, and kept as text."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from foundation.arrays import Array

Library = Literal["lightgbm", "xgboost"]
BOOSTING_LIBRARIES: tuple[Library, ...] = ("lightgbm", "xgboost")
PATIENCE = 20  # rounds without a better error on the days that stop the training
BINS = 63  # values that a feature is divided into


@dataclass(frozen=True)
class Growth:
    """Settings for growing trees.

    rounds           : largest number of trees.
    learning_rate    : share of each tree.
    leaves           : largest number of leaves of a tree.
    min_data_in_leaf : least number of samples of a leaf.
    l2               : penalty on squared leaves, in samples.
    feature_fraction : share of the features that a tree may use, drawn anew for each.
    seed             : seed of that draw.
    monotone         : (f,) 1 where the forecast may not fall as the feature rises, -1 where it may not rise, else 0.
    """

    rounds: int
    learning_rate: float
    leaves: int
    min_data_in_leaf: int
    l2: float
    feature_fraction: float
    seed: int
    monotone: tuple[int, ...]


def train(library: Library, growth: Growth, fit: tuple[Array, Array], stop: tuple[Array, Array]) -> str:
    """Trees as text, as many as have the least squared error on the days that stop the training.

    library : "lightgbm" or "xgboost".
    growth  : settings for growing the trees.
    fit     : features (N, f) and outcomes (N,) to train on.
    stop    : features (M, f) and outcomes (M,) of later days.
    """
    return (_train_lightgbm if library == "lightgbm" else _train_xgboost)(growth, fit, stop)


def predicted(library: Library, text: str, values: Array) -> Array:
    """(N,) outputs of the trees for features (N, f)."""
    trees = _parsed(library, text)
    if library == "lightgbm":
        return np.asarray(trees.predict(values, num_threads=1), dtype=float)
    return np.asarray(trees.predict(_matrix(values)), dtype=float)


def contributions(library: Library, text: str, values: Array) -> Array:
    """(N, f + 1) share of each feature in the outputs of the trees, then their mean, which completes the sum.

    Source : Lundberg and others (2020), From local explanations to global understanding with explainable AI for trees,
             algorithm 2, by the library's own implementation.
    """
    trees = _parsed(library, text)
    if library == "lightgbm":
        return np.asarray(trees.predict(values, pred_contrib=True, num_threads=1), dtype=float)
    return np.asarray(trees.predict(_matrix(values), pred_contribs=True), dtype=float)


def tree_count(library: Library, text: str) -> int:
    """Number of trees."""
    trees = _parsed(library, text)
    return int(trees.num_trees() if library == "lightgbm" else trees.num_boosted_rounds())


def lightgbm_parameters(growth: Growth) -> dict[str, Any]:
    """The settings as LightGBM names them."""
    return {
        "objective": "regression",
        "learning_rate": growth.learning_rate,
        "num_leaves": growth.leaves,
        "min_data_in_leaf": growth.min_data_in_leaf,
        "lambda_l2": growth.l2,
        "feature_fraction": growth.feature_fraction,
        **({"monotone_constraints": list(growth.monotone)} if any(growth.monotone) else {}),
        "seed": growth.seed,
        "max_bin": BINS,
        "bin_construct_sample_cnt": 5_000,  # samples that place the bins, which else take half of the time
        "deterministic": True,
        "force_col_wise": True,  # else the library measures which is quicker, and the sums differ
        "num_threads": 1,
        "verbosity": -1,
    }


def xgboost_parameters(growth: Growth) -> dict[str, Any]:
    """The settings as XGBoost names them. The weight of a leaf of squared errors is its number of samples."""
    return {
        "objective": "reg:squarederror",
        "base_score": 0.0,
        "eta": growth.learning_rate,
        "grow_policy": "lossguide",
        "max_leaves": growth.leaves,
        "max_depth": 0,
        "min_child_weight": growth.min_data_in_leaf,
        "lambda": growth.l2,
        "colsample_bytree": growth.feature_fraction,
        "monotone_constraints": tuple(growth.monotone),
        "seed": growth.seed,
        "tree_method": "hist",
        "max_bin": BINS,
        "nthread": 1,
        "verbosity": 0,
    }


def _train_lightgbm(growth: Growth, fit: tuple[Array, Array], stop: tuple[Array, Array]) -> str:
    import lightgbm

    settings = lightgbm_parameters(growth)
    data = lightgbm.Dataset(*fit, params=settings, free_raw_data=False)
    trees = lightgbm.train(
        settings,
        data,
        growth.rounds,
        valid_sets=[data.create_valid(*stop)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return str(trees.model_to_string(num_iteration=trees.best_iteration))


def _train_xgboost(growth: Growth, fit: tuple[Array, Array], stop: tuple[Array, Array]) -> str:
    import xgboost

    settings = xgboost_parameters(growth)
    data = xgboost.QuantileDMatrix(*fit, max_bin=BINS, nthread=1)
    later = xgboost.QuantileDMatrix(*stop, ref=data, max_bin=BINS, nthread=1)
    trees = xgboost.train(
        settings, data, growth.rounds, evals=[(later, "stop")], early_stopping_rounds=PATIENCE, verbose_eval=False
    )
    return bytes(trees[: trees.best_iteration + 1].save_raw("json")).decode()


@lru_cache(maxsize=64)
def _parsed(library: Library, text: str) -> Any:
    """The library's own object of a text."""
    if library == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_str=text)
    import xgboost

    return xgboost.Booster({"nthread": 1}, model_file=bytearray(text.encode()))


def _matrix(values: Array) -> Any:
    import xgboost

    return xgboost.DMatrix(values, nthread=1)
