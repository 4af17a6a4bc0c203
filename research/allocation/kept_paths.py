"""Target paths kept on disk: the same allocation on the same data is computed once, also by another process.

A path is kept under a name made from the data, the allocation with its settings, the first day, the code and the
versions of the libraries that compute it. Only allocations of this room are kept, whose settings say all about them: a
class of a user's own, or a function, may read a file. `make clean` deletes the folder; a damaged file is computed anew.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import is_number, is_whole
from foundation.errors import DataError
from foundation.files import CACHE
from foundation.sets import installed_versions
from foundation.stored import Stored
from research.allocation.allocation import Allocation, TargetPath, target_path
from research.allocation.answer import Answer, Binding
from research.allocation.estimators.estimator import EstimatorAllocation
from research.allocation.estimators.words import says_all
from research.market import Market

TARGETS_FOLDER = CACHE / "targets"
ALLOCATION_LIBRARIES = (  # of allocations, and of the forecasts that they hold
    "arch",
    "clarabel",
    "cvxpy",
    "exchange_calendars",
    "highspy",
    "lightgbm",
    "numpy",
    "osqp",
    "pyportfolioopt",
    "pytorch-forecasting",
    "riskfolio-lib",
    "scikit-learn",
    "scipy",
    "scs",
    "skfolio",
    "statsmodels",
    "torch",
    "xgboost",
    "xgboost-cpu",
)
FEWEST_REFITS = 12  # refits: fewer are computed as fast as a file is read


class _StoredPath(Stored):
    kind, form = "target path", "target path, 1"


def kept_target_path(
    allocation: Allocation, market: Market, start: int = 0, folder: str | Path = TARGETS_FOLDER
) -> TargetPath:
    """`target_path`, taken from disk where it was computed before, and else kept there.

    allocation : allocation of the path; one that `settings_of` does not know is computed each time.
    market     : T days of n assets.
    start      : first row at whose close a target is needed.
    folder     : folder of the paths.
    Raises     : as `target_path` does.
    """
    settings = settings_of(allocation)
    if settings is None or allocation.window == 0:
        return target_path(allocation, market, start)
    versions = installed_versions(ALLOCATION_LIBRARIES)
    stored = _StoredPath(folder, [market.fingerprint, settings, int(start), versions])
    with suppress(DataError, KeyError, OSError, TypeError, ValueError):  # of a damaged file, or another user's folder
        if (found := stored.load()) is not None:
            return _read(*found, allocation, market)
    path = target_path(allocation, market, start)
    if len(path.rows) >= FEWEST_REFITS:
        with suppress(OSError):  # a full disk, or one that cannot be written to
            stored.save({"rows": path.rows, "row": path.row, "seen": path.seen}, _record(path))
    return path


def settings_of(allocation: object) -> Any:
    """All that determines an allocation as JSON values: its class and settings; None where these do not say all.

    >>> from research.allocation import EqualWeights
    >>> settings_of(EqualWeights())
    ['research.allocation.estimated.EqualWeights', {'unlisted': 'pro_rata'}]
    """
    cls = type(allocation)
    if isinstance(allocation, EstimatorAllocation):
        return allocation.words if says_all(allocation.words) else None
    if not is_dataclass(allocation) or not cls.__module__.startswith(("research.allocation.", "research.forecast.")):
        return None
    found = {f.name: _plain(getattr(allocation, f.name)) for f in fields(allocation)}
    # Views moved a folder down; entries of forecast books keep the name that they were written under.
    name = f"{cls.__module__}.{cls.__qualname__}".replace(".forecast.views.", ".forecast.")
    return None if None in found.values() else [name, found]


def _plain(value: object) -> Any:
    """A setting as JSON values; None for what is none, such as a function."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        value = tuple(sorted(value.items()))
    if isinstance(value, tuple):
        found = [_plain(item) for item in value]
        return None if None in found else found
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if is_number(value):  # numpy's are none of JSON
        return int(value) if is_whole(value) else float(value)  # type: ignore[call-overload, arg-type]
    return value if isinstance(value, str | bool) else settings_of(value)


def _record(path: TargetPath) -> dict[str, Any]:
    """The contents of a path beside its arrays, as JSON values."""
    answers = [
        {f.name: getattr(one, f.name) for f in fields(one) if f.name not in ("weights", "binding")}
        | {"seen": one.seen.isoformat(), "value": None if np.isnan(one.value) else one.value}
        | {"binding": [asdict(limit) for limit in one.binding]}
        for one in path.answers
    ]
    return {"rounded": path.rounded, "answers": answers}


def _read(arrays: dict[str, np.ndarray], record: dict[str, Any], allocation: Allocation, market: Market) -> TargetPath:
    rows = arrays["rows"]
    answers = [
        Answer(**one | {
            "weights": rows[k],
            "seen": pd.Timestamp(one["seen"]),
            "value": np.nan if one["value"] is None else one["value"],
            "binding": tuple(Binding(**limit) for limit in one["binding"]),
            "notes": tuple(one["notes"]),
        })
        for k, one in enumerate(record["answers"])
    ]  # fmt: skip
    return TargetPath(
        market.assets, rows, arrays["row"], arrays["seen"], repr(allocation), record["rounded"], tuple(answers)
    )
