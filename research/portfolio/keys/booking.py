"""The keys `execution` and `dividends` of a portfolio file: how backtests book what a policy decides."""

from dataclasses import replace

from research.accounting import Execution
from research.accounting.execution import Dividends
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.settings import read
from research.portfolio.keys.limits import LimitKeys


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
