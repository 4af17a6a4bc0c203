"""Arrays that a loop writes while it runs: every booking and every day."""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Rows, owned
from foundation.compiled import linked
from research.accounting.cost_parameters import COST_COLUMNS, HOLDING_COSTS

# What a booking is part of when it is no decision's: money came or went; an asset was paid out; a tax return; losses
# were harvested; fractions of whole lots were paid out after a split.
FLOW_BOOKING, EXIT_BOOKING, TAX_BOOKING, HARVEST_BOOKING, LIEU_BOOKING = -1, -2, -3, -4, -5
TRIGGERS = {  # their words
    FLOW_BOOKING: "flow", EXIT_BOOKING: "delisted", TAX_BOOKING: "tax_return", HARVEST_BOOKING: "harvest",
    LIEU_BOOKING: "in_lieu",
}  # fmt: skip


class Reason(NamedTuple):
    """The reason of a booking, as `Why` has it: number of the asset, size and allowed size, in its unit."""

    line: int
    size: float
    allowed: float


class Ledger(NamedTuple):
    """The records that a loop writes.

    Row j of k bookings; a decision that is worked over several days has several. The arrays are longer while the
    loop runs.

    part_of         : (k,) the first row of the decision that the booking belongs to, or FLOW, EXIT, …
    asked           : (k,) market row of the decision.
    booked          : (k,) market row of the booking; -1 when the data ended first.
    line            : (k,) number of the asset of `Why`.
    size            : (k,) size of `Why`, in its unit; of a harvest, the loss that was realised, currency.
    allowed         : (k,) allowed size of `Why`, in its unit.
    trades          : (k, n) currency, buys positive.
    charges         : (k, columns, n) currency.
    nav_before      : (k,) wealth before the trade, with the cash flow, currency.
    units           : (k + 1, n) units held after the opening trade (row 0) and after each booking.
    cash_units      : (k + 1,) units of cash held likewise.
    nav             : (D + 1,) wealth at each close, the opening trade's first, currency.
    cash            : (D + 1,) cash in that wealth, currency.
    holding_costs   : (D + 1, 4) holding costs since the last close, currency, in the order of `HOLDING_COSTS`.
    opening_trades  : (n,) currency, buys positive.
    opening_charges : (columns, n) currency.
    residual        : (1,) the largest |wealth after + charges - wealth before| of a booking, over wealth before.
    """

    part_of: Rows
    asked: Rows
    booked: Rows
    line: Rows
    size: Array
    allowed: Array
    trades: Array
    charges: Array
    nav_before: Array
    units: Array
    cash_units: Array
    nav: Array
    cash: Array
    holding_costs: Array
    opening_trades: Array
    opening_charges: Array
    residual: Array

    @classmethod
    def empty(cls, days: int, n: int, more: int = 0) -> "Ledger":
        """Room for the opening trade, for a decision on every one of `days` days, and for `more` bookings."""
        rows = days + more
        ledger = cls(
            part_of=np.empty(rows, dtype=np.int64),
            asked=np.empty(rows, dtype=np.int64),
            booked=np.empty(rows, dtype=np.int64),
            line=np.empty(rows, dtype=np.int64),
            size=np.empty(rows),
            allowed=np.empty(rows),
            trades=np.empty((rows, n)),
            charges=np.empty((rows, len(COST_COLUMNS), n)),
            nav_before=np.empty(rows),
            units=np.empty((rows + 1, n)),
            cash_units=np.empty(rows + 1),
            nav=np.empty(days),
            cash=np.empty(days),
            holding_costs=np.zeros((days, len(HOLDING_COSTS))),
            opening_trades=np.zeros(n),
            opening_charges=np.zeros((len(COST_COLUMNS), n)),
            residual=np.zeros(1),
        )
        ledger.units[0] = 0.0
        return ledger

    def after(self, row: int, k: int) -> "Ledger":
        """Views of what is written after row `row` and after the first k bookings."""
        parts = {f: v[row:] if f in _OF_DAYS else v if f in _OF_OPENING else v[k:] for f, v in self._asdict().items()}
        return Ledger(**parts)

    def cut(self, k: int) -> "Ledger":
        """The k bookings that were written, read-only."""
        parts = (v if stop is None else v[: k + stop].copy() for v, stop in zip(self, _CUT, strict=True))
        return Ledger._make(map(owned, parts))


_OF_DAYS = ("nav", "cash", "holding_costs")  # fields with a row a day
_OF_OPENING = ("opening_trades", "opening_charges", "residual")
_CUT = [
    None if f in _OF_DAYS + _OF_OPENING else int(f in ("units", "cash_units")) for f in Ledger._fields
]  # rows after the last booking, None for what has no row a booking


@linked
def write_decision(ledger: Ledger, j: int, part_of: int, asked: int, reason: Reason) -> None:
    """Write what was asked into a row of the ledger.

    ledger  : its row j is written.
    j       : number of the booking.
    part_of : the first row of its decision, FLOW, EXIT, TAX, HARVEST or LIEU.
    asked   : row of the market.
    reason  : of the decision.
    """
    ledger.part_of[j], ledger.asked[j] = part_of, asked
    ledger.line[j], ledger.size[j], ledger.allowed[j] = reason.line, reason.size, reason.allowed


@linked
def write(
    ledger: Ledger, j: int, booked: int, units: Array, cash_units: float, before: float, after: float, paid: float
) -> None:
    """Write the state after row j was booked, and keep the largest residual of wealth before = after + charges.

    ledger     : its row j is written.
    j          : number of the booking.
    booked     : row of the market, -1 where the data ended first.
    units      : (n,) units held after it.
    cash_units : units of cash held after it.
    before     : NAV before it, currency.
    after      : NAV after it, currency.
    paid       : charges in all, currency.
    """
    ledger.booked[j] = booked
    for i in range(len(units)):
        ledger.units[j + 1, i] = units[i]
    ledger.cash_units[j + 1] = cash_units
    ledger.nav_before[j] = before
    ledger.residual[0] = max(ledger.residual[0], abs(after + paid - before) / before)


@linked
def write_unbooked(ledger: Ledger, j: int, units: Array, cash_units: float, nav: float) -> None:
    """The data ended before the decision of row j, or what was left of it, could be booked.

    ledger     : its row j is written.
    j          : number of the booking.
    units      : (n,) units held.
    cash_units : units of cash held.
    nav        : currency.
    """
    for i in range(len(units)):
        ledger.trades[j, i] = 0.0
        for c in range(ledger.charges.shape[1]):
            ledger.charges[j, c, i] = 0.0
    write(ledger, j, -1, units, cash_units, nav, nav, 0.0)
