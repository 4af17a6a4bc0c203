"""The section of a risk sheet on stress: past episodes, shocks to today's holdings, and correlations toward one."""

from dataclasses import asdict
from typing import Any

from backtests.sheets.parts import Folded, Part, Words
from backtests.sheets.sections.stress_effects import (
    ASSUMED,
    PER_CENT,
    correlation_parts,
    effect_numbers,
    moved_numbers,
    propagation_notes,
    shock_tables,
)
from backtests.sheets.tables import Shown, day, records_table, scaled
from backtests.today.holdings_stress import HoldingsStress
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.risk.stress.shocks import ShockEffect

INTRO = (
    "Named episodes of the past, hypothetical shocks after the last close, and correlations that move toward one. "
    f"{ASSUMED}"
)
EPISODES = (
    Shown("", "episode", form=lambda one: one.name + ("" if one.whole else ", in part")),
    Shown("first", "from", form=day),
    Shown("last", "to", form=day),
    Shown("total_return", "return", "%", PER_CENT),
    Shown("max_drawdown", "maximum drawdown", "%", PER_CENT),
)


def holdings_stress_parts(portfolio: Portfolio, found: HoldingsStress) -> list[Part]:
    """Words and tables of the section.

    portfolio : the desk's file.
    found     : stress tests of its holdings.
    """
    caption = "Episodes of the past: the weights of today, bought at the close before and held without a trade"
    row = row_name(portfolio.periods_per_year)
    return [
        Words(INTRO, "intro"),
        *([records_table(caption, EPISODES, found.episodes)] if found.episodes else []),
        *_shock_parts(portfolio, found),
        *([Words(f"Left out: {' '.join(found.left_out)}")] if found.left_out else []),
        *correlation_parts(found.breakdown, "today's holdings", found.window, row),
    ]


def holdings_stress_numbers(portfolio: Portfolio, found: HoldingsStress) -> dict[str, Any]:
    """The numbers of the section as plain values."""
    market = portfolio.market
    return {
        "window": found.window,
        "episodes": [asdict(one) | {"first": day(one.first), "last": day(one.last)} for one in found.episodes],
        "shocks": [moved_numbers(one.moved, market.assets) | effect_numbers(one, market) for one in found.shocks],
        "correlations": [asdict(one) for one in found.breakdown],
        "left_out": list(found.left_out),
    }


def _shock_parts(portfolio: Portfolio, found: HoldingsStress) -> list[Part]:
    """The shocks, and folded the assets and the classes."""
    if not found.shocks:
        return []
    nav, basis, market = portfolio.nav, portfolio.basis, portfolio.market

    def worst(effect: ShockEffect) -> tuple[str, str]:
        """The asset that loses most, and how much of NAV, per cent; dashes where none loses."""
        k = int(effect.lines.argmin())
        loss = float(effect.lines[k])
        return (market.assets[k], PER_CENT(loss)) if loss < 0.0 else ("–", "–")

    columns = (
        Shown("name", "shock"),
        Shown("total", "gain or loss", "% of NAV", PER_CENT),
        Shown("total", "amount", basis, scaled(nav, 0)),
        Shown("", "largest loss", form=lambda effect: worst(effect)[0], words=True),
        Shown("", "its share", "% of NAV", lambda effect: worst(effect)[1]),
        Shown("explained", "explained", "% of variance", scaled(100.0, 0)),
    )
    caption = f"Shocks after the last close: gain or loss on {nav:,.0f} {basis}, before any trade"
    return [
        records_table(caption, columns, found.shocks),
        *map(Words, propagation_notes([one.moved for one in found.shocks], found.window)),
        Folded("Shocks by asset and class", shock_tables(found.shocks, market)),
    ]
