"""The Parquet of orders: columns of one type, to the last bit, and the rest of the ticket beside them."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd
import pyarrow.parquet as pq

from desk.tickets.formats import order_parquet, ticket_json
from desk.tickets.ticket import Ticket


def check(ticket: Ticket) -> None:
    table = pq.read_table(io.BytesIO(order_parquet.write(ticket)))
    assert table.to_pylist() == [asdict(order) for order in ticket.orders]
    whole = json.loads(ticket_json.write(ticket))
    assert json.loads(table.schema.metadata[order_parquet.METADATA_KEY]) | {"orders": whole["orders"]} == whole


def test_a_list_is_read_back(lists: Sequence[Ticket]) -> None:
    for ticket in lists:
        check(ticket)


def test_columns_have_their_types_without_orders_too(real: Ticket) -> None:
    table = pd.read_parquet(io.BytesIO(order_parquet.write(real)))
    assert [str(table[name].dtype) for name in ("priority", "quantity", "limit_price")] == [
        "int64",
        "float64",
        "float64",
    ]
