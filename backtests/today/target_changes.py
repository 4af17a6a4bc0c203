"""Changes of targets from refit to refit, before any rule trades."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.errors import DataError
from research.accounting.turnover import one_way
from research.allocation import TargetPath
from research.market.calendars import DAYS_PER_YEAR
from research.risk.decomposition.concentration import effective_lines


def target_changes(paths: Mapping[str, TargetPath], dates: pd.DatetimeIndex, first: int) -> pd.DataFrame:
    """A row a target: how much it changes, and over how many assets it is spread, from row `first` on.

    paths   : by name, on one market.
    dates   : (T,) of the market.
    first   : row from which on targets are in force.
    Columns : refits after the first; turnover, one-way, of the target a year, fraction of NAV; largest, the largest of
              a single refit; assets, the mean effective number of assets (`effective_lines`); most, the largest weight
              of a single asset.
    Raises  : DataError for less than two days, and for a target that is in cash alone.
    """
    years = (dates[-1] - dates[first]).days / DAYS_PER_YEAR
    if years <= 0.0:
        raise DataError(f"targets on {dates[first]:%Y-%m-%d} alone have no turnover a year: start earlier.")
    found = {}
    for name, path in paths.items():
        rows = targets_in_force(path, first)
        turned = one_way(np.diff(rows, axis=0))
        found[name] = {
            "refits": len(turned),
            "turnover": float(turned.sum()) / years,
            "largest": float(turned.max(initial=0.0)),
            "lines": float(np.mean([effective_lines(row) for row in rows])),
            "most": float(rows.max()),
        }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("target").astype({"refits": int})


def targets_in_force(path: TargetPath, first: int) -> Array:
    """(K, n) the targets in force from row `first` on, fraction of NAV."""
    found: Array = path.rows[np.unique(path.row[first:])]
    return found
