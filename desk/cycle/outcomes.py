"""Outcomes: the loss of each alternative of a past cycle on the days that came, and the regret of the one taken."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from backtests.today.future_paths import Opening
from desk.cycle.alternatives import as_held
from desk.cycle.analysis import WAITS, Start, going_on
from research.accounting import Policy
from research.portfolio import Portfolio


def alternative_losses(
    document: Mapping[str, Any], portfolio: Portfolio, policy: Policy
) -> dict[int, dict[str, float]]:
    """By rows after a cycle, the loss of each of its alternatives on the days that came, bp of NAV.

    The policy goes on after the orders, as it does where they are weighed. Rows that have not come are left out, as
    are cycles that weighed nothing and cycles of other assets.
    document  : record of the cycle.
    portfolio : portfolio of its file, with later closes.
    policy    : policy of its file.
    """
    request, weighed = document["steps"][0]["output"], document["steps"][4]["output"]
    market, session = portfolio.market, pd.Timestamp(request["last_close"])
    if not weighed["alternatives"] or session not in market.dates or tuple(weighed["target"]) != market.assets:
        return {}
    row, target = market.row(session), np.array(list(weighed["target"].values()))
    starts = {each["alternative"]: _start(portfolio, policy, request, each) for each in weighed["alternatives"]}
    days = next(iter(starts.values())).opening.days
    came = [rows for rows in WAITS if row + rows < len(market.dates) and rows <= days]
    if not came:
        return {}
    growths = np.ones((1, days, len(market.assets)))
    known = market.returns[row + 1 : row + 1 + came[-1]]
    growths[0, : len(known)] += known
    lost = {name: start.losses(growths, target, came).sum(axis=1)[:, 0] for name, start in starts.items()}
    return {rows: {name: float(each[i]) for name, each in lost.items()} for i, rows in enumerate(came)}


def regret(losses: Mapping[str, float], chosen: str) -> float:
    """The loss of the alternative that was taken less the least, bp of NAV.

    >>> regret({"policy": 2.5, "defer": 1.0}, "policy")
    1.5
    """
    return losses[chosen] - min(losses.values())


def expected_outcome(document: Mapping[str, Any], chosen: str, rows: int) -> tuple[float | None, float | None]:
    """The share of worlds in which an alternative was to be the best some rows later, and its mean regret, bp of NAV.

    document : record of the cycle; (None, None) for one that states neither.
    """
    weighed = document["steps"][4]["output"]["alternatives"]
    stated = next(each.get("expected", {}) for each in weighed if each["alternative"] == chosen).get(str(rows), {})
    return stated.get("best"), stated.get("regret")


def _start(portfolio: Portfolio, policy: Policy, request: Mapping[str, Any], each: Mapping[str, Any]) -> Start:
    """The holdings after an alternative, and what was paid for them, by the desk's prices of that day."""
    session = pd.Timestamp(request["last_close"])
    traded = session if each["orders"] else pd.Timestamp(request["last_trade"])
    held = np.array(list(each["held"].values()))
    after = as_held(portfolio, portfolio.market.until(session), held, each["cash"], traded)
    terms = {name: request[name] for name in ("tracking_penalty", "order_cost", "day_cost")}
    opening = Opening(replace(after, **terms))
    return Start(opening, request["nav"], each["paid"], going_on(opening, policy, 0))
