"""The section of a risk sheet on stress: what shocks would do to today's holdings, and correlations toward one."""

from dataclasses import asdict
from typing import Any

from backtests.evaluation.holdings_stress import HoldingsStress
from backtests.pages.parts import Block, Folded, Part, Words, table
from backtests.pages.stress import correlation_parts, effect_numbers, move, moved_numbers, propagation_notes
from backtests.wording import number
from research.portfolio import Portfolio

HEADS = ("shock", ("gain or loss", "% of NAV"), ("amount", "currency"), ("explained", "% of variance"))
INTRO = (
    "Hypothetical shocks after the last close, and correlations that move toward one. They are assumptions, worked out "
    "with the covariance of recent returns, and no forecasts."
)


def holdings_stress_parts(portfolio: Portfolio, found: HoldingsStress) -> list[Part]:
    """Words and tables of the section.

    portfolio : the desk's file.
    found     : its stress tests.
    """
    left_out = [Words(f"Left out: {' '.join(found.left_out)}")] if found.left_out else []
    correlations = correlation_parts(found.breakdown, "today's holdings", found.window)
    return [Words(INTRO, "intro"), *_shock_parts(portfolio, found), *left_out, *correlations]


def holdings_stress_numbers(portfolio: Portfolio, found: HoldingsStress) -> dict[str, Any]:
    """The same as plain values."""
    assets, classes = portfolio.market.assets, portfolio.market.asset_class
    return {
        "shocks": [moved_numbers(one.moved, assets) | effect_numbers(one, assets, classes) for one in found.shocks],
        "correlations": {"window": found.window, "shares": [asdict(one) for one in found.breakdown]},
        "left_out": list(found.left_out),
    }


def _shock_parts(portfolio: Portfolio, found: HoldingsStress) -> list[Part]:
    """The shocks, and folded the lines and the classes."""
    if not found.shocks:
        return []
    assets, classes, nav = portfolio.market.assets, portfolio.market.asset_class, portfolio.nav

    def by_shock(caption: str, head: str, unit: str, rows: list[list[str]]) -> Block:
        return table(caption, [head, *((one.name, unit) for one in found.shocks)], rows)

    rows = [
        [one.name, number(100.0 * one.total, 1), number(nav * one.total, 0), number(100.0 * one.explained, 0)]
        for one in found.shocks
    ]
    moves = [[a, *(move(one.moved, i) for one in found.shocks)] for i, a in enumerate(assets)]
    lines = [[a, *(number(100.0 * one.lines[i]) for one in found.shocks)] for i, a in enumerate(assets)]
    by_class = [one.by_class(classes) for one in found.shocks]
    of_classes = [[c, *(number(100.0 * gain[c]) for gain in by_class)] for c in dict.fromkeys(classes)]
    return [
        table(
            f"Shocks after the last close: gain or loss on {nav:,.0f} {portfolio.basis}, before any trade", HEADS, rows
        ),
        *map(Words, propagation_notes([one.moved for one in found.shocks], found.window)),
        Folded(
            "Shocks by line and class",
            [
                by_shock("Returns of the lines; those with * are stated, the others follow", "line", "%", moves),
                by_shock("Gain or loss by line", "line", "% of NAV", lines),
                by_shock("Gain or loss by asset class", "class", "% of NAV", of_classes),
            ],
        ),
    ]
