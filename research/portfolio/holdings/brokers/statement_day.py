"""The day of a broker's statement by its own words: the dates around its tables."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, timedelta

MONTH_LETTERS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DATES = (
    re.compile(r"(?<![0-9])(?P<year>[0-9]{4})[-/.](?P<one>[0-9]{1,2})[-/.](?P<two>[0-9]{1,2})(?![0-9])"),
    re.compile(r"(?<![0-9])(?P<one>[0-9]{1,2})[-/.](?P<two>[0-9]{1,2})[-/.](?P<year>[0-9]{4})(?![0-9])"),
    re.compile(r"(?P<month>[A-Za-z]{3})[a-z]*\.? (?P<day>[0-9]{1,2}),? (?P<year>[0-9]{4})"),
    re.compile(r"(?P<day>[0-9]{1,2})[-. ](?P<month>[A-Za-z]{3})[a-z]*[-. ](?P<year>[0-9]{4})"),
)
DAYS_AHEAD = timedelta(days=31)  # by which a statement may be later than the prices beside it
LATE = 7  # days before the last close from which on a statement is told to be old


def days_in(texts: Iterable[str]) -> tuple[date, ...]:
    """Each day that texts may name, whichever of day and month stands first.

    >>> days_in(["Positions as of 04:48 PM ET, 2019/11/29"])
    (datetime.date(2019, 11, 29),)
    """
    found = (match for text in texts for form in DATES for match in form.finditer(text))
    return tuple(dict.fromkeys(day for match in found for day in _days(match.groupdict())))


def _days(parts: dict[str, str]) -> Iterator[date]:
    year = int(parts["year"])
    if "month" in parts:
        month = parts["month"].lower()
        pairs = [(MONTH_LETTERS.index(month) + 1, int(parts["day"]))] if month in MONTH_LETTERS else []
    else:
        one, two = int(parts["one"]), int(parts["two"])
        pairs = [(one, two), (two, one)]
    for month_of, day in dict.fromkeys(pairs):
        with suppress(ValueError):
            yield date(year, month_of, day)


def age_note(file: str, days: Iterable[date], last: date) -> str:
    """The sentence on a statement that is older than the last close by more than `LATE` days; else "".

    days : the days that it may be of, of which the latest counts.
    """
    newest = max((day for day in days if day <= last + DAYS_AHEAD), default=last)
    if (age := (last - newest).days) <= LATE:
        return ""
    return (
        f"{file} is of {newest} by its own words, {age:,} days before the last close, {last}: units and cash may be "
        "others by now. Export it anew."
    )
