"""`backtest` as a person calls it: played by `backtests.engine.run`, and counted in the trial book.

What other functions of the workbench play is counted by them, as what it is: they call `backtests.engine.run.backtest`.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from backtests.engine import run
from backtests.engine.result import Backtest
from backtests.runs.trial_book import count_backtest
from backtests.runs.trial_words import in_words, scales, terms
from research.accounting import Flows
from research.rules.protocol import held_by

P = ParamSpec("P")


def _counting(play: Callable[P, Backtest]) -> Callable[P, Backtest]:
    @wraps(play)
    def backtest(*args: P.args, **kwargs: P.kwargs) -> Backtest:
        played = play(*args, **kwargs)
        _count(played, kwargs.get("flows"))  # type: ignore[arg-type]  # they were checked
        return played

    return backtest


def _count(played: Backtest, flows: Flows | None) -> None:
    """Have a backtest counted, by its own target."""
    market, costs, dates = played.market, played.costs, played.dates
    held = held_by(played.policy)
    nav = 1.0 if scales(market, costs, played.execution, played.dividends, flows) else played.wealth
    year = played.periods_per_year
    under = terms(held, costs, nav, year, played.dividends, played.execution, flows)
    row = {
        "policy": in_words(held, [played.policy])[0],
        "first": f"{dates[1]:%Y-%m-%d}",
        "last": f"{dates[-1]:%Y-%m-%d}",
        "days": len(dates) - 1,
        "lag": played.lag,
        "cost_multiple": 1.0,
    }
    count_backtest((market.name, market.assets, json.dumps(under, sort_keys=True), year), row)


backtest = _counting(run.backtest)
