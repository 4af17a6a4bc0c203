"""Numbers that carry the names of assets: put in the market's order where it is known, refused where it is not.

Read by position, weights in another order than the market's would buy the wrong assets in silence.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import cut
from foundation.errors import ConfigError

NAMES_SHOWN = 8  # names in a sentence


def in_order(
    subject: str, values: Any, assets: Sequence[str], *, error: type[ValueError] = ConfigError, where: str = ""
) -> Any:
    """Values that carry names, in the order of `assets`; values without names as they are.

    subject : name of the values, and its verb, such as "start_weights are": the beginning of an error.
    values  : a Series, the columns of a frame or a mapping, one value for each asset, by name in any order; or whatever
              carries no names, such as an array, a list, or a Series without an index of its own.
    assets  : n names.
    error   : class of the error.
    where   : place of the values, named in the error, such as "on 2022-12-29".
    Raises  : `error` for a name that is missing, unknown or given twice.

    >>> in_order("weights are", pd.Series({"AGG": 0.4, "SPY": 0.6}), ("SPY", "AGG")).tolist()
    [0.6, 0.4]
    """
    if type(values) is np.ndarray or (names := _names(values)) is None:  # nearly always
        return values
    if names == list(assets):
        return np.array(list(values.values())) if isinstance(values, Mapping) else values.to_numpy()
    wrong = {
        "unknown": [name for name in names if name not in assets],
        "missing": [name for name in assets if name not in names],
        "given twice": [name for name, times in Counter(names).items() if times > 1],
    }
    said = "; ".join(f"{what}: {_few(found)}" for what, found in wrong.items() if found)
    if said:
        raise error(
            f"{subject} given by name{f' {where}' if where else ''}, but not for each line once ({said}). Give one for "
            f"each of {_few(assets)}, such as series.reindex(assets, fill_value=0.0)."
        )
    if isinstance(values, Mapping):
        return np.array([values[asset] for asset in assets])
    return values[list(assets)].to_numpy()


def refuse_labels(subject: str, values: Any, *, error: type[ValueError] = ConfigError) -> None:
    """Refuse values that carry names, where nothing says which asset comes first. Raises `error`."""
    if type(values) is np.ndarray or (names := _names(values)) is None:
        return
    kind = "frame[list(assets)].to_numpy()" if isinstance(values, pd.DataFrame) else "series.reindex(assets).to_numpy()"
    if isinstance(values, Mapping):
        kind = "[weights[asset] for asset in assets]"
    raise error(
        f"{subject} labelled {_few(names)}, which would be read by position: put them in the market's order first, "
        f"with {kind}, where assets is view.past.assets or market.assets."
    )


def _names(values: Any) -> list[Any] | None:
    """The names that values carry; None where they carry none, or only number themselves from 0."""
    if isinstance(values, Mapping):
        return list(values)
    if isinstance(values, pd.Series | pd.DataFrame):
        index = values.columns if isinstance(values, pd.DataFrame) else values.index
        return None if index.equals(pd.RangeIndex(len(index))) else index.tolist()
    return None


def _few(names: Sequence[Any]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(cut(str(name), 40) for name in names[:NAMES_SHOWN]) + more
