"""The rows of assets from one source: its requests are sent at its pace, and again where they may succeed later.

The address of a server in the environment variable `REBALANCE_FEEDS` stands in for all sources, such as a firm's
mirror: the request for source NAME goes to `<address>/NAME<path>`. A key comes from the environment or the system's
keyring, and is in requests alone: each sentence shows `***` in its place, and no exception holds a request.
"""

import os
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import pandas as pd

from desk.feeds.adapter import Adapter, FeedError, GetRequest, Reply, SourceQuote, Wanted
from desk.feeds.answers import retry_after
from desk.feeds.pace import Clock, RequestPace
from desk.feeds.transport import Fault, Http, Transport
from foundation.arguments import cut, refuse, shown
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError

MIRROR = "REBALANCE_FEEDS"  # environment variable: address of a server that stands in for all sources
KEYRING = "rebalance"  # service under which the system's keyring has keys, each by the name of its variable
HIDDEN_KEY = "***"
RETRY_WAITS = (1.0, 3.0, 9.0)  # seconds before each repetition, at least
JITTER = 0.5  # of a wait: the most that chance adds to it
LONGEST_PAUSE = 120.0  # seconds: a source that asks for a longer wait ends the call


@dataclass
class Fetcher:
    """A connection to one source, for several threads. Use it in a `with` block.

    folder : folder of the source's store, in which the requests of a day are counted.
    chance : generator of the jitter of repetitions.
    Raises : FeedError of kind "source" where the key is missing; ConfigError for an address that is none.
    """

    adapter: Adapter
    folder: Path
    clock: Clock = field(default_factory=Clock)
    chance: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        self.pace = RequestPace(self.adapter.name, self.adapter.limits, self.folder, self.clock)
        self._sharing, self._shared = Lock(), dict[tuple[object, ...], Reply]()
        self._key, self._mirror = source_key(self.adapter), mirror()
        own = getattr(self.adapter, "transport", None)
        self._transport: Transport = own() if own else Http(browser=self.adapter.browser)

    def rows(self, wanted: Wanted) -> pd.DataFrame:
        """Rows of an asset as `Adapter.rows` gives them. A fault that may pass is waited out, and asked again.

        Raises : FeedError without the key, the last one where repetitions do not help.
        """
        replies: list[Reply] = []
        for least in (*RETRY_WAITS, None):
            rows = self._attempt(wanted, replies)
            if not isinstance(rows, FeedError):
                return rows
            error, wait = rows, rows.wait or 0.0
            if error.kind != "later" or least is None or wait > LONGEST_PAUSE:
                break
            wait = max(wait, least) * (1.0 + JITTER * self.chance.random())
            if error.wait is not None:  # it is the source that asks for it, so for all requests
                self.pace.pause(wait)
            self.pace.wait_until(self.clock.steady() + wait)
        raise error

    def quotes(self, symbols: Mapping[str, str]) -> Sequence[SourceQuote]:
        """Quotes of the moment, as the adapter's `quotes` gives them.  symbols : by asset id.  Raises FeedError."""
        adapter: Any = self.adapter
        try:
            replies = [self.reply(request) for request in adapter.quote_requests(symbols, self._key)]
            found: Sequence[SourceQuote] = adapter.quotes(symbols, replies, self.clock.moment())
        except FeedError as error:
            raise self._public(error) from None
        return found

    def _attempt(self, wanted: Wanted, replies: list[Reply]) -> pd.DataFrame | FeedError:
        """The rows, or why there are none; `replies` holds those before a request that failed, and is empty else."""
        requests, before = list[GetRequest](), tuple[Reply, ...]()
        try:
            requests += self.adapter.requests(wanted, self._key)
            for request in requests[len(replies) :]:
                replies.append(self._shared_reply(request) if request.shared else self.reply(request))
            while True:
                before, replies[:] = tuple(replies), ()  # an answer that cannot be read is asked for again
                following = self.adapter.more(wanted, before, self._key)
                if following is None:
                    return self.adapter.rows(wanted, before, self.clock.moment())
                replies[:] = before
                replies.append(self.reply(following))
        except DataError as error:
            public = self._public(error)
            for request in requests if public.kind == "later" else ():
                if self._shared.get(request.asks) in before:  # and not a later answer to another asset
                    self._shared.pop(request.asks, None)
            return public

    def _shared_reply(self, request: GetRequest) -> Reply:
        """The answer to a request that other assets have, too, sent once."""
        with self._sharing:
            if request.asks not in self._shared:
                self._shared[request.asks] = self.reply(request)
            return self._shared[request.asks]

    def _public(self, error: DataError) -> FeedError:
        """A new error without the key: that of an adapter may show what the source repeats of it."""
        told = error if isinstance(error, FeedError) else FeedError(str(error))
        return FeedError(masked(str(told), self._key), told.kind, told.wait)

    def reply(self, request: GetRequest) -> Reply:
        """The answer to one request, in its turn, with `***` in place of the key that a source repeats.

        Raises : FeedError where there is none, and for a redirection, 429 (too many requests) and 500 or above.
        """
        self.pace.turn()
        url = urlsplit(request.url)
        if self._mirror:
            url = urlsplit(f"{self._mirror}/{self.adapter.name}{url.path}")._replace(query=url.query)
        query = "&".join(filter(None, (url.query, urlencode(request.params))))
        public = url._replace(query="", netloc=url.netloc.rpartition("@")[2]).geturl()
        place = f"{self.adapter.name} ({masked(public, request.key)})"
        address = url._replace(query=query).geturl()
        reply = self._transport.get(address, request.headers)
        if isinstance(reply, Fault):
            raise FeedError(f"{place} {reply.sentence}", reply.kind)
        if request.key:  # before any part of it is cut out: of a key that was cut nothing would be recognised
            text = masked(reply.content.decode("latin-1"), request.key)
            reply = replace(reply, content=text.encode("latin-1"))
        if 300 <= reply.status < 400:
            host = urlsplit(masked(reply.headers.get("location", ""), request.key)).hostname or "another page"
            raise FeedError(f"{place} redirects to {shown(host)}, where nothing is sent: it may have moved.", "source")
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise self._later(reply, place)
        return reply

    def _later(self, reply: Reply, place: str) -> FeedError:
        """The error of a source that answers nobody now."""
        wait = retry_after(reply, self.clock.moment())
        if wait is None and reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = self.adapter.limits.seconds
        page = reply.content.lstrip()[:1] == b"<"
        text = "" if page else cut(reply.content[:400].decode(errors="replace"))
        again = "Try again later." if wait is None else f"It can be asked again in {wait:,.0f} s."
        return FeedError(f"{place} answers {_status(reply.status)}{text and f', {text!r}'}. {again}", "later", wait)

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()


