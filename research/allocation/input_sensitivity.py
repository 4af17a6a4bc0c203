"""The sensitivity of the weights to each input: to one standard error of a mean, a volatility or a correlation.

    found = input_sensitivity(allocation, market)
    found.table()

The returns of the window are changed as little as can be so that one of their sample moments is another, and the
allocation is asked again. So it works for every allocation that estimates from a window, whatever its estimator.
"""

from collections.abc import Callable
from contextlib import suppress
from itertools import combinations

import numpy as np
import pandas as pd

from foundation.arrays import Array, freeze_fields
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from research.accounting.turnover import one_way
from research.allocation.accuracy import ZERO_FROM_SOLVER
from research.allocation.allocation import Allocation, answer_of
from research.allocation.answer import NotSolvedError
from research.allocation.weight_intervals import check_draws, drawn_rows
from research.forecast.returns import estimable
from research.market import Market

MOMENT_KINDS = ("mean", "volatility", "correlation")
SINGULAR = 1e-10  # of the largest eigenvalue of correlations: a smaller one means that some assets determine another
WeightsOf = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class InputErrors:
    """Standard errors of the sample moments of a window's returns.

    mean        : (k,) standard error of the mean of a return.
    volatility  : (k,) standard error of its standard deviation.
    correlation : (k, k).
    """

    mean: Array
    volatility: Array
    correlation: Array


