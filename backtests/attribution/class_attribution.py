"""Allocation, selection and interaction by asset class or sector, against another policy or the strategic target.

The effects are those of Brinson and Fachler (1985) on every day, with the weights at the close before, so that trades
within a month need no approximation. They are linked by Carino (1999), days to months and months to the whole; linking
days at once gives the same. What trading and holding cost, and what was gained between the open and the close of trades
at the open, is a fourth effect, so that the effects of a month add up to the difference of its two net returns. The
opening trade belongs to the first month.
"""

from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.attribution.alike import refuse_unlike
from backtests.attribution.contributions import Contributions, cash_name, contributions
from backtests.engine.result import Backtest
from foundation.arguments import one_of
from foundation.arrays import Array, Rows, frozen
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from research.allocation import TargetPath
from research.risk.decomposition.linking import linked_effects, linking_factors

LEAST_NET = 1e-6  # of the gross weight of a class: below it long and short assets cancel, and the class has no return
EFFECTS = ("allocation", "selection", "interaction", "costs")
By = Literal["asset_class", "sector"]
NO_SECTOR = "no sector"


@dataclass(frozen=True, eq=False)
class ClassAttribution:
    """The difference of two returns by class and effect, fraction.

    name     : name of the backtest.
    other    : the benchmark, in words.
    by       : "asset_class" or "sector".
    months   : (M,) first days of the months of the test.
    classes  : (m,) names; cash is the last.
    effects  : (M, m, 4) effects of each month, in the order of `EFFECTS`; those of a month add up to its difference.
    returns  : (M,) net return of the backtest in each month, fraction.
    compared : (M,) net return of the benchmark in each month, fraction.
    weights  : (2, m) mean weights of the classes, of the backtest and of the benchmark.
    """

    name: str
    other: str
    by: By
    months: pd.DatetimeIndex
    classes: tuple[str, ...]
    effects: Array
    returns: Array
    compared: Array
    weights: Array

    @property
    def difference(self) -> float:
        """The compounded net return less that of what it is measured against, over the test, fraction."""
        return float(np.prod(1.0 + self.returns) - np.prod(1.0 + self.compared))

    @cached_property
    def of_months(self) -> Array:
        """(M, m, 4) the effects linked: all of them add up to `difference`."""
        return linked_effects(self.effects, self.returns, self.compared)

    @property
    def residual(self) -> float:
        """The largest |difference - sum of the effects|, of a month or of the test: rounding."""
        of_months = np.abs(self.returns - self.compared - self.effects.sum(axis=(1, 2))).max()
        return float(max(of_months, abs(self.difference - float(self.of_months.sum()))))

    @property
    def table(self) -> pd.DataFrame:
        """A row for each class: mean weights, the linked effects, and their total; fraction."""
        values = self.of_months.sum(axis=0)
        found = pd.DataFrame(values, index=pd.Index(self.classes, name=self.by), columns=list(EFFECTS))
        found.insert(0, "weight", self.weights[0])
        found.insert(1, "compared", self.weights[1])
        return found.assign(total=values.sum(axis=1))

    @property
    def by_month(self) -> pd.DataFrame:
        """A row for each month: both returns, and the effects of all classes, not linked; fraction."""
        found = pd.DataFrame(self.effects.sum(axis=1), index=self.months.rename("month"), columns=list(EFFECTS))
        found.insert(0, "return", self.returns)
        found.insert(1, "compared", self.compared)
        return found

    def __repr__(self) -> str:
        """The table, per cent of the opening wealth."""
        head = f"{self.name} against {self.other} by {self.by}, linked, per cent over the test"
        return f"{head}\n{(100.0 * self.table).to_string(float_format=lambda v: f'{v:z.3f}')}"


