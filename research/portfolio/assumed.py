"""What nobody stated and a portfolio file takes for granted: said of every verdict and trade list that rests on it."""

from typing import TYPE_CHECKING, Literal

from foundation.paper.wording import listed

if TYPE_CHECKING:
    from research.portfolio.portfolio import Portfolio

Assumable = Literal["costs", "half_spread", "tracking_penalty", "materiality_bps", "day_cost", "cash"]

COSTED = ("costs", "half_spread", "tracking_penalty", "day_cost")  # at which an expected loss is counted


def own_word(portfolio: "Portfolio", *keys: str) -> str:
    """The word before what keys of a file state: "your", or "the assumed" where it marks one of them so."""
    return "the assumed" if {*keys} & {*portfolio.assumed} else "your"


def assumed_words(portfolio: "Portfolio") -> str:
    """The sentence on what a file marks as `assumed`, with the price of a day that it does not state; "" for no mark.

    It stands in the first line of verdicts and trade lists.
    """
    if not portfolio.assumed:
        return ""
    words: dict[str, str] = {
        "costs": "costs",
        "half_spread": "half-spreads",
        "tracking_penalty": f"tracking penalty {portfolio.tracking_penalty:g}",
        "materiality_bps": f"margin {portfolio.materiality:g} bp",
        "day_cost": f"a trading day at {portfolio.day_cost:g} {portfolio.basis}",
        "cash": "interest on cash",
    }
    marked = {*portfolio.assumed, *(("day_cost",) if portfolio.day_cost_assumed and portfolio.day_cost else ())}
    return f"Assumed: {listed([said for name, said in words.items() if name in marked])}."