@dataclass(frozen=True, eq=False)
class InputSensitivity:
    """The moves of the weights for one standard error of each input.

    assets  : names of the n assets.
    weights : (n,) fraction of NAV, from the returns as they were.
    kinds   : kind of each of m inputs: "mean", "volatility" or "correlation".
    lines   : for each input, the asset or the two assets that it belongs to.
    errors  : (m,) standard error of each input, a period.
    moved   : (m, n) half of the weights with the input one standard error higher, less those with it as much lower;
              NaN for a correlation that cannot move alone, since other assets determine it, and without a solution.
    """

    assets: tuple[str, ...]
    weights: Array
    kinds: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    errors: Array
    moved: Array

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "weights", "errors", "moved")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name of each input: "mean of SPY", "correlation of SPY and AGG"."""
        return tuple(f"{kind} of {' and '.join(of)}" for kind, of in zip(self.kinds, self.lines, strict=True))

    @property
    def turnover(self) -> Array:
        """(m,) one-way turnover that one standard error of each input moves, fraction of NAV."""
        return one_way(self.moved)

    def table(self, most: int | None = None) -> pd.DataFrame:
        """A row an input, a column an asset: the move of its weight, fraction of NAV; last, the turnover of all assets.

        most : inputs of each kind, those that move most; None for all.
        """
        columns = pd.DataFrame(self.moved, index=pd.Index(self.inputs, name="input"), columns=list(self.assets))
        columns["turnover"] = self.turnover
        parts = [columns[np.array(self.kinds) == kind] for kind in MOMENT_KINDS]
        if most is not None:
            parts = [part.sort_values("turnover", ascending=False, kind="stable").head(most) for part in parts]
        return pd.concat(parts)

    def strongest(self, most: int = 5) -> pd.DataFrame:
        """A row an input, those that move most of all kinds: the two assets whose weights it moves most, and how far.

        most    : rows; fewer where fewer inputs move anything.
        Columns : first, second, names of assets; by, second by, the moves of their weights, and turnover, of all
                  assets, fraction of NAV.
        """
        moving = np.flatnonzero(np.nan_to_num(self.turnover) > ZERO_FROM_SOLVER)
        rows = []
        for k in sorted(moving.tolist(), key=lambda k: -self.turnover[k])[:most]:
            first, *others = np.argsort(-np.abs(self.moved[k]), kind="stable").tolist()
            second = others[0] if others else first
            rows.append({
                "input": self.inputs[k],
                "first": self.assets[first],
                "by": self.moved[k, first],
                "second": self.assets[second],
                "second by": self.moved[k, second],
                "turnover": self.turnover[k],
            })  # fmt: skip
        columns = ["input", "first", "by", "second", "second by", "turnover"]
        return pd.DataFrame(rows, columns=columns).set_index("input")


def input_sensitivity(
    allocation: Allocation,
    market: Market,
    draws: int = 200,
    mean_block: float = 21.0,
    seed: int = 1,
    previous: Array | None = None,
) -> InputSensitivity:
    """The moves of the weights for one standard error of each input, at the last close of a market.

    allocation : allocation that is estimated from a window of returns.
    market     : market up to the date.
    draws      : number of draws of the window, for the standard errors, at least 20.
    mean_block : mean length of a block of days of them.
    seed       : seed of the draws.
    previous   : (n,) target before, for an allocation that follows it.
    Raises     : ConfigError for settings outside these, and for an allocation without a window; DataError where no
                 asset has a complete window; and as the allocation does.
    """
    check_draws(allocation, draws, mean_block)
    stop = len(market.dates)
    start, past = stop - allocation.window, market.past(stop - 1)
    complete = estimable(past, allocation.window)
    if not complete.any():
        raise DataError(
            f"no asset has the {allocation.window} returns on {past.date:%Y-%m-%d} that are made different."
        )

    def weights_of(window: Array) -> Array:
        returns = market.returns.copy()
        returns[start:, complete] = window
        return answer_of(allocation, replace(market, returns=returns).past(stop - 1), previous).weights

    window = market.returns[start:, complete]
    errors = input_errors(window, draws, mean_block, seed)
    names = tuple(name for name, there in zip(market.assets, complete, strict=True) if there)
    return replace(sensitivity(weights_of, window, errors, names), assets=market.assets)


def sensitivity(weights_of: WeightsOf, returns: Array, errors: InputErrors, names: tuple[str, ...]) -> InputSensitivity:
    """The moves of the weights for one standard error of each sample moment of returns.

    weights_of : returns (T, k) -> weights (n,).
    returns    : (T, k) returns of the window.
    errors     : standard errors of their sample moments.
    names      : names of the k assets.
    Raises     : what `weights_of` raises for the returns as they are.
    """
    k, weights = len(names), weights_of(returns)
    inputs: list[tuple[str, tuple[int, ...]]] = [(kind, (i,)) for kind in MOMENT_KINDS[:2] for i in range(k)]
    inputs += [(MOMENT_KINDS[2], pair) for pair in combinations(range(k), 2)]
    sizes = [float(getattr(errors, kind)[of if len(of) > 1 else of[0]]) for kind, of in inputs]
    moved = np.full((len(inputs), len(weights)), np.nan)
    for row, (kind, of), size in zip(moved, inputs, sizes, strict=True):
        with suppress(NotSolvedError, np.linalg.LinAlgError):
            higher, lower = (weights_of(changed_sample(returns, kind, of, sign * size)) for sign in (1.0, -1.0))
            row[:] = (higher - lower) / 2.0
    lines = tuple(tuple(names[i] for i in of) for _, of in inputs)
    return InputSensitivity(names, weights, tuple(kind for kind, _ in inputs), lines, np.array(sizes), moved)


def input_errors(returns: Array, draws: int, mean_block: float, seed: int) -> InputErrors:
    """Standard errors of the sample moments of returns (T, k), from days drawn anew in blocks.

    Source : Politis and Romano (1994), The Stationary Bootstrap, as for the intervals of the weights.
    """
    found = [_moments(returns[drawn_rows(0, len(returns), mean_block, seed, path)]) for path in range(draws)]
    mean, volatility, correlation = (np.std(part, axis=0, ddof=1) for part in zip(*found, strict=True))
    return InputErrors(mean, volatility, correlation)


def changed_sample(returns: Array, kind: str, of: tuple[int, ...], by: float) -> Array:
    """Returns (T, k) of which one sample moment is higher by `by`, and the others are as they were.

    kind   : "mean", "volatility" or "correlation".
    of     : column of the asset, or the two of a correlation.
    Raises : LinAlgError for a correlation that no returns have beside the others.
    Source : for a correlation, the linear map of least mean square between two laws: Dowson, Landau (1982), The Fréchet
             distance between multivariate normal distributions.
    """
    found = returns.copy()
    mean, volatility, correlation = _moments(returns)
    if kind == "mean":
        found[:, of[0]] += by
    elif kind == "volatility":
        found[:, of[0]] = mean[of[0]] + (returns[:, of[0]] - mean[of[0]]) * (1.0 + by / volatility[of[0]])
    else:
        wanted = correlation.copy()
        wanted[of[0], of[1]] = wanted[of[1], of[0]] = correlation[of] + by
        root, inverse = _root(correlation), np.linalg.inv(_root(correlation))
        turned = inverse @ _root(root @ wanted @ root) @ inverse
        found = mean + (returns - mean) / volatility @ turned * volatility
    return found


def _moments(returns: Array) -> tuple[Array, Array, Array]:
    """Sample mean (k,), standard deviation (k,) and correlation (k, k), zero for an asset that does not move."""
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.nan_to_num(np.atleast_2d(np.corrcoef(returns, rowvar=False)))
    return returns.mean(axis=0), returns.std(axis=0, ddof=1), correlation


def _root(matrix: Array) -> Array:
    """The symmetric root of a positive definite matrix (k, k). Raises LinAlgError for another."""
    values, vectors = np.linalg.eigh(matrix)
    if values[0] <= SINGULAR * values[-1]:
        raise np.linalg.LinAlgError("not positive definite")
    return (vectors * np.sqrt(values)) @ vectors.T
