"""What journalled orders cost: seconds from a journal of 10,000 orders to its report, its page, table and picture.

Each order has a list, a sending, and two fills with their quotes. Seconds are the processor's, the best of `ROUNDS`.

    python -m benchmarks.tca [ORDERS]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import keep, machine, show, versions
from desk.journal.journal import Journal
from desk.tca.orders import read_orders
from desk.tca.page import report_html
from desk.tca.report import Report
from desk.tca.text import report_text
from foundation.paper.formats import csv_text

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from order_events import executed, listed, made, quote

ORDERS, A_DAY = 10_000, 100  # orders, and orders a day, each of another asset
ROUNDS, AIM = 3, 2.0  # of measurements; seconds from the journal to the report


def fill_journal(journal: Journal, orders: int) -> None:
    """Journal lists of `A_DAY` orders, sent and filled in two parts."""
    for d in range(orders // A_DAY):
        day, ticket = f"{2000 + d // 336}-{1 + d // 28 % 12:02d}-{1 + d % 28:02d}", f"{d:064d}"
        of_day = [listed(f"{d}-{k}", ("buy", "sell")[k % 2], f"S{k:02d}", 100.0, 10.0 + k) for k in range(A_DAY)]
        events = [made(ticket, *of_day)]
        for k, order in enumerate(of_day):
            price = 10.0 + k + 0.01 * (d % 3)
            at = quote(price - 0.01, price + 0.01, f"{day}T15:00:00Z")
            fills = [(50.0, price + 0.01, at), (50.0, price, at)]
            events += executed(order, ticket, at, fills, day=day, fee=0.05)
        journal.append(events)


def best(call: Callable[[], object]) -> float:
    """Processor seconds of a call, the least of some rounds."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        call()
        seconds.append(time.process_time() - begun)
    return min(seconds)


def main(orders: int = ORDERS) -> None:
    """Measure, print, and keep."""
    print(f"{machine()}; {versions()}")
    with tempfile.TemporaryDirectory() as place, Journal(Path(place)) as journal:
        fill_journal(journal, orders)
        report = Report(read_orders(journal).table)
        assert len(report.orders) == orders
        calls: dict[str, Callable[[], object]] = {
            "journal to report in text": lambda: report_text(Report(read_orders(journal).table)),
            "of it, reading the journal": lambda: read_orders(journal),
            "page": lambda: report_html(report),
            "table": lambda: csv_text(report.orders),
        }
        found = {name: best(call) for name, call in calls.items()}
    aims = {"journal to report in text": f"{AIM * orders / ORDERS:.2g}"}
    rows = [(name, f"{seconds:.2f}", aims.get(name, "")) for name, seconds in found.items()]
    show(f"What {orders:,} orders cost, seconds", ("", "", "aim"), rows, [])
    keep("tca", {"orders": orders, "seconds": found})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
