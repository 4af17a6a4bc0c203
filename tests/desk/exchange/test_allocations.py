"""The blocks of a house: what each account's cash pays of a buy, and what each gets of the fills."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.exchange.allocations import allocated, journal_allocations, payable
from desk.journal.chain import Event
from desk.journal.journal import Journal
from desk.journal.records import Allocated, Cancelled, Filled, OrderSent, Quote, Refused
from foundation.errors import DataError

DAY, BLOCK = "2023-01-03", "block"
OWN = {"filled": {"order": "a-1"}, "sold on the day": {"order": "a-2"}}  # of which account's order an event is
ROW = {"client_order_id": BLOCK, "symbol": "A", "lot": 1.0, "price": 10.0, "limit_price": None, "cost": 0.0,
       "quantity": 100.0, "settlement_date": DAY}  # fmt: skip
PARTS = [{"order": f"{name}-1", "account": name, "quantity": units} for name, units in (("a", 60.0), ("b", 40.0))]


def ticket(cash: dict[str, float] | None = None, move: float = 0.0, **row: Any) -> dict[str, Any]:
    """A block of 100 of A, 60 of it for account a and 40 for b."""
    document = {"hash": "ab" * 32, "portfolio": "house", "run": "", "currency": "USD"}
    funding = {} if cash is None else {"funding": {"cash": cash, "adverse_move": move}}
    return document | {"orders": [ROW | row], "allocations": {BLOCK: PARTS}} | funding


def fill(units: float, price: float = 10.0, fee: float = 0.0) -> tuple[str, Filled]:
    return BLOCK, Filled("paper", f"{units}", "buy", "A", units, price, "USD", fee, "USD", "")


def own(records: list[Event]) -> list[tuple[str, Any]]:
    return [(each.order, each.record) for each in records]


@pytest.mark.parametrize(
    ("fills", "got"),
    [
        pytest.param([fill(100.0, fee=1.0)], [(60.0, 600.0, 0.6), (40.0, 400.0, 0.4)], id="all"),
        pytest.param([fill(50.0, fee=0.05)], [(30.0, 300.0, 0.03), (20.0, 200.0, 0.02)], id="half"),
        pytest.param(
            [fill(2.0, 9.0), fill(2.0, 11.0)], [(2.0, 20.0, 0.0), (2.0, 20.0, 0.0)], id="mean price, whole lots"
        ),
        pytest.param([fill(1.0)], [(1.0, 10.0, 0.0)], id="one lot goes to one account"),
        pytest.param([], [], id="none"),
    ],
)
def test_fills_are_divided_by_what_each_account_lacks(
    fills: list[tuple[str, Filled]], got: list[tuple[float, float, float]]
) -> None:
    found = [record for _, record in own(list(allocated(ticket(), fills, [], {})))]
    assert [(each.quantity, each.amount, each.fee) for each in found] == got
    assert {(each.price, each.block, each.fills) for each in found} <= {(10.0, BLOCK, len(fills))}


def test_fills_are_divided_once_and_no_more_than_the_block() -> None:
    fills = [fill(50.0), fill(50.0)]
    first = own(list(allocated(ticket(), fills[:1], [], {})))
    then = own(list(allocated(ticket(), fills, first, {})))
    assert [(record.quantity, record.fills) for _, record in then] == [(30.0, 2), (20.0, 2)]
    assert list(allocated(ticket(), fills, [*first, *then], {})) == []
    assert [each.record.quantity for each in allocated(ticket(), fills[:1], [], {BLOCK: {"b-1": Decimal(50)}})] == [
        50.0
    ]
    with pytest.raises(DataError, match="paper reports fills of 51 A of block block, of which 50 are left"):
        list(allocated(ticket(), [fills[0], fill(51.0)], first, {}))


@given(st.lists(st.tuples(st.integers(1, 25), st.integers(1, 9_999), st.integers(0, 99)), min_size=1, max_size=4))
def test_units_amounts_and_fees_add_up_to_those_of_the_fills(drawn: list[tuple[int, int, int]]) -> None:
    fills = [fill(float(units), price / 100, fee / 100) for units, price, fee in drawn]
    found = [record for _, record in own(list(allocated(ticket(), fills, [], {})))]
    assert sum(each.quantity for each in found) == sum(units for units, _, _ in drawn)
    assert round(sum(each.amount for each in found), 2) == sum(units * price for units, price, _ in drawn) / 100
    assert round(sum(each.fee for each in found), 2) == sum(fee for _, _, fee in drawn) / 100


# -- what cash pays ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "ask", "largest", "units", "short"),
    [
        pytest.param(ticket({"a": 600.02, "b": 400.02}), None, 100, (60, 40), [], id="all, with two cents to round"),
        pytest.param(ticket({"a": 600.01, "b": 400.02}), None, 100, (59, 40), ["a"], id="a cent short of one"),
        pytest.param(ticket({"a": 600.02, "b": 9.0}), None, 100, (60,), ["b"], id="not one unit"),
        pytest.param(ticket({"a": -5.0, "b": 400.02}), None, 100, (None, 40), ["a"], id="overdrawn"),
        pytest.param(ticket({"a": 600.02, "b": 400.02}, 0.01), None, 100, (59, 39), ["a", "b"], id="a move against it"),
        pytest.param(ticket({"a": 600.02, "b": 400.02}, cost=100.0), None, 100, (54, 36), ["a", "b"], id="its cost"),
        pytest.param(ticket({"a": 600.02, "b": 400.02}), 12.0, 100, (50, 33), ["a", "b"], id="at a higher quote"),
        pytest.param(ticket({"a": 600.02, "b": 400.02}), 9.0, 100, (60, 40), [], id="not at a lower one"),
        pytest.param(ticket({"a": 600.02, "b": 400.02}, limit_price=10.0), 12.0, 100, (60, 40), [], id="at its limit"),
        pytest.param(ticket({"a": 600.02, "b": 400.02}, lot=25.0), 11.0, 100, (50, 25), ["a", "b"], id="in lots"),
        pytest.param(ticket({"a": 600.02, "b": 400.02}), None, 50, (30, 20), [], id="at most so many"),
        pytest.param(ticket(), None, 100, (60, 40), [], id="a list that states no cash"),
    ],
)  # fmt: skip
def test_an_account_buys_what_its_cash_pays(
    tmp_path: Path,
    document: dict[str, Any],
    ask: float | None,
    largest: int,
    units: tuple[int | None, ...],
    short: list[str],
) -> None:
    quotes = {"A": Quote(None, ask, None)} if ask else {}
    with Journal(tmp_path) as journal:
        found = payable(journal, document, BLOCK, Decimal(largest), quotes)
    wanted = {f"{name}-1": count for name, count in zip("ab", units, strict=False) if count}
    assert found == (wanted, short)


@pytest.mark.parametrize(
    ("records", "units"),
    [
        pytest.param([], {"a-1": 60, "b-1": 40}, id="nothing was sent"),
        pytest.param(["sent"], {"a-1": 40, "b-1": 30}, id="what was sent is not sent again, and its cash is kept"),
        pytest.param(["sent", "refused"], {"a-1": 60, "b-1": 40}, id="refused"),
        pytest.param(["sent", "filled"], {"a-1": 40, "b-1": 30}, id="what was filled is paid, and not kept besides"),
        pytest.param(["sent", "ended"], {"a-1": 40, "b-1": 30}, id="a rest that nobody states keeps its cash"),
        pytest.param(["sent", "cancelled"], {"a-1": 40, "b-1": 30}, id="what was cancelled keeps no cash"),
        pytest.param(["sold on the day"], {"a-1": 60, "b-1": 40}, id="a cross brings cash, and has a fee"),
    ],
)
def test_what_is_open_or_was_crossed_counts(tmp_path: Path, records: list[str], units: dict[str, int]) -> None:
    """Of the parts 20 and 10 were sent; each row has the cash for its units, and with a cent less both are short."""
    sent = {"a-1": 20.0, "b-1": 10.0}
    known = {
        "sent": OrderSent("paper", "one", "buy", "A", 30.0, "USD", "market", allocations=sent),
        "refused": Refused("no", "paper", "one"),
        "filled": Allocated("a", "buy", "A", 20.0, 10.0, 200.0, "USD", 0.0, BLOCK, 1),
        "ended": Cancelled("paper", "one", None, "end of the day"),
        "cancelled": Cancelled("paper", "one", 30.0, "end of the day"),
        "sold on the day": Allocated("a", "sell", "B", 60.0, 10.0, 600.0, "USD", 1.0, counterparty="b"),
    }
    cash = {"a": 1.02 if "sold on the day" in records else 600.02, "b": 400.02}
    if "cancelled" in records:
        cash = {"a": 400.02, "b": 300.02}
    document = ticket(cash)
    with Journal(tmp_path, user="anna") as journal:
        about = {"ticket": document["hash"], "order": BLOCK}
        journal.append([Event(known[name], **about | OWN.get(name, {})) for name in records])
        found, short = payable(journal, document, BLOCK, Decimal(100), {})
        assert (found, short) == (units, [])
        poorer = ticket({name: amount - 0.01 for name, amount in cash.items()})
        assert payable(journal, poorer, BLOCK, Decimal(100), {})[1] == ["a", "b"]


@pytest.mark.parametrize(("own", "others"), [(DAY, "2023-01-04"), ("2023-01-04", DAY)])
def test_what_another_buy_may_take_is_kept_whichever_settles_first(tmp_path: Path, own: str, others: str) -> None:
    document = ticket({"a": 600.02, "b": 400.02}, settlement_date=own)
    document["orders"].append(ROW | {"client_order_id": "other", "settlement_date": others})
    document["allocations"] = {BLOCK: PARTS, "other": [PARTS[0] | {"order": "a-2"}]}
    sent = OrderSent("paper", "one", "buy", "A", 20.0, "USD", "market", allocations={"a-2": 20.0})
    with Journal(tmp_path, user="anna") as journal:
        journal.append([Event(sent, ticket=document["hash"], order="other")])
        assert payable(journal, document, BLOCK, Decimal(100), {}) == ({"a-1": 40, "b-1": 40}, ["a"])


def test_fills_are_journalled_by_account_once_and_those_of_a_side_alone_where_asked(tmp_path: Path) -> None:
    document = ticket()
    with Journal(tmp_path, user="anna") as journal:
        journal.append([Event(fill(50.0)[1], ticket=document["hash"], order=BLOCK)])
        for sides, count in (({"sell"}, 0), ({"buy"}, 2), ({"buy", "sell"}, 2)):
            journal_allocations(journal, document, sides)
            assert len(list(journal.entries(kind=Allocated.kind))) == count
