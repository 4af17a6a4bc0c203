"""The section of a risk sheet on stress: past episodes, shocks to today's holdings, and correlations toward one.

The section on the stress of policies (`stress`) has the same tables of shocks and correlations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import compress
from typing import Any

from backtests.evaluation.metrics import Column
from backtests.sheets.parts import Folded, Part, Words
from backtests.sheets.tables import Block, Shown, day, records_table, scaled, table
from backtests.today.holdings_stress import HoldingsStress
from foundation.paper.wording import class_words, counted, number, percent
from research.market import Market
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.risk.stress.correlation_breakdown import StressedRisk
from research.risk.stress.shocks import LEAST_RETURN, Moved, ShockEffect

ASSUMED = (
    "Episodes describe single stretches of days; shocks and correlations are assumptions, worked out with the "
    "covariance of recent returns. None of these figures is a forecast."
)
STRESS_PER_CENT = scaled(100.0, 1)
INTRO = (
    "Named episodes of the past, hypothetical shocks after the last close, and correlations that move toward one. "
    f"{ASSUMED}"
)
EPISODES = (
    Shown("", "episode", form=lambda one: one.name + ("" if one.whole else ", in part")),
    Shown("first", "from", form=day),
    Shown("last", "to", form=day),
    Shown("total_return", "return", "%", STRESS_PER_CENT),
    Shown("max_drawdown", "maximum drawdown", "%", STRESS_PER_CENT),
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
        return (market.assets[k], STRESS_PER_CENT(loss)) if loss < 0.0 else ("–", "–")

    columns = (
        Shown("name", "shock"),
        Shown("total", "gain or loss", "% of NAV", STRESS_PER_CENT),
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


# -- shared with the stress of policies --------------------------------------------------------------------------------


def shock_tables(effects: Sequence[ShockEffect], market: Market, whose: str = "") -> list[Block]:
    """The returns of the assets under each shock, and what a portfolio gains or loses by asset and by asset class.

    effects : effects on the portfolio, a column each.
    market  : market of its assets.
    whose   : owner of the portfolio, after a space, or "".
    """

    def by_shock(caption: str, head: str, unit: str, rows: Iterable[tuple[str, Iterable[str]]]) -> Block:
        return table(caption, [head, *((one.name, unit) for one in effects)], [[name, *cells] for name, cells in rows])

    lines, by_class = list(enumerate(market.assets)), [one.by_class(market.asset_class) for one in effects]
    moves = [(asset, [_move(one.moved, k) for one in effects]) for k, asset in lines]
    gains = [(asset, [number(100.0 * one.lines[k]) for one in effects]) for k, asset in lines]
    of_classes = [(class_words(name), [number(100.0 * gain[name]) for gain in by_class]) for name in by_class[0]]
    return [
        by_shock("Returns of the assets; those with * are stated, the others follow", "asset", "%", moves),
        by_shock(f"Gain or loss{whose} by asset", "asset", "% of NAV", gains),
        by_shock(f"Gain or loss{whose} by asset class", "class", "% of NAV", of_classes),
    ]


def _move(moved: Moved, line: int) -> str:
    """The return of an asset under a shock, in per cent, marked where it is stated."""
    return number(100.0 * moved.returns[line], 1) + (" *" if moved.stated[line] else "")


def propagation_notes(moved: Sequence[Moved], window: int) -> list[str]:
    """Notes on the propagation of shocks, and on the assets that are not moved, or not further.

    moved  : the returns of each shock, one at least.
    window : number of returns of the covariance.
    """
    notes = [
        "Assets that a shock does not name move by their conditional mean, given those that it names: Gaussian, by the "
        f"covariance of the last {window} returns with shrunk correlations. “Explained” is the share of the "
        "portfolio's variance that the named assets explain; where it is small, the rest of the loss is a guess."
    ]
    if short := max(int(one.unknown.sum()) for one in moved):
        notes.append(f"{counted(short, 'asset')} with a short history, or stopped: no other asset moves it.")
    if any(one.bounded.any() for one in moved):
        notes.append(
            f"No asset falls by more than {percent(-LEAST_RETURN, 0)}, where the covariance would have it so; rises "
            "have no bound."
        )
    return notes


def moved_numbers(moved: Moved, assets: Sequence[str]) -> dict[str, Any]:
    """The returns of a shock by asset, and which of the n assets are stated, not known, and bounded."""
    masks = {"stated": moved.stated, "unknown": moved.unknown, "bounded": moved.bounded}
    return {
        "name": moved.name,
        "returns": dict(zip(assets, moved.returns.tolist(), strict=True)),
        **{name: list(compress(assets, mask)) for name, mask in masks.items()},
    }


def effect_numbers(effect: ShockEffect, market: Market) -> dict[str, Any]:
    """The effect of a shock on a portfolio: total, by asset and by asset class, fraction of NAV."""
    return {
        "total": effect.total,
        "lines": dict(zip(market.assets, effect.lines.tolist(), strict=True)),
        "classes": effect.by_class(market.asset_class),
        "explained": effect.explained,
    }


def correlation_parts(breakdown: Sequence[StressedRisk], weights: str, window: int, row: str) -> list[Part]:
    """The risk of a portfolio with correlations moved toward one.

    breakdown : a row a share of the way; none where it is not known.
    weights   : owner of the weights, in words.
    window    : number of returns of the covariance.
    row       : period of a row of the market, such as "day".
    """
    if not breakdown:
        return []
    columns = (
        Column("share", "correlations moved", "% of the way to one", 100.0, 0),
        Column("correlation", "mean correlation", ""),
        Column("volatility", "volatility", "% a year", 100.0, 1),
        Column("var95", "VaR 95 %", f"% a {row}", 100.0),
        Column("var99", "VaR 99 %", f"% a {row}", 100.0),
        Column("diversification", "diversification ratio", ""),
    )
    caption = (
        f"Correlations toward one, on {weights}: every correlation moved part of the way, volatilities as in the last "
        f"{window} returns; VaR is Gaussian, of one {row}"
    )
    hedged = "The volatility falls as correlations rise, since short assets then hedge the long ones: no worst case."
    falls = breakdown[-1].volatility < breakdown[0].volatility
    return [records_table(caption, columns, breakdown), *([Words(hedged)] if falls else [])]
