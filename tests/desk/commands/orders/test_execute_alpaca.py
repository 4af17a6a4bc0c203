"""`rebalance desk execute` against a server that speaks Alpaca's format: sent, filled, journalled, not sent again."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from math import inf
from pathlib import Path

import pytest
from alpaca_server import ACCOUNT, KEYS, Alpaca, alpaca_server
from commanded import FILE, TRADES, Done, rebalance
from provider_server import Time

from desk.commands.cycle.cycle import make_cycle
from desk.commands.orders.execute import Asked, ready
from desk.exchange import alpaca
from desk.exchange.alpaca import AlpacaVenue
from desk.journal import Journal, verify
from research.portfolio.holdings.book_file import read_book


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Alpaca]:
    """An account that has what the portfolio file says, at the open of the day after its last close."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    for name, key in KEYS.items():
        monkeypatch.setenv(name.replace("-", "_"), key)
    quotes, units = (
        {"SPY": ("383.40", "383.50"), "AGG": ("97.40", "97.44")},
        {"SPY": Decimal(3260), "AGG": Decimal(7460)},
    )
    with alpaca_server(quotes, cash=Decimal("21350.40"), units=units) as found:
        time = Time()

        def sleep(seconds: float) -> None:
            time.move(seconds)
            found.moment += timedelta(seconds=seconds)

        clock = replace(time.clock, sleep=sleep)
        monkeypatch.setattr(alpaca, "AlpacaVenue", partial(AlpacaVenue, data=found.address, clock=clock))
        monkeypatch.setattr(alpaca, "PAPER", found.address)
        yield found


@pytest.fixture
def ticket(served: Alpaca, tmp_path: Path) -> Path:
    """133 SPY are sold, 721 AGG bought."""
    made = tmp_path / "desk.yaml"
    made.write_text(f"{FILE.read_text()}\nticket: {{account: {ACCOUNT}}}\n")
    assert rebalance(*TRADES, made, "--out", tmp_path / "trades.json").status == 0
    return tmp_path / "trades.json"


def executed(ticket: Path, *words: object) -> Done:
    confirm = json.loads(ticket.read_text())["hash"][:8]
    return rebalance("desk", "execute", ticket, "--exchange", "alpaca", "--confirm", confirm, *words)


def test_a_list_is_sent_once_and_its_fills_are_journalled(ticket: Path, served: Alpaca, tmp_path: Path) -> None:
    done = executed(ticket)
    assert done.status == 0, done.out + done.err
    assert served.units == {"SPY": 3260 - 133, "AGG": 7460 + 721}
    assert (served.posts, executed(ticket).status, served.posts) == (2, 0, 2)
    with Journal(tmp_path / "home") as journal:
        fills = [entry.record for entry in journal.entries(kind="fill")]
        assert not verify(journal).faults
    assert [(fill.symbol, fill.quantity, fill.price, fill.venue) for fill in fills] == [
        ("SPY", 133.0, 383.4, "alpaca"), ("AGG", 721.0, 97.44, "alpaca"),
    ]  # fmt: skip
    assert not any(key in done.out + done.err for key in KEYS.values())


def test_orders_that_are_filled_after_they_were_taken_pay_for_buys_and_are_journalled_in_the_same_call(
    ticket: Path, served: Alpaca, tmp_path: Path
) -> None:
    served.late = True
    done = executed(ticket)
    assert done.status == 0, done.out
    assert "No order is open." in done.out
    assert served.units == {"SPY": 3260 - 133, "AGG": 7460 + 721}
    with Journal(tmp_path / "home") as journal:
        kinds = [entry.kind for entry in journal.entries()]
    assert kinds == ["list", "order", "order", "acknowledgement", "acknowledgement", "fill", "fill"]


def test_an_answer_that_is_lost_after_the_order_was_taken_doubles_nothing(ticket: Path, served: Alpaca) -> None:
    served.faults = {0: "taken:504", 1: "taken:HTML"}
    assert executed(ticket).status == 0
    assert (len(served.orders), len(served.fills)) == (2, 2)


