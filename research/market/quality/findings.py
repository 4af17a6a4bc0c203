"""Findings of a check of market data: a defect of an asset on some days, with the points that it costs.

An asset starts at 100 points. Each kind of defect costs `Kind.points` for each of its days or events, at most
`Kind.most` for an asset. Below `LOOK` points an asset must be looked at; one event of the kinds that make returns
wrong, such as a missing split, is enough for that.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from foundation.dataclasses import dataclass, field
from research.market.calendars import Days

LOOK = 80.0  # points below which an asset must be looked at


class Kind(NamedTuple):
    """A kind of defect: its name with a count, the points lost for each day or event, and the most for an asset."""

    one: str
    several: str
    points: float
    most: float

    def counted(self, events: int) -> str:
        """A count of days or events with the name of the kind, such as "36 still days"."""
        return f"{events:,} {self.one if events == 1 else self.several}"


FINDING_KINDS = {
    "nonpositive": Kind("close at or below zero", "closes at or below zero", 25.0, 50.0),
    "scale": Kind("change of scale", "changes of scale", 25.0, 50.0),
    "split": Kind("move by a split factor", "moves by a split factor", 25.0, 50.0),
    "reused": Kind("new level after a long gap", "new levels after long gaps", 50.0, 50.0),
    "duplicate": Kind("repeated bar", "repeated bars", 5.0, 25.0),
    "spike": Kind("move that reverses", "moves that reverse", 10.0, 30.0),
    "tick": Kind("large move that reverses", "large moves that reverse", 25.0, 50.0),
    "move": Kind("unexplained move", "unexplained moves", 5.0, 15.0),
    "jump": Kind("large unexplained move", "large unexplained moves", 25.0, 50.0),
    "no_drop": Kind("dividend without a drop", "dividends without a drop", 10.0, 30.0),
    "no_dividend": Kind("missing dividend", "missing dividends", 5.0, 25.0),
    "stuck": Kind("session of a stuck price", "sessions of a stuck price", 6.0, 30.0),
    "still": Kind("still day", "still days", 0.25, 10.0),
    "start": Kind("session missing at the start", "sessions missing at the start", 1.0, 100.0),
    "gap": Kind("missing session", "missing sessions", 1.0, 20.0),
    "closed": Kind("bar without a session", "bars without a session", 1.0, 20.0),
    "order": Kind("bar out of order", "bars out of order", 1.0, 20.0),
    "volume": Kind("day without volume", "days without volume", 0.25, 5.0),
    "source": Kind("close that differs between sources", "closes that differ between sources", 1.0, 20.0),
    "end": Kind("end before the others", "ends before the others", 20.0, 20.0),
    "hours": Kind("close of another hour", "closes of other hours", 0.0, 0.0),
    "survivors": Kind("set of survivors", "sets of survivors", 0.0, 0.0),
}


WRONG_PRICES = ("scale", "split", "reused", "spike", "tick", "jump", "stuck")  # which a reader of any result must know


@dataclass(frozen=True)
class Finding:
    """A defect. Two of equal words are equal.

    kind     : a key of `FINDING_KINDS`.
    asset    : id of the asset; "" for a finding about the set.
    first, last : the first and the last of its days.
    value    : what was found: a count of days, a ratio, a yield, as the sentence says.
    expected : what it should be.
    sentence : what was found, in words.
    days     : (k,) the suspicious days, increasing.
    events   : number of days or events that cost points.
    """

    kind: str
    asset: str
    first: np.datetime64
    last: np.datetime64
    value: float
    expected: float
    sentence: str
    days: Days = field(repr=False, compare=False)
    events: int = 1

    @property
    def points(self) -> float:
        """The points lost for it, before the limit of its kind."""
        return min(FINDING_KINDS[self.kind].points * self.events, FINDING_KINDS[self.kind].most)


def finding(
    kind: str, asset: str, days: Days, value: float, sentence: str, *, expected: float = 0.0, events: int = 0
) -> Finding:
    """A finding; it begins with its first day and ends with its last one.

    kind, asset, value, expected : as in `Finding`.
    days     : (k,) the suspicious days, increasing.
    sentence : what was found, in words.
    events   : number of days or events that cost points; 0 for one a day.
    """
    return Finding(kind, asset, days[0], days[-1], float(value), expected, sentence, days, events or len(days))


def span(days: Days) -> str:
    """Days in words: one day, or the first and the last.

    >>> span(np.array(["2020-01-02"], "M8[D]")), span(np.array(["2020-01-02", "2020-01-06"], "M8[D]"))
    ('on 2020-01-02', 'from 2020-01-02 to 2020-01-06')
    """
    return f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}"


def wrong_prices(findings: Iterable[Finding], most: int = 3) -> tuple[str, ...]:
    """The first finding of each asset whose prices look wrong, at most so many, and a count of the others."""
    found = [each for each in findings if each.kind in WRONG_PRICES]
    first = list({each.asset: each for each in reversed(found)}.values())[::-1]
    more = len(found) - min(len(first), most)
    rest = f"{more:,} more {'price looks' if more == 1 else 'prices look'} wrong in this market." if more else ""
    return (*(each.sentence for each in first[:most]), *([rest] if rest else []))


def quality_score(findings: list[Finding]) -> float:
    """Points of an asset from 0 to 100, by its findings."""
    lost: dict[str, float] = {}
    for each in findings:
        lost[each.kind] = min(lost.get(each.kind, 0.0) + each.points, FINDING_KINDS[each.kind].most)
    return max(100.0 - sum(lost.values()), 0.0)
