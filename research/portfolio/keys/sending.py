"""The keys `sending` and `slicing` of a ticket: limits that are checked before it is sent, and slices of its orders."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from foundation.dataclasses import dataclass
from research.portfolio.file.kinds import Text, Told

CollarUnit = Literal["bps", "spreads", "volatilities"]
Amount = Annotated[float, Field(gt=0.0, description="In the currency of the portfolio.")]
Volume = Annotated[float, Field(ge=0.0, le=1e12)]
KEYS_OF_KIND: Mapping[str, Mapping[str, bool]] = {  # besides minutes, and whether they are needed
    "twap": {"slices": False},
    "vwap": {"curve": True},
    "participation": {"rate": True, "curve": False},
    "almgren_chriss": {"risk_aversion": True, "slices": False},
}


@dataclass(frozen=True)
class SendingLimits:
    """Limits that are checked before a list is sent; None checks nothing.

    collar          : largest distance of the quote of the moment from the price at which an order was sized, up or
                      down, in `collar_unit`.
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


@dataclass(frozen=True)
class SlicingTerms:
    """The slices of every order of a list, each sent at the beginning of one of equal intervals.

    kind          : twap: equal slices; vwap: in proportion to `curve`; participation: `rate` of the volume that is
                    expected; almgren_chriss: of least cost and risk, by `risk_aversion`.
    minutes       : time from the first slice to the end of the last interval.
    slices        : number of intervals.
    curve         : volume of each interval, in any unit.
    rate          : part of the volume, fraction.
    risk_aversion : price of the variance of the cost, 1/currency.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    kind: Literal["twap", "vwap", "participation", "almgren_chriss"]
    minutes: Annotated[float, Field(gt=0.0, le=1_440.0)] = 60.0
    slices: Annotated[int, Field(ge=1, le=1_000)] | None = None
    curve: Annotated[tuple[Volume, ...], Field(min_length=1, max_length=1_000)] | None = None
    rate: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    risk_aversion: Annotated[float, Field(ge=0.0, le=1e6)] | None = None

    def __post_init__(self) -> None:
        """Refuse a key of another kind, the lack of one that the kind needs, and a curve without volume."""
        known = KEYS_OF_KIND[self.kind]
        for key in ("slices", "curve", "rate", "risk_aversion"):
            stated = getattr(self, key) is not None
            if stated and key not in known:
                raise Told(f"{self.kind} has no such key", f"It takes {', '.join((*known, 'minutes'))}.", key)
            if known.get(key) and not stated:
                raise Told("missing", f"Add `{key}:`, which {self.kind} needs.", key)
        if self.curve is not None and not sum(self.curve):
            raise Told("no volume in any interval", "Give at least one number above 0.", "curve")

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of its kind that are stated, without `minutes`."""
        return {key: value for key in KEYS_OF_KIND[self.kind] if (value := getattr(self, key)) is not None}