def class_attribution(
    backtest: Backtest, against: Backtest | TargetPath, by: By = "asset_class", found: Contributions | None = None
) -> ClassAttribution:
    """Attribute the return of a backtest over that of another, or of a target, to classes.

    backtest : one policy.
    against  : another one on the same market and days; or a path of target weights, which is rebalanced daily at no
               cost, such as the strategic target (`Benchmark.strategic`).
    by       : the column of the market's instruments that names the classes.
    found    : contributions of `backtest`, if they are at hand.
    Raises   : ConfigError for backtests of different markets or days, and for assets without sectors; DataError for a
               class whose long and short assets cancel.
    """
    one_of("by is", by, get_args(By))
    parts = contributions(backtest) if found is None else found
    names, members = _classes(backtest, by)
    if isinstance(against, Backtest):
        refuse_unlike(backtest.name, backtest, against.name, against)
        other, name = contributions(against), against.name
    else:
        other, name = _of_target(backtest, parts, against), "the target"
    returns = np.column_stack([parts.price_returns + parts.yields, parts.cash_returns])
    held, gained = class_returns(parts.weights, returns, members, names)
    compared, earned = class_returns(other.weights, returns, members, names)
    effects = np.zeros((len(returns) + 1, len(names), len(EFFECTS)))  # the opening trade first
    effects[1:, :, :3] = np.stack(brinson_fachler(held, gained, compared, earned), axis=-1)
    into = (members[:, None] == np.arange(len(names))).astype(float)
    effects[1:, :, 3] = _others(parts, other) @ into
    effects[0, :, 3] = (other.opening - parts.opening) @ into[:-1]
    both = [np.append(-c.opening.sum(), c.net) for c in (parts, other)]
    return _by_month(backtest, effects, both, (name, by, names, np.stack([held.mean(axis=0), compared.mean(axis=0)])))


def _by_month(
    backtest: Backtest, effects: Array, both: list[Array], labels: tuple[str, By, tuple[str, ...], Array]
) -> ClassAttribution:
    """Sum the effects of days, the opening trade first, by month.

    backtest : the backtest that they are of.
    effects  : (D + 1, m, 4) effects of each day.
    both     : (D + 1,) net returns of the backtest and of the benchmark.
    labels   : name of the benchmark, `by`, names of the classes and their mean weights.
    """
    days = backtest.dates.to_numpy().astype("datetime64[M]")
    months, row = np.unique(np.append(days[1:2], days[1:]), return_inverse=True)
    logs = np.zeros((len(months), *effects.shape[1:]))
    np.add.at(logs, row, effects * linking_factors(*both)[:, None, None])
    of_months = [np.expm1(np.bincount(row, weights=np.log1p(r))) for r in both]
    name, by, names, weights = labels
    return ClassAttribution(
        name=backtest.name,
        other=name,
        by=by,
        months=pd.DatetimeIndex(months.astype("datetime64[ns]")),
        classes=names,
        effects=frozen(logs / linking_factors(*of_months)[:, None, None]),
        returns=frozen(of_months[0]),
        compared=frozen(of_months[1]),
        weights=frozen(weights),
    )


def _classes(backtest: Backtest, by: By) -> tuple[tuple[str, ...], Rows]:
    """Names of the classes with cash at the end, and the number of the class of each asset and of cash."""
    given = backtest.market.asset_class if by == "asset_class" else backtest.market.sector
    if not any(given):
        raise ConfigError(
            f"no asset of market {backtest.market.name!r} has a {by}: give them in its instruments, or in the "
            f"portfolio file as `{by}` of each asset."
        )
    of_lines = [label or NO_SECTOR for label in given]
    names = tuple(dict.fromkeys(of_lines))
    members = np.array([*(names.index(label) for label in of_lines), len(names)])
    return (*names, cash_name(names)), members


def _others(parts: Contributions, other: Contributions) -> Array:
    """(D, n + 1) what costs and the hours after the open made the one's return larger than the other's."""
    found: Array = other.costs.sum(axis=2) - parts.costs.sum(axis=2)
    found[:, :-1] += parts.execution - other.execution
    return found


