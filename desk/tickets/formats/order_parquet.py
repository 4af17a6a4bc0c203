"""The orders as Parquet, in the columns of the CSV with their types; the rest of the ticket is in the metadata."""

from typing import BinaryIO, get_type_hints

from desk.tickets.ticket import RatedOrder, Ticket
from foundation.canonical import canonical_json

METADATA_KEY = b"rebalance_ticket"  # of the metadata


def write(ticket: Ticket) -> bytes:
    """A row an order; under `rebalance_ticket` in the metadata the other parts of the JSON, hash included."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {int: pa.int64(), str: pa.string(), float: pa.float64(), float | None: pa.float64()}
    rest = {name: part for name, part in ticket.document.items() if name != "orders"} | {"hash": ticket.hash}
    kinds = get_type_hints(RatedOrder)
    schema = pa.schema(
        [(name, types[kinds[name]]) for name in ticket.columns], metadata={METADATA_KEY: canonical_json(rest).encode()}
    )
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(ticket.rows, schema=schema), buffer)
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such a list."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return METADATA_KEY in (pq.read_schema(file).metadata or {})
    except pa.ArrowInvalid:
        return False
