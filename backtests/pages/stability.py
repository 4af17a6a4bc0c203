"""The table of a sheet that says whether the recommendation holds."""

from typing import TYPE_CHECKING

from backtests.wording import listed

if TYPE_CHECKING:
    from backtests.comparison.stability import Stability


def stability_rows(found: "Stability") -> tuple[str, list[list[str]]]:
    """The caption, and a row a change: what was changed, cases, how many give the same answer, what is recommended."""
    caption = "The recommendation, made again after one change at a time; fitted policies are not fitted again."
    if found.not_played:
        left_out = listed(found.not_played)
        caption += f" {left_out} decide day by day and are left out where costs, lag, first day or assets change."
    rows = [
        [str(change), f"{cases:,}", f"{same:,}", str(recommended)]
        for change, cases, same, recommended in found.table().itertuples()
    ]
    return caption, rows
