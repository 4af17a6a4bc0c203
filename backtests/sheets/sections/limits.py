"""The section of a sheet on targets under limits: their cost, the use of each, and the value of slack."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from backtests.comparison import Comparison
from backtests.evaluation.limits_in_force import LimitsInForce, at_row, limited_part
from backtests.sheets.parts import Part, Words
from backtests.sheets.pictures.comparison.frontiers import frontiers_picture
from backtests.sheets.tables import Block, Shown, records_of, records_table
from foundation.paper.wording import listed, number, percent
from research.allocation import Allocation, TargetPath
from research.allocation.constraints.limits_used import LimitsUsed, LimitUse, limits_used
from research.rules.protocol import held_by

FRONTIER_POINTS = 40  # of a frontier
LIMITS_IN_WORDS = (
    "The limits of the target in force at the last close, on the day of its refit. Used: where the weights stand over "
    "the bound; past 100 % a limit gave way, or is exceeded at its price. One more step of room brings what its shadow "
    "price says at first, and what solving again says for the whole step."
)


def limits_parts(comparison: Comparison) -> list[Part]:
    """A picture and a table for each target with limits; nothing where no target has any."""
    parts: list[Part] = []
    for k, (names, day) in enumerate(_limited(comparison), start=1):
        who = listed(names)
        if day.answer.fallback:
            parts.append(Words(f"{who}: the {day.answer.fallback} stand in, since {day.answer.why}."))
            continue
        strategic = day.of_lines(np.asarray(comparison.portfolio.strategic.target(day.past)))
        equal = np.full(len(strategic), 1.0 / len(strategic))
        pair = day.frontiers(FRONTIER_POINTS)
        parts.append(frontiers_picture(pair, {"strategic": strategic, "1/N": equal}, f"frontiers_{k}", who))
        parts.append(_table(limits_used(day.programme), f"Limits of {who}, refit of {day.answer.seen:%Y-%m-%d}"))
    return [Words(LIMITS_IN_WORDS, "intro"), *parts] if parts else []


def limits_numbers(comparison: Comparison) -> list[dict[str, Any]]:
    """The same as plain values."""
    found = []
    for names, day in _limited(comparison):
        used = None if day.answer.fallback else limits_used(day.programme)
        found.append(
            {
                "policies": names,
                "date": f"{day.answer.seen:%Y-%m-%d}",
                "fallback": day.answer.fallback,
                "unit": "" if used is None else used.optimum.unit,
                "limits": [] if used is None else [_record(one) for one in used.uses],
            }
        )
    return found


def _record(use: LimitUse) -> dict[str, Any]:
    """A limit as plain values."""
    limit, numbers = use.limit, {"at": use.at, "used": use.share, "price": use.price}
    known = {name: None if np.isnan(value) else value for name, value in numbers.items()}
    own = {"key": limit.key, "limit": limit.short, "bound": limit.bound, "step": limit.step}
    return {**own, **known, "brought": use.brought}


def _limited(comparison: Comparison) -> Iterator[tuple[list[str], LimitsInForce]]:
    """Each distinct target with limits, with the names of the policies that hold it."""
    policies, market = comparison.portfolio.policies, comparison.portfolio.market
    last = market.row(comparison.backtests[comparison.reference].dates[-1])
    found: dict[str, tuple[Allocation, TargetPath, list[str]]] = {}
    for name, played in comparison.backtests.items():
        held = held_by(policies[name], comparison.portfolio.strategic) if name in policies else None
        if held is not None and limited_part(held) is not None:
            found.setdefault(repr(held), (held, played.targets, []))[2].append(name)
    for held, path, names in found.values():
        part = limited_part(held)
        assert part is not None  # it was there above
        day = at_row(part, path, market, last)
        yield names, day if part is held else day.without_previous()


def _table(used: LimitsUsed, caption: str) -> Block:
    ratio = used.optimum.unit.endswith("ratio")
    unit = used.optimum.unit if ratio else f"{used.optimum.unit}, bp"

    def brings(value: float) -> str:
        return "" if np.isnan(value) else number(value if ratio else 1e4 * value, 3 if ratio else 1)

    columns = (
        Shown("limit", "limit", words=True),
        Shown("at", "at"),
        Shown("used", "used", form=lambda share: "" if np.isnan(share) else percent(share, 0)),
        Shown("step", "step", words=True),
        Shown("by price", "by price", unit, brings),
        Shown("solved again", "solved again", unit, brings),
        Shown("firm", "firm", words=True),
    )
    return records_table(caption, columns, records_of(used.table().rename_axis("limit").reset_index()))
