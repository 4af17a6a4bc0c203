"""Sources of market data: what each is asked, at which pace, and how its answers become rows.

An adapter is pure: it makes requests and reads bytes, and opens no connection. `desk.feeds.fetching` fetches.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from foundation.dataclasses import dataclass, field
from foundation.errors import DataError

FaultKind = Literal["asset", "later", "source"]  # of a `FeedError`
BEGINS = "begins"  # attribute of rows: the first day that the source says it has; of a store, {asset_id: such a day}


@dataclass(frozen=True)
class Wanted:
    """The bars of an asset that are wanted from a source, both days included.

    asset_id : id of the rows that come.
    symbol   : name of the asset at this source.
    first    : first day, None for all that the source has.
    last     : last day; a bar of a session that is not over is left out.
    currency : currency of its quotes where the source does not say it.
    known    : day of the last vintage that is there, of a source that dates its vintages; None for none.
    begins   : first day that the source has said it has; None where it has not.
    """

    asset_id: str
    symbol: str
    first: date | None
    last: date
    currency: str = "USD"
    known: date | None = None
    begins: date | None = None


@dataclass(frozen=True)
class GetRequest:
    """A GET request.

    key    : secret that it holds in a header or parameter: messages show `***` in its place.
    shared : true where several assets have it, such as figures of one company: one answer serves all of a call.
    """

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: str = field(default="", repr=False)
    shared: bool = False

    @property
    def asks(self) -> tuple[object, ...]:
        """Its address and parameters, which are those of each request for the same."""
        return self.url, *self.params.items()


@dataclass(frozen=True)
class Reply:
    """An answer of a source: status, headers with lower-case names, and content."""

    status: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RateLimits:
    """The pace that a source allows: requests in so many seconds, and a day (None: no limit a day)."""

    requests: int
    seconds: float
    a_day: int | None = None


class FeedError(DataError):
    """A failure of a source, in a sentence without its key.

    kind : "asset" where this asset alone has no data; "later" where the same request may succeed later (a limit, a
           server that is down, a cut or slow answer), after `wait` seconds where the source says so; "source" where no
           request to it can succeed (no key, a key that is refused, a plan that does not allow it).
    """

    def __init__(self, sentence: str, kind: FaultKind = "asset", wait: float | None = None) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.wait = wait


@dataclass(frozen=True)
class Adapter(ABC):
    """A source: its limits, its key, its requests, and rows from its answers.

    limits       : the pace that it allows.
    name         : name of the source and of its store.
    key_variable : environment variable of its key, "" where it needs none.
    key_from     : the place where a user gets a key, "" where it needs none.
    key_optional : true where it also answers without its key, and gives less: the key is then "".
    browser      : true where it answers browsers alone, by their TLS.
    pages        : true where a history may be an answer of several pages (`more`).
    revises      : true where it may revise any value: an update asks for all days, and of a source that dates its
                   vintages for those that came since.
    adjustment   : adjustment of its closes: "raw" for quotes as traded, "total" for total-return closes.
    title        : its name for readers.
    alphabet     : pattern of its symbols: no other goes into an address.
    may_pass_on  : true where its terms allow a user to pass its rows on, so that tenants of a service may share a
                   store of it.
    """

    limits: RateLimits
    name: str
    key_variable: str = ""
    key_from: str = ""
    key_optional: bool = False
    browser: bool = False
    pages: bool = False
    revises: bool = False
    adjustment: str = "raw"
    title: str = ""
    alphabet: str = r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}"
    may_pass_on: bool = False

    @abstractmethod
    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        """The requests that together give the bars wanted, with their splits and dividends."""

    def more(self, wanted: Wanted, replies: Sequence[Reply], key: str) -> GetRequest | None:
        """The request of the next page, after these answers; None where they are whole."""
        return None

    @abstractmethod
    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        """Rows of `research.market.rows.price_rows`, quotes as traded, within the days wanted, finished bars alone.

        Where the source says on which day its history begins, they have it as their attribute `BEGINS`.

        Raises : FeedError in a sentence with the source, the symbol, what was found and what to do.
        """


@dataclass(frozen=True)
class SourceQuote:
    """A price of the moment: currency per unit, with the moment at which it was true and its source."""

    asset_id: str
    price: float
    at: np.datetime64
    currency: str
    source: str
