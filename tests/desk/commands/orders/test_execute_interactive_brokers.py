"""`rebalance desk execute` against a server that speaks Interactive Brokers' format: sent once, whatever gets lost."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import pytest
from commanded import FILE, TRADES, Done, rebalance
from interactive_brokers_server import API, PAPER_ACCOUNT, InteractiveBrokers, interactive_brokers_server
from provider_server import Time
from venue_server import shared_clock

from desk.exchange import interactive_brokers
from desk.exchange.interactive_brokers import InteractiveBrokersVenue
from desk.journal import Journal, verify

QUOTES = {"SPY": ("383.40", "383.50"), "AGG": ("97.40", "97.44")}
FOUR_DAYS = 4 * 86_400.0  # seconds, from Friday to the next session, after New Year
LIMIT = {"order_type": "limit", "collar_bps": 100}
UNITS = {"SPY": Decimal(3260), "AGG": Decimal(7460)}


@pytest.fixture
def time() -> Time:
    return Time("2022-12-30T15:00:00")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, time: Time) -> Iterator[InteractiveBrokers]:
    """An account that has what the portfolio file says, on the day after its last close."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    having = {"units": dict(UNITS), "cash": {"USD": Decimal("21350.40")}, "moment": time.clock.now()}
    with interactive_brokers_server(QUOTES, **having) as found:
        monkeypatch.setenv("IB_GATEWAY", f"{found.address}{API}")
        opened = partial(InteractiveBrokersVenue, clock=shared_clock(time, found))
        monkeypatch.setattr(interactive_brokers, "InteractiveBrokersVenue", opened)
        yield found


def sending(folder: Path, **terms: object) -> Callable[[], Done]:
    """The command that sends a list of today. terms : of its ticket, besides the account."""
    made, ticket = folder / "desk.yaml", folder / "trades.json"
    made.write_text(f"{FILE.read_text()}\nticket: {json.dumps({'account': PAPER_ACCOUNT, **terms})}\n")
    assert rebalance(*TRADES, made, "--out", ticket).status == 0
    words = ("--exchange", "interactive_brokers", "--confirm", json.loads(ticket.read_text())["hash"][:8])
    return partial(rebalance, "desk", "execute", ticket, *words)


@pytest.mark.parametrize("lost", [(), ("taken:504", "taken:HTML")])
def test_a_list_is_sent_once_and_its_fills_are_journalled_with_commissions(
    lost: tuple[str, ...], served: InteractiveBrokers, tmp_path: Path
) -> None:
    """133 SPY are sold after a question, and 721 AGG bought. The answers to the reply and to the buy may get lost."""
    execute = sending(tmp_path)
    served.questions, served.faults = {"SPY": ("o354",)}, dict(enumerate(lost, start=1))
    done = execute()
    assert done.status == 0, done.out + done.err
    assert execute().status == 0
    assert served.units == {"SPY": 3260 - 133, "AGG": 7460 + 721}
    assert len(served.orders) == 2
    with Journal(tmp_path / "home") as journal:
        fills = [entry.record for entry in journal.entries(kind="fill")]
        assert not verify(journal).faults
    assert [(fill.symbol, fill.quantity, fill.price, fill.fee) for fill in fills] == [
        ("SPY", 133.0, 383.4, 0.35), ("AGG", 721.0, 97.44, 0.35),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "parts", "by_hand", "ends"),
    [
        (LIMIT, 1, False, [(133.0, "it ended with its day"), (721.0, "it ended with its day")]),
        (LIMIT, 1, True, [(133.0, "it is Cancelled at IB"), (721.0, "it ended with its day")]),
        ({}, 7, False, [(114.0, "it ended with its day"), (618.0, "it ended with its day")]),  # a part of 7 came
        ({}, 1, False, []),
    ],
)
def test_what_is_left_of_an_order_for_the_day_is_cancelled_in_the_next_session(
    terms: Any, parts: int, by_hand: bool, ends: list[Any], served: InteractiveBrokers, time: Time, tmp_path: Path
) -> None:
    served.cash["USD"] += 100_000
    served.parts, served.thin = parts, ("SPY", "AGG") if parts > 1 else ()
    execute = sending(tmp_path, **terms)
    execute()
    if by_hand:
        served.orders[0]["status"] = "Cancelled"
        execute()
    served.begin_session()
    time.move(FOUR_DAYS)
    for done in (execute(), execute()):
        assert done.status == 0, done.out + done.err
        assert "No order is open." in done.out
    with Journal(tmp_path / "home") as journal:
        records = [entry.record for entry in journal.entries(kind="cancellation")]
        assert not verify(journal).faults
    assert [(each.quantity, each.reason) for each in records] == ends
    assert len(served.bodies) == 2


def test_an_order_of_this_session_that_is_not_listed_is_not_known(served: InteractiveBrokers, tmp_path: Path) -> None:
    execute = sending(tmp_path)
    assert execute().status == 0
    served.begin_session()
    done = execute()
    assert done.status == 1
    assert "it took the order, and no longer has it. Look for it there" in " ".join(done.out.split())


def test_an_order_without_an_answer_that_was_filled_is_not_sent_in_the_next_session(
    served: InteractiveBrokers, time: Time, tmp_path: Path
) -> None:
    execute = sending(tmp_path)
    served.faults, served.silent_from = {0: "taken:504"}, 1
    assert execute().status == 1
    served.begin_session()
    served.silent_from = inf
    time.move(FOUR_DAYS)
    execute()
    with Journal(tmp_path / "home") as journal:
        assert [entry.record.quantity for entry in journal.entries(kind="fill")] == [133.0]
        assert [entry.record.reference for entry in journal.entries(kind="acknowledgement")] == [""]
    assert [body["side"] for body in served.bodies] == ["SELL"]