def masked(text: str, key: str) -> str:
    """The text without the key, plain or as in a URL.

    >>> masked("your API key as K1 is over its limit", "K1")
    'your API key as *** is over its limit'
    """
    for form in dict.fromkeys((key, quote(key), quote_plus(key))) if key else ():
        text = text.replace(form, HIDDEN_KEY)
    return text


def mirror() -> str:
    """The address of the server that stands in for all sources, "" for none. Raises ConfigError for no address."""
    address = os.environ.get(MIRROR, "")
    if address and not (urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname):
        public = address.rpartition("@")[2]  # without a password
        refuse(f"the environment variable {MIRROR} is", public, "give an address as http://host:port, or none.")
    return address.rstrip("/")


def source_key(adapter: Adapter) -> str:
    """The key of a source, from its environment variable or the keyring; "" where it has none and needs none.

    Raises : FeedError of kind "source", without the key, where there is none, or one that is no plain text.
    """
    if not adapter.key_variable:
        return ""
    return read_key(adapter.name, adapter.key_variable, adapter.key_from, adapter.key_optional)


def read_key(name: str, variable: str, key_from: str, optional: bool = False) -> str:
    """A key from an environment variable or the keyring, "" where there is none and it is optional.

    name     : name of what needs the key.
    variable : environment variable.
    key_from : the place where a user gets a key.
    Raises   : as `source_key`.
    """
    key = os.environ.get(variable, "").strip() or _from_keyring(variable)
    if not key and not optional:
        raise FeedError(
            f"{name} needs a key, and the environment variable {variable} has none: get one at {key_from}, and set the "
            f"variable, or keep it with `keyring set {KEYRING} {variable}`.", "source",
        )  # fmt: skip
    if not (key.isascii() and key.isprintable()):
        raise FeedError(f"the key in {variable} has characters that no key has: copy it anew.", "source")
    return key


def _from_keyring(variable: str) -> str:
    with suppress(Exception):  # no such package, no keyring on this system, or one that stays locked
        return str(import_module("keyring").get_password(KEYRING, variable) or "").strip()
    return ""


def _status(status: int) -> str:
    """A status with its name."""
    with suppress(ValueError):
        return f"{status} ({HTTPStatus(status).phrase})"
    return str(status)
