"""The factors of a portfolio file: returns from a file of its own, on the days of the test."""

from typing import Any

import pandas as pd

from research.market import Market
from research.market.factors import FactorReturns, read_factors
from research.portfolio.file.document import Document
from research.portfolio.file.kinds import Text, record
from research.portfolio.file.settings import read


@record
class FactorKeys:
    """A file of factor returns, and the fingerprint that it had."""

    file: Text
    fingerprint: Text | None = None


def factors_in(
    document: Document, market: Market, test_start: pd.Timestamp, periods_per_year: int
) -> FactorReturns | None:
    """The factors under `factors`, a path from the portfolio's own folder, or {file: ..., fingerprint: ...}; or None.

    document         : the portfolio file.
    market           : market whose days the factors are needed on.
    test_start       : first day of the test.
    periods_per_year : number of days that are needed at least.
    Raises           : ConfigError for a file that cannot be read, has another fingerprint than stated, or does not fit
                       the days of the test, with file, column and date.
    """
    if not document.has("factors"):
        return None
    found, path = document.value("factors"), ("factors",)
    keys = read(document, path, FactorKeys) if isinstance(found, dict) else FactorKeys(file=found)
    with document.placing((*path, "file"), "factors"):
        factors = read_factors(document.folder / keys.file)
        factors.on(market.days[market.dates >= test_start], max(periods_per_year, len(factors.names) + 2))
    if keys.fingerprint not in (None, factors.fingerprint):
        what = f"{keys.file} has changed: its content has another fingerprint, {factors.fingerprint}"
        fix = "Give the file as it was, or leave this key out."
        document.refuse((*path, "fingerprint"), what, keys.fingerprint, fix)
    return factors


def factor_settings(document: Document, factors: FactorReturns) -> dict[str, Any]:
    """The key `factors` with all that a run depends on."""
    given = document.value("factors")
    return {"file": given["file"] if isinstance(given, dict) else given, "fingerprint": factors.fingerprint}
