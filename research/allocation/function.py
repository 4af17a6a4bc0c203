"""Target weights from a function of past returns: the way in for PyPortfolioOpt, skfolio, Riskfolio-Lib or own code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import floats, shown
from foundation.arrays import Array
from foundation.errors import ConfigError, PolicyError
from research.allocation.estimated import EstimationSchedule, check_estimate, placed
from research.forecast.returns import complete_returns
from research.market import Past

Weights = Mapping[str, float] | pd.Series | Array
FORMS = "a mapping or a Series by name, or one number a column"


@dataclass(frozen=True, repr=False)
class FunctionAllocation:
    """The weights that a function computes from a window of returns, asked anew on a schedule.

    function : function of a frame (window, k) of simple returns, dates down and the names of the k lines with a
               complete window across; gives their weights, fraction of NAV: by name (a mapping or a Series; zero for a
               line that is not named), or (k,) in the order of the columns. Cash is the rest.
    window   : returns, at least 2.      schedule : "day", "week", "month", "quarter" or "year".
    Raises   : ConfigError for settings outside these; when asked, DataError for a line whose returns do not vary, and
               PolicyError, naming function and date, for weights of unknown names or of another form.
    """

    function: Callable[[pd.DataFrame], Any]
    window: int = 252
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("FunctionAllocation", self.window, self.schedule)
        if not callable(self.function):
            raise ConfigError(
                f"function of FunctionAllocation is {shown(self.function)}. Give a function of a frame of returns, "
                "such as lambda returns: 1 / returns.std()."
            )

    def __repr__(self) -> str:
        """The function by its name, so that the same allocation prints the same text in every process."""
        return f"FunctionAllocation({self._name}, window={self.window}, schedule={self.schedule!r})"

    def target(self, past: Past) -> Array:
        """(n,) the function's weights for the lines with a complete window; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        names = [past.assets[line] for line in lines]
        frame = pd.DataFrame(returns, index=past.dates[-self.window :], columns=names)
        found = weights_in_order(self.function(frame), names, where=f"{self._name} on {past.date:%Y-%m-%d}")
        return placed(found, lines, past)

    @property
    def _name(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))


def weights_in_order(found: object, names: Sequence[str], where: str) -> Array:
    """(k,) weights that somebody gave, in the order of the names; zero for a name that a mapping does not have.

    found  : a mapping or a Series by name, or (k,) numbers.
    names  : k of them.
    where  : source of the weights, and their date.
    Raises : PolicyError for unknown names, and for weights of another form.
    """
    if isinstance(found, Mapping | pd.Series):
        given = {str(name): weight for name, weight in found.items()}
        if len(given) < len(found):
            raise PolicyError(f"{where} gave two weights for one name: found {shown(found)}. Return one a name.")
        unknown = [name for name in given if name not in names]
        if unknown:
            raise PolicyError(
                f"{where} gave a weight for {unknown[0]!r}, but the columns are {', '.join(names)}. Return weights "
                "by the names of the frame's columns."
            )
        found = [given.get(name, 0.0) for name in names]
    try:
        weights = floats("weights are", found, FORMS)
    except ConfigError as error:
        raise PolicyError(f"{where} gave {shown(found)}. Return {FORMS}, each a fraction of NAV.") from error
    if weights.shape != (len(names),):
        raise PolicyError(
            f"{where} gave weights of shape {weights.shape} for {len(names)} lines, {', '.join(names)}. Return {FORMS}."
        )
    return np.asarray(weights)
