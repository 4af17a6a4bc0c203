"""The section of a sheet on stress: episodes of the past, shocks from today, dear trading, correlations toward one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backtests.comparison.stress import (
    COSTS_TIMES,
    MONTH,
    VOLUME_OVER,
    AfterShock,
    EpisodeResult,
    ShockResult,
    StressTests,
)
from backtests.evaluation.episodes import EpisodeFigures
from backtests.figures.comparison.episodes import episodes_picture
from backtests.figures.styles import LineStyle
from backtests.pages.parts import Block, Folded, Part, Words, table
from backtests.pages.policy_styles import page_styles
from backtests.wording import counted, listed, number, percent
from research.risk.measures import BPS

if TYPE_CHECKING:
    from backtests.comparison import Comparison

INTRO = (
    "Named episodes of the past, hypothetical shocks after the last close, dearer trading, and correlations that move "
    "toward one. Episodes describe single stretches of days; shocks and correlations are assumptions, worked out with "
    "the covariance of recent returns. None of these figures is a forecast."
)
TARGET = "strategic target, costless"
EPISODE_FIGURES: tuple[tuple[str, str, Callable[[EpisodeFigures], str]], ...] = (  # what is folded, and its cells
    ("Maximum drawdown in each episode", "%", lambda f: number(100.0 * f.max_drawdown, 1)),
    ("One-way turnover in each episode", "% of NAV", lambda f: number(100.0 * f.turnover, 1)),
    ("Orders in each episode", "number", lambda f: f"{f.orders:,}"),
    ("Costs in each episode", "bp of NAV", lambda f: number(BPS * f.cost)),
)
SHOCK_HEADS = (
    "shock",
    ("gain or loss", "% of NAV"),
    ("amount", "currency"),
    ("explained", "% of variance"),
    ("furthest from target", "points"),
    ("first trade", "sessions"),
    ("turnover", "% of NAV"),
    ("cost", "bp of NAV"),
)
RISK_HEADS = (
    ("correlations moved", "% of the way to one"),
    "mean correlation",
    ("volatility", "% a year"),
    ("VaR 95 %", "% a day"),
    ("VaR 99 %", "% a day"),
    "diversification ratio",
)


def stress_parts(comparison: "Comparison") -> list[Part]:
    """Words, tables and the picture of the section."""
    found, styles, shown = comparison.stress, page_styles(comparison), _shown(comparison)
    names = list(dict.fromkeys([shown, comparison.reference, *comparison.backtests]))
    chosen = comparison.recommendation.policy
    drawn = episodes_picture(found.episodes, styles, shown, comparison.reference)
    return [
        Words(INTRO, "intro"),
        *([drawn] if drawn is not None else []),
        *_episode_parts(found.episodes, names, styles, chosen),
        *([Words(f"Left out: {' '.join(found.left_out)}")] if found.left_out else []),
        *_shock_parts(found, comparison, names, styles),
        *_liquidity_parts(found, names, styles, chosen),
        *_correlation_parts(found),
    ]


def stress_numbers(comparison: "Comparison") -> dict[str, Any]:
    """The same as plain values."""
    found, market = comparison.stress, comparison.portfolio.market
    return {
        "episodes": [_episode_numbers(one) for one in found.episodes],
        "shocks": [_shock_numbers(one, market.assets, market.asset_class) for one in found.shocks],
        "liquidity": {
            "costs_times": COSTS_TIMES,
            "volume_over": VOLUME_OVER,
            "volumes": found.volumes,
            "policies": {name: asdict(one) for name, one in found.liquidity.items()},
        },
        "correlations": {
            "policy": found.policy,
            "window": found.window,
            "shares": [asdict(one) for one in found.breakdown],
        },
        "left_out": list(found.left_out),
    }


def _shown(comparison: "Comparison") -> str:
    return comparison.recommendation.policy or comparison.reference


# -- episodes --------------------------------------------------------------------------------------------------------


def _episode_parts(
    episodes: Sequence[EpisodeResult],
    names: Sequence[str],
    styles: Mapping[str, LineStyle],
    chosen: str | None,
) -> list[Part]:
    """The returns of every policy in every episode, the other figures folded, and what a reader must know of them."""
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
    """What the head of a column says of an episode that is not wholly in the test."""
    return f"{'' if one.when == 'test' else ', before the test'}{'' if one.whole else ', in part'}"


def _covered(one: EpisodeResult) -> str:
    where = "in the test" if one.when == "test" else "before the test"
    return where if one.whole else f"{where}, in part"


def _episode_notes(episodes: Sequence[EpisodeResult]) -> list[str]:
    """What was played before the test, what is covered in part, who has no figures, and which lines were missing."""
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
    found: StressTests, comparison: "Comparison", names: Sequence[str], styles: Mapping[str, LineStyle]
) -> list[Part]:
    """The shocks on the policy shown, and folded the lines, the classes and the other policies."""
    if not found.shocks:
        return []
    portfolio, shown = comparison.portfolio, _shown(comparison)
    assets, classes = portfolio.market.assets, portfolio.market.asset_class
    caption = (
        f"Shocks after the last close, on the last weights of {shown}: gain or loss before any trade, at today's NAV "
        f"of {portfolio.nav:,.0f} {portfolio.basis}; then what it trades in the {MONTH} sessions after, with prices "
        "unchanged"
    )
    rows = [_shock_row(one.moved.name, one.policies[shown], portfolio.nav) for one in found.shocks]
    heads: list[str | tuple[str, str]] = ["line", *((one.moved.name, "%") for one in found.shocks)]
    by_line = [
        [
            asset,
            *(number(100.0 * one.moved.returns[i], 1) + (" *" if one.moved.stated[i] else "") for one in found.shocks),
        ]
        for i, asset in enumerate(assets)
    ]
    gains = [one.policies[shown].effect for one in found.shocks]
    by_class = [one.by_class(classes) for one in gains]
    every = [
        [
            name,
            *(
                cell
                for one in found.shocks
                for cell in (
                    number(100.0 * one.policies[name].effect.total, 1),
                    number(100.0 * one.policies[name].turnover, 1),
                    number(BPS * one.policies[name].cost),
                )
            ),
        ]
        for name in names
    ]
    each = [
        (f"{one.moved.name}: {what}", unit)
        for one in found.shocks
        for what, unit in (("gain or loss", "% of NAV"), ("turnover", "% of NAV"), ("cost", "bp"))
    ]
    chosen = comparison.recommendation.policy
    return [
        table(caption, SHOCK_HEADS, rows, texts=(4, 5)),
        *map(Words, _shock_notes(found)),
        Folded(
            "Shocks by line, class and policy",
            [
                table("Returns of the lines; those with * are stated, the others follow", heads, by_line),
                table(
                    f"Gain or loss of {shown} by line",
                    ["line", *((one.moved.name, "% of NAV") for one in found.shocks)],
                    [[a, *(number(100.0 * g.lines[i]) for g in gains)] for i, a in enumerate(assets)],
                ),
                table(
                    f"Gain or loss of {shown} by asset class",
                    ["class", *((one.moved.name, "% of NAV") for one in found.shocks)],
                    [[c, *(number(100.0 * g[c]) for g in by_class)] for c in dict.fromkeys(classes)],
                ),
                table(
                    f"Every policy: gain or loss before any trade, turnover and cost in the {MONTH} sessions after",
                    ["policy", *each],
                    every,
                    styles=styles,
                    chosen=chosen,
                ),
            ],
        ),
    ]


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


def _shock_notes(found: StressTests) -> list[str]:
    """How shocks are propagated, and which lines are not moved, or not further."""
    notes = [
        "Lines that a shock does not name move by their conditional mean, given those that it names: Gaussian, by the "
        f"covariance of the last {found.window} returns with shrunk correlations. “Explained” is the share of the "
        "portfolio's variance that the named lines explain; where it is small, the rest of the loss is a guess. A "
        "trade at the close of the shock was decided before it."
    ]
    first = found.shocks[0].moved
    assets = list(next(iter(found.shocks[0].policies.values())).effect.lines)
    if first.unknown.any():
        count = int(first.unknown.sum())
        notes.append(f"{counted(count, 'line')} of {len(assets)} with a short history are moved by no other line.")
    if any(one.moved.bounded.any() for one in found.shocks):
        notes.append(f"No line falls by more than {percent(0.99, 0)}, where the covariance would have it so.")
    return notes


def _shock_numbers(one: ShockResult, assets: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    def lines(mask: Any) -> list[str]:
        return [asset for asset, there in zip(assets, mask.tolist(), strict=True) if there]

    moved = one.moved
    return {
        "name": moved.name,
        "returns": dict(zip(assets, moved.returns.tolist(), strict=True)),
        "stated": lines(moved.stated),
        "unknown": lines(moved.unknown),
        "bounded": lines(moved.bounded),
        "policies": {
            name: {
                "total": after.effect.total,
                "lines": dict(zip(assets, after.effect.lines.tolist(), strict=True)),
                "classes": after.effect.by_class(classes),
                "explained": after.effect.explained,
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


# -- liquidity and correlations --------------------------------------------------------------------------------------


def _liquidity_parts(
    found: StressTests, names: Sequence[str], styles: Mapping[str, LineStyle], chosen: str | None
) -> list[Part]:
    """What dearer trading would have cost, in a sentence; every policy folded."""
    one = found.liquidity[found.policy]
    lowest, after = (
        min(found.liquidity, key=lambda name: getattr(found.liquidity[name], key)) for key in ("loss", "stressed_loss")
    )
    volume = (
        f" and a {VOLUME_OVER:g}th of the volume"
        if found.volumes
        else " (volumes are left as they are: neither costs nor orders of this portfolio depend on them)"
    )
    same = f"{lowest} has the lowest J in both" if lowest == after else f"the lowest J passes from {lowest} to {after}"
    return [
        Words(
            f"Dearer trading: the same decisions on the days of the test at {COSTS_TIMES:g} times the costs{volume} "
            f"would have cost {found.policy} {number(one.stressed_cost)} instead of {number(one.cost)} bp a year, and "
            f"its loss J would have been {number(one.stressed_loss)} instead of {number(one.loss)}; {same}.",
            "",
        ),
        Folded(
            "Dearer trading, every policy",
            [
                table(
                    f"Cost and loss J as they were, and at {COSTS_TIMES:g} times the costs",
                    (
                        "policy",
                        ("cost", "bp a year"),
                        ("stressed", "bp a year"),
                        ("J", "bp a year"),
                        ("stressed", "bp a year"),
                    ),
                    [
                        [name, *(number(v) for v in (x.cost, x.stressed_cost, x.loss, x.stressed_loss))]
                        for name, x in ((n, found.liquidity[n]) for n in names)
                    ],
                    styles=styles,
                    chosen=chosen,
                )
            ],
        ),
    ]


def _correlation_parts(found: StressTests) -> list[Part]:
    """The risk of the last weights with correlations moved toward one."""
    if not found.breakdown:
        return []
    caption = (
        f"Correlations toward one, on the last weights of {found.policy}: every correlation moved part of the way, "
        f"volatilities as in the last {found.window} returns; VaR is Gaussian, of one period"
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
        for one in found.breakdown
    ]
    return [table(caption, RISK_HEADS, rows)]
