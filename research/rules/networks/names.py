"""The words of policy networks: the features that one sees, the kinds of its actions, and its schedules."""

from typing import Literal, get_args

SHARED_FEATURES = (
    "tracking error",  # ex ante, a year
    "tracking error squared",
    "widest drift",  # of any asset, in half-widths
    "turnover to target",  # one-way
    "age",  # log(1 + sessions since the last trade)
    "volatility regime",  # log of the strategic portfolio's volatility over LOOKBACK sessions and the long run
    "market return",  # of the strategic portfolio over LOOKBACK sessions
)  # and after these each asset's drift, in half-widths
Action = Literal["bands", "edges", "hold_or_trade", "fraction", "gate", "exposure", "weights"]
ACTIONS: tuple[str, ...] = get_args(Action)
NetworkSchedule = Literal["day", "week", "month"]  # it decides at the last session of each
