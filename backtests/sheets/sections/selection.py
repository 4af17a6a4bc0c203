"""The section of a sheet on selection bias: the part of the result that may be luck of the search."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtests.comparison.selection import ActiveSharpe, Selection, saving_words
from backtests.sheets.parts import Folded, Part, Words, table
from backtests.sheets.sections.policy_styles import page_styles
from foundation.paper.wording import counted, number, percent

if TYPE_CHECKING:
    from backtests.comparison import Comparison

HEADS = (
    "policy",
    ("active Sharpe ratio", "a year"),
    ("above zero", "PSR"),
    ("above zero given the search", "DSR"),
    ("track record needed", "years"),
    "why not",
)
CAPTION = (
    "Sharpe ratios of active returns, net of costs, over the strategic target; the probability that the true ratio is "
    "above zero, had nothing else been tried (PSR) and given the search (DSR); the years after which such a ratio is "
    "above zero with 95 % probability"
)


def selection_parts(comparison: "Comparison") -> list[Part]:
    """Words and table of the section."""
    found, styles = comparison.selection, page_styles(comparison)
    rows = [[name, *_cells(one)] for name, one in found.policies.items()]
    missing = any(one.why_not for one in found.policies.values())
    shown = rows if missing else [row[:-1] for row in rows]
    heads = HEADS if missing else HEADS[:-1]
    chosen = comparison.recommendation.policy
    deflated = table(CAPTION, heads, shown, texts=[5] if missing else [], styles=styles, chosen=chosen)
    said = (_searched(found), saving_words(found.saving), _overfitted(found), _counted_here(comparison))
    return [
        *(Words(words) for words in said if words),
        Folded("Active Sharpe ratio of each policy, deflated", [deflated]),
    ]


def selection_numbers(comparison: "Comparison") -> dict[str, Any]:
    """The same as plain values; a track record that no length would give is missing."""
    numbers = asdict(comparison.selection)
    for one in numbers["policies"].values():
        if one["track_record"] is not None and math.isinf(one["track_record"]):
            one["track_record"] = None
    return numbers


def _cells(one: ActiveSharpe) -> list[str]:
    if one.ratio is None:
        return [*["not available"] * 4, one.why_not]
    assert one.track_record is not None
    record = "none: not above zero" if math.isinf(one.track_record) else number(one.track_record, 1)
    deflated = "not available" if one.deflated is None else number(one.deflated, 3)
    return [number(one.ratio), number(one.probability, 3), deflated, record, ""]


def _searched(found: Selection) -> str:
    tried = f"This comparison tried {counted(found.trials, 'configuration')}"
    if found.noise is None:
        return f"{tried}: nothing was chosen among several, so there is no deflated ratio."
    return (
        f"{tried}, {found.effective:,} where variants count once. The best of so many worthless ones would be expected "
        f"to reach an active Sharpe ratio of {number(found.noise)} by luck alone."
    )


def _overfitted(found: Selection) -> str:
    if found.overfitting is None:
        return f"Probability of overfitting: not available, since {found.why_not}."
    return (
        f"Probability of overfitting (PBO): {percent(found.overfitting, 0)}. So often was the policy of the highest "
        f"active Sharpe ratio in one half of the days no better than the median of the {found.compared} in the other; "
        "chance gives 50 %. By returns no policy is recommended."
    )


def _counted_here(comparison: "Comparison") -> str:
    name = Path(comparison.portfolio.file).stem
    return (
        "Only the trials of this comparison are counted here, so that the same run gives the same page. Earlier "
        f"searches count too: rebalance trials {name} deflates by all that the trial book holds of its assets."
    )
