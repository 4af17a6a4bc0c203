"""Tables of the stores of prices and of the sources that fill them."""

from contextlib import suppress
from pathlib import Path

from desk.feeds.adapter import FeedError
from desk.feeds.adapters import ADAPTERS
from desk.feeds.adapters.tool import TOOL_LIMITS
from desk.feeds.fetching import source_key
from foundation.home import home_folder
from foundation.paper.text_tables import text_table, wrapped
from research.market.store import FORMER_STORES, named_store, store_names, stores_folder


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
