"""The paper venue: orders a second, together and one by one, a hundred thousand of them, and kills.

The peer is plain sqlite3: as many rows of an order and of a fill in a table of the same settings (WAL, synchronous
FULL), without prices, refusals, accounts and ids. The disk sets the pace of orders one by one, so that seconds are
those of the wall.

    python -m benchmarks.paper_venue [ORDERS] [KILLS]
"""

import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import keep, machine, show, versions
from desk.exchange.paper import PaperVenue

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from journals import killed
from paper_desk import MODEL, check_replay, drawn, paper, placing

ORDERS, KILLS = 100_000, 200
LIST, SINGLE = 1_000, 200  # orders of one commit; orders placed one by one
AIM = 1_000.0  # orders a second, of lists


def plain_table(folder: Path, count: int, together: int) -> float:
    """Orders a second of a plain table, so many in one commit."""
    rows = sqlite3.connect(folder / f"plain{together}.sqlite", isolation_level=None)
    rows.execute("PRAGMA journal_mode = WAL")
    rows.execute("PRAGMA synchronous = FULL")
    rows.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, id TEXT UNIQUE, quantity TEXT)")
    rows.execute('CREATE TABLE fills (number INTEGER PRIMARY KEY, "order" INTEGER, quantity TEXT, price TEXT)')
    begun = time.perf_counter()
    for first in range(0, count, together):
        rows.execute("BEGIN IMMEDIATE")
        for k in range(first, first + together):
            rows.execute("INSERT INTO orders VALUES (NULL, ?, '10')", [f"o{k}"])
            rows.execute("INSERT INTO fills VALUES (NULL, ?, '10', '102')", [k])
        rows.execute("COMMIT")
    return count / (time.perf_counter() - begun)


def placed(venue: PaperVenue, first: int, count: int, together: int) -> float:
    """Orders a second, so many in one commit."""
    orders = [(drawn(k), f"o{k}") for k in range(first, first + count)]
    begun = time.perf_counter()
    for start in range(0, count, together):
        venue.place_all(orders[start : start + together])
    return count / (time.perf_counter() - begun)


def main(orders: int = ORDERS, kills: int = KILLS) -> None:
    """Measure, print, and keep."""
    print(f"{machine()}; {versions()}, SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with paper(folder, MODEL) as venue:
            single, many = placed(venue, orders, SINGLE, 1), placed(venue, 0, orders, LIST)
        rows = check_replay(folder, set(range(orders // 5)))
        plain = [plain_table(folder, count, together) for count, together in ((orders, LIST), (SINGLE, 1))]
        left = check_replay(folder / "killed", killed(folder / "killed", kills, work=placing))
    assert rows == orders + SINGLE
    show(
        f"The paper venue, {orders:,} orders",
        ("orders a second", "", "aim"),
        [
            (f"{LIST:,} in one commit", f"{many:,.0f}", f"{AIM:,.0f}"),
            ("plain sqlite3", f"{plain[0]:,.0f}", ""),
            ("one by one", f"{single:,.0f}", ""),
            ("plain sqlite3", f"{plain[1]:,.0f}", ""),
        ],
        [
            f"{rows:,} orders placed, {rows:,} there; units and cash are the rows added up",
            f"{kills} kills of two placing processes: {left:,} orders, none lost, doubled or half-booked",
        ],
    )
    keep("paper_venue", {"orders": orders, "together": many, "single": single, "plain": plain, "left": left})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
