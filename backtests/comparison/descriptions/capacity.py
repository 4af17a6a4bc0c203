"""Capacity: the wealth at which the impact of its own trades takes half of what a policy gains over another."""

from collections.abc import Mapping
from functools import partial
from math import exp, isnan, log, nan

import pandas as pd

from backtests.comparison.descriptions.replays import Replays
from foundation.dataclasses import dataclass, replace
from foundation.errors import PolicyError
from research.portfolio import Portfolio

HALF_POWER = 0.5
WEALTH_STEPS = range(
    1, 13
)  # half powers of ten by which the file's wealth is multiplied, or divided, until half is gone
PRECISION = 1e-3  # of the wealth that is found: a thousandth


@dataclass(frozen=True, eq=False)
class Capacity:
    """The gain of one policy over another that is left as wealth rises, or the reason why that is not known.

    policy, against : names.
    nav   : wealth before the opening trade at which impact takes half of the gain, currency; None where `reason` is.
    table : a row for each wealth, rising: nav (currency), gain and gain_without_impact (J of the other less J
            of the policy, bp a year; NaN where the trades cannot be booked at all).
    reason : the reason why there is no number, as a sentence, or "".
    """

    policy: str
    against: str
    nav: float | None
    table: pd.DataFrame
    reason: str = ""


def capacity(replays: Replays, policy: str, against: str) -> Capacity:
    """Find by replays at rising wealth where impact takes half of the gain in J of `policy` over `against`.

    replays  : the policies; the search begins at the wealth of their portfolio.
    policy  : name of the policy whose gain is measured.
    against : name of the other policy: it is backtested at the same wealth, and pays for its own impact.

    Wealth is that before the opening trade; it then grows as the policy does, while volumes are those of the market.
    Amounts such as tickets stay, so the gain without impact is played at each wealth too.
    """
    portfolio = replays.portfolio
    if reason := _missing(portfolio):
        return Capacity(policy, against, None, pd.DataFrame(), reason)
    row = partial(_row, replays, (policy, against))
    own = row(portfolio.nav)
    if not own["gain_without_impact"] > 0.0:
        why = f"without impact {policy} has no lower J than {against} in this test, so there is no gain to lose."
        return Capacity(policy, against, None, pd.DataFrame([own]), why)
    more = _left(own) > HALF_POWER
    rows = [own]
    for step in WEALTH_STEPS:
        rows.append(row(portfolio.nav * 10.0 ** (step / 2 if more else -step / 2)))
        if (_left(rows[-1]) > HALF_POWER) != more:
            break
    before, last = rows[-2:]
    if (more and isnan(last["gain"])) or (_left(last) > HALF_POWER) == more:
        why = _never_half(portfolio, f"half of the gain of {policy} over {against}", before, last, more)
        return Capacity(policy, against, None, _table(rows), why)
    from scipy.optimize import brentq

    ends = sorted((log(before["nav"]), log(last["nav"])))
    found = exp(brentq(lambda x: _left(row(exp(x))) - HALF_POWER, *ends, xtol=PRECISION))
    return Capacity(policy, against, found, _table([*rows, row(found)]))


def _row(replays: Replays, pair: tuple[str, str], nav: float) -> dict[str, float]:
    """The gain at a wealth, with impact and without, bp a year; NaN where trades cannot be booked."""
    portfolio, scale = replays.portfolio, nav / replays.portfolio.nav
    richer = replace(portfolio, holdings=portfolio.holdings * scale, cash=portfolio.cash * scale)
    found = {"nav": nav}
    for name, costs in {"gain": portfolio.costs, "gain_without_impact": replace(portfolio.costs, impact=None)}.items():
        try:
            first, other = (replays.loss(replays.again(each, replace(richer, costs=costs))) for each in pair)
            found[name] = other - first
        except PolicyError:
            found[name] = nan
    return found


def _table(rows: list[dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows).sort_values("nav", ignore_index=True)


def _left(row: Mapping[str, float]) -> float:
    """The share of the gain that is left: nothing where the trades cannot be booked, or there is none to lose."""
    gain, without = row["gain"], row["gain_without_impact"]
    return gain / without if without > 0.0 and not isnan(gain) else 0.0


def _never_half(
    portfolio: Portfolio, gain: str, before: Mapping[str, float], last: Mapping[str, float], more: bool
) -> str:
    """The reason why no wealth was found. more : True if more than half of the gain is left at the first wealth."""
    own, first, end = (f"{nav:,.0f} {portfolio.basis}" for nav in (portfolio.nav, before["nav"], last["nav"]))
    if not more and not last["gain_without_impact"] > 0.0:
        return (
            f"impact takes more than {gain} at {own}, and of much less wealth its costs leave no gain even without it."
        )
    if not more:
        return f"impact takes more than {gain} at {end} already."
    if isnan(last["gain"]):
        return (
            f"impact takes less than {gain} up to {first}; at {end} their trades cannot be booked, because impact "
            "would take what the assets are worth."
        )
    return f"impact takes less than {gain} up to {end}."


def _missing(portfolio: Portfolio) -> str:
    """The missing inputs of a capacity in this portfolio, and how to give them; "" where nothing is missing."""
    if portfolio.market.volumes is None:
        return (
            f"market {portfolio.market.name!r} has no volumes, by which impact is estimated: take a market that has "
            "them, or give their file as “volumes” under “market”; then give “impact: 1.0” under the costs "
            "of each asset class."
        )
    if portfolio.costs.impact is None:
        return (
            "the portfolio's file charges no market impact: give “impact: 1.0”, its coefficient, under the costs of "
            "each asset class that has volumes."
        )
    return ""
