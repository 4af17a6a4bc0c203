"""The moment as of which stores and books are read, where a replay asks for an earlier one than now."""

import os
from datetime import UTC, datetime

import numpy as np

from foundation.errors import ConfigError
from research.portfolio.file.document import Document

KNOWN_ON = "REBALANCE_KNOWN_ON"  # environment variable: the moment


def known_moment(document: Document, written: str | None = None) -> np.datetime64 | None:
    """A moment in UTC, as the environment or else the file says; a day, minute or second is its end.

    written : the key `known_on` of `market`, or None.
    Raises  : ConfigError for what is no moment.
    """
    written = os.environ.get(KNOWN_ON) or written or ""
    if not written:
        return None
    try:
        stated = datetime.fromisoformat(written)
        stated = stated.astimezone(UTC).replace(tzinfo=None) if stated.tzinfo else stated
    except (ValueError, OverflowError):  # the first hours of the calendar, in UTC, lie before it
        what, fix = "no day and no moment", "Write YYYY-MM-DD, or a moment in UTC."
        if os.environ.get(KNOWN_ON):
            raise ConfigError(f"--as-known-on, or {KNOWN_ON}, is {what}: found {written!r}. {fix}") from None
        document.refuse(("market", "known_on"), what, written, fix)
    moment = np.datetime64(stated, "us")
    exact = "." in written or (":" not in written and len(written) > len("2026-11-25"))
    length = (86_400, 60, 1)[min(written[:19].count(":"), 2)]
    return moment if exact else moment + np.timedelta64(1_000_000 * length - 1, "us")
