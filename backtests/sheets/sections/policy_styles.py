"""The line style of each policy of a comparison, in every picture and table of its sheet."""

from typing import TYPE_CHECKING

from backtests.sheets.tables import Looks
from foundation.paper.styles import LineStyle, line_styles
from research.rules.protocol import held_by

if TYPE_CHECKING:
    from backtests.comparison import Comparison


def page_styles(comparison: "Comparison") -> dict[str, LineStyle]:
    """The line style of each policy, by name."""
    strategic = comparison.portfolio.strategic
    other = {name: held_by(f.policy, strategic) != strategic for name, f in comparison.fitted.items()}
    made = comparison.recommendation
    return line_styles(other, comparison.reference, made.policy, made.broken)


def looks_of(comparison: "Comparison") -> Looks:
    """The looks of the policies: their line styles, and which one is recommended."""
    return Looks(page_styles(comparison), comparison.recommendation.policy)
