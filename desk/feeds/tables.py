"""Tables of the stores of prices and of the sources that fill them."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from desk.feeds.adapter import FeedError, Wanted
from desk.feeds.adapters import ADAPTERS
from desk.feeds.adapters.tool import TOOL_LIMITS
from desk.feeds.fetching import Fetcher, source_key
from desk.feeds.pace import Clock
from foundation.files import work_folder
from foundation.home import home_folder
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import counted
from research.market.store import FORMER_STORES, named_store, store_names, stores_folder

TRIED_SYMBOLS = {  # by source, the symbol that it is tried with
    "stooq": "spy.us", "fred": "DGS10", "nasdaq_data_link": "SHARADAR/SFP/SPY", "coinbase": "BTC/USD",
    "kraken": "BTC/USD", "binance": "BTC/EUR",
}  # fmt: skip
TRIED_ELSEWHERE, TRIED_DAYS = "SPY", timedelta(days=10)


def stores_text() -> str:
    """A table of all stores: what they hold, how much, and to when."""
    rows = [["store", "assets", "rows", "first", "last", "quotes"]]
    for name in store_names():
        store = named_store(name)
        span = store.span(store.assets())
        days = ["", ""] if span is None else [str(span[0]), str(span[1])]
        rows.append([name, f"{len(store.assets()):,}", f"{store.size:,}", *days, store.about.get("adjustment", "")])
    if len(rows) == 1:
        return (
            "No store yet: `rebalance data fetch FILE` makes one, and so does `rebalance data import TABLE --as NAME`."
        )
    return text_table(rows, left=1, last_left=True) + f"\n\n{_where_text(stores_folder())}"


def _where_text(folder: Path) -> str:
    """A sentence on the folder of the stores, with how to move one of the workbench to the person's own."""
    if folder != FORMER_STORES:
        return f"They are in {folder}."
    return wrapped(
        f"They are in {folder}, of this workbench. Move that folder to {home_folder() / 'prices'}, and every workbench "
        "finds them."
    )


def sources_text() -> str:
    """A table of the sources: their keys, whether one is there, and their limits."""
    rows = [["source", "pace", "key"]]
    for name, adapter in ADAPTERS.items():
        limits = adapter.limits
        a_day = "" if limits.a_day is None else f", {limits.a_day:,} a day"
        key = ""
        with suppress(FeedError):
            key = source_key(adapter)
        there = "set" if key else f"not set; from {adapter.key_from}"
        told = f"{adapter.key_variable} ({there})" if adapter.key_variable else "none needed"
        rows.append([name, f"{limits.requests:,} in {limits.seconds:g} s{a_day}", told])
    pace = f"{TOOL_LIMITS.requests:,} in {TOOL_LIMITS.seconds:g} s"
    rows.append(["{mcp: …, tool: …, fields: …}", pace, "none needed: a server of tools that the file names"])
    return text_table(rows, left=1, last_left=True, width=None)  # names are what a file states


def tried_sources(clock: Clock | None = None) -> tuple[str, bool]:
    """The answer of each source to one request, for the last days of a known asset; true where one cannot be used.

    An answer of another shape than the one that its adapter was written for is refused, as in each fetch. A source
    without its key is not asked.
    """
    clock = clock or Clock()
    rows, is_failed, today = [["source", "asked for", "answer"]], False, clock.now().date()
    for name, adapter in ADAPTERS.items():
        symbol = TRIED_SYMBOLS.get(name, TRIED_ELSEWHERE)
        try:
            source_key(adapter)
        except FeedError:
            rows.append([name, symbol, f"not asked: {adapter.key_variable} is not set"])
            continue
        try:
            with work_folder() as folder, Fetcher(adapter, folder, clock) as fetcher:
                found = fetcher.rows(Wanted(symbol, symbol, today - TRIED_DAYS, today))
            told = f"{counted(len(found), 'row')} up to {found.session.max():%Y-%m-%d}" if len(found) else "no rows"
            is_failed |= found.empty
        except FeedError as error:
            told, is_failed = str(error), True
        rows.append([name, symbol, told])
    return text_table(rows, left=2, last_left=True, width=None), is_failed
