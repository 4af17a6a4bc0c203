"""The key `limits` of a portfolio file."""

import numpy as np

from research.portfolio.file.document import Document
from research.portfolio.holdings.lines import Line
from research.portfolio.portfolio import Limits

LIMIT_KEYS = ("minimum_trade", "tracking_error", "max_days_outside", "max_drawdown")
MOST_TRACKING_ERROR = 0.25  # a year; a larger number is a per cent: 0.5 was meant as 0.005


def read_limits(document: Document, lines: list[Line]) -> Limits:
    """The limits of trades and policies; lots are those of the lines."""
    if document.has("limits"):
        document.check_keys(("limits",), LIMIT_KEYS)
    lots = np.array([line.lot for line in lines])
    tracking_error = None
    if document.has("limits", "tracking_error"):
        tracking_error = document.number("limits", "tracking_error", at_least=0.0)
        if tracking_error > MOST_TRACKING_ERROR:
            what = f"a fraction a year, and this is {100.0 * tracking_error:g} %"
            document.refuse(("limits", "tracking_error"), what, tracking_error, "1.5 % is 0.015.")
    max_drawdown = None
    if document.has("limits", "max_drawdown"):
        max_drawdown = document.number("limits", "max_drawdown")
        if not 0.0 < max_drawdown < 1.0:
            what = "no drawdown from a peak, as a fraction of NAV above 0 and below 1"
            document.refuse(("limits", "max_drawdown"), what, max_drawdown, "A drawdown of 15 % is 0.15.")
    return Limits(
        minimum_trade=document.number("limits", "minimum_trade", at_least=0.0, default=0.0),
        lots=lots,
        fractional=lots < 1.0,
        tracking_error=tracking_error,
        max_days_outside=document.number("limits", "max_days_outside", at_least=0.0, at_most=1.0, default=0.05),
        max_drawdown=max_drawdown,
    )
