"""Requests to a venue, each sent once, with its secrets in no sentence: an answer in JSON, or why there is none.

An order that is sent twice may be filled twice. So nothing is repeated here, and whatever leaves the outcome of a
request open is `NotKnown`: no answer, a part of one, a page in place of JSON, and the statuses of a server that may
have done what it was asked (408, 429, 5xx).
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Self, cast
from urllib.parse import urlencode, urlsplit

from desk.exchange.venue import NotKnown, OrderState
from desk.feeds.adapter import RateLimits
from desk.feeds.fetching import masked
from desk.feeds.pace import Clock, RequestPace
from desk.feeds.transport import UNTRUSTED, Fault, Http
from foundation.arguments import cut, shown
from foundation.errors import DataError

OPEN_OUTCOMES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)  # beside 500 and above


class VenueAnswer(NamedTuple):
    """An answer. status : of HTTP, below 500. content : its JSON, with numbers as Decimal; None without. text : it."""

    status: int
    content: Any
    text: str


class Connection:
    """A connection to one venue, for several threads.

    name      : name of the venue, with which sentences begin.
    headers   : headers of each request.
    secrets   : keys, in place of which sentences show `***`; a venue without keys is one at which a person logs in.
    limits    : the pace that the venue allows.
    clock     : clock of the pace.
    transport : sender of the requests, or None for one that verifies certificates.
    """

    def __init__(
        self,
        name: str,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        limits: RateLimits,
        clock: Clock,
        transport: Http | None = None,
    ) -> None:
        self.name, self.clock, self._headers, self._secrets = name, clock, headers, secrets
        self._pace, self._transport = RequestPace(name, limits, Path(), clock), transport or Http()

    def ask(
        self, method: str, url: str, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> VenueAnswer:
        """The answer to one request, sent once.

        params : parameters of the URL.
        body   : content, sent as JSON.
        Raises : as `send`.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        return self.send(method, f"{url}?{urlencode(params)}" if params else url, headers, content)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> VenueAnswer:
        """The answer to one request, sent once.

        Raises : NotKnown where the outcome is open; DataError for a certificate that is not valid, a redirection, and
                 keys or a login that are refused (401): the venue then did nothing.
        """
        self._pace.turn()
        reply = self._transport.send(method, url, {"Accept": "application/json", **headers, **self._headers}, body)
        place = f"{self.name} ({method} {urlsplit(url).path})"
        if isinstance(reply, Fault):
            raise (DataError if reply is UNTRUSTED else NotKnown)(f"{place} {reply.sentence}")
        text = self.public(reply.content.decode(errors="replace"))
        answer_text = f"{place} answers {reply.status}, {cut(text)!r}"
        if 300 <= reply.status < 400:
            raise DataError(f"{answer_text}: it redirects, and nothing is sent elsewhere. Correct its address.")
        if reply.status == HTTPStatus.UNAUTHORIZED:
            why = "it refuses the keys. Copy them anew, those of this address." if self._secrets else "log in there."
            raise DataError(f"{answer_text}: {why}")
        if reply.status in OPEN_OUTCOMES or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NotKnown(f"{answer_text}. Ask again later.")
        if reply.status == HTTPStatus.NO_CONTENT:
            return VenueAnswer(reply.status, None, text)
        try:
            return VenueAnswer(reply.status, json.loads(text, parse_float=Decimal), text)
        except (ValueError, RecursionError):
            raise NotKnown(f"{answer_text}, which is no JSON. Ask again later.") from None

    def public(self, text: str) -> str:
        """The text with `***` in place of each secret."""
        for secret in self._secrets:
            text = masked(text, secret)
        return text

    def close(self) -> None:
        """Close it."""
        self._transport.close()


class ConnectedVenue(ABC):
    """A venue behind a connection, to be closed, or used in a `with` block, and what is read of its answers in JSON."""

    name: str

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @abstractmethod
    def now(self) -> datetime:
        """As `Venue.now`."""

    @abstractmethod
    def state(self, client_id: str) -> OrderState | None:
        """As `Venue.state`."""

    @abstractmethod
    def _send_cancel(self, order: OrderState) -> None:
        """Ask to cancel an order, which may have ended since."""

    def cancel(self, client_id: str) -> OrderState:
        """As `Venue.cancel`: an order of which the cancellation is pending is open. Raises DataError for no order."""
        before = self.state(client_id)
        if before is None:
            raise DataError(f"{self.name} has no order {shown(client_id)} to cancel.")
        if before.status != "open":
            return before
        self._send_cancel(before)
        return self.state(client_id) or before

    def wait(self, until: datetime) -> None:
        """As `Venue.wait`."""
        while (left := (until - self.now()).total_seconds()) > 0.0:
            self._connection.clock.sleep(left)

    def _check_account(self, account: str, own: str) -> None:
        """Refuse an account that is not its own."""
        if account and account != own:
            raise DataError(
                f"orders at {self.name} are those of account {own}, and not of {shown(account)}: nothing is sent. Give "
                "the keys or the login of that account, or correct `account` under `ticket`."
            )

    def _dict(self, content: Any, what: str) -> dict[str, Any]:
        if not isinstance(content, dict):
            self._shape(what, content)
        return content

    def _list(self, rows: Any, what: str) -> list[dict[str, Any]]:
        if not isinstance(rows, list):
            self._shape(f"list of {what}", rows)
        return [self._dict(row, what) for row in rows]

    def _text(self, row: dict[str, Any], name: str) -> str:
        if not isinstance(row.get(name), str):
            self._shape(name, row)
        return cast(str, row[name])

    def _number(self, row: dict[str, Any], name: str) -> Decimal:
        try:
            number = Decimal(str(row.get(name)))
        except InvalidOperation:
            self._shape(name, row)
        if not number.is_finite():
            self._shape(name, row)
        return number

    def _shape(self, what: str, content: object) -> NoReturn:
        raise NotKnown(f"the answer of {self.name} has no {what}: found {shown(content)}. Ask again later.")
