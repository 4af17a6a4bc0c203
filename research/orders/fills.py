"""A fill of an order: what a venue says that it bought or sold, checked when it is made, or read from a table."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from foundation.arguments import shown
from foundation.dataclasses import dataclass, field
from foundation.errors import DataError
from research.market.calendars import day_at
from research.portfolio.file.kinds import ISO_CODE
from research.portfolio.holdings.blotter import SIGN_OF_SIDE

FEES, OF_FEE = "fees", "fees: "  # name of fees that are given in all; what begins the column of one of them
NEEDED_COLUMNS = ("fill_id", "moment", "asset", "side", "quantity", "price", "currency")
OTHER_COLUMNS = ("venue", "order_id", "account", FEES, "rate")


@dataclass(frozen=True)
class Fill:
    """One fill. Numbers may be given as int, float, text or Decimal, and are exact as they are written.

    asset    : asset of the portfolio; of an exchange of money, the currency that is bought or sold.
    side     : buy or sell.
    quantity : units, above zero.
    price    : price of a unit in `currency`, above zero.
    currency : currency of the price and the fees.
    moment   : moment of the fill, in UTC.
    fill_id  : id of the fill at the venue.
    venue    : name of the venue, or "".
    order_id : the `client_order_id` of the ticket, or "".
    account  : name or number of the account, or "".
    fees     : by name of the cost, or all in one number; a rebate is below zero.
    rate     : value of one unit of `currency` in that of the portfolio, or None for the rate of the list.
    Raises   : DataError for what is no number, no side, no currency, no moment in UTC, and for a fill without an id.
    """

    asset: str
    side: str
    quantity: Decimal
    price: Decimal
    currency: str
    moment: datetime
    fill_id: str
    venue: str = ""
    order_id: str = ""
    account: str = ""
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    rate: Decimal | None = None

    def __post_init__(self) -> None:
        """Check the fields, and make the numbers decimals."""
        if not self.fill_id:
            self.refuse("fill_id", self.fill_id, "Give the id of the fill at its venue, so that it is booked once.")
        if self.side not in SIGN_OF_SIDE:
            self.refuse("side", self.side, "Give buy or sell.")
        if not ISO_CODE.fullmatch(self.currency):
            self.refuse("currency", self.currency, "Give its code of three capital letters, such as USD.")
        if not isinstance(self.moment, datetime) or self.moment.utcoffset() != UTC.utcoffset(None):
            self.refuse("moment", self.moment, "Give a datetime in UTC.")
        fees = self.fees if isinstance(self.fees, Mapping) else {FEES: self.fees}
        exact: dict[str, Any] = {name: self._above_zero(name) for name in ("quantity", "price")}
        exact["fees"] = {name: self._number(f"fees: {name}", fee) for name, fee in fees.items()}
        exact["rate"] = None if self.rate is None else self._above_zero("rate")
        for name, value in exact.items():
            object.__setattr__(self, name, value)

    @property
    def key(self) -> str:
        """Venue and id of the fill, by which it is booked once."""
        return f"{self.venue}:{self.fill_id}"

    def day(self, calendar: str) -> date:
        """The day of the exchange of a calendar on which it was filled."""
        day: date = day_at(self.moment, calendar).astype(date)
        return day

    def fault(self, field: str, found: object, fix: str) -> str:
        """The fault of a field in a sentence."""
        return f"fill {shown(self.fill_id)} of {shown(self.asset)}: {field} is {shown(found)}. {fix}"

    def refuse(self, field: str, found: object, fix: str) -> NoReturn:
        """Raise DataError for a field."""
        raise DataError(self.fault(field, found, fix))

    def _above_zero(self, name: str) -> Decimal:
        number = self._number(name, getattr(self, name))
        if number <= 0:
            self.refuse(name, str(number), "Give a number above zero; the side says whether it is bought or sold.")
        return number

    def _number(self, name: str, given: object) -> Decimal:
        try:
            number = given if isinstance(given, Decimal) else Decimal(str(given))
        except InvalidOperation:
            self.refuse(name, given, "Give a number.")
        if not number.is_finite():
            self.refuse(name, str(given), "Give a number.")
        return number


def fill_of(cells: Mapping[str, str]) -> Fill:
    """The fill of a row, by column; "fees: commission" is the fee of this name. Raises DataError for its mistakes."""
    if absent := [name for name in NEEDED_COLUMNS if name not in cells]:
        raise DataError(f"no {', '.join(absent)}. Fill the cell.")
    try:
        moment = datetime.fromisoformat(cells["moment"]).astimezone(UTC)
        if datetime.fromisoformat(cells["moment"]).tzinfo is None:
            raise ValueError
    except (ValueError, OverflowError):
        raise DataError(
            f"moment is {shown(cells['moment'])}. Write it with its offset from UTC, such as 2022-12-30T15:00:00Z."
        ) from None
    named = {name.removeprefix(OF_FEE): cell for name, cell in cells.items() if name.startswith(OF_FEE)}
    others = {name: cell for name, cell in cells.items() if not name.startswith(OF_FEE)}
    given: dict[str, Any] = {**others, "moment": moment, FEES: named or cells.get(FEES, "0")}
    return Fill(**given)


def cells_of(fill: Fill) -> dict[str, str]:
    """A fill as a row, by column: `fill_of` reads it."""
    cells = {name: getattr(fill, name) for name in (*NEEDED_COLUMNS, *OTHER_COLUMNS) if name != FEES}
    fees = {f"{OF_FEE}{name}": fee for name, fee in fill.fees.items()}
    stated = {**cells, "moment": fill.moment.isoformat(), **fees}
    return {name: str(value) for name, value in stated.items() if value not in ("", None)}
