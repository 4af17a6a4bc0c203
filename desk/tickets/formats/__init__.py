"""The files of a ticket: one table from endings to formats, and one module a format."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from desk.tickets.formats import alpaca, fix, ib_basket, oms, order_csv, order_parquet, printed, ticket_json, workbook
from desk.tickets.ticket import Ticket
from foundation.errors import ConfigError
from foundation.files import write_whole


class TicketFormat(NamedTuple):
    """A format of a ticket.

    write   : function that gives the bytes of a file; raises ConfigError for an order that the format cannot carry.
    is_ours : function that is true if an open file holds a ticket in this format, which another may replace.
    """

    write: Callable[[Ticket], bytes]
    is_ours: Callable[[BinaryIO], bool]


FORMATS = {
    ".csv": TicketFormat(order_csv.write, order_csv.is_ours),
    ".json": TicketFormat(ticket_json.write, ticket_json.is_ours),
    ".parquet": TicketFormat(order_parquet.write, order_parquet.is_ours),
    ".xlsx": TicketFormat(workbook.write, workbook.is_ours),
    ".html": TicketFormat(printed.write, printed.is_ours),
    ".fix": TicketFormat(fix.write, fix.is_ours),
    ".ib.csv": TicketFormat(ib_basket.write, ib_basket.is_ours),
    ".oms.csv": TicketFormat(oms.write, oms.is_ours),
    ".alpaca.json": TicketFormat(alpaca.write, alpaca.is_ours),
}


def format_of(subject: str, path: str | Path) -> TicketFormat:
    """The format that the ending of a file's name says, the longest of `FORMATS` that fits.

    subject : the parameter, which begins the sentence of an error.
    Raises  : ConfigError for another ending.
    """
    name = f".{Path(path).name.lower()}"
    fitting = [ending for ending in FORMATS if name.endswith(ending)]
    if not fitting:
        raise ConfigError(
            f"{subject} is {str(path)!r}, whose ending is that of no format: use {', '.join(FORMATS)}, such as "
            "trades.csv."
        )
    return FORMATS[max(fitting, key=len)]


def is_plain_csv(path: str) -> bool:
    """True for a CSV of orders, and false for one of the forms of brokers, such as `.oms.csv`."""
    return format_of("out", path) is FORMATS[".csv"]


def is_ticket_json(path: str) -> bool:
    """True for the whole ticket as JSON, and false for the form of a broker, such as `.alpaca.json`."""
    return format_of("out", path) is FORMATS[".json"]


def write_ticket(ticket: Ticket, path: str | Path) -> Path:
    """Write a ticket in the format of the path's ending, whole or not at all; gives the path.

    Raises : ConfigError for an ending of no format, and for an order that the format cannot carry.
    """
    return write_whole(path, format_of("path", path).write(ticket))
