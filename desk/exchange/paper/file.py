"""`paper.sqlite`: what accounts had when they were opened, what came without an order, orders, fills, and balances.

A transaction writes an order, its fills and the balances after them, or none of them; it is on the disk when it ends.
Balances are openings, flows and fills added up: whoever adds the rows up again has the same.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from desk.exchange.paper.account import BEFORE, Account, FillEffect, Kind, Opening, PaperEvent
from desk.exchange.paper.orders import PaperOrder
from desk.exchange.venue import NotKnown, OrderState, QuotedFill, Status
from desk.journal.records import Quote
from foundation.files import locked
from foundation.sqlite_tables import connected, create, transaction
from research.orders.fills import Fill
from research.portfolio.holdings.blotter import BUY_OR_SELL

PAPER = "paper.sqlite"
PAPER_TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS openings (account TEXT, kind TEXT, item TEXT, amount TEXT NOT NULL,
    PRIMARY KEY (account, kind, item)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS flows (ticket TEXT, account TEXT, currency TEXT, amount TEXT NOT NULL,
    PRIMARY KEY (ticket, account, currency)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
    named TEXT NOT NULL, session TEXT NOT NULL, item TEXT NOT NULL, is_exchange INTEGER NOT NULL, sign INTEGER NOT NULL,
    currency TEXT NOT NULL, quantity TEXT NOT NULL, filled TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    reserved_kind TEXT NOT NULL, reserved_item TEXT NOT NULL, reserved TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS by_status ON orders (status, account);
CREATE INDEX IF NOT EXISTS by_account ON orders (account, session);
CREATE TABLE IF NOT EXISTS fills (number INTEGER PRIMARY KEY, "order" INTEGER NOT NULL REFERENCES orders,
    quantity TEXT NOT NULL, price TEXT NOT NULL, moment TEXT NOT NULL, settles TEXT NOT NULL, fees TEXT NOT NULL,
    cash TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS by_moment ON fills (moment);
CREATE TABLE IF NOT EXISTS quotes ("order" INTEGER PRIMARY KEY REFERENCES orders, bid REAL NOT NULL, ask REAL NOT NULL,
    last REAL NOT NULL, source TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS balances (account TEXT, kind TEXT, item TEXT, settles TEXT, amount TEXT NOT NULL,
    PRIMARY KEY (account, kind, item, settles)) STRICT, WITHOUT ROWID;
COMMIT;
"""
STATES = "SELECT client_id, status, filled, number, reason, session FROM orders"
FILLS = """SELECT fills.number, client_id, named, item, sign, currency, fills.quantity, price, moment, fees,
    bid, ask, last, source, moment FROM fills JOIN orders ON orders.number = fills."order"
    LEFT JOIN quotes ON quotes."order" = fills."order" WHERE moment >= ? ORDER BY moment, fills.number"""


class PlacedOutcome(NamedTuple):
    """The outcome of an order that is placed.

    status   : its status.
    filled   : units, or currency of an order in money.
    reason   : why it is refused.
    reserved : what it may still take: kind, symbol or currency, amount.
    settles  : settlement day of its fills.
    booked   : its fills.
    """

    status: Status
    filled: Decimal = Decimal()
    reason: str = ""
    reserved: tuple[Kind, str, Decimal] = ("cash", "", Decimal())
    settles: str = ""
    booked: Sequence[FillEffect] = ()


