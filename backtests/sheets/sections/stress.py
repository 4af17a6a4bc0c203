"""The section of a sheet on stress: episodes, shocks from today, higher costs, correlations toward one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backtests.comparison.descriptions.stress import (
    COSTS_TIMES,
    MONTH,
    VOLUME_OVER,
    AfterShock,
    ShockResult,
    StressTests,
)
from backtests.comparison.descriptions.stress_episodes import EpisodeResult
from backtests.evaluation.episodes import EpisodeFigures
from backtests.sheets.parts import Block, Folded, Part, Words, table
from backtests.sheets.pictures.comparison.episodes import episodes_picture
from backtests.sheets.sections.policy_styles import page_styles
from foundation.paper.styles import LineStyle
from foundation.paper.wording import class_words, counted, listed, number, percent
from research.market import Market
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.risk.measures import BPS
from research.risk.stress.correlation_breakdown import StressedRisk
from research.risk.stress.shocks import LEAST_RETURN, Moved, ShockEffect

if TYPE_CHECKING:
    from backtests.comparison import Comparison

TARGET = "strategic target, costless"
EPISODE_FIGURES: tuple[tuple[str, str, Callable[[EpisodeFigures], str]], ...] = (  # what is folded, and its cells
    ("Maximum drawdown in each episode", "%", lambda f: number(100.0 * f.max_drawdown, 1)),
    ("One-way turnover in each episode", "% of NAV", lambda f: number(100.0 * f.turnover, 1)),
    ("Orders in each episode", "number", lambda f: f"{f.orders:,}"),
    ("Costs in each episode", "bp of NAV", lambda f: number(BPS * f.cost)),
)


def stress_parts(comparison: "Comparison") -> list[Part]:
    """Words, tables and the picture of the section."""
    chosen, reference = comparison.recommendation.policy, comparison.reference
    names = list(dict.fromkeys([chosen or reference, reference, *comparison.backtests]))
    row = row_name(comparison.benchmark.periods_per_year)
    return _parts(comparison.stress, comparison.portfolio, names, page_styles(comparison), chosen, reference, row)


def policy_stress_parts(
    name: str, found: StressTests, portfolio: Portfolio | None, style: LineStyle, row: str
) -> list[Part]:
    """The parts of the section for one policy by itself.

    name      : name of the policy.
    found     : stress tests of the policy.
    portfolio : portfolio of its file, or None; shocks need one.
    style     : line style of the policy.
    row       : period of a row of the market, such as "day".
    """
    return _parts(found, portfolio, [name], {name: style}, None, name, row)


def _parts(
    found: StressTests,
    portfolio: Portfolio | None,
    names: Sequence[str],
    styles: Mapping[str, LineStyle],
    chosen: str | None,
    reference: str,
    row: str,
) -> list[Part]:
    """Words, tables and the picture.

    found     : the stress tests.
    portfolio : portfolio of the policies, or None if there are no shocks.
    names     : names of the policies; the first one is the one shown.
    styles    : line style of each policy.
    chosen    : the recommended policy, or None.
    reference : the policy to which differences are taken.
    row       : period of a row of the market, such as "day".
    """
    drawn = episodes_picture(found.episodes, styles, names[0], reference)
    return [
        Words(_intro(found), "intro"),
        *([drawn] if drawn is not None else []),
        *_episode_parts(found.episodes, names, styles, chosen),
        *([Words(f"Left out: {' '.join(found.left_out)}")] if found.left_out else []),
        *([] if portfolio is None else _shock_parts(found, portfolio, names, styles, chosen)),
        *_liquidity_parts(found, names, styles, chosen),
        *correlation_parts(found.breakdown, f"the last weights of {found.policy}", found.window, row),
    ]


def _intro(found: StressTests) -> str:
    """The introduction of the section: its parts, and their limitations."""
    there = {
        "named episodes of the past": found.episodes,
        "hypothetical shocks after the last close": found.shocks,
        "higher trading costs": found.liquidity,
        "correlations that move toward one": found.breakdown,
    }
    shown = listed([words for words, some in there.items() if some] or ["nothing that this data allows"])
    return (
        f"{shown[0].upper()}{shown[1:]}. Episodes describe single stretches of days; shocks and correlations are "
        "assumptions, worked out with the covariance of recent returns. None of these figures is a forecast."
    )


def stress_numbers(comparison: "Comparison") -> dict[str, Any]:
    """The numbers of the section as plain values."""
    return policy_stress_numbers(comparison.stress, comparison.portfolio.market)


def policy_stress_numbers(found: StressTests, market: Market) -> dict[str, Any]:
    """The numbers of any stress tests as plain values.  market : market of the policies."""
    return {
        "episodes": [_episode_numbers(one) for one in found.episodes],
        "shocks": [_shock_numbers(one, market.assets, market.asset_class) for one in found.shocks],
        "liquidity": {
            "costs_times": COSTS_TIMES,
            "volume_over": VOLUME_OVER,
            "volumes": found.volumes,
            "impact_times": found.impact,
            "policies": {name: asdict(one) for name, one in found.liquidity.items()},
        },
        "correlations": {
            "policy": found.policy,
            "window": found.window,
            "shares": [asdict(one) for one in found.breakdown],
        },
        "left_out": list(found.left_out),
    }


# -- episodes --------------------------------------------------------------------------------------------------------


def _episode_parts(
    episodes: Sequence[EpisodeResult],
    names: Sequence[str],
    styles: Mapping[str, LineStyle],
    chosen: str | None,
) -> list[Part]:
    """The returns of every policy in every episode, the other figures folded, and notes on them."""
    if not episodes:
        return []

    def by_policy(caption: str, unit: str, cell: Callable[[EpisodeFigures], str], last: list[list[str]]) -> Block:
        heads: list[str | tuple[str, str]] = ["policy", *((one.episode.name, unit + _mark(one)) for one in episodes)]
        rows = [[n, *(cell(e.figures[n]) if n in e.figures else "–" for e in episodes)] for n in names]
        return table(caption, heads, [*rows, *last], styles=styles, chosen=chosen)

    target = [[TARGET, *(number(100.0 * one.target, 1) for one in episodes)]]
    caption = "Return of each policy in each episode, net of costs, not annualised"
    return [
        by_policy(caption, "%", lambda f: number(100.0 * f.total_return, 1), target),
        *map(Words, _episode_notes(episodes)),
        Folded(
            "Drawdown, turnover, orders and costs in each episode; its days and their source",
            [
                *(by_policy(*one, []) for one in EPISODE_FIGURES),
                table(
                    "Days of the episodes: the closes from which and to which returns are earned",
                    ("episode", "from", "to", "covered", "source of the dates"),
                    [
                        [one.episode.name, f"{one.first:%Y-%m-%d}", f"{one.last:%Y-%m-%d}", _covered(one),
                         one.episode.source or "–"]
                        for one in episodes
                    ],
                    texts=(3, 4),
                ),
            ],
        ),
    ]  # fmt: skip


def _mark(one: EpisodeResult) -> str:
    """The mark in the head of a column for an episode that is not wholly in the test."""
    return f"{'' if one.when == 'test' else ', before the test'}{'' if one.whole else ', in part'}"


def _covered(one: EpisodeResult) -> str:
    where = "in the test" if one.when == "test" else "before the test"
    return where if one.whole else f"{where}, in part"


def _episode_notes(episodes: Sequence[EpisodeResult]) -> list[str]:
    """Notes on episodes: those before the test or covered in part, policies without figures, missing assets."""
    notes = []
    if before := [one for one in episodes if one.when == "before"]:
        notes.append(
            f"Before the test: {listed([one.episode.name for one in before])}. The rules that were not fitted are "
            "backtested on these days alone, from their target at the first close; money that comes or goes is left "
            "out."
        )
    for one in episodes:
        if not one.whole:
            notes.append(
                f"{one.episode.name} ({one.episode.first:%Y-%m-%d} to {one.episode.last:%Y-%m-%d}) is covered in part, "
                f"from the close of {one.first:%Y-%m-%d} to that of {one.last:%Y-%m-%d}."
            )
    reasons: dict[str, dict[str, list[str]]] = {}
    for one in episodes:
        for name, why in one.left_out.items():
            reasons.setdefault(why, {}).setdefault(name, []).append(one.episode.name)
    for why, by_name in reasons.items():
        where = list(dict.fromkeys(episode for found in by_name.values() for episode in found))
        notes.append(f"No figures of {listed(list(by_name))} in {listed(where)}: {why}.")
    missing: dict[tuple[str, ...], list[str]] = {}
    for one in episodes:
        if one.unlisted:
            missing.setdefault(one.unlisted, []).append(one.episode.name)
    notes += [
        f"Not listed when {listed(where)} began: {listed(list(lines))}. The listed lines held its weight, unless the "
        "target leaves it in cash."
        for lines, where in missing.items()
    ]
    return notes


def _episode_numbers(one: EpisodeResult) -> dict[str, Any]:
    return {
        "name": one.episode.name,
        "first": f"{one.episode.first:%Y-%m-%d}",
        "last": f"{one.episode.last:%Y-%m-%d}",
        "source": one.episode.source,
        "from": f"{one.first:%Y-%m-%d}",
        "to": f"{one.last:%Y-%m-%d}",
        "when": one.when,
        "whole": one.whole,
        "target": one.target,
        "unlisted": list(one.unlisted),
        "policies": {name: asdict(figures) for name, figures in one.figures.items()},
        "left_out": dict(one.left_out),
    }


# -- shocks ----------------------------------------------------------------------------------------------------------


def _shock_parts(
    found: StressTests,
    portfolio: Portfolio,
    names: Sequence[str],
    styles: Mapping[str, LineStyle],
    chosen: str | None,
) -> list[Part]:
    """The shocks on the policy shown, and folded the lines, the classes and the other policies."""
    shown = names[0]
    shocks = [one for one in found.shocks if shown in one.policies]
    if not shocks:
        return []
    assets, classes = portfolio.market.assets, portfolio.market.asset_class
    caption = (
        f"Shocks after the last close, on the last weights of {shown}: gain or loss before any trade, at today's NAV "
        f"of {portfolio.nav:,.0f} {portfolio.basis}; then what it trades in the {MONTH} sessions after, with prices "
        "unchanged"
    )
    heads = (
        "shock",
        ("gain or loss", "% of NAV"),
        ("amount", portfolio.basis),
        ("explained", "% of variance"),
        ("furthest from target", "points"),
        ("first trade", "sessions"),
        ("turnover", "% of NAV"),
        ("cost", "bp of NAV"),
    )
    rows = [_shock_row(one.moved.name, one.policies[shown], portfolio.nav) for one in shocks]
    gains = [one.policies[shown].effect for one in shocks]
    by_class = [gain.by_class(classes) for gain in gains]

    def by_shock(caption: str, head: str, unit: str, rows: list[list[str]]) -> Block:
        return table(caption, [head, *((one.moved.name, unit) for one in shocks)], rows)

    moves = [[a, *(move(one.moved, i) for one in shocks)] for i, a in enumerate(assets)]
    of_lines = [[a, *(number(100.0 * gain.lines[i]) for gain in gains)] for i, a in enumerate(assets)]
    of_classes = [[class_words(c), *(number(100.0 * gain[c]) for gain in by_class)] for c in dict.fromkeys(classes)]
    every = (
        "Every policy: gain or loss before any trade (% of NAV), then turnover (% of NAV) and cost (bp of NAV) in the"
    )
    of_policies = table(
        f"{every} {MONTH} sessions after",
        ["policy", *(one.moved.name for one in shocks)],
        [[name, *(_effect(one.policies.get(name)) for one in shocks)] for name in names],
        styles=styles,
        chosen=chosen,
    )
    several = len(names) > 1
    return [
        table(caption, heads, rows, texts=(4, 5)),
        *map(Words, _shock_notes(shocks, found.window)),
        Folded(
            "Shocks by line, class and policy" if several else "Shocks by line and class",
            [
                by_shock("Returns of the lines; those with * are stated, the others follow", "line", "%", moves),
                by_shock(f"Gain or loss of {shown} by line", "line", "% of NAV", of_lines),
                by_shock(f"Gain or loss of {shown} by asset class", "class", "% of NAV", of_classes),
                *([of_policies] if several else []),
            ],
        ),
    ]


def move(moved: Moved, line: int) -> str:
    """The return of a line under a shock, in per cent, marked where it is stated."""
    return number(100.0 * moved.returns[line], 1) + (" *" if moved.stated[line] else "")


def _effect(one: AfterShock | None) -> str:
    if one is None:
        return "–"
    return f"{number(100.0 * one.effect.total, 1)}; {number(100.0 * one.turnover, 1)}; {number(BPS * one.cost)}"


def _shock_row(name: str, one: AfterShock, nav: float) -> list[str]:
    trade = "none" if one.sessions is None else "at its close" if one.sessions == 0 else f"after {one.sessions}"
    return [
        name,
        number(100.0 * one.effect.total, 1),
        number(nav * one.effect.total, 0),
        number(100.0 * one.effect.explained, 0),
        f"{one.line} {number(100.0 * one.gap, 1, signed=True)}",
        trade,
        number(100.0 * one.turnover, 1),
        number(BPS * one.cost),
    ]


def _shock_notes(shocks: Sequence[ShockResult], window: int) -> list[str]:
    """Notes on shocks: their propagation, and the policies without figures."""
    notes = propagation_notes([one.moved for one in shocks], window)
    notes[0] += " A trade at the close of the shock was decided before it."
    reasons: dict[str, list[str]] = {}
    for one in shocks:
        for name, why in one.left_out.items():
            reasons.setdefault(f"{name}: {why}", []).append(one.moved.name)
    return notes + [f"No figures after {listed(where)} of {reason}" for reason, where in reasons.items()]


def propagation_notes(moved: Sequence[Moved], window: int) -> list[str]:
    """Notes on the propagation of shocks, and on the assets that are not moved, or not further.

    moved  : the returns of each shock, one at least.
    window : number of returns of the covariance.
    """
    notes = [
        "Lines that a shock does not name move by their conditional mean, given those that it names: Gaussian, by the "
        f"covariance of the last {window} returns with shrunk correlations. “Explained” is the share of the "
        "portfolio's variance that the named lines explain; where it is small, the rest of the loss is a guess."
    ]
    if short := max(int(one.unknown.sum()) for one in moved):
        notes.append(f"{counted(short, 'line')} with a short history: no other line moves it.")
    if any(one.bounded.any() for one in moved):
        notes.append(
            f"No line falls by more than {percent(-LEAST_RETURN, 0)}, where the covariance would have it so; rises "
            "have no bound."
        )
    return notes


def _shock_numbers(one: ShockResult, assets: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    return {
        **moved_numbers(one.moved, assets),
        "left_out": dict(one.left_out),
        "policies": {
            name: {
                **effect_numbers(after.effect, assets, classes),
                "furthest": after.line,
                "gap": after.gap,
                "sessions": after.sessions,
                "reason": after.reason,
                "turnover": after.turnover,
                "orders": after.orders,
                "cost": after.cost,
            }
            for name, after in one.policies.items()
        },
    }


def moved_numbers(moved: Moved, assets: Sequence[str]) -> dict[str, Any]:
    """The returns of a shock by line, and which of the n lines are stated, not known, and bounded."""

    def lines(mask: Any) -> list[str]:
        return [asset for asset, there in zip(assets, mask.tolist(), strict=True) if there]

    return {
        "name": moved.name,
        "returns": dict(zip(assets, moved.returns.tolist(), strict=True)),
        "stated": lines(moved.stated),
        "unknown": lines(moved.unknown),
        "bounded": lines(moved.bounded),
    }


def effect_numbers(effect: ShockEffect, assets: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    """The effect of a shock on a portfolio: total, by line and by asset class (n names each), fraction of NAV."""
    return {
        "total": effect.total,
        "lines": dict(zip(assets, effect.lines.tolist(), strict=True)),
        "classes": effect.by_class(classes),
        "explained": effect.explained,
    }


# -- liquidity and correlations --------------------------------------------------------------------------------------


def _liquidity_parts(
    found: StressTests, names: Sequence[str], styles: Mapping[str, LineStyle], chosen: str | None
) -> list[Part]:
    """The effect of higher trading costs, in a sentence; the table of every policy is folded."""
    if not found.liquidity:
        return []
    charged = [name for name in names if name in found.liquidity]
    shown = charged[0]
    one = found.liquidity[shown]
    lowest, after = (min(charged, key=lambda n: getattr(found.liquidity[n], key)) for key in ("loss", "stressed_loss"))
    volume = (
        f"and a {VOLUME_OVER:g}th of the volumes, "
        if found.volumes
        else "(volumes as they were, since neither costs nor orders of this portfolio depend on them), "
    )
    impact = (
        ""
        if found.impact is None
        else f" Market impact of an order is {number(found.impact, 1)} times as large: {COSTS_TIMES:g} times its "
        f"coefficient, and {number(found.impact / COSTS_TIMES, 1)} times by the smaller volume."
    )
    same = (
        ""
        if len(charged) < 2
        else f"; {lowest} has the lowest J in both"
        if lowest == after
        else f"; the lowest J passes from {lowest} to {after}"
    )
    caption = f"Cost and loss J on the days of the test, as they were and at {COSTS_TIMES:g} times the trading costs"
    bps = "bp a year"
    every = table(
        caption,
        ("policy", ("cost", bps), ("cost, stressed", bps), ("J", bps), ("J, stressed", bps)),
        [
            [name, *(number(v) for v in (x.cost, x.stressed_cost, x.loss, x.stressed_loss))]
            for name, x in ((n, found.liquidity[n]) for n in charged)
        ],
        styles=styles,
        chosen=chosen,
    )
    return [
        Words(
            f"Higher trading costs: at {COSTS_TIMES:g} times the costs {volume}the same decisions would have cost "
            f"{shown} {number(one.stressed_cost)} instead of {number(one.cost)} bp a year in the test, and its loss J "
            f"would have been {number(one.stressed_loss)} instead of {number(one.loss)}{same}.{impact}",
            "",
        ),
        *([Folded("Higher trading costs, every policy", [every])] if len(charged) > 1 else []),
    ]


def correlation_parts(breakdown: Sequence[StressedRisk], weights: str, window: int, row: str) -> list[Part]:
    """The risk of a portfolio with correlations moved toward one.

    breakdown : a row a share of the way; none where it is not known.
    weights   : owner of the weights, in words.
    window    : number of returns of the covariance.
    row       : period of a row of the market, such as "day".
    """
    if not breakdown:
        return []
    heads = (
        ("correlations moved", "% of the way to one"),
        "mean correlation",
        ("volatility", "% a year"),
        ("VaR 95 %", f"% a {row}"),
        ("VaR 99 %", f"% a {row}"),
        "diversification ratio",
    )
    caption = (
        f"Correlations toward one, on {weights}: every correlation moved part of the way, volatilities as in the last "
        f"{window} returns; VaR is Gaussian, of one {row}"
    )
    rows = [
        [
            number(100.0 * one.share, 0),
            number(one.correlation),
            number(100.0 * one.volatility, 1),
            number(100.0 * one.var95),
            number(100.0 * one.var99),
            number(one.diversification),
        ]
        for one in breakdown
    ]
    hedged = (
        [Words("The volatility falls as correlations rise, since short lines then hedge the long ones: no worst case.")]
        if breakdown[-1].volatility < breakdown[0].volatility
        else []
    )
    return [table(caption, heads, rows), *hedged]
