"""Cash flows in the backtests of a portfolio file: on a schedule, or on given days."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from research.accounting import Execution, Flows
from research.accounting.execution import Use, check_flows
from research.market import Market
from research.market.rows import FIRST_DAY
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Day, Number, Told, record
from research.portfolio.file.settings import read

EITHER = "Write `every:` with an `amount:`, or `dates:` with an amount each."


@record
class FlowKeys:
    """Cash flows: {every: month, amount: ...} or {dates: {2015-03-31: ...}}, and their use."""

    every: Literal["day", "week", "month", "quarter", "year"] | None = None
    amount: Number | None = None
    dates: Annotated[Mapping[Day, Number], Field(min_length=1)] | None = None
    use: Use = "rebalance"

    def __post_init__(self) -> None:
        """Refuse both ways, and neither."""
        if (self.dates is None) == (self.every is None):
            raise Told("one of every and dates is needed", EITHER)
        if self.dates is not None and self.amount is not None:
            raise Told("cannot be combined with dates", "Give each of the dates its own amount.", "amount")
        if self.every is not None and self.amount is None:
            raise Told("missing", "Add `amount:`.", "amount")


def read_flows(document: Document, market: Market, execution: Execution) -> Flows | None:
    """The cash flows under `flows`, or None.

    Raises : ConfigError for a key or value that is wrong, and for a day after the last close of the market.
    """
    if "flows" not in document.tree:
        return None
    keys = read(document, ("flows",), FlowKeys)
    with document.placing(("flows",)):
        check_flows(execution, Flows(keys.dates or {FIRST_DAY: keys.amount or 0.0}, keys.use))
    last, faults = market.dates[-1], Faults()
    for day, written in zip(keys.dates or (), document.tree["flows"].get("dates", ()), strict=True):
        with faults:
            if day > last:
                what = f"lies after the last close of market {market.name!r}"
                fix = f"Give a day that is not after {last:%Y-%m-%d}, or leave it out."
                document.refuse(("flows", "dates", written), what, written, fix)
    faults.end()
    if keys.every is None:
        return Flows(keys.dates or {}, keys.use)
    return Flows.every(keys.every, keys.amount or 0.0, market, keys.use)
