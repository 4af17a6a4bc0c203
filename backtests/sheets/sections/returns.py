"""The section of a sheet on returns: over every span of years, their distribution, and growth at one volatility."""

from typing import Any

import numpy as np

from backtests.comparison import Comparison, PairedBacktests
from backtests.engine.result import Backtest
from backtests.evaluation.metrics import Column, Measured
from backtests.evaluation.policy_risk import incomplete
from backtests.evaluation.trailing_returns import SPANS, rolling_returns
from backtests.sheets.parts import Part, Words
from backtests.sheets.pictures.comparison.returns import matched_picture, rolling_returns_picture, spreads_picture
from backtests.sheets.tables import looks_of, records_table
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.paper.wording import counted
from research.risk import calendar_months, calendar_years, matched_volatility, nav_path

ENDS = ("worst", "mean", "best")
PERIODS = {"months": ("M", calendar_months), "years": ("Y", calendar_years)}
SPREAD = (
    Column("count", "number", "", digits=0),
    Column("gains", "gains", "% of them", 100.0, 0),
    *(Column(key, key, "%", 100.0, 1) for key in (*ENDS, "median")),
)
MATCHED = (Column("share", "in the policy", "% of NAV", 100.0, 1), Column("total", "total return so", "%", 100.0, 1))


def returns_parts(comparison: Comparison) -> list[Part]:
    """Tables and pictures of the section; what the test is too short for is left out."""
    looks, dates = looks_of(comparison), comparison.backtests[comparison.reference].dates
    numbers, rolling, spreads = returns_numbers(comparison), rolling_of(comparison), spreads_of(comparison)
    parts: list[Part] = []
    if rolling:
        caption = "Returns over every span of years within the test, by the close that ends it, net of costs"
        spans = {
            name: {f"{s} {end}": v for s, of in one["rolling"].items() for end, v in of.items()}
            for name, one in numbers.items()
        }
        parts += [
            records_table(caption, rolling_columns(rolling), spans, looks, head="policy"),
            rolling_returns_picture(_shown(rolling, comparison), looks.styles, dates),
        ]
    for length in spreads:
        caption = f"Returns of whole calendar {length}, net of costs and compounded"
        each = {name: one[length] for name, one in numbers.items()}
        parts.append(records_table(caption, SPREAD, each, looks, head="policy"))
    if spreads:
        parts.append(spreads_picture(spreads, looks.styles))
    paths, missing = matched_of(comparison)
    shares = {name: share for name, (share, _) in paths.items()}
    grown = {name: path for name, (_, path) in paths.items()}
    caption = f"Each policy at the volatility of {comparison.reference}: the share of NAV in it, the rest in cash"
    each = {name: numbers[name]["matched"] for name in paths}
    return [
        *parts,
        *([records_table(caption, MATCHED, each, looks, head="policy")] if each else []),
        *([matched_picture(grown, shares, looks.styles, comparison.reference, dates)] if each else []),
        *(Words(f"{name} has no growth at that volatility: {why}") for name, why in missing.items()),
    ]


def _shown(rolling: dict[str, dict[str, Array]], comparison: Comparison) -> dict[str, dict[str, Array]]:
    """The same of the recommended policy and the reference: curves of many lie on one another."""
    names = dict.fromkeys([comparison.recommendation.policy or comparison.reference, comparison.reference])
    return {span: {name: of[name] for name in names} for span, of in rolling.items()}


def rolling_columns(rolling: dict[str, dict[str, Array]]) -> list[Column]:
    """Worst, mean and best of each span."""
    return [
        Column(f"{span} {end}", f"{counted(SPANS[span], 'year')}, {end}", "% a year", 100.0, 1)
        for span in rolling
        for end in ENDS
    ]


def returns_numbers(paired: PairedBacktests) -> dict[str, Any]:
    """The numbers of the section by policy as plain values."""
    rolling, spreads, (matched, _) = rolling_of(paired), spreads_of(paired), matched_of(paired)
    return {
        name: {
            "rolling": {span: _ends(of[name]) | {"count": len(of[name])} for span, of in rolling.items()},
            **{length: _spread(of[name]) for length, of in spreads.items()},
            "matched": _matched(*matched[name]) if name in matched else None,
        }
        for name in paired.backtests
    }


def rolling_of(paired: PairedBacktests) -> dict[str, dict[str, Array]]:
    """By span and policy, the returns over every span; only the spans that the test has."""
    found = {
        span: {n: rolling_returns(b.dates.to_numpy(), b.growth_path, years) for n, b in paired.backtests.items()}
        for span, years in SPANS.items()
    }
    return {span: of for span, of in found.items() if len(of[paired.reference])}


def spreads_of(paired: PairedBacktests) -> dict[str, dict[str, Array]]:
    """By "months" and "years", then policy, the returns of the calendar periods that are wholly in the test."""
    found = {length: {n: _whole(b, length) for n, b in paired.backtests.items()} for length in PERIODS}
    return {length: of for length, of in found.items() if len(of[paired.reference]) > 1}


def _whole(played: Backtest, length: str) -> Array:
    days, (unit, returns_of) = played.dates.to_numpy().astype("datetime64[D]"), PERIODS[length]
    found: Array = returns_of(days[1:], played.net_returns)[1]
    return found[~incomplete(days, np.unique(days[1:].astype(f"datetime64[{unit}]")))]


def matched_of(paired: PairedBacktests) -> tuple[dict[str, tuple[float, Array]], dict[str, str]]:
    """By policy, its share of NAV at the reference's volatility and its growth so; and why others have none."""
    base, found, missing = paired.backtests[paired.reference].net_returns, {}, {}
    for name, played in paired.backtests.items():
        try:
            share, matched = matched_volatility(played.net_returns, base, Measured(played, paired.benchmark).cash)
            found[name] = share, nav_path(matched)
        except DataError as error:
            missing[name] = str(error)
    return found, missing


def _matched(share: float, path: Array) -> dict[str, float]:
    return {"share": share, "total": float(path[-1] / path[0] - 1.0)}


def _ends(values: Array) -> dict[str, float]:
    return {"worst": float(values.min()), "mean": float(values.mean()), "best": float(values.max())}


def _spread(values: Array) -> dict[str, float]:
    also = {"median": float(np.median(values)), "gains": float((values > 0.0).mean())}
    return {"count": len(values)} | _ends(values) | also
