"""Words on assets of a portfolio that are not listed yet: their part of the target goes to others."""

import numpy as np

from foundation.paper.wording import listed, percent
from foundation.tolerances import TRIGGER
from research.portfolio.portfolio import Portfolio

NAMED = 5  # assets in a sentence


def late_listings(portfolio: Portfolio) -> tuple[str, ...]:
    """A sentence on the assets of the target that are not listed when the test opens, and one at the last close."""
    opens = max(int((portfolio.market.dates < portfolio.test_start).sum()) - 1, 0)
    rows = {opens: "When the test opens, at the close of", len(portfolio.market.dates) - 1: "At the last close,"}
    return tuple(filter(None, (_not_listed(portfolio, row, when) for row, when in rows.items())))


def _not_listed(portfolio: Portfolio, row: int, when: str) -> str:
    """The assets that are not listed at a row, their first days, and who is outside its range for it; "" for none."""
    market, target = portfolio.market, portfolio.target
    first = np.where(market.listed.any(axis=0), np.argmax(market.listed, axis=0), len(market.days))
    late = np.flatnonzero((target > 0.0) & (first > row))
    if not late.size:
        return ""
    names = [
        f"{market.assets[i]} (first on {market.days[first[i]]})" if first[i] < len(market.days) else market.assets[i]
        for i in late
    ]
    given = portfolio.strategic.target(market.past(row))
    past = np.maximum(portfolio.lower - given, given - portfolio.upper) > TRIGGER
    outside = [
        f"{market.assets[i]} at {percent(given[i], 2)}, outside its range of {percent(portfolio.lower[i], 2)} to "
        f"{percent(portfolio.upper[i], 2)}"
        for i in np.flatnonzero(past & market.listed[row])
    ]
    share, verb = percent(float(target[late].sum()), 2), "is" if late.size == 1 else "are"
    said = f"{when} {market.days[row]}, {listed(names, most=NAMED)} {verb} not listed: {share} of NAV in the target "
    said += "goes to the other assets meanwhile."
    if not outside:
        return said
    said += f" That alone puts {listed(outside, most=NAMED)}."
    if row == len(market.dates) - 1:
        return said
    return f"{said} Each such day of the test counts as one outside ranges: begin it later, or widen the ranges."
