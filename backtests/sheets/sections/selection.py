"""The section of a sheet on selection bias: the part of the result that may be luck of the search."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backtests.comparison import Comparison
from backtests.comparison.selection import Selection, saving_words
from backtests.sheets.parts import Folded, Part, Words
from backtests.sheets.tables import Shown, known, looks_of, records_table, scaled
from foundation.paper.wording import counted, number, percent

NOT_MEASURED = "not available"
SELECTION_COLUMNS = (
    Shown("ratio", "active Sharpe ratio", "a year", known(number, NOT_MEASURED)),
    Shown("probability", "above zero", "PSR", known(scaled(1.0, 3), NOT_MEASURED)),
    Shown("deflated", "above zero given the search", "DSR", known(scaled(1.0, 3), NOT_MEASURED)),
    Shown("track_record", "track record needed", "years", known(lambda years: _record(years), NOT_MEASURED)),
)
WHY_NOT = Shown("why_not", "why not", words=True)
CAPTION = (
    "Sharpe ratios of active returns, net of costs, over the strategic target; the probability that the true ratio is "
    "above zero, had nothing else been tried (PSR) and given the search (DSR); the years after which such a ratio is "
    "above zero with 95 % probability"
)


def selection_parts(comparison: Comparison) -> list[Part]:
    """Words and table of the section."""
    found = comparison.selection
    missing = any(one.why_not for one in found.policies.values())
    columns = (*SELECTION_COLUMNS, WHY_NOT) if missing else SELECTION_COLUMNS
    deflated = records_table(CAPTION, columns, found.policies, looks_of(comparison), head="policy")
    said = (_searched(found), saving_words(found.saving), _overfitted(found), _counted_here(comparison))
    return [
        *(Words(words) for words in said if words),
        Folded("Active Sharpe ratio of each policy, deflated", [deflated]),
    ]


def selection_numbers(found: Selection) -> dict[str, Any]:
    """The numbers of the section as plain values; a track record that no length would give is missing."""
    numbers = asdict(found)
    for one in numbers["policies"].values():
        if one["track_record"] is not None and math.isinf(one["track_record"]):
            one["track_record"] = None
    return numbers


def _record(years: float) -> str:
    return "none: not above zero" if math.isinf(years) else number(years, 1)


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


def _counted_here(comparison: Comparison) -> str:
    name = Path(comparison.portfolio.file).stem
    return (
        "Only the trials of this comparison are counted here, so that the same run gives the same page. Earlier "
        f"searches count too: rebalance research trials {name} deflates by all that the trial book holds of its assets."
    )
