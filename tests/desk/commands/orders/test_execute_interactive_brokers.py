"""`rebalance desk execute` against a server that speaks Interactive Brokers' format: sent once, whatever gets lost."""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from commanded import FILE, TRADES, rebalance
from interactive_brokers_server import API, PAPER_ACCOUNT, InteractiveBrokers, interactive_brokers_server
from provider_server import Time
from venue_server import shared_clock

from desk.exchange import interactive_brokers
from desk.exchange.interactive_brokers import InteractiveBrokersVenue
from desk.journal import Journal, verify

QUOTES = {"SPY": ("383.40", "383.50"), "AGG": ("97.40", "97.44")}
UNITS = {"SPY": Decimal(3260), "AGG": Decimal(7460)}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[InteractiveBrokers]:
    """An account that has what the portfolio file says, on the day after its last close."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    time = Time("2022-12-30T15:00:00")
    having = {"units": dict(UNITS), "cash": {"USD": Decimal("21350.40")}, "moment": time.clock.now()}
    with interactive_brokers_server(QUOTES, **having) as found:
        monkeypatch.setenv("IB_GATEWAY", f"{found.address}{API}")
        opened = partial(InteractiveBrokersVenue, clock=shared_clock(time, found))
        monkeypatch.setattr(interactive_brokers, "InteractiveBrokersVenue", opened)
        yield found


@pytest.mark.parametrize("lost", [(), ("taken:504", "taken:HTML")])
def test_a_list_is_sent_once_and_its_fills_are_journalled_with_commissions(
    lost: tuple[str, ...], served: InteractiveBrokers, tmp_path: Path
) -> None:
    """133 SPY are sold after a question, and 721 AGG bought. The answers to the reply and to the buy may get lost."""
    made, ticket = tmp_path / "desk.yaml", tmp_path / "trades.json"
    made.write_text(f"{FILE.read_text()}\nticket: {{account: {PAPER_ACCOUNT}}}\n")
    assert rebalance(*TRADES, made, "--out", ticket).status == 0
    served.questions, served.faults = {"SPY": ("o354",)}, dict(enumerate(lost, start=1))
    words = ("--exchange", "interactive_brokers", "--yes", "--confirm", json.loads(ticket.read_text())["hash"][:8])
    done = rebalance("desk", "execute", ticket, *words)
    assert done.status == 0, done.out + done.err
    assert rebalance("desk", "execute", ticket, *words).status == 0
    assert served.units == {"SPY": 3260 - 133, "AGG": 7460 + 721}
    assert len(served.orders) == 2
    with Journal(tmp_path / "home") as journal:
        fills = [entry.record for entry in journal.entries(kind="fill")]
        assert not verify(journal).faults
    assert [(fill.symbol, fill.quantity, fill.price, fill.fee) for fill in fills] == [
        ("SPY", 133.0, 383.4, 0.35), ("AGG", 721.0, 97.44, 0.35),
    ]  # fmt: skip
