"""Bars from a tool of a server of the Model Context Protocol (MCP), whose command or URL a portfolio file states.

A command is code: it is started only for a file that is trusted. Bars are quotes as traded; a split or a dividend is
that of its row.
"""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pandas as pd

from desk.feeds.adapter import Adapter, FeedError, GetRequest, RateLimits, Reply, Wanted
from desk.feeds.answers import Asked, Bars, bar_table, market_rows, quoted
from desk.feeds.transport import ANSWER, BROKEN, CONNECT, LOCAL, TOO_SLOW, Fault, Transport
from foundation.arrays import Array
from foundation.dataclasses import dataclass

if TYPE_CHECKING:
    from research.portfolio.keys.market_keys import ToolSource

TOOL_LIMITS = RateLimits(10, 1.0)


@dataclass(frozen=True, kw_only=True)
class ToolAdapter(Adapter):
    """A tool as a source.

    source  : as the portfolio file states it.
    trusted : true if the file may start a command.
    """

    source: "ToolSource"
    trusted: bool = False
    limits: RateLimits = TOOL_LIMITS

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        """One call of the tool."""
        asked = {"symbol": wanted.symbol, "first": f"{wanted.first or ''}", "last": f"{wanted.last}"}
        given = {name: asked[what] for what, name in vars(self.source.arguments).items() if name and asked[what]}
        return [GetRequest(f"mcp://{self.source.tool}", given)]

    def transport(self) -> Transport:
        """A connection to the server. Raises FeedError where there is none, or it may be neither started nor asked."""
        if self.source.is_command and not self.trusted:
            from research.portfolio.file.document import TRUST

            fix = f"If you trust the file, set {TRUST}=1; else take a server with a URL."
            raise FeedError(f"{self.source.mcp!r} is a command that a portfolio file states. {fix}", "source")
        url = urlsplit("" if self.source.is_command else self.source.mcp)
        if url.scheme == "http" and url.hostname not in LOCAL:  # anybody on the way may change its prices
            fix = "Give an https address: only this machine is asked unencrypted."
            raise FeedError(f"{self.source.mcp!r} is not encrypted. {fix}", "source")
        return _Connected(self.source)

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        """Rows from the one list of objects in what the tool gave."""
        asked = Asked(f"tool {self.source.tool}", wanted.symbol, fetched_at)
        found = asked.json(replies[0])
        lists = [each for each in found.values() if isinstance(each, list)] if isinstance(found, dict) else []
        if len(lists) != 1:
            asked.shape("one list of rows in its structured output", found)
        rows = asked.records("list of rows", lists[0])
        names = {column: name for column, name in vars(self.source.fields).items() if name}

        def values(column: str) -> list[Any]:
            """The values of a field. Raises FeedError for a row without it."""
            name = names[column]
            for k, row in enumerate(rows):
                if name not in row:
                    there = ", ".join(map(quoted, row))
                    asked.refuse(f"row {k} has no field {name!r}, which `fields: {column}` names: it has {there}.")
            return [row[name] for row in rows]

        sessions = asked.days(values("date"))

        def column(name: str) -> Array | None:
            return asked.numbers(f"{name} ({names[name]})", values(name), sessions) if name in names else None

        def events(name: str) -> list[tuple[Any, Any]]:
            return list(zip(sessions.tolist(), values(name), strict=True)) if name in names else []

        splits, dividends = asked.splits(events("split")), asked.dividends(events("dividend"))
        bars = Bars(bar_table(sessions, column), splits, dividends, False, wanted.currency, self.name)
        return market_rows(asked, wanted, bars)


class _Connected:
    """A connection to a server of tools, for several threads."""

    def __init__(self, source: "ToolSource") -> None:
        from anyio.from_thread import start_blocking_portal
        from mcp.client import Client
        from mcp.client.stdio import StdioServerParameters

        self.source, self.open = source, ExitStack()
        command, *words = shlex.split(source.mcp)
        server = StdioServerParameters(command=command, args=words) if source.is_command else source.mcp
        try:
            self.portal = self.open.enter_context(start_blocking_portal())
            client = Client(server, read_timeout_seconds=CONNECT + ANSWER)
            self.client = self.open.enter_context(self.portal.wrap_async_context_manager(client))
        except Exception as error:
            self.open.close()
            told = f"the server of tools {source.mcp!r} cannot be reached ({type(error).__name__})"
            raise FeedError(f"{told}: correct `mcp:`, or start it.", "source") from None

    def get(self, url: str, headers: Mapping[str, str]) -> Reply | Fault:
        """The answer of the tool to the arguments in the query of a URL."""
        from mcp.shared.exceptions import MCPError
        from mcp.types import REQUEST_TIMEOUT

        call: Callable[..., Any] = self.client.call_tool
        try:
            found = self.portal.call(call, self.source.tool, dict(parse_qsl(urlsplit(url).query)), ANSWER)
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                return TOO_SLOW
            return Fault(f"is refused by the server: {quoted(error.message)}. Correct `tool:`.", "source")
        except RuntimeError as error:  # of what it gave, which its own schema does not allow
            return Fault(f"gives what it does not declare: {quoted(str(error))}.", "later")
        except Exception:
            return BROKEN
        if found.is_error:
            said = " ".join(getattr(each, "text", "") for each in found.content)
            return Fault(f"answers an error: {quoted(said)}. Correct the `symbol:` of the asset.", "asset")
        return Reply(200, json.dumps(found.structured_content).encode())

    def close(self) -> None:
        """As `Transport.close`."""
        self.open.close()
