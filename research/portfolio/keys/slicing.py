"""The slices in which the orders of a list are sent, from a portfolio file: their kind, number and time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from research.portfolio.file.kinds import Told

Volume = Annotated[float, Field(ge=0.0, le=1e12)]
KEYS_OF_KIND: Mapping[str, Mapping[str, bool]] = {  # besides minutes, and whether they are needed
    "twap": {"slices": False},
    "vwap": {"curve": True},
    "participation": {"rate": True, "curve": False},
    "almgren_chriss": {"risk_aversion": True, "slices": False},
}


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
