"""The pace of requests to one source: turns for the threads of a call, and a count a day for all processes."""

import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from threading import Event, Lock

import numpy as np

from desk.feeds.adapter import FeedError, RateLimits
from foundation.dataclasses import dataclass
from foundation.files import locked, write_whole

COUNTED, COUNTED_LOCK = "requests.json", ".requests.lock"  # of a store: the day in UTC, and the requests of that day
PACE_NAP = 0.5  # seconds between looks whether the list has ended


@dataclass(frozen=True)
class Clock:
    """The time, which tests move.

    wall   : seconds since 1970 in UTC.
    steady : seconds that nobody sets, for intervals.
    sleep  : function that returns after so many seconds.
    """

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def now(self) -> datetime:
        """The moment in UTC."""
        return datetime.fromtimestamp(self.wall(), UTC)

    def moment(self) -> np.datetime64:
        """The same, as rows have it."""
        return np.datetime64(self.now().replace(tzinfo=None), "us")


class RequestPace:
    """Turns to send a request: in any `limits.seconds` at most `limits.requests`, and so many a day in UTC.

    A window that slides: a bucket of tokens would allow twice as many in the first `limits.seconds`.

    name   : name of the source.
    folder : folder of its store, in which all processes count the requests of the day.
    """

    def __init__(self, name: str, limits: RateLimits, folder: Path, clock: Clock) -> None:
        self.name, self.limits, self.folder, self.clock = name, limits, folder, clock
        self.made, self.ended = 0, Event()  # requests so far; set to end all waits
        self._lock, self._resumes = Lock(), -inf
        self._recent: deque[float] = deque([-inf] * limits.requests, maxlen=limits.requests)

    def turn(self) -> None:
        """Return when a request may be sent. Raises FeedError where the day's are used up, or the list has ended."""
        with self._lock:
            self.wait_until(self._recent[0] + self.limits.seconds)
            self.wait_until(self._resumes)
            if self.limits.a_day is not None:
                self._count(self.limits.a_day)
            self._recent.append(self.clock.steady())
            self.made += 1

    def pause(self, seconds: float) -> None:
        """Give no turn for so many seconds."""
        self._resumes = max(self._resumes, self.clock.steady() + seconds)

    def wait_until(self, moment: float) -> None:
        """Wait until a moment of the steady clock. Raises FeedError where the list has ended."""
        while not self.ended.is_set() and (left := moment - self.clock.steady()) > 0.0:
            self.clock.sleep(min(left, PACE_NAP))
        if self.ended.is_set():
            raise FeedError(f"{self.name} was not asked: the list ended before.", "later")

    def used(self) -> int:
        """The number of requests of this day in UTC, of all processes."""
        # where nothing is counted, or it is no count
        with suppress(OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            counted = json.loads((self.folder / COUNTED).read_text())
            return int(counted["requests"]) if counted["day"] == str(self.clock.now().date()) else 0
        return 0

    def _count(self, a_day: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / COUNTED_LOCK, wait=True):
            used, now = self.used(), self.clock.now()
            if used >= a_day:
                midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
                raise FeedError(
                    f"{self.name} allows {a_day:,} requests a day, and those of {now.date()} are used up: what came is "
                    "kept. Call again after 0:00 UTC to go on.", "later", (midnight - now).total_seconds(),
                )  # fmt: skip
            write_whole(self.folder / COUNTED, json.dumps({"day": str(now.date()), "requests": used + 1}))