def test_an_order_that_is_refused_is_not_sent_again(ticket: Path, served: Alpaca) -> None:
    served.refused = ("SPY",)
    assert executed(ticket).status == 1
    assert executed(ticket).status == 1  # the buy still waits for the cash of the sell
    assert served.posts == 1


def test_options_of_the_paper_venue_are_refused(ticket: Path, served: Alpaca) -> None:
    done = executed(ticket, "--as-of", "2022-12-30")
    assert done.status == 2
    assert "--as-of is for the paper venue, and alpaca has its own: leave it out." in done.said
    assert served.posts == 0


def test_two_accounts_share_the_orders_by_what_each_of_them_has(
    ticket: Path, served: Alpaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has the units to sell, and neither has the cash of the whole buy."""
    both = ("--exchange", "alpaca_live")
    served.units["SPY"] = Decimal(100)
    quotes, units = served.quotes, {"SPY": Decimal(3160), "AGG": Decimal(0)}
    with alpaca_server(quotes, cash=Decimal(0), units=units) as other:
        other.moment = served.moment
        monkeypatch.setattr(alpaca, "LIVE", other.address)
        shown = executed(ticket, *both, "--dry-run")
        assert shown.status == 0, shown.out
        assert (served.posts, other.posts) == (0, 0)
        done = executed(ticket, *both)
        assert done.status == 0, done.out
        assert (served.units["SPY"], other.units["SPY"]) == (100, 3160 - 133)
        bought = served.units["AGG"] - 7460, other.units["AGG"]
        assert sum(bought) == 721
        assert min(bought) > 0
        assert min(served.cash, other.cash) >= 0
        assert f"AGG    alpaca_live  {bought[1]:>8}" in shown.out
        posts = served.posts, other.posts
        assert executed(ticket, *both).status == 0
        assert (served.posts, other.posts) == posts == (1, 2)
    with Journal(tmp_path / "home") as journal:
        sent = [entry.record for entry in journal.entries(kind="order")]
        assert not verify(journal).faults
    assert len({record.venue_id for record in sent}) == len(sent) == 3
    assert sum(record.quantity for record in sent if record.symbol == "AGG") == 721


@pytest.fixture
def own_data(monkeypatch: pytest.MonkeyPatch, served: Alpaca) -> None:
    """Each account asks its own server for market data."""
    of_all = alpaca.AlpacaVenue
    monkeypatch.setattr(alpaca, "AlpacaVenue", lambda name, address: of_all(name, address, data=address))


@pytest.fixture
def half_sent(ticket: Path, served: Alpaca, monkeypatch: pytest.MonkeyPatch) -> Iterator[Alpaca]:
    """The second account, where one of two orders was answered when the command was killed; the first got none."""
    served.units["SPY"] = Decimal(100)
    with alpaca_server(served.quotes, cash=Decimal(0), units={"SPY": Decimal(3160), "AGG": Decimal(0)}) as other:
        other.moment = served.moment
        monkeypatch.setattr(alpaca, "LIVE", other.address)
        with ready(Asked(ticket, ["alpaca_live", "alpaca"])) as (prepared, *_):
            next(iter(prepared[0].send()))
        assert (other.posts, served.posts) == (1, 0)
        yield other


def test_a_check_that_fails_at_one_venue_stops_what_is_left_at_all(
    ticket: Path, served: Alpaca, half_sent: Alpaca
) -> None:
    served.moment = served.closes
    done = executed(ticket, "--exchange", "alpaca_live")
    assert (done.status, "alpaca is closed: " in done.out) == (1, True)
    assert (half_sent.posts, served.posts) == (1, 0)


@pytest.mark.usefixtures("own_data")
def test_a_venue_that_falls_silent_halts_its_own_orders_alone(
    ticket: Path, served: Alpaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first takes its part of the buy, and answers nothing more; the other sells and buys its own parts."""
    both = ("--exchange", "alpaca_live")
    served.units["SPY"], served.faults, served.silent_from = Decimal(100), {0: "taken:drop"}, 1
    with alpaca_server(served.quotes, cash=Decimal(0), units={"SPY": Decimal(3160), "AGG": Decimal(0)}) as other:
        other.moment = served.moment
        monkeypatch.setattr(alpaca, "LIVE", other.address)
        done = executed(ticket, *both)
        assert (done.status, served.posts, other.posts) == (1, 1, 2)
        assert re.search(
            r"not known +order [0-9a-f-]+, slice 1, to buy [0-9]+ AGG: It\s+is not known whether", done.out
        )
        said = " ".join(done.out.split())
        assert "Without an answer of alpaca: alpaca gives no answer (" in said
        assert "It is not known what became of order " in said
        again = executed(ticket, *both)
        assert (again.status, served.posts, other.posts) == (1, 1, 2), again.said
        assert "Without an answer of alpaca: " in again.out
        served.silent_from = inf
        assert executed(ticket, *both).status == 0
        assert (served.posts, other.posts) == (1, 2)
        assert served.units["AGG"] - 7460 + other.units["AGG"] == 721
    with Journal(tmp_path / "home") as journal:
        assert (
            sum(entry.record.quantity for entry in journal.entries(kind="fill") if entry.record.symbol == "AGG") == 721
        )


@pytest.mark.usefixtures("own_data")
def test_parts_that_were_not_sent_wait_for_a_silent_venue_and_go_to_no_other(
    ticket: Path, served: Alpaca, half_sent: Alpaca
) -> None:
    both = ("--exchange", "alpaca_live")
    half_sent.silent_from = 0
    assert executed(ticket, *both).status == 1
    assert (half_sent.posts, served.posts) == (1, 0)
    half_sent.silent_from, served.silent_from = inf, 0
    done = executed(ticket, *both)
    assert (done.status, half_sent.posts, served.posts) == (1, 2, 0)
    served.silent_from = inf
    assert executed(ticket, *both).status == 0
    assert (half_sent.posts, served.posts) == (2, 1)
    assert served.units["AGG"] - 7460 + half_sent.units["AGG"] == 721


def test_a_ticket_that_was_sent_to_several_venues_is_not_gone_on_with_at_one(
    ticket: Path, served: Alpaca, half_sent: Alpaca
) -> None:
    confirm = json.loads(ticket.read_text())["hash"][:8]
    for name, said in (
        ("alpaca", "was sent to alpaca_live: name it, too."),
        ("alpaca_live", "alpaca_live in part: name"),
    ):
        done = rebalance("desk", "execute", ticket, "--exchange", name, "--confirm", confirm)
        assert (done.status, said in done.said) == (2, True)
    assert (half_sent.posts, served.posts) == (1, 0)


def test_accounts_of_a_house_pay_one_price_for_a_block_of_several_venues(
    served: Alpaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two unlike accounts sell SPY, and buy AGG, for which the cash is at both venues, at unlike prices."""
    text = FILE.read_text().replace("band: 0.03", "band: 0.0")
    (tmp_path / "balanced.yaml").write_text(f"{text}\nticket: {{account: {ACCOUNT}}}\n")
    rows = "A,balanced.yaml,9000,,500,500\nB,balanced.yaml,9000,,300,90\n"
    (tmp_path / "house.csv").write_text(f"account,model,cash,last_trade,SPY,AGG\n{rows}")
    out = ("--out", tmp_path / "orders.csv", "--out", tmp_path / "house.json")
    assert rebalance(*TRADES, tmp_path / "house.csv", *out).status == 0
    served.units, served.cash = {"SPY": Decimal(50), "AGG": Decimal(590)}, Decimal(18_000)
    quotes = {"SPY": ("383.10", "383.20"), "AGG": ("97.45", "97.49")}
    with alpaca_server(quotes, cash=Decimal(0), units={"SPY": Decimal(750)}) as other:
        other.moment = served.moment
        monkeypatch.setattr(alpaca, "LIVE", other.address)
        done = executed(tmp_path / "house.json", "--exchange", "alpaca_live")
    assert done.status == 0, done.out
    assert (served.posts, other.posts) == (1, 2)
    with Journal(tmp_path / "home") as journal:
        got = [entry.record for entry in journal.entries(kind="allocation")]
    assert len(got) == 4
    assert len({(record.symbol, record.price) for record in got}) == 2


def test_several_venues_are_named_once_each_and_without_paper(ticket: Path, served: Alpaca) -> None:
    for words in (("--exchange", "paper"), ("--exchange", "alpaca")):
        done = executed(ticket, *words)
        assert done.status == 2
        assert "name several venues once each, or paper alone." in done.said
    assert served.posts == 0


def test_a_cycle_holds_its_book_beside_the_venue_and_sends_in_the_session_of_its_list(
    served: Alpaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, close = tmp_path / "desk.yaml", TRADES[-1]
    acts = "{worlds: 100, acts: {venue: alpaca, notional: 200_000}}"
    file.write_text(f"{FILE.read_text()}\nticket: {{account: {ACCOUNT}}}\ncycle: {acts}\n")
    assert rebalance("desk", "book", "open", file, "--as", "desk", "--as-of", close).status == 0
    file.write_text(f"{file.read_text()}positions: {{book: desk}}\n")
    assert make_cycle(file, close).status == "awaiting approval"
    monkeypatch.setenv("REBALANCE_ACTS", "Sixty-forty@alpaca")
    served.moment -= timedelta(days=1)
    early = make_cycle(file, close)
    assert (early.status, early.sending.later, early.cycle.reality.agrees, served.posts) == (
        "finalised",
        "2022-12-30",
        True,
        0,
    )
    served.moment += timedelta(days=1)
    ran = make_cycle(file, close)
    assert (ran.status, ran.is_new, served.posts) == ("executed", False, 2)
    assert served.units == {"SPY": 3260 - 133, "AGG": 7460 + 721}
    assert make_cycle(file, close).cycle.reality.agrees
    served.cash -= Decimal("0.05")
    about = {"id": "20221230000000000::1", "date": "2022-12-30"}
    served.amounts.append({"activity_type": "FEE", "net_amount": "-0.05", "description": "TAF fee"} | about)
    assert make_cycle(file, close).cycle.reality.agrees
    assert [(each.kind, each.words) for each in read_book("desk").entries] == [("fee", "TAF fee")]
    served.cash += 100
    caught_up = make_cycle(file, close).cycle.reality
    assert (caught_up.agrees, caught_up.bookings) == (False, ())
    assert caught_up.sentence.endswith("differ: alpaca is at 2022-12-30, and the cycle is of an earlier day.")
    assert [each.split("-")[1] for each in make_cycle(file, "2022-12-30").cycle.reality.bookings] == [
        "deposit", "interest"
    ]  # fmt: skip
    served.amounts.append({"activity_type": "CSD", "net_amount": "100"} | about | {"id": "20221230000000000::2"})
    (offer,) = make_cycle(file, "2022-12-30").cycle.reality.bookings
    assert rebalance(*offer.split()[1:]).status == 0
    assert make_cycle(file, "2022-12-30").cycle.reality.agrees
    assert [each.kind for each in read_book("desk").entries] == ["fee", "deposit"]
    assert not read_book("desk").open_items
    served.units["SPY"] = Decimal()
    vanished = make_cycle(file, close)
    assert (vanished.status, served.posts) == ("unreconciled", 2)
    assert "SPY: the position vanished, 0 at alpaca and 3,127 in book desk" in " ".join(vanished.text.split())