def _of_target(backtest: Backtest, parts: Contributions, target: TargetPath) -> Contributions:
    """The contributions of a target that is rebalanced at every close at no cost; returns are those of `parts`."""
    rows = target.since(backtest.first)[:-1]
    nothing = np.zeros_like(parts.execution)
    return Contributions(
        weights=np.column_stack([rows, 1.0 - rows.sum(axis=1)]),
        price_returns=parts.price_returns,
        yields=parts.yields,
        cash_returns=parts.cash_returns,
        execution=nothing,
        costs=np.zeros((*parts.weights.shape, 1)),
        opening=nothing[0],
    )


class Brinson(NamedTuple):
    """The effects of T periods and m classes, fraction; those of a period add up to the active return.

    allocation  : (T, m) from weights of classes other than the benchmark's.
    selection   : (T, m) from returns within classes other than the benchmark's.
    interaction : (T, m) from both at once.
    """

    allocation: Array
    selection: Array
    interaction: Array


def brinson_fachler(weights: Array, returns: Array, benchmark_weights: Array, benchmark_returns: Array) -> Brinson:
    """Allocation (w - v)(b - B), selection v (r - b) and interaction (w - v)(r - b), with B = Σ v b.

    weights           : (T, m) w, of each class in the portfolio at the start of the period, fraction; cash is a class.
    returns           : (T, m) r, of each class in the portfolio, fraction; NaN where it holds nothing of the class.
    benchmark_weights : (T, m) v, of each class in the benchmark, fraction.
    benchmark_returns : (T, m) b, of each class in the benchmark, fraction; NaN where it holds nothing of the class.

    A class that only one of the two holds has the return of that one: then it has an allocation effect only. One that
    neither holds has no effect.

    Source : Brinson and Fachler (1985), Measuring Non-US Equity Portfolio Performance, Journal of Portfolio Management
             11(3), with the interaction of Brinson, Hood and Beebower (1986), Determinants of Portfolio Performance.

    >>> found = brinson_fachler(np.array([[0.6, 0.4]]), np.array([[0.10, 0.02]]),
    ...                         np.array([[0.5, 0.5]]), np.array([[0.08, 0.02]]))
    >>> [effect.sum(axis=1).round(4).tolist() for effect in found]
    [[0.006], [0.01], [0.002]]
    """
    r = np.where(np.isnan(returns), benchmark_returns, returns)
    b = np.where(np.isnan(benchmark_returns), returns, benchmark_returns)
    r, b = np.nan_to_num(r), np.nan_to_num(b)
    whole = (benchmark_weights * b).sum(axis=1, keepdims=True)
    active = weights - benchmark_weights
    return Brinson(active * (b - whole), benchmark_weights * (r - b), active * (r - b))


def class_returns(
    weights: Array, returns: Array, members: NDArray[np.int64], names: tuple[str, ...]
) -> tuple[Array, Array]:
    """Weights and returns of classes from those of their assets.

    weights : (T, n) of the assets at the start of each period, fraction.
    returns : (T, n) of the assets, fraction.
    members : (n,) number of the class of each asset.
    names   : of the m classes.
    Returns : (T, m) weights, and (T, m) returns, NaN where nothing of the class is held.
    Raises  : DataError for a class whose long and short assets cancel: it has no return.

    >>> held, gained = class_returns(np.array([[0.3, 0.1]]), np.array([[0.1, 0.02]]), np.array([0, 0]), ("funds",))
    >>> (held.round(6).tolist(), gained.round(6).tolist())
    ([[0.4]], [[0.08]])
    """
    into = (members[:, None] == np.arange(len(names))).astype(float)
    held, gross, earned = weights @ into, np.abs(weights) @ into, (weights * returns) @ into
    cancels = np.abs(held) < LEAST_NET * gross
    if cancels.any():
        row, k = np.argwhere(cancels)[0].tolist()
        raise DataError(
            f"class {names[k]} holds {gross[row, k]:.4g} of NAV long and short in period {row}, and "
            f"{held[row, k]:.2g} net: it has no return, so there is no attribution by class."
        )
    gained = np.full(held.shape, np.nan)
    np.divide(earned, held, out=gained, where=held != 0.0)
    return held, gained
