"""An allocation as an estimator of scikit-learn and skfolio: their cross-validation, searches and stacking take it.

    AllocationEstimator(HRP(window=252)).fit(returns).weights_

It is the counterpart of `EstimatorAllocation`, which fits an estimator of theirs as an allocation.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from skfolio.optimization import BaseOptimization
from skfolio.utils.tools import input_to_array
from sklearn.utils.validation import validate_data

from foundation.arguments import did_you_mean
from foundation.arrays import Array
from foundation.errors import ConfigError
from research.allocation.allocation import Allocation, answer_of
from research.allocation.answer import Answer, Following
from research.allocation.from_prices import at_year_of
from research.market import Market, Past, instruments_table

DEEP = "allocation__"
LARGEST_MEDIAN = 0.5  # a period: above it they are prices, as no returns are half of the time


class AllocationEstimator(BaseOptimization):
    """An estimator whose weights are an allocation's target at the close of the last row of returns.

    The allocation uses the last `window` rows of X, whatever their number: `GridSearchCV` over `allocation__window`
    compares windows. `predict`, `score` and the four settings after the allocation are skfolio's `BaseOptimization`.

    allocation : allocation that gives the weights. Its settings, and those of what it holds, are parameters too:
                 `allocation__window`, `allocation__forecast__covariance`.

    After `fit` it has `weights_` (n,), fraction of NAV, cash being the rest, and `answer_`, the weights with their
    reasons, such as the limits that bind.
    """

    answer_: Answer

    def __init__(
        self,
        allocation: Allocation,
        portfolio_params: dict[str, Any] | None = None,
        fallback: Any = None,
        previous_weights: Any = None,
        raise_on_failure: bool = True,
    ) -> None:
        super().__init__(portfolio_params, fallback, previous_weights, raise_on_failure)
        self.allocation = allocation

    @property
    def needs_previous_weights(self) -> bool:
        """True if the allocation, or a setting of skfolio's, uses the weights of the fit before."""
        return self._follows or super().needs_previous_weights

    @property
    def _follows(self) -> bool:
        return isinstance(self.allocation, Following) and self.allocation.follows

    def fit(self, X: Any, y: Any = None) -> Self:
        """The estimator with the weights of the allocation.

        X      : (T, n) simple returns, dates down, of which there are at least as many as the allocation's window. A
                 frame gives the assets their names; its dates, `periods_per_year`. Rows without dates count as
                 business days, and the allocation keeps its `periods_per_year`.
        y      : ignored.
        Raises : ConfigError for too few rows, for prices, and for dates that do not increase; DataError for a return of
                 -1 or less; what the allocation raises.
        """
        returns = validate_data(self, X, dtype=float, ensure_min_samples=2)
        if len(returns) < self.allocation.window:
            raise ConfigError(
                f"X has {len(returns)} rows (n_samples={len(returns)}), fewer than the window of "
                f"{type(self.allocation).__name__}, {self.allocation.window}. Give more rows, or set a shorter window."
            )
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(returns.shape[1])])
        previous = None
        if self._follows and self.previous_weights is not None:
            previous = input_to_array(self.previous_weights, len(names), 0.0, 1, names, "previous_weights")
        index = X.index if isinstance(getattr(X, "index", None), pd.DatetimeIndex) else None
        past = _past_of(returns, tuple(map(str, names)), index)
        allocation = self.allocation if index is None else at_year_of(past.days, self.allocation)
        self.answer_ = answer_of(allocation, past, previous)
        self.weights_ = np.array(self.answer_.weights)
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameter -> value; with `deep` the settings of the allocation too, and of what it holds."""
        params = dict(super().get_params(deep=False))
        return params | dict(_settings(self.allocation, DEEP)) if deep else params

    def set_params(self, **params: Any) -> Self:
        """The estimator with other parameters; the allocation is replaced by one with the other settings.

        Raises : ConfigError for a setting that the allocation does not have, and for a value that it does not take.
        """
        super().set_params(**{name: value for name, value in params.items() if not name.startswith(DEEP)})
        for name in sorted(filter(lambda name: name.startswith(DEEP), params), key=lambda name: name.count("__")):
            if name not in (known := self.get_params()):
                raise ConfigError(f"unknown parameter {name} of AllocationEstimator. {did_you_mean(name, known)}")
            self.allocation = _replaced(self.allocation, name.split("__")[1:], params[name])
        return self


def _settings(record: object, before: str) -> Iterator[tuple[str, Any]]:
    """The settings of a dataclass by name, `before` in front, and those of the dataclasses that it holds."""
    for f in fields(record) if is_dataclass(record) and not isinstance(record, type) else ():
        value = getattr(record, f.name)
        yield f"{before}{f.name}", value
        yield from _settings(value, f"{before}{f.name}__")


def _replaced(record: Any, names: list[str], value: object) -> Any:
    """A frozen dataclass with another value at the end of a path of names."""
    inner = value if len(names) == 1 else _replaced(getattr(record, names[0]), names[1:], value)
    return replace(record, **{names[0]: inner})


def _past_of(returns: Array, names: tuple[str, ...], index: pd.DatetimeIndex | None) -> Past:
    """The past whose last rows are returns (T, n), after one row of listing; its calendar is that of their weekdays."""
    if (middle := float(np.median(returns))) > LARGEST_MEDIAN:
        raise ConfigError(f"X are prices? Its median is {middle:.4g}. Give prices.pct_change().dropna().")
    days = pd.bdate_range("2000-01-03", periods=len(returns))
    if index is not None:
        days = index.tz_localize(None)
    dates = days.insert(0, days[0] - pd.offsets.BDay())
    market = Market(
        dates=dates,
        assets=names,
        returns=np.vstack([np.zeros(returns.shape[1]), returns]),
        tradable=np.ones((len(dates), len(names)), dtype=bool),
        cash=np.zeros(len(dates)),
        instruments=instruments_table(names),
        prices=np.full((len(dates), len(names)), np.nan),
        calendar="XNYS" if (dates.dayofweek < 5).all() else "24/7",
        name="X",
    )
    return market.past(len(dates) - 1)
