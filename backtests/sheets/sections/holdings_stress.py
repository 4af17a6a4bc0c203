"""The section of a risk sheet on stress: past episodes, shocks to today's holdings, and correlations toward one."""

from dataclasses import asdict
from typing import Any

from backtests.sheets.parts import Block, Folded, Part, Words, table
from backtests.sheets.sections.stress import correlation_parts, effect_numbers, move, moved_numbers, propagation_notes
from backtests.today.holdings_stress import HeldEpisode, HoldingsStress
from foundation.paper.wording import class_words, number
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.risk.stress.shocks import ShockEffect

INTRO = (
    "Named episodes of the past, hypothetical shocks after the last close, and correlations that move toward one. "
    "Episodes describe single stretches of days; shocks and correlations are assumptions, worked out with the "
    "covariance of recent returns. None of these figures is a forecast."
)


def holdings_stress_parts(portfolio: Portfolio, found: HoldingsStress) -> list[Part]:
    """Words and tables of the section.

    portfolio : the desk's file.
    found     : stress tests of its holdings.
    """
    left_out = [Words(f"Left out: {' '.join(found.left_out)}")] if found.left_out else []
    row = row_name(portfolio.periods_per_year)
    correlations = correlation_parts(found.breakdown, "today's holdings", found.window, row)
    shocks = _shock_parts(portfolio, found)
    return [Words(INTRO, "intro"), *_episode_parts(found.episodes), *shocks, *left_out, *correlations]


def holdings_stress_numbers(portfolio: Portfolio, found: HoldingsStress) -> dict[str, Any]:
    """The numbers of the section as plain values."""
    assets, classes = portfolio.market.assets, portfolio.market.asset_class
    return {
        "window": found.window,
        "episodes": [
            asdict(x) | {"first": f"{x.first:%Y-%m-%d}", "last": f"{x.last:%Y-%m-%d}"} for x in found.episodes
        ],
        "shocks": [moved_numbers(one.moved, assets) | effect_numbers(one, assets, classes) for one in found.shocks],
        "correlations": [asdict(one) for one in found.breakdown],
        "left_out": list(found.left_out),
    }


def _episode_parts(episodes: tuple[HeldEpisode, ...]) -> list[Part]:
    """The weights of today in each episode."""
    if not episodes:
        return []
    caption = "Episodes of the past: the weights of today, bought at the close before and held without a trade"
    heads = ("episode", "from", "to", ("return", "%"), ("maximum drawdown", "%"))
    rows = [
        [
            one.name + ("" if one.whole else ", in part"),
            f"{one.first:%Y-%m-%d}",
            f"{one.last:%Y-%m-%d}",
            number(100.0 * one.total_return, 1),
            number(100.0 * one.max_drawdown, 1),
        ]
        for one in episodes
    ]
    return [table(caption, heads, rows)]


def _shock_parts(portfolio: Portfolio, found: HoldingsStress) -> list[Part]:
    """The shocks, and folded the lines and the classes."""
    if not found.shocks:
        return []
    assets, classes, nav = portfolio.market.assets, portfolio.market.asset_class, portfolio.nav

    def by_shock(caption: str, head: str, unit: str, rows: list[list[str]]) -> Block:
        return table(caption, [head, *((one.name, unit) for one in found.shocks)], rows)

    caption = f"Shocks after the last close: gain or loss on {nav:,.0f} {portfolio.basis}, before any trade"
    heads = (
        "shock",
        ("gain or loss", "% of NAV"),
        ("amount", portfolio.basis),
        "largest loss",
        ("its share", "% of NAV"),
        ("explained", "% of variance"),
    )
    rows = [
        [one.name, number(100.0 * one.total, 1), number(nav * one.total, 0), *_largest(one, assets),
         number(100.0 * one.explained, 0)]
        for one in found.shocks
    ]  # fmt: skip
    moves = [[a, *(move(one.moved, i) for one in found.shocks)] for i, a in enumerate(assets)]
    lines = [[a, *(number(100.0 * one.lines[i]) for one in found.shocks)] for i, a in enumerate(assets)]
    by_class = [one.by_class(classes) for one in found.shocks]
    of_classes = [[class_words(c), *(number(100.0 * gain[c]) for gain in by_class)] for c in dict.fromkeys(classes)]
    return [
        table(caption, heads, rows, texts=[3]),
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


def _largest(effect: ShockEffect, assets: tuple[str, ...]) -> tuple[str, str]:
    """The line that loses most, and how much of NAV, per cent; dashes where none loses."""
    k = int(effect.lines.argmin())
    loss = float(effect.lines[k])
    return (assets[k], number(100.0 * loss, 1)) if loss < 0.0 else ("–", "–")
