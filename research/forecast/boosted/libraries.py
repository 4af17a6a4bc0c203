"""The two libraries of boosted trees, by one small adapter: trained on one thread, to the bit, and kept as text."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np

from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass

Library = Literal["lightgbm", "xgboost"]
Folds = list[tuple[Rows, Rows]]
BOOSTING_LIBRARIES: tuple[Library, ...] = ("lightgbm", "xgboost")
PATIENT_ROUNDS = 20  # rounds without a smaller error on the folds
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


def folded(library: Library, growth: Growth, x: Array, y: Array, folds: Folds) -> tuple[int, Array]:
    """The number of trees with the least squared error on the folds, and the forecasts (N,) of each fold by trees of
    that many rounds that were trained on the samples beside it, less their mean forecast of those.

    library : "lightgbm" or "xgboost".
    growth  : settings for growing the trees.
    x, y    : features (N, f) and outcomes (N,).
    folds   : samples to train on and samples to forecast, for each fold; every sample is forecast once.
    """
    rounds, trees = (_folded_lightgbm if library == "lightgbm" else _folded_xgboost)(growth, x, y, folds)
    found = np.empty(len(y))
    for one, (train, out) in zip(trees, folds, strict=True):
        found[out] = _outputs(library, one, x[out], rounds) - _outputs(library, one, x[train], rounds).mean()
    return rounds, found


def train_trees(library: Library, growth: Growth, x: Array, y: Array) -> str:
    """As many trees as `growth` has rounds, as text, from features (N, f) and outcomes (N,)."""
    if library == "lightgbm":
        import lightgbm

        settings = lightgbm_parameters(growth)
        return str(lightgbm.train(settings, lightgbm.Dataset(x, y, params=settings), growth.rounds).model_to_string())
    import xgboost

    data = xgboost.QuantileDMatrix(x, y, max_bin=BINS, nthread=1)
    return bytes(xgboost.train(xgboost_parameters(growth), data, growth.rounds).save_raw("json")).decode()


def predicted(library: Library, text: str, values: Array) -> Array:
    """(N,) outputs of the trees for features (N, f)."""
    return _outputs(library, _parsed(library, text), values, 0)


def _outputs(library: Library, trees: Any, values: Array, rounds: int) -> Array:
    """(N,) outputs of the first trees, of all for 0, of a library's own object."""
    if library == "lightgbm":
        return np.asarray(trees.predict(values, num_iteration=rounds or -1, num_threads=1), dtype=float)
    return np.asarray(trees.predict(_matrix(values), iteration_range=(0, rounds)), dtype=float)


def feature_shares(library: Library, text: str, values: Array) -> Array:
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


def _folded_lightgbm(growth: Growth, x: Array, y: Array, folds: Folds) -> tuple[int, list[Any]]:
    import lightgbm

    settings = lightgbm_parameters(growth)
    stop = lightgbm.early_stopping(PATIENT_ROUNDS, verbose=False)
    data = lightgbm.Dataset(x, y, params=settings, free_raw_data=False)
    found: Any = lightgbm.cv(settings, data, growth.rounds, folds=folds, callbacks=[stop], return_cvbooster=True)
    return len(found["valid l2-mean"]), found["cvbooster"].boosters


def _folded_xgboost(growth: Growth, x: Array, y: Array, folds: Folds) -> tuple[int, list[Any]]:
    import xgboost

    class Keep(xgboost.callback.TrainingCallback):
        trees: list[Any]

        def after_training(self, model: Any) -> Any:
            self.trees = [fold.bst for fold in model.cvfolds]
            return model

    keep = Keep()
    found: Any = xgboost.cv(
        xgboost_parameters(growth), xgboost.DMatrix(x, y, nthread=1), growth.rounds, folds=folds,
        early_stopping_rounds=PATIENT_ROUNDS, as_pandas=False, callbacks=[keep],
    )  # fmt: skip
    return len(found["test-rmse-mean"]), keep.trees


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
