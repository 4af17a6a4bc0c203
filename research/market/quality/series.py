"""The check of series of one value a day or rarer, such as rates: they are no prices, and have no score."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import counted
from research.market.calendars import Days
from research.market.quality.findings import span
from research.market.store import KnownBars

FEWEST = 3  # observations, below which a series shows no frequency
MISSED = 1.5  # median steps from one observation to the next, above which one is missing
OVERDUE = 3.0  # median steps without an observation, above which a series is late: FRED dates a month by its first day
WEEK_DAYS = 7  # days: no shorter step is a gap, since markets close for holidays
REPEATS = 20  # equal observations in a row that are told
NOTE = (
    "A series is no price, and has no score. Where it is late, it must be looked at: update it, or see whether its "
    "source goes on with it."
)


@dataclass(frozen=True, eq=False)
class SeriesQuality:
    """The result of a check of series.

    table    : by series: observations, median days between two of them, first and last day, and the observations that
               repeat the one before.
    findings : what was found, in sentences.
    late     : series whose next observation is overdue.
    """

    table: pd.DataFrame
    findings: tuple[str, ...]
    late: tuple[str, ...]

    @property
    def must_be_looked_at(self) -> bool:
        """True if a series is late: the exit status of a command is 1 then."""
        return bool(self.late)

    def text(self) -> str:
        """The table and the findings, for a terminal."""
        table = self.table.astype(str).reset_index()
        rows = text_table([list(table.columns), *table.to_numpy().tolist()], left=1)
        return "\n\n".join(filter(None, (rows, "\n".join(map(wrapped, self.findings)), wrapped(NOTE))))


def check_series(known: KnownBars, today: np.datetime64) -> SeriesQuality:
    """Check series for gaps against their own frequency, for their end, and for values that stay.

    known : observations, as `PriceStore.read` gives them; what is no number is no observation.
    today : day up to which observations are due.
    """
    rows, findings, late = {}, list[str](), list[str]()
    for name, part in zip(known.assets, known.slices, strict=True):
        days, values = known.days[part], known.numbers["close"][part]
        step = float(np.median(np.diff(days).astype(float))) if len(days) > 1 else np.nan
        equal = int((values[1:] == values[:-1]).sum())
        rows[name] = {
            "observations": f"{len(days):,}",
            "step": step,
            "first": days[0],
            "last": days[-1],
            "still": equal,
        }
        findings += [*_gaps(name, days, step), *_repeats(name, days, values)]
        waited = int((today - days[-1]).astype(int))
        if len(days) >= FEWEST and waited > max(OVERDUE * step, WEEK_DAYS):
            late.append(name)
            findings.append(
                f"{name} is late: its last observation is of {days[-1]}, {waited:,} days ago, and {_usual(step)}."
            )
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("series")
    return SeriesQuality(table, tuple(findings), tuple(late))


def _usual(step: float) -> str:
    return f"the median step is {counted(round(step), 'day')}"


def _gaps(name: str, days: Days, step: float) -> Iterator[str]:
    """A sentence on steps that are too long for the frequency of a series."""
    steps = np.diff(days).astype(float)
    wide = np.flatnonzero(steps > max(MISSED * step, WEEK_DAYS))
    if len(days) >= FEWEST and len(wide):
        worst = int(wide[np.argmax(steps[wide])])
        yield (
            f"{name} has {counted(len(wide), 'gap')}, the longest from {days[worst]} to {days[worst + 1]}, "
            f"{steps[worst]:,.0f} days, while {_usual(step)}."
        )


def _repeats(name: str, days: Days, values: Array) -> Iterator[str]:
    """A sentence on the longest run of one value, where it is long."""
    begins = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    lengths = np.diff(np.append(begins, len(values)))
    k = int(np.argmax(lengths))
    if lengths[k] >= REPEATS:
        run = days[begins[k] : begins[k] + lengths[k]]
        yield f"{name} repeats the value {values[begins[k]]:g} on {lengths[k]:,} observations, {span(run[[0, -1]])}."
