"""The sections of a sheet on holdings and the sources of risk, and on the worst days."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from backtests.attribution.exposures import HeldExposure
from backtests.attribution.risk_contributions import CASH_PART, REST_PART, RiskContributions
from backtests.comparison import Comparison
from backtests.evaluation.worst_days import OnDay
from backtests.sheets.parts import Beside, Folded, Part, Words
from backtests.sheets.pictures.comparison.exposure import exposure_picture
from backtests.sheets.pictures.comparison.rolling import concentration_picture
from backtests.sheets.pictures.risk_contributions import risk_contributions_picture
from backtests.sheets.tables import Block, Shown, day, page_styles, records_table, scaled
from foundation.arrays import Array
from foundation.paper.styles import LineStyle
from foundation.paper.wording import class_words, counted, listed, percent

CONTRIBUTIONS = (
    "Weights at the last close and Euler contributions to volatility, which sum to it. Ex ante: of these weights, by "
    "the covariance of the last year. Realised: of the weights as they were on each day of the test, net of costs"
)
EXPOSURE_COLUMNS = (
    Shown("weight", "weight", "% of NAV", scaled(100.0, 1)),
    Shown("ex_ante", "ex ante", "% of volatility", scaled(100.0, 1)),
    Shown("realised", "realised", "% of volatility", scaled(100.0, 1)),
)
WORST = "Return of the day, net of costs, and what was traded: one-way turnover of that close, or of the next one"
CONTRIBUTION_TITLES = {"ex_ante": "Ex-ante contributions", "realised": "Realised contributions"}


def exposure_parts(comparison: Comparison) -> list[Part]:
    """Exposure, contributions to risk and concentration of the recommended policy, or of the reference."""
    found = comparison.exposure
    return policy_exposure_parts(found, page_styles(comparison)[found.policy])


def policy_exposure_parts(found: HeldExposure, style: LineStyle) -> list[Part]:
    """The section for any policy. style : line style of the policy."""
    areas = [
        exposure_picture(found.policy, frame, by)
        for by, frame in (("class", found.classes), ("currency", found.currencies))
        if len(_groups(frame)) > 1
    ]
    risk = risk_contributions_picture(found.policy, found.contributions)
    drawn = [picture for picture in (*areas, risk) if picture is not None]
    spread = concentration_picture(found.policy, found.concentration, style)
    through = "Effective numbers of assets and of bets through the test"
    missing = found.contributions.undefined
    return [
        *map(Words, _one_group(found)),
        *([Beside(drawn)] if drawn else []),
        *(Words(f"{CONTRIBUTION_TITLES[kind]} to risk are not available: {why}") for kind, why in missing.items()),
        *_tables(found.contributions),
        *([] if spread is None else [Folded(through, [Beside([spread])])]),
    ]


def _groups(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame if name not in (CASH_PART, "cash account")]


def _one_group(found: HeldExposure) -> list[str]:
    """A sentence for classes, or currencies, that form a single group, and so have no picture."""
    said = []
    for words, frame in (("of the class", found.classes), ("in", found.currencies)):
        if len(groups := _groups(frame)) == 1:
            said.append(f"All assets are {words} {class_words(groups[0])}.")
    return said


def _tables(found: RiskContributions) -> list[Part]:
    """The contributions by class and by asset; by asset alone where these are the same, or there is one class."""
    if len(found.undefined) == 2:
        return []
    classes = [
        "" if name in (CASH_PART, REST_PART) else class_words(name) for name in (*found.classes, CASH_PART, REST_PART)
    ]
    lines = [(line, {"class": name, **row}) for (line, row), name in zip(found.by_line().items(), classes, strict=True)]
    groups = [(class_words(name), row) for name, row in found.by_class().items()]
    by_line = records_table(
        CONTRIBUTIONS, (Shown("class", "class", words=True), *EXPOSURE_COLUMNS), lines, head="asset"
    )
    count = counted(len(found.lines), "asset")
    if len(set(found.classes)) == 1:
        return [Folded(f"Contributions by asset: {count}", [by_line])]
    if len(groups) == len(lines):
        return [Folded("Contributions by asset, each a class of its own", [by_line])]
    by_class = records_table(CONTRIBUTIONS, EXPOSURE_COLUMNS, groups, head="class")
    same = by_line | {"caption": "The same by asset"}  # tables of a page have different names
    return [Folded(f"Contributions by class and by asset: {count}", [by_class, same])]


# -- the worst days --------------------------------------------------------------------------------------------------


def worst_days_parts(comparison: Comparison) -> list[Part]:
    """The returns and trades of each policy on the worst days of the reference; empty if it never lost."""
    found = comparison.worst_days
    if not found:
        return []
    names = list(comparison.backtests)
    first, on = next(iter(found.items()))
    least, most = (pick(names, key=lambda name: on[name].value) for pick in (max, min))
    traded = {name: sum(bool(row[name].turnover or row[name].next) for row in found.values()) for name in names}
    busy = [f"{name} on {count}" for name, count in traded.items() if count]
    text = (
        f"The worst day of {comparison.reference} was {day(first)}, {percent(on[comparison.reference].value, 2)}; "
        f"{least} lost least, {percent(on[least].value, 2)}, and {most} most, {percent(on[most].value, 2)}. "
        f"Traded at the close of one of these {counted(len(found), 'day')}, or at the next: "
        f"{listed(busy, most=8) if busy else 'none of the policies'}."
    )
    return [
        Words(text),
        Folded(f"The {counted(len(found), 'worst day')}, policy by policy", [worst_days_table(found, names)]),
    ]


def worst_days_table(found: Mapping[pd.Timestamp, Mapping[str, OnDay]], names: Sequence[str]) -> Block:
    """A row a day, a column a policy.

    found : result of `backtests.evaluation.worst_days`.
    names : names of the columns.
    """
    columns = [Shown(name, name, form=_did) for name in names]
    return records_table(WORST, columns, {day(date): on for date, on in found.items()}, head="day")


def _did(on: OnDay) -> str:
    words = percent(on.value, 2)
    if on.turnover:
        words += f", traded {percent(on.turnover)}"
    if on.next:
        words += f", next day {percent(on.next)}"
    return words


def worst_days_numbers(found: Mapping[pd.Timestamp, Mapping[str, OnDay]]) -> list[dict[str, Any]]:
    """The numbers of the worst days as plain values."""
    return [
        {"day": day(date), "policies": {name: asdict(one) for name, one in on.items()}} for date, on in found.items()
    ]


# -- numbers ---------------------------------------------------------------------------------------------------------


def exposure_numbers(found: HeldExposure) -> dict[str, Any]:
    """Exposure, concentration and contributions of one policy as plain values."""
    parts, spread = found.contributions, found.concentration
    return {
        "policy": found.policy,
        "classes": {str(name): _path(found.classes[name].to_numpy()) for name in found.classes},
        "currencies": {str(name): _path(found.currencies[name].to_numpy()) for name in found.currencies},
        "effective_lines": _path(spread.lines),
        "effective_bets": _path(spread.bets),
        "contributions": {
            "window": parts.window,
            "volatility": None if "ex_ante" in parts.undefined else parts.volatility,
            "realised_volatility": None if "realised" in parts.undefined else parts.realised_volatility,
            "lines": parts.by_line(),
            "classes": parts.by_class(),
            "undefined": dict(parts.undefined),
        },
    }


def _path(values: Array) -> dict[str, float] | None:
    """Mean, ends and latest of the known values of a path (k,); None where none is known."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    ends = {"mean": known.mean(), "lowest": known.min(), "highest": known.max(), "latest": known[-1]}
    return {name: float(value) for name, value in ends.items()}
