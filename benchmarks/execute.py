"""`rebalance desk execute`: a list of thirty orders from the shell, and kills of two processes that send lists.

Thirty assets with simulated prices and a book, each list to other drawn targets; the paper venue fills at the prices of
the list. What was sent, filled and booked is held to an independent sum of the journal's fills.

    python -m benchmarks.execute [ROUNDS] [KILLS]
"""

import os
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.start import command
from benchmarks.timing import keep, machine, show, versions
from desk.tickets.formats.ticket_json import read_ticket_file

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from killed_executions import check_nothing_lost_or_doubled, killed, opened, ticket_to

ROUNDS, KILLS, KILLS_A_LIST = 11, 200, 6
AIM = 2.0  # seconds from the shell


def from_the_shell(folder: Path, rounds: int) -> tuple[np.ndarray, int]:
    """(2,) seconds of `rebalance desk execute` and of the processor, medians; and the orders of the smallest list."""
    file, units, cash = opened(folder)
    tickets, seconds = list[Path](), list[np.ndarray]()
    for seed in range(rounds + 1):
        tickets.append(ticket_to(file, seed))
        confirm = read_ticket_file(tickets[-1])["hash"][:8]
        seconds.append(command("desk", "execute", str(tickets[-1]), "--exchange", "paper", "--confirm", confirm))
    check_nothing_lost_or_doubled(folder, units, cash, tickets)
    return np.median(seconds[1:], axis=0), min(len(read_ticket_file(path)["orders"]) for path in tickets)


def with_kills(folder: Path, kills: int) -> int:
    """Orders that two processes sent, of which one or the other was killed so many times."""
    (file, units, cash), tickets, rng = opened(folder), list[Path](), random.Random(1)
    for seed in range(-(-kills // KILLS_A_LIST)):
        tickets.append(ticket_to(file, seed))
        killed(tickets[-1], min(KILLS_A_LIST, kills - seed * KILLS_A_LIST), rng)
    return check_nothing_lost_or_doubled(folder, units, cash, tickets)


def main(rounds: int = ROUNDS, kills: int = KILLS) -> None:
    """Measure, print, and keep."""
    print(f"{machine()}; {versions('pandas', 'numba')}")
    found = list[object]()
    for measure, count in ((from_the_shell, rounds), (with_kills, kills)):
        with tempfile.TemporaryDirectory() as place:
            os.environ["REBALANCE_HOME"] = place
            found.append(measure(Path(place), count))
    (seconds, orders), sent = found  # type: ignore[misc]
    show(
        f"`rebalance desk execute`, lists of {orders} and more orders",
        ("", "seconds", "processor seconds", "aim"),
        [("from the shell, checks, journal, paper and book", f"{seconds[0]:.2f}", f"{seconds[1]:.2f}", f"{AIM:g}")],
        [f"{kills} kills of two processes that send {sent:,} orders: none lost, none doubled, none half booked"],
    )
    keep("execute", {"seconds": list(seconds), "orders": orders, "kills": kills, "sent": sent})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
