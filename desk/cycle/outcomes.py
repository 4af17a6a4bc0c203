"""Outcomes: the loss of each alternative of a past cycle on the days that came, and the regret of the one taken."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from backtests.today.future_paths import Opening
from desk.cycle.analysis import WAITS, Start, going_on
from foundation.arrays import Array
from research.accounting import Policy
from research.portfolio import Portfolio


def outcomes(document: Mapping[str, Any], portfolio: Portfolio, policy: Policy) -> dict[int, dict[str, float]]:
    """By sessions after a cycle, the loss of each of its alternatives on the days that came, bp of NAV.

    The policy goes on after the orders, as it does where they are weighed. Sessions that have not come are left out, as
    are cycles that weighed nothing and cycles of other assets.
    document  : record of the cycle.
    portfolio : portfolio of its file, with later closes.
    policy    : policy of its file.
    """
    request, weighed = document["steps"][0]["output"], document["steps"][4]["output"]
    market, session = portfolio.market, pd.Timestamp(request["last_close"])
    if not weighed["alternatives"] or session not in market.dates or tuple(weighed["target"]) != market.assets:
        return {}
    row = market.row(session)
    came = [sessions for sessions in WAITS if row + sessions < len(market.dates)]
    if not came:
        return {}
    target = np.array(list(weighed["target"].values()))
    then = replace(
        portfolio, market=market.until(session), given_prices=None, tax_lots=None, blotter=None, accounts=(), today=None
    )
    found: dict[int, dict[str, float]] = {sessions: {} for sessions in came}
    for each in weighed["alternatives"]:
        start = _start(then, policy, request, each)
        growths = np.ones((1, start.opening.days, len(market.assets)))
        growths[0, : came[-1]] += market.returns[row + 1 : row + 1 + came[-1]]
        for sessions in came:
            found[sessions][each["alternative"]] = float(start.losses(growths, target, sessions)[0])
    return found


def regret(losses: Mapping[str, float], chosen: str) -> float:
    """The loss of the alternative that was taken less the least, bp of NAV.

    >>> regret({"policy": 2.5, "defer": 1.0}, "policy")
    1.5
    """
    return losses[chosen] - min(losses.values())


def _start(then: Portfolio, policy: Policy, request: Mapping[str, Any], each: Mapping[str, Any]) -> Start:
    """The holdings after an alternative, and what was paid for them."""
    held: Array = np.array(list(each["held"].values()))
    after = replace(
        then,
        holdings=held,
        shares=held / then.market.prices[-1],
        cash=each["cash"],
        last_trade=then.date if each["orders"] else pd.Timestamp(request["last_trade"]),
    )
    opening = Opening(after)
    return Start(opening, request["nav"], each["paid"], going_on(opening, policy, 0))
