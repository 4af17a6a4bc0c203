"""The NAV of a portfolio since its opening trade: a file that trade lists of rules that look at wealth need."""

from collections.abc import Iterator

import numpy as np

from foundation.arguments import cut
from foundation.arrays import Array, Mask, frozen
from foundation.dataclasses import dataclass, field
from foundation.errors import DataError, all_mistakes
from foundation.paper.wording import percent
from research.market import Market
from research.market.reading.tables import WideTable, read_table
from research.portfolio.file.document import Document

KEY = "nav_history"
NAV, FLOW = "nav", "flow"  # columns beside the date
NAV_DOUBT = 0.20  # of NAV: a change from the last row of the history to the holdings that no single close explains


@dataclass(frozen=True, eq=False)
class NavHistory:
    """The NAV of a portfolio at each close from its opening trade to the one before the last, whose NAV it holds.

    opened : row of the market of the opening trade; -1 where it is not known.
    nav    : (d,) currency.
    flows  : (d + 1,) money that came, or went where negative, by each of these closes and the last, currency.
    """

    opened: int = -1
    nav: Array = field(default_factory=lambda: frozen(np.empty(0)))
    flows: Array = field(default_factory=lambda: frozen(np.zeros(1)))

    def fault(self, nav: float) -> str:
        """A sentence where it is of other holdings than those at the last close; "" where it can be of them.

        nav : of the holdings at the last close, currency.
        """
        if not len(self.nav) or abs(nav - self.flows[-1] - self.nav[-1]) <= NAV_DOUBT * self.nav[-1]:
            return ""
        return (
            f"`{KEY}` ends at {self.nav[-1]:,.2f} one close before the last, where the holdings are worth {nav:,.2f}: "
            f"more than {percent(NAV_DOUBT, 0)} apart, flows left out. Correct the history or the holdings."
        )


def read_nav_history(document: Document, market: Market) -> NavHistory:
    """The history in the file that `nav_history` names, whose path is relative to the portfolio's own; else none.

    Raises : ConfigError for a file that cannot be read, and as `nav_history_of` does.
    """
    if not document.has(KEY):
        return NavHistory()
    with document.placing((KEY,)):
        return nav_history_of(read_table(document.folder / document.value(KEY)), market)


def nav_history_of(table: WideTable, market: Market) -> NavHistory:
    """The history of a table with the columns `nav`, and `flow` where money came or went; an empty flow is none.

    table  : a row a session from that of the opening trade on; of one of the last close only the flow is read.
    market : market of the portfolio, up to the close at which it is held.
    Raises : DataError for other columns; for a NAV that is not above zero, a row that is no session of the market, and
             sessions without a row, all of them at once.
    """
    if NAV not in table.names or not set(table.names) <= {NAV, FLOW}:
        raise DataError(
            f"{table.source} has other columns than a {KEY}: found {cut(', '.join(table.names))} beside the dates. "
            f"Give {NAV}, and {FLOW} where money came or went."
        )
    last, cells = market.days[-1], table.wide((NAV, FLOW))
    past = table.days < last
    opened = int(np.searchsorted(market.days, table.days[0]))
    if mistakes := list(_mistakes(table, market, past, opened)):
        raise DataError(all_mistakes(table.source, mistakes))
    flows = np.append(np.nan_to_num(cells[past, 1]), np.nan_to_num(cells[~past, 1]).sum())
    return NavHistory(opened, frozen(cells[past, 0].copy()), frozen(flows))


def _mistakes(table: WideTable, market: Market, past: Mask, opened: int) -> Iterator[str]:
    """The faults of rows and cells, in sentences.  past : (d,) rows before the last close, whose NAV is read."""
    for t in np.flatnonzero(~np.isin(table.days, market.days)).tolist():
        yield (
            f"{table.row(t)}: {table.days[t]} is no session of market {market.name!r}, which has those from "
            f"{market.days[0]} to {market.days[-1]}. Remove the row, or give the market that day."
        )
    no_nav = past[:, None] & (np.array(table.names) == NAV) & ~(table.cells > 0.0)
    yield from table.faults(no_nav, "no NAV above zero", "Write what holdings and cash were worth at that close.")
    missing = np.setdiff1d(market.days[opened:-1], table.days)
    if len(missing):
        days = cut(", ".join(missing.astype(str)))
        yield f"{table.source} has no row of {days}. Give one for each session since the opening trade."
