"""The section of a sheet that says whether the recommendation holds."""

from typing import Any

from backtests.comparison import Comparison
from backtests.sheets.parts import Part
from backtests.sheets.tables import Shown, records_of, records_table
from foundation.paper.wording import listed

STABILITY_COLUMNS = (
    Shown("change", "change"),
    Shown("cases", "cases", form="{:,}".format),
    Shown("same", "same answer", form="{:,}".format),
    Shown("recommended", "recommendation", words=True),
)


def stability_parts(comparison: Comparison) -> list[Part]:
    """A row a change: what was changed, cases, how many give the same answer, what is recommended."""
    found = comparison.stability
    if found is None:
        return []
    caption = (
        "The recommendation, made again after one change at a time; fitted policies are not fitted again. For other "
        "lags and first days the simulated tests are those of the file's own."
    )
    if found.not_played:
        left_out = listed(found.not_played)
        verb = "decides day by day and is" if len(found.not_played) == 1 else "decide day by day and are"
        caption += f" {left_out} {verb} left out where lag, first day or assets change."
    return [records_table(caption, STABILITY_COLUMNS, stability_numbers(comparison))]


def stability_numbers(comparison: Comparison) -> list[dict[str, Any]]:
    """The same as plain values."""
    found = comparison.stability
    return [] if found is None else records_of(found.table().reset_index())
