"""The section of a sheet on stress: episodes, shocks from today, higher costs, correlations toward one."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from backtests.comparison.descriptions.stress import (
    COSTS_TIMES,
    SHOCK_SESSIONS,
    VOLUME_OVER,
    AfterShock,
    ShockResult,
    StressTests,
)
from backtests.comparison.descriptions.stress_episodes import EpisodeResult
from backtests.evaluation.metrics import Column
from backtests.sheets.parts import Folded, Part, Words
from backtests.sheets.pictures.comparison.stress import episodes_picture
from backtests.sheets.sections.holdings_stress import (
    ASSUMED,
    STRESS_PER_CENT,
    correlation_parts,
    effect_numbers,
    moved_numbers,
    propagation_notes,
    shock_tables,
)
from backtests.sheets.tables import Block, Looks, Shown, day, looks_of, records_table, scaled, table
from foundation.paper.wording import grouped, listed, number
from research.market import Market
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.risk.measures import BPS

if TYPE_CHECKING:
    from backtests.comparison import Comparison

TARGET = "strategic target, costless"
BP, GAP = scaled(BPS), scaled(100.0, 1, signed=True)
EPISODE_FIGURES = (  # what is folded: caption, unit, figure and form
    ("Maximum drawdown in each episode", "%", "max_drawdown", STRESS_PER_CENT),
    ("One-way turnover in each episode", "% of NAV", "turnover", STRESS_PER_CENT),
    ("Orders in each episode", "number", "orders", "{:,}".format),
    ("Costs in each episode", "bp of NAV", "cost", BP),
)
WHERE = {"test": "in the test", "before": "before the test"}
EPISODE_DAYS = (
    Shown("episode.name", "episode"),
    Shown("first", "from", form=day),
    Shown("last", "to", form=day),
    Shown("", "covered", form=lambda one: WHERE[one.when] + ("" if one.whole else ", in part"), words=True),
    Shown("episode.source", "source of the dates", form=lambda source: source or "–", words=True),
)
LIQUIDITY = (
    Column("cost", "cost", "bp a year"),
    Column("stressed_cost", "cost, stressed", "bp a year"),
    Column("loss", "J", "bp a year"),
    Column("stressed_loss", "J, stressed", "bp a year"),
)


def stress_parts(comparison: "Comparison") -> list[Part]:
    """Words, tables and the picture of the section."""
    looks, reference = looks_of(comparison), comparison.reference
    names = list(dict.fromkeys([looks.chosen or reference, reference, *comparison.backtests]))
    row = row_name(comparison.benchmark.periods_per_year)
    return policies_stress_parts(comparison.stress, comparison.portfolio, names, reference, looks, row)


def policies_stress_parts(
    found: StressTests, portfolio: Portfolio | None, names: Sequence[str], reference: str, looks: Looks, row: str
) -> list[Part]:
    """The section for any policies.

    found     : the stress tests.
    portfolio : portfolio of the policies, or None; shocks need one.
    names     : names of the policies; the first one is the one shown.
    reference : the policy to which differences are taken.
    looks     : looks of the policies.
    row       : period of a row of the market, such as "day".
    """
    drawn = episodes_picture(found.episodes, looks.styles, names[0], reference)
    return [
        Words(_intro(found), "intro"),
        *([drawn] if drawn is not None else []),
        *_episode_parts(found.episodes, names, looks),
        *([Words(f"Left out: {' '.join(found.left_out)}")] if found.left_out else []),
        *([] if portfolio is None else _shock_parts(found, portfolio, names, looks)),
        *_liquidity_parts(found, names, looks),
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
    return f"{shown[0].upper()}{shown[1:]}. {ASSUMED}"


def stress_numbers(found: StressTests, market: Market) -> dict[str, Any]:
    """The numbers of stress tests as plain values.  market : market of the policies."""
    return {
        "episodes": [_episode_numbers(one) for one in found.episodes],
        "shocks": [_shock_numbers(one, market) for one in found.shocks],
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


def _episode_parts(episodes: Sequence[EpisodeResult], names: Sequence[str], looks: Looks) -> list[Part]:
    """The returns of every policy in every episode, the other figures folded, and notes on them."""
    if not episodes:
        return []

    def by_policy(caption: str, unit: str, key: str, form: Callable[[float], str], last: list[list[str]]) -> Block:
        heads: list[str | tuple[str, str]] = ["policy", *((one.episode.name, unit + _mark(one)) for one in episodes)]
        rows = [
            [name, *(form(getattr(one.figures[name], key)) if name in one.figures else "–" for one in episodes)]
            for name in names
        ]
        return table(caption, heads, [*rows, *last], looks=looks)

    target = [[TARGET, *(STRESS_PER_CENT(one.target) for one in episodes)]]
    caption = "Return of each policy in each episode, net of costs, not annualised"
    days = "Days of the episodes: the closes from which and to which returns are earned"
    return [
        by_policy(caption, "%", "total_return", STRESS_PER_CENT, target),
        *map(Words, _episode_notes(episodes)),
        Folded(
            "Drawdown, turnover, orders and costs in each episode; its days and their source",
            [*(by_policy(*one, []) for one in EPISODE_FIGURES), records_table(days, EPISODE_DAYS, episodes)],
        ),
    ]


def _mark(one: EpisodeResult) -> str:
    """The mark in the head of a column for an episode that is not wholly in the test."""
    return f"{'' if one.when == 'test' else ', before the test'}{'' if one.whole else ', in part'}"


def _episode_notes(episodes: Sequence[EpisodeResult]) -> list[str]:
    """Notes on episodes: those before the test or covered in part, policies without figures, missing assets."""
    notes = []
    if before := [one.episode.name for one in episodes if one.when == "before"]:
        notes.append(
            f"Before the test: {listed(before)}. The rules that were not fitted are backtested on these days alone, "
            "from their target at the first close; money that comes or goes is left out."
        )
    notes += [
        f"{one.episode.name} ({day(one.episode.first)} to {day(one.episode.last)}) is covered in part, from the close "
        f"of {day(one.first)} to that of {day(one.last)}."
        for one in episodes
        if not one.whole
    ]
    reasons: dict[str, dict[str, list[str]]] = {}
    for one in episodes:
        for name, why in one.left_out.items():
            reasons.setdefault(why, {}).setdefault(name, []).append(one.episode.name)
    notes += [
        f"No figures of {listed(list(by_name))} in {listed(list(dict.fromkeys(chain(*by_name.values()))))}: {why}."
        for why, by_name in reasons.items()
    ]
    unlisted = grouped((one.unlisted, one.episode.name) for one in episodes if one.unlisted)
    return notes + [
        f"Not listed when {listed(where)} began: {listed(lines)}. The listed assets held its weight, unless the target "
        "leaves it in cash."
        for lines, where in unlisted.items()
    ]


def _episode_numbers(one: EpisodeResult) -> dict[str, Any]:
    return {
        "name": one.episode.name,
        "first": day(one.episode.first),
        "last": day(one.episode.last),
        "source": one.episode.source,
        "from": day(one.first),
        "to": day(one.last),
        **{key: getattr(one, key) for key in ("when", "whole", "target")},
        "unlisted": list(one.unlisted),
        "policies": {name: asdict(figures) for name, figures in one.figures.items()},
        "left_out": dict(one.left_out),
    }


# -- shocks ----------------------------------------------------------------------------------------------------------


def _shock_parts(found: StressTests, portfolio: Portfolio, names: Sequence[str], looks: Looks) -> list[Part]:
    """The shocks on the policy shown, and folded the assets, the classes and the other policies."""
    shown = names[0]
    shocks = [one for one in found.shocks if shown in one.policies]
    if not shocks:
        return []
    nav, basis, after = portfolio.nav, portfolio.basis, [one.policies[shown] for one in shocks]
    columns = (
        Shown("effect.name", "shock"),
        Shown("effect.total", "gain or loss", "% of NAV", STRESS_PER_CENT),
        Shown("effect.total", "amount", basis, scaled(nav, 0)),
        Shown("effect.explained", "explained", "% of variance", scaled(100.0, 0)),
        Shown("", "furthest from target", "points", lambda one: f"{one.line} {GAP(one.gap)}", words=True),
        Shown("sessions", "first trade", "sessions", _first_trade, words=True),
        Shown("turnover", "turnover", "% of NAV", STRESS_PER_CENT),
        Shown("cost", "cost", "bp of NAV", BP),
    )
    caption = (
        f"Shocks after the last close, on the last weights of {shown}: gain or loss before any trade, at today's NAV "
        f"of {nav:,.0f} {basis}; then what it trades in the {SHOCK_SESSIONS} sessions after, with prices unchanged"
    )
    tables = shock_tables([one.effect for one in after], portfolio.market, f" of {shown}")
    if len(names) > 1:
        every = (
            "Every policy: gain or loss before any trade (% of NAV), then turnover (% of NAV) and cost (bp of NAV) in "
            f"the {SHOCK_SESSIONS} sessions after"
        )
        heads = ["policy", *(one.moved.name for one in shocks)]
        rows = [[name, *(_effect(one.policies.get(name)) for one in shocks)] for name in names]
        tables.append(table(every, heads, rows, looks=looks))
    return [
        records_table(caption, columns, after),
        *map(Words, _shock_notes(shocks, found.window)),
        Folded("Shocks by asset, class and policy" if len(names) > 1 else "Shocks by asset and class", tables),
    ]


def _effect(one: AfterShock | None) -> str:
    return (
        "–" if one is None else f"{STRESS_PER_CENT(one.effect.total)}; {STRESS_PER_CENT(one.turnover)}; {BP(one.cost)}"
    )


def _first_trade(sessions: int | None) -> str:
    return "none" if sessions is None else f"after {sessions}" if sessions else "at its close"


def _shock_notes(shocks: Sequence[ShockResult], window: int) -> list[str]:
    """Notes on shocks: their propagation, and the policies without figures."""
    notes = propagation_notes([one.moved for one in shocks], window)
    notes[0] += " A trade at the close of the shock was decided before it."
    reasons = grouped((f"{name}: {why}", one.moved.name) for one in shocks for name, why in one.left_out.items())
    return notes + [f"No figures after {listed(where)} of {reason}" for reason, where in reasons.items()]


def _shock_numbers(one: ShockResult, market: Market) -> dict[str, Any]:
    same = ("gap", "sessions", "reason", "turnover", "orders", "cost")
    return {
        **moved_numbers(one.moved, market.assets),
        "left_out": dict(one.left_out),
        "policies": {
            name: effect_numbers(after.effect, market)
            | {"furthest": after.line, **{key: getattr(after, key) for key in same}}
            for name, after in one.policies.items()
        },
    }


# -- liquidity -------------------------------------------------------------------------------------------------------


def _liquidity_parts(found: StressTests, names: Sequence[str], looks: Looks) -> list[Part]:
    """The effect of higher trading costs, in a sentence; the table of every policy is folded."""
    charged = {name: found.liquidity[name] for name in names if name in found.liquidity}
    if not charged:
        return []
    shown, one = next(iter(charged.items()))
    lowest, after = (min(charged, key=lambda n: getattr(charged[n], key)) for key in ("loss", "stressed_loss"))
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
    words = (
        f"Higher trading costs: at {COSTS_TIMES:g} times the costs {volume}the same decisions would have cost {shown} "
        f"{number(one.stressed_cost)} instead of {number(one.cost)} bp a year in the test, and its loss J would have "
        f"been {number(one.stressed_loss)} instead of {number(one.loss)}{same}.{impact}"
    )
    if len(charged) < 2:
        return [Words(words, "")]
    caption = f"Cost and loss J on the days of the test, as they were and at {COSTS_TIMES:g} times the trading costs"
    every = records_table(caption, LIQUIDITY, charged, looks, head="policy")
    return [Words(words, ""), Folded("Higher trading costs, every policy", [every])]
