"""Tickets that two processes send at once, each of which is killed at drawn moments and goes on."""

import os
import random
import signal
import time
import traceback
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import yaml
from executed import replayed

from benchmarks.trades import write_model
from desk.commands.orders import book as books
from desk.commands.orders.execute import Asked, ready
from desk.commands.orders.trades import save_trades
from desk.exchange.paper import PaperVenue
from desk.journal import Journal, verify
from desk.tickets.formats.ticket_json import read_ticket_file
from foundation.errors import ConfigError
from research.orders import Request, trade_list
from research.portfolio import load_portfolio
from research.portfolio.holdings.book_file import read_book

LINES, PRICES = 30, "prices-30.csv"
FIRST_DAYS = 400  # rows of the prices of the first list, which fills on the next day: each has two days more
LONGEST = 0.3  # seconds between two kills


def opened(folder: Path) -> tuple[Path, dict[str, Decimal], Decimal]:
    """A portfolio of thirty assets with an open book; gives its file, and the units and cash that it begins with."""
    file = write_model(folder, LINES)
    (folder / PRICES).rename(folder / "all.csv")
    show_days(folder, 0)
    content = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(content | {"cash": 1_000_000.0}, sort_keys=False))
    holder = books.open_from(file, "desk")[0].holders[0]
    return file, dict(holder.units), holder.cash["USD"]


def show_days(folder: Path, seed: int) -> None:
    """Write the prices up to the day of a list."""
    rows = (folder / "all.csv").read_text().splitlines()
    (folder / PRICES).write_text("\n".join([*rows[: FIRST_DAYS + 2 * seed], ""]))


def ticket_to(file: Path, seed: int) -> Path:
    """A list to drawn targets, from what the book holds, on a day of its own."""
    show_days(file.parent, seed)
    content = yaml.safe_load(file.read_text())
    weights = np.round(np.random.default_rng(seed).dirichlet(np.full(LINES, 20.0)), 6)
    weights[-1] = round(1.0 - float(weights[:-1].sum()), 6)
    for line, weight in zip(content["lines"].values(), weights, strict=True):
        line.pop("shares", None)
        line["target"] = float(weight)
    content.pop("cash", None)
    content["positions"] = {"book": "desk"}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    portfolio = load_portfolio(file)
    listed = trade_list(portfolio, portfolio.policies["band"], request=Request(to_target=True))
    path = file.with_name(f"{seed}.json")
    save_trades(listed, [str(path)])
    return path


def start(ticket: Path) -> int:
    """A process that sends a ticket, as soon as no other does."""
    if process := os.fork():
        return process
    status = 1
    try:
        while status:
            try:
                with ready(Asked(ticket, ["paper"])) as ((prepared,), *_):
                    assert not prepared.faults, prepared.faults
                    list(prepared.send())
                status = 0
            except ConfigError as error:
                if "another process" not in str(error):
                    raise
                time.sleep(0.002)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def killed(ticket: Path, kills: int, rng: random.Random) -> None:
    """Send a ticket from two processes, one or the other of which is killed so many times, and starts again."""
    running = [start(ticket), start(ticket)]
    for _ in range(kills):
        time.sleep(rng.uniform(0.0, LONGEST))
        which = rng.randrange(2)
        os.kill(running[which], signal.SIGKILL)
        os.waitpid(running[which], 0)
        running[which] = start(ticket)
    assert [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in running] == [0, 0]


def check_nothing_lost_or_doubled(folder: Path, units: dict[str, Decimal], cash: Decimal, tickets: list[Path]) -> int:
    """Every order was sent and filled once; paper and book hold what the fills of the journal make of the beginning.

    units, cash : before the first ticket. Gives the number of orders.
    """
    documents = [read_ticket_file(path) for path in tickets]
    orders = [row["client_order_id"] for document in documents for row in document["orders"]]
    with Journal(folder) as journal:
        assert not verify(journal).faults
        found = Counter((entry.kind, entry.order) for entry in journal.entries() if entry.order)
        moved, paid = replayed(journal)
    assert found == Counter({(kind, order): 1 for kind in ("order", "acknowledgement", "fill") for order in orders})
    after = {name: held + moved.get(name, 0) for name, held in units.items()}
    with PaperVenue.for_ticket(documents[-1], folder=folder) as venue:
        assert venue.cash("") == {"USD": cash + paid}
        assert {name: held for name, held in venue.units("").items() if held} == {n: u for n, u in after.items() if u}
    book = read_book("desk")
    assert (dict(book.holders[0].units), book.holders[0].cash["USD"]) == (after, cash + paid)
    assert len(book.blotter.fills) == len(orders)
    return len(orders)
