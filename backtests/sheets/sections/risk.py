"""The section of a sheet on risk: drawdowns, best and worst periods, months, a rolling year, and how returns spread."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from backtests.comparison import Comparison
from backtests.evaluation.policy_risk import DRAWDOWNS_SHOWN, PolicyRisk
from backtests.sheets.parts import Folded, Part, Words
from backtests.sheets.pictures.comparison.months import MARK, months_picture
from backtests.sheets.pictures.comparison.returns import daily_returns_picture
from backtests.sheets.pictures.comparison.rolling import ROLLING_MEASURES, rolling_picture
from backtests.sheets.tables import Block, Looks, Shown, day, looks_of, records_table, scaled
from foundation.paper.wording import grouped, listed, percent

DRAWDOWNS = (
    Shown("policy", "policy"),
    Shown("depth", "depth", form=percent),
    Shown("peak", "peak"),
    Shown("trough", "trough"),
    Shown("recovery", "recovered", form=lambda date: date or "not yet"),
    Shown("days_to_trough", "fall", "days, peak to trough", "{:,}".format),
    Shown("days_to_recovery", "recovery", "days, from the trough", scaled(1.0, 0)),
    Shown("", "length", "days in all", lambda fall: f"{fall['days']:,}{'' if fall['recovery'] else ' so far'}"),
)
EXTREMES = (
    Shown("policy", "policy"),
    Shown("length", "period", words=True),
    Shown("gains", "gains", "% of them", percent),
    Shown("best", "best", form=lambda best: percent(best.value, signed=True)),
    Shown("best", "when", form=lambda best: best.period + MARK * best.incomplete, words=True),
    Shown("worst", "worst", form=lambda worst: percent(worst.value, signed=True)),
    Shown("worst", "when", form=lambda worst: worst.period + MARK * worst.incomplete, words=True),
)
RISK_CAPTION = (
    f"The deepest drawdowns, {DRAWDOWNS_SHOWN} at most of each policy, net of costs. Dates are closes and days are "
    "calendar days; a drawdown lasts from its peak to the first close at or above it, or to the last close"
)


def risk_parts(comparison: Comparison) -> list[Part]:
    """Words, table and pictures of the section."""
    risk = comparison.risk
    return [Words(_intro(next(iter(risk)), comparison), "intro"), *policies_risk_parts(risk, looks_of(comparison))]


def policies_risk_parts(risk: Mapping[str, PolicyRisk], looks: Looks) -> list[Part]:
    """The section for any policies by name, without its introduction; the first one is the one shown."""
    shown = next(iter(risk))
    falls = [{"policy": name, **fall} for name, one in risk.items() for fall in _drawdowns(one)]
    extremes = {name: _extremes(name, one, looks) for name, one in risk.items()}
    folded = [Folded(f"The best and the worst of {name}", [made]) for name, made in extremes.items() if name != shown]
    drawn = (
        months_picture(shown, risk[shown]),
        rolling_picture(risk, looks.styles),
        daily_returns_picture(risk, looks.styles),
    )
    return [
        *([records_table(RISK_CAPTION, DRAWDOWNS, falls, looks)] if falls else []),
        extremes[shown],
        *folded,
        *map(Words, _notes(risk)),
        *(picture for picture in drawn if picture is not None),
    ]


def _intro(shown: str, comparison: Comparison) -> str:
    if comparison.recommendation.policy is None:
        return f"Of {shown}, the reference, since no policy is recommended."
    if shown == comparison.reference:
        return f"Of {shown}, the recommended policy, which is the reference."
    return f"Of {shown}, the recommended policy, beside {comparison.reference}, the reference."


def _drawdowns(one: PolicyRisk) -> list[dict[str, Any]]:
    """The drawdowns of one policy as plain values; None for a recovery that there is not yet."""
    falls = []
    for fall in one.drawdowns:
        last = len(one.dates) - 1 if fall.recovery is None else fall.recovery
        peak, trough, end = (one.dates[row] for row in (fall.peak, fall.trough, last))
        recovered, back = (None, None) if fall.recovery is None else (day(end), (end - trough).days)
        falls.append(
            {"depth": fall.depth, "peak": day(peak), "trough": day(trough), "recovery": recovered}
            | {"days_to_trough": (trough - peak).days, "days_to_recovery": back, "days": (end - peak).days}
        )
    return falls


def _extremes(name: str, one: PolicyRisk, looks: Looks) -> Block:
    marked = any(each.incomplete for found in one.extremes.values() for each in (found.best, found.worst))
    by_length = {one.row if length == "day" else length: found for length, found in one.extremes.items()}
    words = f"The best and the worst {listed(list(by_length))} of {name} by the calendar, net of costs and compounded"
    caption = f"{words}. {MARK} may be incomplete: the test begins or ends in it" if marked else words
    records = [{"policy": name, "length": length, **vars(found)} for length, found in by_length.items()]
    return records_table(caption, EXTREMES, records, looks)


# -- what there is not -----------------------------------------------------------------------------------------------


def _notes(risk: Mapping[str, PolicyRisk]) -> list[str]:
    """Sentences that say why drawdowns or rolling measures are not shown."""
    never = [name for name, one in risk.items() if not one.drawdowns]
    notes = [f"{listed(never)} never fell below an earlier close: no drawdown."] if never else []
    first = next(iter(risk.values()))
    if not len(first.rolling_dates):
        notes.append(
            f"Rolling volatility, Sharpe ratio, tracking error and beta need a year of {first.window} returns: the "
            f"test has {len(first.returns)}."
        )
    else:
        for measure, shown in ROLLING_MEASURES.items():
            whose = grouped((one.undefined[measure], name) for name, one in risk.items() if measure in one.undefined)
            notes += [f"Rolling {shown.name} of {listed(names)} not available: {why}" for why, names in whose.items()]
    if first.constant:
        notes.append(
            f"All returns of a {first.row} of {next(iter(risk))} are {percent(float(first.returns[0]), 4)}: "
            "there is no distribution to show."
        )
    return notes


# -- numbers ---------------------------------------------------------------------------------------------------------


def risk_numbers(one: PolicyRisk) -> dict[str, Any]:
    """The numbers of one policy as plain values."""
    return {
        "drawdowns": _drawdowns(one),
        "months": one.months.to_dict("records"),
        "years": one.years.to_dict("records"),
        "window": one.window,
        "rolling": {measure: _rolling_numbers(one, measure) for measure in ROLLING_MEASURES},
        "tails": {f"{level:g}": {"var": tail.var, "cvar": tail.cvar} for level, tail in one.tails.items()},
        "undefined": dict(one.undefined),
        "benchmark": one.benchmark,
        "extremes": {length: asdict(found) for length, found in one.extremes.items()},
    }


def _rolling_numbers(one: PolicyRisk, measure: str) -> dict[str, float] | None:
    """The lowest, the highest and the latest value; all are in the CSV of the picture."""
    if measure not in one.rolling:
        return None
    values = one.rolling[measure]
    return {"lowest": float(values.min()), "highest": float(values.max()), "latest": float(values[-1])}
