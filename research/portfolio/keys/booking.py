"""The keys `execution` and `dividends` of a portfolio file: how backtests book what a policy decides."""

from dataclasses import fields

from foundation.errors import ConfigError
from research.accounting import Execution
from research.accounting.execution import Dividends
from research.market import Market
from research.portfolio.file.document import Document


def read_execution(document: Document) -> Execution:
    """Execution in backtests: at the close, in fractions, unless the file says otherwise."""
    if not document.has("execution"):
        return Execution()
    document.check_keys(("execution",), tuple(f.name for f in fields(Execution)))
    given = {key: document.value("execution", key) for key in document.mapping("execution")}
    if given.get("sizing") == "units" and document.has("limits", "minimum_trade"):
        given = {"minimum_trade": document.number("limits", "minimum_trade", at_least=0.0)} | given
    try:
        return Execution(**given)
    except (ConfigError, TypeError) as error:
        document.refuse(("execution",), str(error).removesuffix("."), given, "docs/portfolios.md has its keys.")


def read_dividends(document: Document, market: Market) -> Dividends:
    """Use of dividends in backtests: reinvested, unless the file says otherwise."""
    found = document.text("dividends", default="reinvest")
    if found not in ("reinvest", "cash"):
        document.refuse(("dividends",), "unknown treatment of dividends", found, "Use reinvest or cash.")
    if found == "cash" and market.dividends is None:
        fix = "Use reinvest: its returns contain them already."
        document.refuse(("dividends",), f"market {market.name!r} has no dividends", found, fix)
    return found  # type: ignore[return-value]
