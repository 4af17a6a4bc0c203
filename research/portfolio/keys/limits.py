"""The keys `limits`, `execution` and `dividends` of a portfolio file: limits, and how backtests book decisions."""

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from research.accounting import Execution
from research.accounting.execution import Dividends
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.kinds import Amount, Fraction, record
from research.portfolio.file.settings import read
from research.portfolio.holdings.lines import Line
from research.portfolio.portfolio import Limits


@record
class LimitKeys:
    """Limits of trades and policies, as `Limits` has them."""

    minimum_trade: Amount = 0.0
    tracking_error: (
        Annotated[float, Field(ge=0.0, le=0.25, description="A fraction of NAV a year: 1.5 % is 0.015.")] | None
    ) = None
    max_days_outside: Fraction = 0.05
    kept: Annotated[float, Field(ge=0.0, le=1.0, description="8 tests of 10 are 0.8.")] = 0.8
    max_drawdown: Annotated[float, Field(gt=0.0, lt=1.0, description="A drawdown of 15 % is 0.15.")] | None = None


def read_limits(document: Document, lines: list[Line]) -> Limits:
    """The limits of trades and policies; lots are those of the assets."""
    keys, lots = read(document, ("limits",), LimitKeys), np.array([line.lot for line in lines])
    return Limits(
        minimum_trade=keys.minimum_trade,
        lots=lots,
        fractional=lots < 1.0,
        minimum_purchase=np.array([line.minimum_purchase for line in lines]),
        cut_offs=tuple(line.cut_off for line in lines),
        tracking_error=keys.tracking_error,
        max_days_outside=keys.max_days_outside,
        kept=keys.kept,
        max_drawdown=keys.max_drawdown,
    )


def read_execution(document: Document) -> Execution:
    """Execution in backtests: at the close, in fractions, unless the file says otherwise.

    Orders in whole lots have the least size that `limits` states, where `execution` states none.
    """
    execution = read(document, ("execution",), Execution)
    if execution.sizing == "units" and not document.has("execution", "minimum_trade"):
        return replace(execution, minimum_trade=read(document, ("limits",), LimitKeys).minimum_trade)
    return execution


def read_dividends(document: Document, market: Market) -> Dividends:
    """Use of dividends in backtests: reinvested, unless the file says otherwise."""
    found: Dividends = document.value("dividends", default="reinvest")
    if found == "cash" and market.dividends is None:
        fix = "Use reinvest: its returns contain them already."
        document.refuse(("dividends",), f"market {market.name!r} has no dividends", found, fix)
    return found
