"""Delisting: an asset is halted at its last price until a stated date and return, and is then paid out in cash.

An asset that has stopped without one is found by its returns.
"""

from dataclasses import replace

import numpy as np

from foundation.arrays import Array, Mask
from foundation.errors import DataError
from foundation.paper.wording import percent
from foundation.tolerances import RETURNS
from research.market.instruments import OFFER, checked_instruments
from research.market.market import Market, Past
from research.market.notes import Day, Note

QUIET_DAYS, QUIET_ROWS = 35, 3  # days, and rows where these are rarer, without a move after which an asset has stopped


def delist(market: Market, asset: str, date: Day, delisting_return: float | None = None) -> Market:
    """The market in which an asset, halted to its end, is delisted on a date; see the convention of `Market`.

    market : market in which the asset is halted to the end.
    asset  : the asset.
    date   : the first day on which it is not listed; booked on the first session on or after it.
    delisting_return : fraction of the last mark, from -1 on; without a default. `SHUMWAY` (-0.30) is the mean that
        Shumway (1997, The Delisting Bias in CRSP Data) found for performance delistings on the NYSE and AMEX.
    Raises : DataError for an unknown asset, one that was delisted already or trades on or after the date, for a date
             after the market's end, and for a missing return, or one below -1.
    """
    where = f"in market {market.name!r}"
    if asset not in market.assets:
        raise DataError(f"unknown asset {asset!r} {where}: it has {', '.join(market.assets)}. Correct the name.")
    if delisting_return is None:
        raise DataError(f"delisting_return of {asset} {where}: found None. {OFFER}")
    i, columns = market.assets.index(asset), ["delisted", "delisting_return"]
    if market.instruments[columns[0]].notna().iloc[i]:
        left = market.instruments[columns[0]].iloc[i]
        raise DataError(f"{asset} {where} has left already: found {left:%Y-%m-%d}. Change it in its instruments.")
    stated = market.instruments.astype(dict.fromkeys(columns, object))
    stated.loc[asset, columns] = [date, delisting_return]
    stated = checked_instruments(stated, f"market {market.name!r}")
    day = stated["delisted"].to_numpy().astype("datetime64[D]")[i]
    if day > market.days[-1]:
        raise DataError(
            f"delisted of {asset} {where}: found {day}, after its end, {market.days[-1]}. Correct the date."
        )
    row = int(np.searchsorted(market.days, day))
    returns = np.array(market.returns)
    returns[row, i] = stated["delisting_return"].iloc[i]
    gone = replace(market, instruments=stated, returns=returns)  # which checks the date against the last trade
    last = int(np.flatnonzero(market.tradable[:, i])[-1])
    own = [note for note in market.notes if note.assets == (asset,) and note.first is not None]
    of_silence = [note for note in own if note.first > market.days[last]]
    kept = [note for note in market.notes if note not in of_silence]
    return replace(gone, notes=(*kept, exit_note(asset, market.days[last], market.days[row], returns[row, i])))


def exit_note(asset: str, last: np.datetime64, booked: np.datetime64, delisting_return: float) -> Note:
    """The note about a delisting, from the day on which it is booked.

    asset  : the asset.
    last   : its last day of trading.
    booked : the session of its delisting.
    delisting_return : fraction of the last mark.
    """
    fall = percent(delisting_return, signed=True)
    text = f"{asset} is delisted: {fall} on its last price, of {last}, is booked on {booked}."
    return Note(text, [asset], first=booked, last=booked)


def stopped(past: Past) -> dict[str, np.datetime64]:
    """The listed assets that have stopped, and the last day on which each moved; none that has never moved.

    An asset has stopped if it had no move, or no price, on the last rows. The longest time that a traded asset stood
    still in the data of the house is 8 days, a fund that is valued once a month stands still for up to 34, and the
    market of some country is closed for 11.
    """
    rows = quiet_rows(past)
    still = past.listed[-1] & ~own_moves(past.returns[-rows:], past.tradable[-rows:]).any(axis=0)
    moves = {line: own_moves(past.returns[:, line], past.tradable[:, line]).nonzero()[0] for line in still.nonzero()[0]}
    return {past.assets[line]: past.days[rows[-1]] for line, rows in moves.items() if len(rows)}


def moving(past: Past) -> Mask:
    """(n,) true for the assets that have not `stopped`."""
    still = stopped(past)
    return np.array([asset not in still for asset in past.assets])


def own_moves(returns: Array, tradable: Mask) -> Mask:
    """Whether an asset moved by a price of its own: a halted one moves with its currency alone."""
    return (np.abs(returns) > RETURNS) & tradable


def quiet_rows(past: Past) -> int:
    """The rows of the last days without a move after which an asset has stopped."""
    return max(int((past.days[-QUIET_DAYS:] > past.days[-1] - np.timedelta64(QUIET_DAYS, "D")).sum()), QUIET_ROWS)
