"""What a sheet says of its conventions, and the settings of its run as a desk would write them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backtests.evaluation.words import charged_words
from backtests.wording import listed, number, percent
from research.accounting import Costs
from research.risk.utility import RISK_AVERSION

if TYPE_CHECKING:
    from backtests.comparison import Comparison

SETTING = 112  # letters of a setting on one line


def _cost_words(costs: Costs) -> str:
    """The costs of a file, and how they are expressed."""
    traded, held = charged_words(costs)
    text = f"Per side of a trade, divided by NAV before it: {listed(traded)}." if traded else "No trading costs."
    return f"{text} For holding, divided by NAV at the close before: {listed(held)}." if held else text


def conventions(comparison: "Comparison") -> dict[str, str | bool]:
    """Numbers in the words of `conventions.html.j2`."""
    benchmark, evidence, limits = comparison.benchmark, comparison.evidence, comparison.portfolio.limits
    return {
        "year": f"{benchmark.periods_per_year:g}",
        "tracking_penalty": f"{benchmark.tracking_penalty:g}",
        "margin": number(comparison.recommendation.margin, 1),
        "one_percent": f"{0.5 * benchmark.tracking_penalty:g}",
        "limit": "" if limits.tracking_error is None else percent(limits.tracking_error),
        "outside": percent(limits.max_days_outside, 0),
        "days": f"{evidence.days:,}",
        "draws": f"{evidence.resampling.reps:,}",
        "block": f"{evidence.resampling.block}",
        "level": percent(evidence.level, 0),
        "cost": _cost_words(comparison.portfolio.costs),
        "flows": any(played.flows.any() for played in comparison.backtests.values()),
        "axes": "" if comparison.axes is None else f"{RISK_AVERSION:g}",
        "notes": " ".join(comparison.notes),
    }


def settings_text(settings: Mapping[str, Any], indent: int = 0) -> str:
    """Settings as a desk would write them: a line a key, what fits on a line in braces.

    >>> print(settings_text({"tracking_penalty": 5.0, "lines": {"SPY": {"range": [0.2, 0.3]}}, "policy": None}))
    tracking_penalty: 5
    lines: {SPY: {range: [0.2, 0.3]}}
    policy: none
    """
    lines = []
    for name, value in settings.items():
        line = f"{' ' * indent}{name}: {_on_a_line(value)}"
        if isinstance(value, Mapping) and len(line) > SETTING:
            line = f"{' ' * indent}{name}:\n{settings_text(value, indent + 2)}"
        lines.append(line)
    return "\n".join(lines)


def _on_a_line(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_on_a_line(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_on_a_line, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.10g}" if isinstance(value, float) else str(value)
