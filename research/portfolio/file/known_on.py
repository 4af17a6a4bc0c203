"""The moment as of which stores and books are read, where a replay asks for an earlier one than now."""

import os
from datetime import UTC, datetime

import numpy as np

from foundation.errors import ConfigError
from research.portfolio.file.document import Document

KNOWN_ON = "REBALANCE_KNOWN_ON"  # environment variable: the moment as of which all stores are read
NO_MOMENT, FIX = "no day and no moment", "Write YYYY-MM-DD, or a moment in UTC."
BOOKS_KNOWN_ON = "REBALANCE_BOOKS_KNOWN_ON"  # likewise of books, which a run does not state


def books_moment() -> np.datetime64 | None:
    """The moment in UTC as of which books are read. Raises ConfigError for what is no moment."""
    written = os.environ.get(BOOKS_KNOWN_ON, "")
    try:
        return _moment(written) if written else None
    except (ValueError, OverflowError):
        raise ConfigError(f"--as-known-on, or {BOOKS_KNOWN_ON}, is {NO_MOMENT}: found {written!r}. {FIX}") from None


def known_moment(document: Document, written: str | None) -> np.datetime64 | None:
    """A moment in UTC, as the environment or else the file says; a day, minute or second is its end.

    written : the key `known_on` of `market`, or None.
    Raises  : ConfigError for what is no moment.
    """
    written = os.environ.get(KNOWN_ON) or written or ""
    if not written:
        return None
    try:
        return _moment(written)
    except (ValueError, OverflowError):  # the first hours of the calendar, in UTC, lie before it
        if os.environ.get(KNOWN_ON):
            raise ConfigError(f"--as-known-on, or {KNOWN_ON}, is {NO_MOMENT}: found {written!r}. {FIX}") from None
        document.refuse(("market", "known_on"), NO_MOMENT, written, FIX)


def _moment(written: str) -> np.datetime64:
    stated = datetime.fromisoformat(written)
    stated = stated.astimezone(UTC).replace(tzinfo=None) if stated.tzinfo else stated
    moment = np.datetime64(stated, "us")
    exact = "." in written or (":" not in written and len(written) > len("2026-11-25"))
    length = (86_400, 60, 1)[min(written[:19].count(":"), 2)]
    return moment if exact else moment + np.timedelta64(1_000_000 * length - 1, "us")
