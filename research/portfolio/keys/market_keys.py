"""The keys of a market: files, or a store of prices, with cash, facts and repairs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from research.market.reading.known_instruments import Source
from research.portfolio.file.kinds import Day, Name, Text, Told, record

FRED = "fred"  # the store of rates that continue the bill
Rate = Annotated[float, Field(ge=-0.2, le=1.0, description="A fraction a year: 3 % is 0.03.")]


@record
class SeriesOfCash:
    """A series of a store as the yearly rate of cash, percent."""

    series: Text
    store: Name = FRED


@record
class MarketKeys:
    """A market from files (`load_market`), or from a store: that of a source, or of imported tables."""

    file: Text | None = None
    source: Source | None = None
    store: Name | None = None
    quotes: Text | None = None
    volumes: Text | None = None
    cash: Rate | Text | SeriesOfCash | None = None
    calendar: Text | None = None
    missing: Text | None = None
    currency: Text | None = None
    facts: Annotated[Mapping[Name, Text | Mapping[str, Any]], Field(min_length=1)] | None = None
    first: Day | None = None
    known_on: Text | None = None
    rows: Text | None = None
    repairs: Annotated[Sequence[Mapping[str, Any]], Field(min_length=1)] | None = None
    second: Name | None = None

    def __post_init__(self) -> None:
        """Refuse two origins, and keys of the other one."""
        given = [key for key in ("file", "source", "store") if getattr(self, key) is not None]
        if len(given) != 1:
            fix = "Give `file: prices.csv`, `source: yahoo`, or `store:` with the name of an imported table."
            raise Told("states no origin of prices" if not given else f"states {' and '.join(given)}", fix)
        of_store, of_file = ("first", "known_on", "rows", "repairs", "second"), ("quotes", "volumes", "currency")
        for key in of_store if self.file else of_file:
            if getattr(self, key) is not None:
                raise Told(f"has no meaning with `{given[0]}`", "Leave it out.", key)

    @property
    def sessions(self) -> str:
        """The exchange calendar whose sessions are the dates of a market from a store."""
        return self.calendar or "XNYS"

    @property
    def of_store(self) -> str:
        """The name of the store, "" for a market from files."""
        return self.source or self.store or ""
