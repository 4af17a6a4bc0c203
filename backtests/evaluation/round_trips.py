"""A policy's orders as round trips: each order that closes part of a position, against what that part had cost."""

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from foundation.dataclasses import dataclass

TRIP_COLUMNS = ("line", "closed", "units", "invested", "pnl", "return", "days")
FIGURES = ("number", "days", "won", "mean_pnl", "mean_return", "best", "worst")
RESIDUE = 1e-9  # of an order: a position on the other side that is no larger is what rounding left of a closed one


Closed = tuple[float, float, float, float, float]  # units, invested, pnl, return and days of what an order closed


@dataclass
class _Position:
    """The holding of one asset: signed units, cost a unit, fees paid for them, and their mean day."""

    units: float = 0.0
    price: float = 0.0
    fees: float = 0.0
    day: float = 0.0

    def book(self, units: float, value: float, fee: float, day: float) -> Closed | None:
        """Book an order; gives the part of the position that it closed, or None.

        units : units of the order, signed; buys positive.
        value : value of these units, currency, signed likewise.
        fee   : fee of the order, currency.
        day   : day of the order, days since 1970.
        """
        size = min(abs(units), abs(self.units))
        if self.units * units >= 0.0 or size <= RESIDUE * abs(units):
            whole = self.units + units
            self.price = (self.price * self.units + value) / whole
            self.day = (self.day * self.units + day * units) / whole
            self.units, self.fees = whole, self.fees + fee
            return None
        price, side = value / units, 1.0 if self.units > 0.0 else -1.0
        share, own, invested = size / abs(self.units), fee * size / abs(units), size * self.price
        pnl = side * size * (price - self.price) - share * self.fees - own
        closed = (size, invested, pnl, pnl / invested if invested else 0.0, day - self.day)
        self.fees *= 1.0 - share
        self.units += units
        if size < abs(units):  # past zero: the rest opens a position on the other side
            self.price, self.day, self.fees = price, day, fee - own
        return closed


@dataclass(frozen=True, eq=False)
class RoundTrips:
    """The round trips of one backtest.

    trips : a row each, in the order in which they were closed: asset, closed (date), units, invested (what those units
            had cost) and pnl (net of the fees of both ways) in currency, return (pnl over invested) and days (calendar
            days for which the units were held, on average).
    """

    trips: pd.DataFrame

    @property
    def figures(self) -> dict[str, float | None]:
        """Number, share that gained, mean days, pnl and return, and the best and worst return; None where none."""
        trips = self.trips
        if trips.empty:
            return {"number": 0} | dict.fromkeys(FIGURES[1:])
        weights = trips["invested"].to_numpy()
        return {
            "number": len(trips),
            "days": float(np.average(trips["days"], weights=weights)),
            "won": float((trips["pnl"] > 0.0).mean()),
            "mean_pnl": float(trips["pnl"].mean()),
            "mean_return": float(trips["pnl"].sum() / weights.sum()),
            "best": float(trips["return"].max()),
            "worst": float(trips["return"].min()),
        }

    def extreme(self, name: str) -> pd.Series:
        """The row of the "best" or "worst" return."""
        returns = self.trips["return"].to_numpy()
        return self.trips.iloc[int(returns.argmax() if name == "best" else returns.argmin())]


def round_trips(backtest: Backtest) -> RoundTrips:
    """Match each order that reduces a position with the average cost and the average age of the units that it closes.

    The opening trade is the first purchase. An order past zero closes the position and opens one on the other side.
    What is still held at the last close is no round trip. Orders of 1e-6 of NAV or less move the position and are not
    counted. Dividends are part of a unit's worth where they are reinvested, and left out where they are paid in cash;
    costs of holding are left out.
    Source : the averages are those of vectorbt's exit trades.
    """
    book, market = backtest.ledger, backtest.market
    days = market.dates.to_numpy().astype("datetime64[D]").astype(float)
    done = np.flatnonzero(book.booked >= 0)
    rows = np.concatenate([[backtest.first], book.booked[done]])
    units = np.vstack([book.units[0], (book.units[1:] - book.units[:-1])[done]])
    values = np.vstack([book.opening_trades, book.trades[done]])
    fees = np.vstack([book.opening_charges.sum(axis=0), book.charges[done].sum(axis=1)])
    counted = np.vstack([np.ones(len(market.assets), dtype=bool), backtest.counted[done]])
    found = []
    for i, line in enumerate(market.assets):
        held = _Position()
        for k in np.flatnonzero(units[:, i] != 0.0).tolist():
            order = (float(units[k, i]), float(values[k, i]), float(fees[k, i]), float(days[rows[k]]))
            closed = held.book(*order)
            if closed is not None and counted[k, i]:
                found.append((k, line, rows[k], *closed))
    found.sort(key=lambda trip: trip[0])
    table = pd.DataFrame([trip[1:] for trip in found], columns=list(TRIP_COLUMNS)).astype(
        dict.fromkeys(TRIP_COLUMNS[2:], float)
    )
    return RoundTrips(table.assign(closed=market.dates[table["closed"].to_numpy(dtype=np.int64)]))
