"""Holdings of a portfolio file that stand in files of their own: a broker's positions, and prices."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from research.arguments import LARGEST, did_you_mean
from research.errors import ConfigError, DataError
from research.market import Market
from research.portfolio.document import Document
from research.portfolio.positions import CASH, DECLARED, IGNORE, Positions, odd_lots, read_positions
from research.portfolio.prices import Prices, read_prices

KEYS = ("file", "columns", "symbols", "decimal")
FAR = 0.1  # by which a value of a broker may differ from that at the list's price before a note says so


def given_positions(document: Document, assets: Sequence[str], basis: str) -> Positions | None:
    """The positions that `positions` names, {file: …, columns: {asset: Symbol, …}, symbols: {BRKB: BRK.B}}, or None.

    assets : lines of the portfolio.
    basis  : their currency.
    Raises : ConfigError for a key or value that is wrong, and for the mistakes of the file, all of them at once.
    """
    if not document.has("positions"):
        return None
    document.check_keys(("positions",), KEYS)
    columns, symbols = _texts(document, "columns"), _texts(document, "symbols")
    for name in columns:
        if name not in DECLARED:
            document.refuse(("positions", "columns", name), "no field of positions", name, did_you_mean(name, DECLARED))
    known = (*assets, CASH, IGNORE)
    for symbol, meant in symbols.items():
        if meant not in known:
            what = f"neither a line of the portfolio nor {CASH} or {IGNORE}"
            document.refuse(("positions", "symbols", symbol), what, meant, did_you_mean(meant, known))
    decimal = document.text("positions", "decimal") if document.has("positions", "decimal") else ""
    if decimal not in ("", ".", ","):
        document.refuse(("positions", "decimal"), "no decimal sign", decimal, "Write '.' or ','.")
    path = ("positions", "file")
    where = Path(document.file).parent / document.text(*path)
    try:
        return read_positions(where, assets, basis, columns=columns, symbols=symbols, decimal=decimal)
    except DataError as error:
        raise ConfigError(f"positions ({document.place(path)}): {error}") from error


def given_prices(document: Document, market: Market, assets: Sequence[str], basis: str) -> Prices | None:
    """The prices of the file that `prices` names, from the folder of the portfolio file, or None.

    market : that has the lines.
    assets : lines of the portfolio.
    basis  : their currency.
    Raises : ConfigError for the mistakes of the file, all of them at once.
    """
    if not document.has("prices"):
        return None
    where = Path(document.file).parent / document.text("prices")
    try:
        return read_prices(where, market.select(assets), basis)
    except DataError as error:
        raise ConfigError(f"prices ({document.place(('prices',))}): {error}") from error


def held_by(document: Document, positions: Positions, asset: str, price: float) -> tuple[float, float]:
    """(units, value) of a line by its positions; units are NaN for a line without a price.

    Raises : ConfigError for a line that has neither a price nor a value in the file.
    """
    units, path = positions.units.get(asset, 0.0), ("positions", "file")
    if np.isnan(price) and units:
        if asset not in positions.values:
            what = f"{asset} has no quote, and {positions.file} has no value of it"
            document.refuse(path, what, units, "Declare the column of values, or give a price file, `prices`.")
        return np.nan, positions.values[asset]
    if np.isnan(price):
        return np.nan, 0.0
    if units * price > LARGEST:
        what = f"{asset} is worth {units * price:g} at its price of {price:g}"
        document.refuse(path, what, units, f"Give units that are worth at most {LARGEST:g}.")
    return units, units * price


def cash_of(document: Document, positions: Positions | None) -> float:
    """Cash by the positions, else by `cash`, currency.

    Raises : ConfigError where neither says it, and where it is negative.
    """
    found = None if positions is None else positions.total_cash
    if positions is None or found is None:
        if positions is not None and not document.has("cash"):
            what = f"{positions.file} has no row of cash"
            document.refuse(("cash",), what, None, "Add `cash:` to the portfolio file, 0 where there is none.")
        return document.number("cash", at_least=0.0)
    if found < 0.0:
        what = f"{positions.file} has negative cash, which a portfolio does not hold"
        document.refuse(("positions", "file"), what, round(found, 2), "Pay the debt, or correct the rows of cash.")
    return found


def holding_notes(
    document: Document, market: Market, positions: Positions | None, prices: Prices | None
) -> tuple[str, ...]:
    """What a reader must know of holdings and prices that come from files.

    market : of the lines, with the lots of the portfolio.
    """
    notes = () if prices is None else prices.notes
    if positions is None:
        return notes
    of_positions = list(positions.notes)
    if lacking := [asset for asset in market.assets if asset not in positions.units]:
        of_positions.append(f"{positions.file} does not hold {', '.join(lacking)}: zero units are taken.")
    if positions.total_cash is None:
        of_positions.append(f"{positions.file} has no row of cash: that of the portfolio file is taken.")
    quoted = ~np.isnan(market.prices[-1] if prices is None else prices.per_unit)
    per_unit = dict(zip(market.assets, market.prices[-1] if prices is None else prices.per_unit, strict=True))
    of_positions += [
        f"{positions.file}, row {held.row}: {held.asset} is worth {held.value:,.2f} there, and "
        f"{held.units * per_unit[held.asset]:,.2f} at the price of this list: check its units and its price."
        for held in positions.held
        if held.value is not None and abs(held.units * per_unit[held.asset] - held.value) > FAR * abs(held.value)
    ]
    lots = {asset: float(lot) for asset, lot, known in zip(market.assets, market.lots, quoted, strict=True) if known}
    units = {asset: held for asset, held in positions.units.items() if asset in lots}
    return (*of_positions, *odd_lots(units, lots), *notes)


def _texts(document: Document, key: str) -> dict[str, Any]:
    """A mapping of texts below `positions`, empty without the key."""
    if not document.has("positions", key):
        return {}
    return {name: document.text("positions", key, name) for name in document.mapping("positions", key)}
