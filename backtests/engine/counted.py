"""`backtest` as a person calls it: played by `backtests.engine.run`, and counted in the trial book.

What other functions of the workbench play is counted by them, as what it is: they call `backtests.engine.run.backtest`.
"""

import json
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec

from backtests.engine import run
from backtests.engine.result import Backtest
from backtests.runs.trial_book import About, NotCounted, count_backtest
from backtests.runs.trial_words import in_words, is_proportional, terms
from research.rules.protocol import held_by

P = ParamSpec("P")


def _counting(play: Callable[P, Backtest]) -> Callable[P, Backtest]:
    @wraps(play)
    def backtest(*args: P.args, **kwargs: P.kwargs) -> Backtest:
        played = play(*args, **kwargs)
        try:
            _count(played, kwargs)
        except Exception as error:  # a policy that cannot be put into words was played all the same
            why = f"{type(error).__name__}: {error}"
            warnings.warn(f"a backtest could not be counted in the trial book: {why}", NotCounted, stacklevel=2)
        return played

    return backtest


def _count(played: Backtest, given: Mapping[str, Any]) -> None:
    """Have a backtest counted, by its own target.  given : the arguments that it was called with, by name."""
    market, costs, days = played.market, played.costs, played.market.days[played.first :]
    held, flows = held_by(played.policy), given.get("flows")
    nav = 1.0 if is_proportional(market, costs, played.execution, played.dividends, flows) else played.wealth
    year = played.periods_per_year
    under = terms(held, costs, nav, year, played.dividends, played.execution, flows)
    if (opened := given.get("start_weights")) is not None:
        under["start_weights"] = in_words(None, [opened])[0]
    if held is None and (path := given.get("targets")) is not None:
        under["targets"] = " ".join(in_words(None, [path.rows, path.row]))
    row = {
        "policy": in_words(held, [played.policy])[0],
        "first": str(days[1]),
        "last": str(days[-1]),
        "days": len(days) - 1,
        "lag": played.lag,
        "cost_multiple": 1.0,
    }
    count_backtest(About(market.name, market.assets, json.dumps(under, sort_keys=True), year), row)


backtest = _counting(run.backtest)