class PaperFile:
    """The open file. folder : where it is, made where it is missing. Raises NotKnown where it cannot be used."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / PAPER
        with self._reported(), locked(folder / f"{PAPER}.lock", wait=True):
            self.rows = connected(self.path)
            create(self.rows, PAPER_TABLES)

    def close(self) -> None:
        """Close it."""
        self.rows.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block whose writes are all on the disk after it, or none of them."""
        with self._reported(), transaction(self.rows):
            yield

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise NotKnown(
                f"{self.path} cannot be read or written ({error}). Free space there, or name another folder in "
                "REBALANCE_HOME."
            ) from error

    # -- accounts ------------------------------------------------------------------------------------------------------

    def knows(self, account: str) -> bool:
        """True if an account was opened."""
        with self._reported():
            row = self.rows.execute("SELECT 1 FROM openings WHERE account = ? LIMIT 1", [account]).fetchone()
        return row is not None

    def account(self, name: str, openings: Iterable[Opening], day: date) -> Account:
        """An account with what is reserved on a day; openings that it does not know are written with its changes."""
        with self._reported():
            rows = self.rows.execute("SELECT kind, item, settles, amount FROM balances WHERE account = ?", [name])
            account = Account(name, {(kind, item, settles): Decimal(amount) for kind, item, settles, amount in rows})
            reserved = self.rows.execute(
                "SELECT reserved_kind, reserved_item, reserved FROM orders WHERE status = 'open' AND account = ? AND "
                "session = ?",
                [name, str(day)],
            )
            for kind, item, amount in reserved:
                account.reserve(kind, item, Decimal(amount))
            flows = self.rows.execute("SELECT ticket, currency FROM flows WHERE account = ?", [name]).fetchall()
            (last,) = self.rows.execute("SELECT max(session) FROM orders WHERE account = ?", [name]).fetchone()
        account.last = last or ""
        known = {(kind, item) for kind, item, _ in account.balances}
        for each in openings:
            if (each.ticket, each.item) not in flows if each.ticket else (each.kind, each.item) not in known:
                account.move((each.kind, each.item, BEFORE), each.amount)
                account.opened.append(each)
        return account

    def write(self, account: Account) -> None:
        """Write what changed of an account."""
        for each in account.opened:
            place = ("flows", each.ticket, account.name) if each.ticket else ("openings", account.name, each.kind)
            self.rows.execute(f"INSERT INTO {place[0]} VALUES (?, ?, ?, ?)", [*place[1:], each.item, str(each.amount)])
        moved = [(account.name, *key, str(account.balances[key])) for key in sorted(account.changed)]
        self.rows.executemany("INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?)", moved)

    def happen(self, event: PaperEvent, accounts: Collection[str]) -> None:
        """Let an event reach those of these accounts that had units of its symbol before its day, once.

        What opens an account is of the close before its first session.
        """
        symbol, day = event.symbol, str(event.day)
        held = "SELECT account, amount FROM balances WHERE kind = 'units' AND item = ? AND settles = ?"
        since = """SELECT sign, fills.quantity FROM fills JOIN orders ON orders.number = fills."order"
            WHERE account = ? AND item = ? AND session >= ?"""
        found = self.rows.execute(held, [symbol, BEFORE]).fetchall()
        for account, amount in (row for row in found if row[0] in accounts):
            (first,) = self.rows.execute("SELECT min(session) FROM orders WHERE account = ?", [account]).fetchone()
            known = self.rows.execute(
                "SELECT 1 FROM flows WHERE ticket = ? AND account = ?", [event.name, account]
            ).fetchone()
            if known or not first or first > day:
                continue
            traded = self.rows.execute(since, [account, symbol, day]).fetchall()
            before = Decimal(amount) - sum((sign * Decimal(units) for sign, units in traded), Decimal())
            self.write(self.account(account, event.flows(account, before), event.day))

    # -- orders and fills ----------------------------------------------------------------------------------------------

    def number(self, client_id: str) -> int | None:
        """The number of an order, or None."""
        row = self.rows.execute("SELECT number FROM orders WHERE client_id = ?", [client_id]).fetchone()
        return row and int(row[0])

    def insert(self, order: PaperOrder, account: str, session: date, outcome: PlacedOutcome) -> int:
        """Write an order with its fills; gives its number."""
        kind, item, reserved = outcome.reserved
        number = self.rows.execute(
            "INSERT INTO orders VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(order.client_id, account, order.account, str(session), order.item, order.is_exchange, order.sign),
                *(order.currency, str(order.quantity), str(outcome.filled), outcome.status, outcome.reason),
                *(kind, item, str(reserved)),
            ],
        ).lastrowid
        assert number is not None
        fills = [
            (
                *(number, str(each.part.quantity), str(each.part.price), each.part.moment.isoformat()),
                *(outcome.settles, json.dumps({name: str(fee) for name, fee in each.fees.items()}), str(each.cash)),
            )
            for each in outcome.booked
        ]
        self.rows.executemany("INSERT INTO fills VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", fills)
        if outcome.booked:
            quote = outcome.booked[0].part.quote  # its fills have one price
            stated = (number, quote.bid, quote.ask, quote.last, quote.source)
            self.rows.execute("INSERT INTO quotes VALUES (?, ?, ?, ?, ?)", stated)
        return number

    def cancel(self, client_id: str, reason: str) -> None:
        """Cancel an order if it is open."""
        self.rows.execute(
            "UPDATE orders SET status = 'cancelled', reason = ? WHERE client_id = ? AND status = 'open'",
            [reason, client_id],
        )

    def states(self, day: date, where: str, *values: object) -> list[OrderState]:
        """The states of orders on a day: an order that is open from an earlier session has expired."""
        with self._reported():
            rows = self.rows.execute(f"{STATES} WHERE {where} ORDER BY number", values).fetchall()
        states = []
        for client_id, status, filled, number, reason, session in rows:
            if status == "open" and session < str(day):
                status, reason = "cancelled", f"expired: a day order of {session}"
            states.append(OrderState(client_id, status, Decimal(filled), str(number), reason))
        return states

    def fills(self, since: datetime | None, venue: str) -> list[Fill]:
        """The fills since a moment, the oldest first; those that an earlier version wrote have no quote."""
        with self._reported():
            rows = self.rows.execute(FILLS, ["" if since is None else since.isoformat()]).fetchall()
        return [
            QuotedFill(
                asset=item,
                side=BUY_OR_SELL[sign < 0],
                quantity=Decimal(quantity),
                price=Decimal(price),
                currency=currency,
                moment=datetime.fromisoformat(moment),
                fill_id=f"{client_id}-{number}",  # unique, whatever file it is in
                venue=venue,
                order_id=client_id,
                account=named,
                fees={name: Decimal(fee) for name, fee in json.loads(fees).items()},
                quote=None if quote[0] is None else Quote(*quote),
            )
            for number, client_id, named, item, sign, currency, quantity, price, moment, fees, *quote in rows
        ]
