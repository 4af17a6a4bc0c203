"""The files that a command takes in place of those that a portfolio file names."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foundation.arguments import refuse
from foundation.errors import ConfigError
from foundation.files import from_workbench
from foundation.table_files import plain_number
from research.portfolio.holdings.holdings import NOT_HELD
from research.portfolio.holdings.prices import OK
from research.portfolio.holdings.rates import FX_TODAY

OPTION_OF = {OK: "--accept", f"positions.{NOT_HELD}": "--not-held", "cash": "--cash"}  # by key


@contextmanager
def naming_options() -> Iterator[None]:
    """Name the option of a command in what is wrong in it, in place of the key whose value it takes."""
    try:
        yield
    except ConfigError as error:
        told = str(error)
        for key, option in OPTION_OF.items():
            told = re.sub(rf"(?m)^{re.escape(key)}: (.*) \(given beside .*?\)(?=: found)", rf"{option}: \1", told)
        if told == str(error):
            raise
        raise ConfigError(told) from error


def replaced_files(
    positions: str | Path | None = None,
    prices: str | Path | None = None,
    fx: str | None = None,
    prices_ok: str = "",
    not_held: str = "",
    cash: float | None = None,
) -> dict[str, Any]:
    """The overrides by which a portfolio file takes these for its own; "" and None leave its own.

    Paths are from the current folder, or else from the workbench's.
    positions : file of a broker.
    prices    : file of prices.
    fx        : exchange rates of today, a file of rates or pairs such as "EURUSD=1.0664,GBPUSD=1.2103".
    prices_ok : lines such as "SPY,AGG" whose prices or values are right although they are far from others.
    not_held  : assets that are in no row of the positions because they are not held.
    cash      : cash in the portfolio's currency, where the positions have no row of it.
    Raises    : ConfigError for text that is no pair with a rate, and for a pair that is there twice.

    >>> replaced_files(fx="EURUSD=1.0664,GBPUSD=1.2103")
    {'fx_today': {'EURUSD': 1.0664, 'GBPUSD': 1.2103}}
    """
    pairs = _pairs(fx) if fx and "=" in fx and not Path(fx).exists() else None
    given = {"positions.file": positions, "prices": prices, FX_TODAY: None if pairs else fx}
    files = {key: str(Path(from_workbench(path)).absolute()) for key, path in given.items() if path}
    named = {OK: prices_ok, f"positions.{NOT_HELD}": not_held}
    lines = {key: [asset.strip() for asset in text.split(",")] for key, text in named.items() if text}
    instead: dict[str, Any] = (
        {"positions.book": None} if positions else {}
    )  # a file stands before the book of the portfolio
    instead |= {} if cash is None else {"cash": cash}
    return files | instead | ({FX_TODAY: pairs} if pairs else {}) | lines


def _pairs(fx: str) -> dict[str, float]:
    """The rate of each pair of currencies."""
    found: dict[str, float] = {}
    for given in fx.split(","):
        pair, _, rate = map(str.strip, given.partition("="))
        if (value := plain_number(rate)) is None:
            refuse("fx is", fx, "write pairs with their rates, EURUSD=1.0664,GBPUSD=1.2103, or the path of a file.")
        if pair in found:
            raise ConfigError(f"fx has {pair} twice: found {found[pair]:.10g} and {value:.10g}. Keep one of the two.")
        found[pair] = value
    return found
