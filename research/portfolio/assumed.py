"""The values that nobody stated and a portfolio file assumes, as verdicts and trade lists say them."""

from typing import TYPE_CHECKING

from foundation.paper.wording import listed, number
from research.portfolio.unstated import ASSUMED_DAY, ASSUMED_IN

if TYPE_CHECKING:
    from research.portfolio.portfolio import Portfolio


def assumed_day_cost(portfolio: "Portfolio") -> float:
    """The cost of a trading day to a desk that states none, in its currency: no more than the margin of a year.

    In a currency of which `ASSUMED_DAY` units are not about an hour of work it is 0.
    """
    from research.accounting.costs import BASIS_POINT  # slow to import

    margin = portfolio.materiality * BASIS_POINT * portfolio.nav
    return min(ASSUMED_DAY, margin) if portfolio.basis in ASSUMED_IN else 0.0


def is_assumed(portfolio: "Portfolio", *keys: str) -> bool:
    """True where a file marks one of these keys as assumed."""
    return not {*keys}.isdisjoint(portfolio.assumed)


def own_word(portfolio: "Portfolio", *keys: str) -> str:
    """The word before what keys of a file state: "your", or "the assumed" where it marks one of them so."""
    return "the assumed" if is_assumed(portfolio, *keys) else "your"


def assumed_words(portfolio: "Portfolio") -> str:
    """The sentence on what a file marks as `assumed`, with the price of a day that it does not state; "" for no mark.

    It stands in the first line of verdicts and trade lists.
    """
    if not portfolio.assumed:
        return ""
    day = number(portfolio.day_cost, 0 if portfolio.day_cost >= 10.0 else 2)
    words: dict[str, str] = {
        "costs": "costs",
        "fees": "fees of an order",
        "half_spread": "half-spreads",
        "tracking_penalty": f"tracking penalty {portfolio.tracking_penalty:g}",
        "materiality_bps": f"margin {portfolio.materiality:g} bp",
        "day_cost": f"a trading day at {day} {portfolio.basis}",
        "cash": "interest on cash",
    }
    marked = {*portfolio.assumed, *(("day_cost",) if portfolio.day_cost_assumed and portfolio.day_cost else ())}
    return f"Assumed: {listed([said for name, said in words.items() if name in marked])}."
