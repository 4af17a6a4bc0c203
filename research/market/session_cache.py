"""Sessions of exchange calendars, kept in `data/cache/calendars`: importing and building one takes each process 0.2 s.

A file holds the time zone of one calendar and its sessions of a range, and is named by these and by the versions of
the packages that know the holidays. A calendar that a user registers has its name in one process only: so nothing is
kept, and nothing kept is used, where someone has imported exchange_calendars before.
"""

import sys
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from foundation.files import write_whole

Days = NDArray[np.datetime64]
LAYOUT = 2  # of the file and of what it holds: count on when either changes
ZONE = 64  # bytes of the time zone, before the days
FOLDER = Path(__file__).parents[2] / "data" / "cache" / "calendars"


def place_of(calendar: str, first_year: int, last_year: int) -> Path | None:
    """The file of a calendar's sessions of some years, both included; None where a user may have registered others."""
    if "exchange_calendars" in sys.modules:
        return None
    made_of = LAYOUT, calendar, first_year, last_year, version("exchange_calendars"), version("pandas")
    return FOLDER / sha256(repr(made_of).encode()).hexdigest()[:32]


def kept_sessions(place: Path | None) -> tuple[str, Days] | None:
    """The time zone; the first and the last day that are known, then the sessions between them. None where no file can
    be read."""
    if place is None:
        return None
    try:
        content = place.read_bytes()
        zone = ZoneInfo(content[:ZONE].rstrip(b"\0").decode()).key
        days = np.frombuffer(content[ZONE:], dtype="datetime64[D]")
    except (OSError, ValueError, KeyError):  # there is none, or of no zone, or it ends within a day
        return None
    whole = len(days) > 2 and bool((np.diff(days[2:]) > np.timedelta64(0)).all())
    return (zone, days) if whole and days[0] <= days[2] and days[-1] <= days[1] else None


def keep_sessions(place: Path | None, zone: str, first: np.datetime64, last: np.datetime64, sessions: Days) -> None:
    """Write what `kept_sessions` reads, where the folder can be written to."""
    if place is not None:
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            days = np.concatenate([[first, last], sessions]).astype("datetime64[D]")
            write_whole(place, zone.encode().ljust(ZONE, b"\0") + days.tobytes())
