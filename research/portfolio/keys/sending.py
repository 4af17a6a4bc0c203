"""The limits under which a list is sent, from a portfolio file: the collar, amounts, a day's loss, issuers, venues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from research.portfolio.file.kinds import Text, Told

CollarUnit = Literal["bps", "spreads", "volatilities"]
COLLAR_UNITS: tuple[CollarUnit, ...] = get_args(CollarUnit)
Amount = Annotated[float, Field(gt=0.0, description="In the currency of the portfolio.")]


@dataclass(frozen=True)
class SendingLimits:
    """Limits that are checked before a list is sent; None checks nothing.

    collar          : largest distance of the quote of the moment from the price at which an order was sized, against
                      the order, in `collar_unit`.
    collar_unit     : bps; spreads, of the quote of the moment; or volatilities, standard deviations of a session's
                      return.
    order_notional  : largest value of an order, currency of the portfolio.
    ticket_notional : largest value of all orders of a list.
    day_notional    : largest value of all orders that are sent on one day.
    day_loss        : largest loss of the day's fills against the prices at which their orders were sized, fees in it.
    do_not_trade    : issuers whose securities are not traded, each by an asset, a symbol, a name or an ISIN.
    venues          : account by which orders name it -> venue to which its orders go.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    collar: Annotated[float, Field(gt=0.0, le=10_000.0)] | None = None
    collar_unit: CollarUnit = "bps"
    order_notional: Amount | None = None
    ticket_notional: Amount | None = None
    day_notional: Amount | None = None
    day_loss: Amount | None = None
    do_not_trade: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    venues: Annotated[Mapping[Text, Text], Field(min_length=1)] | None = None

    def __post_init__(self) -> None:
        """Refuse a unit without a collar."""
        if self.collar is None and self.collar_unit != "bps":
            raise Told("a unit without a collar", "Add `collar:`, a number of them, such as 3.", "collar_unit")
