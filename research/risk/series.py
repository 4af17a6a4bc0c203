"""The conditions of every figure of a return series: one finite series, long enough, on one calendar.

A series that fails is refused with the row, the value found and what to do; nothing is repaired, nothing gives NaN.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foundation.arguments import shown
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError


def one_series(values: ArrayLike, name: str, at_least: int) -> Array:
    """`values` as (T,) floats. Raises DataError when it is no finite series of `at_least` observations in order."""
    array = np.asarray(values, dtype=float)
    check_rising(values, name)
    if array.ndim != 1:
        raise DataError(f"{name} must be one series: found shape {array.shape}. Give one column at a time.")
    if len(array) < at_least:
        raise DataError(f"{name} has {len(array)} observations where {at_least} are needed. Take a longer period.")
    refuse_row(~np.isfinite(array), array, name, "is not a number: complete or cut the series first")
    return array


def check_rising(values: object, name: str) -> None:
    """Raise DataError for a pandas series whose dates do not rise."""
    import pandas as pd  # slow to import

    if isinstance(values, pd.Series) and isinstance(values.index, pd.DatetimeIndex):
        late = np.flatnonzero(values.index[1:] <= values.index[:-1])
        if len(late):
            found = values.index[late[0] + 1]
            raise DataError(
                f"{name} is not in order of its dates: found {found:%Y-%m-%d} in row {late[0] + 1}. Sort it."
            )


def same_dates(**series: object) -> None:
    """Raise DataError where those that are pandas series, by their names, are of different dates."""
    import pandas as pd  # slow to import

    dated = [(name, values) for name, values in series.items() if isinstance(values, pd.Series)]
    for two_name, two in dated[1:]:
        one_name, one = dated[0]
        if not one.index.equals(two.index):
            only_one, only_two = one.index.difference(two.index), two.index.difference(one.index)
            raise DataError(
                f"{one_name} and {two_name} are of different dates: {len(only_one)} are only in {one_name} and "
                f"{len(only_two)} only in {two_name}, of {len(one)} and {len(two)}. Nothing is aligned unasked: "
                'one.align(two, join="inner") keeps what both have.'
            )


def two_series(one: ArrayLike, one_name: str, two: ArrayLike, two_name: str, at_least: int) -> tuple[Array, Array]:
    """Two series of one length, and of the same dates where both have dates. Raises DataError.

    one      : (T,), or a pandas series with its dates.
    one_name : name of the first series in the message.
    two      : likewise.
    two_name : likewise.
    at_least : observations.
    """
    same_dates(**{one_name: one, two_name: two})
    a, b = one_series(one, one_name, at_least), one_series(two, two_name, at_least)
    if len(a) != len(b):
        raise DataError(f"{one_name} has {len(a)} observations and {two_name} {len(b)}: give both over the same dates.")
    return a, b


def excess_returns(returns: ArrayLike, cash: ArrayLike) -> Array:
    """(T,) `returns` less `cash`, both (T,), two observations at least. Raises DataError."""
    r, c = two_series(returns, "returns", cash, "cash", at_least=2)
    return r - c


def compounding(returns: ArrayLike) -> Array:
    """(T,) returns, each above -1. Raises DataError for a loss of everything or more."""
    r = one_series(returns, "returns", at_least=1)
    refuse_row(r <= -1.0, r, "returns", "is a loss of everything or more: only returns above -1 compound")
    return r


def nav_rows(nav: ArrayLike, at_least: int) -> Array:
    """(T + 1,) NAV, positive, of `at_least` rows. Raises DataError."""
    path = one_series(nav, "nav", at_least)
    refuse_row(path <= 0.0, path, "nav", "is not positive: cut the path to the days on which the portfolio had value")
    return path


def check_level(level: float) -> None:
    """Raise ConfigError for a level outside 0 to 1."""
    if not 0.0 < level < 1.0:
        raise ConfigError(
            f"the level of VaR and CVaR lies between 0 and 1: found {shown(level)}. 0.95 takes the worst 5 %."
        )


def tail_losses(returns: ArrayLike, level: float) -> tuple[Array, int, float]:
    """Losses, largest first; whole observations in the tail; and its mass in observations, (1 - level)·T."""
    check_level(level)
    losses = np.sort(-one_series(returns, "returns", at_least=1))[::-1]
    mass = round((1.0 - level) * len(losses), 9)  # (1 - 0.95)·100 is 5.000000000000004: five observations are meant
    if mass < 1.0:
        raise DataError(
            f"{len(losses)} returns leave {mass:.2f} observations in the tail at level {level}: one at least is "
            "needed. Take a longer period or a lower level."
        )
    return losses, min(int(mass), len(losses) - 1), mass


def per_year(periods_per_year: float) -> float:
    """The same, positive. Raises ConfigError."""
    if not (np.isfinite(periods_per_year) and periods_per_year > 0):
        raise ConfigError(
            f"periods_per_year must be positive: found {shown(periods_per_year)}. Daily is 252, weekly 52, monthly 12."
        )
    return float(periods_per_year)


def refuse_row(bad: NDArray[np.bool_], values: Array, name: str, reason: str) -> None:
    """Raise DataError for the first row of `values` (T,) that is `bad` (T,), with the reason."""
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"{name} in row {row} of {len(values)} {reason}. Found {values[row]:.6g}.")
