"""Cash flows in the backtests of a portfolio file: on a schedule, or on given days."""

from typing import get_args

import pandas as pd

from foundation.arguments import did_you_mean
from foundation.errors import ConfigError
from research.accounting import Execution, Flows
from research.accounting.execution import Use, check_flows
from research.market import Market
from research.market.calendars import EVERY
from research.portfolio.file.document import Document

KEYS = ("every", "amount", "dates", "use")


def read_flows(document: Document, market: Market, execution: Execution) -> Flows | None:
    """The cash flows under `flows`, {every: month, amount: ...} or {dates: {2015-03-31: ...}}, with its `use`, or None.

    Raises : ConfigError for a key or value that is wrong.
    """
    if "flows" not in document.tree:
        return None
    if not (found := document.tree["flows"]):
        fix = "Write `every:` with an `amount:`, or `dates:` with an amount each, below it, or leave the key out."
        document.refuse(("flows",), "says nothing", found, fix)
    document.check_keys(("flows",), KEYS)
    use = document.text("flows", "use", default="rebalance")
    if use not in get_args(Use):
        document.refuse(("flows", "use"), "unknown use of flows", use, did_you_mean(use, get_args(Use)))
    if document.has("flows", "dates") == document.has("flows", "every"):
        fix = "Write `every:` with an `amount:`, or `dates:` with an amount each."
        document.refuse(("flows",), "one of every and dates is needed", document.mapping("flows"), fix)
    made = _on_days if document.has("flows", "dates") else _by_calendar
    flows = made(document, market, use)  # type: ignore[arg-type]
    try:
        check_flows(execution, flows)
    except ConfigError as error:
        raise ConfigError(f"flows ({document.place(('flows',))}): {error}") from error
    return flows


def _by_calendar(document: Document, market: Market, use: Use) -> Flows:
    every = document.text("flows", "every")
    if every not in EVERY:
        document.refuse(("flows", "every"), "not a period", every, did_you_mean(every, EVERY))
    return Flows.every(every, document.number("flows", "amount"), market, use)


def _on_days(document: Document, market: Market, use: Use) -> Flows:
    if document.has("flows", "amount"):
        found = document.value("flows", "amount")
        document.refuse(
            ("flows", "amount"), "cannot be combined with dates", found, "Give each of the dates its own amount."
        )
    amounts: dict[pd.Timestamp, float] = {}
    for written in document.mapping("flows", "dates"):
        path = ("flows", "dates", written)
        day, last = document.as_day(path, written), market.dates[-1]
        if day > last:
            what = f"lies after the last close of market {market.name!r}"
            document.refuse(path, what, written, f"Give a day that is not after {last:%Y-%m-%d}, or leave it out.")
        amounts[day] = document.number(*path)
    return Flows(amounts, use)
