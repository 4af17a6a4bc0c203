"""The keys of a market: files, or a store of prices, with cash, facts and repairs."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from research.market.cash import HIGHEST_RATE, LOWEST_RATE
from research.market.reading.known_instruments import Source
from research.portfolio.file.kinds import Day, Name, Text, Told, record

FRED = "fred"  # the store of rates that continue the bill
ALPHA_VANTAGE = "alpha_vantage"  # the store of its indicators and overviews
Rate = Annotated[float, Field(ge=LOWEST_RATE, le=HIGHEST_RATE, description="A fraction a year: 3 % is 0.03.")]


@record
class SeriesOfCash:
    """A series of a store as the yearly rate of cash, percent."""

    series: Text
    store: Name = FRED


@record
class AfterBill:
    """The bill as far as its rates are known, and then this yearly rate."""

    after_bill: Rate


@record
class StoredFact:
    """A fact from a store: one series for all assets, or a figure of Alpha Vantage for each asset.

    series, minus     : id of a series, and of another one that is taken from it.
    indicator, window : name of an indicator at Alpha Vantage, such as RSI, and its number of sessions.
    overview          : name of a number in Alpha Vantage's overview of a company, such as PERatio.
    lag               : calendar days after its own day from which on a value that has no day of publication counts as
                        known; without it, the day on which it was fetched.
    """

    store: Name
    series: Text | None = None
    minus: Text | None = None
    indicator: Annotated[str, StringConstraints(pattern="^[A-Z]+$")] | None = None
    window: Annotated[int, Field(ge=1, le=1000)] | None = None
    overview: Annotated[str, StringConstraints(pattern=r"^\w+$")] | None = None
    lag: Annotated[int, Field(ge=0, le=1000, description="Calendar days.")] | None = None

    def __post_init__(self) -> None:
        """Refuse what is not one source of values, and keys of another one."""
        given = [key for key in ("series", "indicator", "overview") if getattr(self, key) is not None]
        if len(given) != 1:
            fix = "Give one of `series`, `indicator` and `overview`."
            raise Told(f"states {' and '.join(given) or 'no values of the store'}", fix)
        beside = {"series": ("minus", "lag"), "indicator": ("window", "lag"), "overview": ()}[given[0]]
        for key in ("minus", "window", "lag"):
            if getattr(self, key) is not None and key not in beside:
                raise Told(f"has no meaning with `{given[0]}`", "Leave it out.", key)
        if self.series is None and self.store != ALPHA_VANTAGE:
            raise Told(f"is of {ALPHA_VANTAGE} alone", f"Write `store: {ALPHA_VANTAGE}`.", given[0])
        if self.indicator is not None and self.window is None:
            raise Told("has no window", "Give its number of sessions, such as `window: 14`.", "indicator")

    @property
    def figure(self) -> str:
        """The end of the ids of its series, after the asset's own; "" for one series of all assets."""
        if self.series is not None:
            return ""
        return f":OVERVIEW:{self.overview}" if self.indicator is None else f":{self.indicator}:{self.window}"

    @property
    def names(self) -> list[str]:
        """The ids of a series of all assets, and of the one that is taken from it."""
        return [name for name in (self.series, self.minus) if name is not None]

    @property
    def words(self) -> str:
        """The fact as messages name it."""
        return " minus ".join(self.names) or self.figure.removeprefix(":")


@record
class BarFields:
    """By column of a bar, the name of its value in a row of what a tool gives."""

    date: Text
    close: Text
    open: Text | None = None
    high: Text | None = None
    low: Text | None = None
    volume: Text | None = None
    split: Text | None = None
    dividend: Text | None = None


@record
class ToolArguments:
    """The names of the arguments of a tool: of the symbol, and of the first and the last day, where it takes them."""

    symbol: Text = "symbol"
    first: Text | None = None
    last: Text | None = None


@record
class ToolSource:
    """A tool of a server of the Model Context Protocol (MCP) that gives the bars of an asset.

    mcp       : URL of the server, https but on this machine; or its command, which runs on this machine.
    tool      : name of the tool.
    """

    mcp: Text
    tool: Text
    fields: BarFields
    arguments: ToolArguments = ToolArguments()

    @property
    def is_command(self) -> bool:
        """True where the server is a command of this machine."""
        return not self.mcp.startswith(("https://", "http://"))

    @property
    def store(self) -> str:
        """The name of the store of its prices: another server or tool has another one."""
        return f"mcp-{sha256(f'{self.mcp} {self.tool}'.encode()).hexdigest()[:8]}"


@record
class MarketKeys:
    """A market from files (`load_market`), or from a store: that of a source, or of imported tables."""

    file: Text | None = None
    source: Source | ToolSource | None = None
    store: Name | None = None
    quotes: Text | None = None
    volumes: Text | None = None
    cash: Rate | Text | SeriesOfCash | AfterBill | None = None
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
        of_store: tuple[str, ...] = ("first", "known_on", "rows", "repairs", "second")
        of_file = ("quotes", "volumes", "currency")
        if any(is_stored(fact) for fact in (self.facts or {}).values()):
            of_store = ("first", "repairs", "second")
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
        return (self.source.store if isinstance(self.source, ToolSource) else self.source) or self.store or ""


def is_stored(fact: object) -> bool:
    """True for a fact as a file states it that is from a store: neither a file nor an own indicator."""
    return isinstance(fact, Mapping) and "store" in fact
