"""The section of a sheet on risk: drawdowns, best and worst periods, months, a rolling year, and how returns spread."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backtests.evaluation.policy_risk import MOST, PolicyRisk
from backtests.sheets.parts import Block, Folded, Part, Words, table
from backtests.sheets.pictures.comparison.daily_returns import daily_returns_picture
from backtests.sheets.pictures.comparison.months import MARK, months_picture
from backtests.sheets.pictures.comparison.rolling import MEASURES, rolling_picture
from backtests.sheets.sections.policy_styles import page_styles
from foundation.paper.styles import LineStyle
from foundation.paper.wording import listed, percent
from research.risk import Drawdown

if TYPE_CHECKING:
    from backtests.comparison import Comparison

HEADS = (
    "policy",
    "depth",
    "peak",
    "trough",
    "recovered",
    ("fall", "days, peak to trough"),
    ("recovery", "days, from the trough"),
    ("length", "days in all"),
)
EXTREME_HEADS = ("policy", "period", ("gains", "% of them"), "best", "when", "worst", "when")
CAPTION = (
    f"The deepest drawdowns, {MOST} at most of each policy, net of costs. Dates are closes and days are calendar "
    "days; a drawdown lasts from its peak to the first close at or above it, or to the last close"
)


def risk_parts(comparison: "Comparison") -> list[Part]:
    """Words, table and pictures of the section."""
    risk, styles = comparison.risk, page_styles(comparison)
    shown = next(iter(risk))
    return [
        Words(_intro(shown, comparison), "intro"),
        *_parts(risk, styles, comparison.recommendation.policy),
    ]


def policy_risk_parts(name: str, one: PolicyRisk, style: LineStyle) -> list[Part]:
    """The parts of the section for one policy by itself."""
    return _parts({name: one}, {name: style}, None)


def _parts(risk: Mapping[str, PolicyRisk], styles: Mapping[str, LineStyle], chosen: str | None) -> list[Part]:
    shown = next(iter(risk))
    rows = [[name, *cells] for name, one in risk.items() for cells in _drawdown_rows(one)]
    extremes = {name: _extremes(name, one, styles, chosen) for name, one in risk.items()}
    folded = [Folded(f"The best and the worst of {name}", [made]) for name, made in extremes.items() if name != shown]
    drawn = (
        months_picture(shown, risk[shown]),
        rolling_picture(risk, styles),
        daily_returns_picture(risk, styles),
    )
    return [
        *([table(CAPTION, HEADS, rows, styles=styles, chosen=chosen)] if rows else []),
        extremes[shown],
        *folded,
        *map(Words, _notes(risk)),
        *(picture for picture in drawn if picture is not None),
    ]


def risk_numbers(comparison: "Comparison") -> dict[str, Any]:
    """The numbers of the section as plain values."""
    return {name: policy_risk_numbers(one) for name, one in comparison.risk.items()}


def _intro(shown: str, comparison: "Comparison") -> str:
    if comparison.recommendation.policy is None:
        return f"Of {shown}, the reference, since no policy is recommended."
    if shown == comparison.reference:
        return f"Of {shown}, the recommended policy, which is the reference."
    return f"Of {shown}, the recommended policy, beside {comparison.reference}, the reference."


# -- drawdowns -------------------------------------------------------------------------------------------------------


def _days(one: PolicyRisk, fall: Drawdown) -> tuple[int, int | None, int]:
    """Calendar days from peak to trough, from trough to recovery (None where there is none yet), and in all."""
    last = len(one.dates) - 1 if fall.recovery is None else fall.recovery
    peak, trough, end = (one.dates[row] for row in (fall.peak, fall.trough, last))
    return (trough - peak).days, None if fall.recovery is None else (end - trough).days, (end - peak).days


def _drawdown_rows(one: PolicyRisk) -> list[list[str]]:
    rows = []
    for fall in one.drawdowns:
        down, back, length = _days(one, fall)
        recovered = "not yet" if fall.recovery is None else f"{one.dates[fall.recovery]:%Y-%m-%d}"
        rows.append(
            [
                percent(fall.depth),
                *(f"{one.dates[row]:%Y-%m-%d}" for row in (fall.peak, fall.trough)),
                recovered,
                f"{down:,}",
                "–" if back is None else f"{back:,}",
                f"{length:,}" if back is not None else f"{length:,} so far",
            ]
        )
    return rows


# -- the best and the worst ------------------------------------------------------------------------------------------


def _extreme_rows(one: PolicyRisk) -> list[list[str]]:
    rows = []
    for length, found in one.extremes.items():
        cells = [length, percent(found.gains)]
        for each in (found.best, found.worst):
            cells += [percent(each.value, signed=True), each.period + MARK * each.incomplete]
        rows.append(cells)
    return rows


def _extremes(name: str, one: PolicyRisk, styles: Mapping[str, LineStyle], chosen: str | None) -> Block:
    marked = any(each.incomplete for found in one.extremes.values() for each in (found.best, found.worst))
    words = f"The best and the worst day, calendar month, quarter and year of {name}, net of costs and compounded"
    caption = f"{words}. {MARK} may be incomplete: the test begins or ends in it" if marked else words
    rows = [[name, *cells] for cells in _extreme_rows(one)]
    return table(caption, EXTREME_HEADS, rows, texts=[1, 4, 6], styles=styles, chosen=chosen)


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
        for measure, shown in MEASURES.items():
            whose: dict[str, list[str]] = {}
            for name, one in risk.items():
                if measure in one.undefined:
                    whose.setdefault(one.undefined[measure], []).append(name)
            notes += [f"Rolling {shown.name} of {listed(names)} not available: {why}" for why, names in whose.items()]
    if first.constant:
        notes.append(
            f"All daily returns of {next(iter(risk))} are {percent(float(first.returns[0]), 4)}: there is no "
            "distribution to show."
        )
    return notes


# -- numbers ---------------------------------------------------------------------------------------------------------


def policy_risk_numbers(one: PolicyRisk) -> dict[str, Any]:
    """The numbers of one policy as plain values."""
    return {
        "drawdowns": [_drawdown_numbers(one, fall) for fall in one.drawdowns],
        "months": one.months.to_dict("records"),
        "years": one.years.to_dict("records"),
        "window": one.window,
        "rolling": {measure: _rolling_numbers(one, measure) for measure in MEASURES},
        "tails": {f"{level:g}": {"var": tail.var, "cvar": tail.cvar} for level, tail in one.tails.items()},
        "undefined": dict(one.undefined),
        "benchmark": one.benchmark,
        "extremes": {length: asdict(found) for length, found in one.extremes.items()},
    }


def _drawdown_numbers(one: PolicyRisk, fall: Drawdown) -> dict[str, Any]:
    down, back, length = _days(one, fall)
    rows = {"peak": fall.peak, "trough": fall.trough, "recovery": fall.recovery}
    dates = {name: None if row is None else f"{one.dates[row]:%Y-%m-%d}" for name, row in rows.items()}
    return {"depth": fall.depth, **dates, "days_to_trough": down, "days_to_recovery": back, "days": length}


def _rolling_numbers(one: PolicyRisk, measure: str) -> dict[str, float] | None:
    """The lowest, the highest and the latest value; all are in the CSV of the picture."""
    if measure not in one.rolling:
        return None
    values = one.rolling[measure]
    return {"lowest": float(values.min()), "highest": float(values.max()), "latest": float(values[-1])}
