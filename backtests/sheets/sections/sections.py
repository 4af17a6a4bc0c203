"""The parts of a comparison's sheet below its first screen, in order: a new section is a module and a row here.

A committee reads `FRONT`; the sections behind it are folded.
"""

from collections.abc import Callable
from itertools import chain
from typing import Any

from backtests.comparison import Comparison
from backtests.sheets.parts import Part
from backtests.sheets.sections.attribution import attribution_numbers, attribution_parts
from backtests.sheets.sections.axes import axes_numbers, axes_parts
from backtests.sheets.sections.behaviour import behaviour_numbers, behaviour_parts
from backtests.sheets.sections.conventions import conventions_parts
from backtests.sheets.sections.exposure import exposure_numbers, exposure_parts, worst_days_numbers, worst_days_parts
from backtests.sheets.sections.first_screen import all_figures, shown_differences
from backtests.sheets.sections.fitting import fitting_parts
from backtests.sheets.sections.forecasts import forecasts_numbers, forecasts_parts
from backtests.sheets.sections.from_today import from_today_parts, future_numbers
from backtests.sheets.sections.front import downside_parts, policies_parts, trades_parts
from backtests.sheets.sections.limits import limits_numbers, limits_parts
from backtests.sheets.sections.played import costs_of, costs_parts, weights_parts, years_numbers, years_parts
from backtests.sheets.sections.returns import returns_numbers, returns_parts
from backtests.sheets.sections.risk import risk_numbers, risk_parts
from backtests.sheets.sections.selection import selection_numbers, selection_parts
from backtests.sheets.sections.stability import stability_numbers, stability_parts
from backtests.sheets.sections.stress import stress_numbers, stress_parts
from backtests.sheets.tables import records_of
from foundation.dataclasses import dataclass
from research.orders import TradeList


@dataclass(frozen=True)
class Section:
    """A section of the sheet.

    key     : of its address on the page, and of its numbers in tearsheet.json.
    name    : in the contents of the page.
    title   : above it.
    parts   : what it shows of a comparison, in order; nothing where it has nothing to say, and is left out.
    numbers : the same as plain values, in the units of records; None where another section has them.
    """

    key: str
    name: str
    title: str
    parts: Callable[[Comparison], list[Part]]
    numbers: Callable[[Comparison], Any] | None = None


FRONT: tuple[tuple[str, str, str, Callable[[Comparison, TradeList | None], list[Part]]], ...] = (
    ("policies", "Policies", "The policies that matter", lambda compared, _: policies_parts(compared)),
    ("downside", "Risk and stress", "Risk and stress", downside_parts),
    ("trades", "Trades", "The trades", trades_parts),
)  # key, name, title and parts, as of a section
APPENDIX = {
    "Evidence": (
        Section("figures", "Figures", "Every figure of every policy", all_figures),
        Section("stability", "Does it hold?", "Does the recommendation hold?", stability_parts, stability_numbers),
        Section("differences", "Differences", "Differences to the reference, by this test alone", shown_differences),
        Section("axes", "Rule and target", "Which rule, which target", axes_parts, lambda c: axes_numbers(c.axes)),
        Section("selection", "Selection", "Selection", selection_parts, lambda c: selection_numbers(c.selection)),
    ),
    "What was held, earned and paid": (
        Section("weights", "Weights", "Weights", weights_parts),
        Section("limits", "Limits", "Targets under limits", limits_parts, limits_numbers),
        Section("forecasts", "Forecasts", "Forecasts and their skill", forecasts_parts, forecasts_numbers),
        Section("years", "Years", "Trailing and calendar-year returns", years_parts, years_numbers),
        Section(
            "returns",
            "Rolling returns",
            "Rolling returns, their distribution, and growth at one volatility",
            returns_parts,
            returns_numbers,
        ),
        Section("costs", "Costs", "Costs", costs_parts, lambda c: records_of(costs_of(c))),
        Section(
            "attribution",
            "Attribution",
            "Attribution",
            attribution_parts,
            lambda c: attribution_numbers(c.attributions),
        ),
    ),
    "Risk": (
        Section(
            "risk", "Risk", "Risk", risk_parts, lambda c: {name: risk_numbers(one) for name, one in c.risk.items()}
        ),
        Section(
            "exposure",
            "Exposure",
            "Exposure and contributions to risk",
            exposure_parts,
            lambda c: exposure_numbers(c.exposure),
        ),
        Section(
            "worst_days",
            "Worst days",
            "The worst days of the reference",
            worst_days_parts,
            lambda c: worst_days_numbers(c.worst_days),
        ),
        Section("stress", "Stress", "Stress", stress_parts, lambda c: stress_numbers(c.stress, c.portfolio.market)),
        Section("behaviour", "Behaviour", "Behaviour", behaviour_parts, lambda c: behaviour_numbers(c.behaviour)),
        Section(
            "from_today", "From today", "A year from today", from_today_parts, lambda c: future_numbers(c.from_today)
        ),
    ),
    "How it was made": (
        Section("fitting", "Fitting", "How candidates were fitted", fitting_parts),
        Section("conventions", "Conventions", "Candidates and conventions", conventions_parts),
    ),
}  # by group, in order
SECTIONS = tuple(chain.from_iterable(APPENDIX.values()))
SECTION_NAMES = (
    "verdict",
    *(key for key, *_ in FRONT),
    *(section.key for section in SECTIONS),
)  # of all, as they are asked for
