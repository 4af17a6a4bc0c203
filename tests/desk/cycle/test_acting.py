"""Cycles that act: what they begin with, what they send, what stands against it, and that nothing is sent twice."""

import os
import random
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from commanded import rebalance
from journals import IN_MEMORY
from watched import ON_PAPER, SETTINGS, banded, holding, rewrite, steady, uneven, with_book

from desk.commands.cycle import cycle
from desk.commands.cycle.cycle import Ran, make_cycle
from desk.commands.cycle.history import history_text
from desk.commands.orders import acting, book
from desk.commands.orders.execute import Asked, ready
from desk.commands.orders.fills import fill_from
from desk.commands.orders.trades import save_trades
from desk.cycle.cycle import run_cycle
from desk.cycle.replay import CYCLE, replayed
from desk.exchange.paper import PaperVenue
from desk.exchange.ticket_orders import part_of, ticket_orders
from desk.journal import Journal, verify
from desk.journal.journal import utc_now
from desk.tickets.formats.ticket_json import read_ticket_file
from desk.tickets.order_ids import list_id
from foundation.errors import ConfigError, DataError
from research.portfolio import load_portfolio
from research.portfolio.file.known_on import BOOKS_KNOWN_ON
from research.portfolio.holdings.book_file import read_book

BAND, ACTS = banded(0.05), ON_PAPER["acts"]
FIRST, NEXT = "2022-07-28", "2022-07-29"  # two of the last closes of the market
pytestmark = pytest.mark.usefixtures("home")


def desk(folder: Path, shares: tuple[float, float] = (60, 80), **cycle: Any) -> Path:
    """A file with a book that acts on paper. A holds more than its target by 10 points of NAV unless stated."""
    return with_book(steady(folder, {**holding(*shares), **BAND, "cycle": ON_PAPER | cycle}), FIRST)


@pytest.fixture
def file(tmp_path: Path, home: Path) -> Path:
    """The file of a desk, which sells A for B."""
    return desk(tmp_path)


def by_hand(home: Path, units: float | None) -> None:
    """Sell units of A at the paper venue, all for None, as a person would."""
    (path,) = (home / "cycles" / "Steady").glob("*-list-*.json")
    document = read_ticket_file(path)
    with PaperVenue.for_ticket(document) as venue:
        (sell,) = (each.order for each in ticket_orders(document, venue.capabilities) if each.order.side == "sell")
        sold = part_of(sell, float(venue.units("")["A"]) if units is None else units)
        assert venue.place(replace(sold, client_order_id="by-hand"), "byhand").status == "filled"


def said(ran: Ran) -> str:
    return " ".join(ran.text.split())


def orders_sent() -> int:
    with Journal() as journal:
        return len(list(journal.entries(kind="order")))


# -- scripted histories ------------------------------------------------------------------------------------------------


def test_a_calm_day_sends_nothing(tmp_path: Path) -> None:
    calm = make_cycle(desk(tmp_path, (50, 100)), FIRST)
    assert (calm.status, calm.asks, orders_sent()) == ("finalised", False, 0)
    assert "Book steady and paper agree." in calm.text


def test_a_drift_is_executed_journalled_and_booked(tmp_path: Path, home: Path) -> None:
    ran = make_cycle(desk(tmp_path), FIRST)
    assert (ran.status, ran.asks) == ("executed", False)
    with Journal() as journal:
        kinds = [entry.kind for entry in journal.entries()]
        (cycle,) = journal.entries(kind="cycle")
    assert kinds[:2] == ["cycle", "list"]  # before anything is sent
    assert Counter(kinds)["order"] == Counter(kinds)["fill"] == 2
    (path,) = (home / "cycles" / "Steady").glob("*-list-*.json")
    assert read_ticket_file(path)["hash"] == cycle.ticket == ran.document["steps"][5]["output"]["ticket"]
    assert not read_book("steady").blotter.open
    assert re.match(rf"{FIRST}  run .* UTC  \w{{8}}  Steady  executed, policy: Sell A; buy B", history_text(1))
    later = make_cycle(tmp_path / "steady.yaml", NEXT)
    assert (later.status, later.cycle.decision.actions) == ("finalised", ())


def test_a_cycle_of_a_close_before_the_last_trade_is_refused(file: Path) -> None:
    make_cycle(file, FIRST)
    refused = f"last traded on {NEXT}: it does not say what was held on {FIRST}. Give {NEXT} or a later day."
    with pytest.raises(ConfigError, match=re.escape(refused)):
        make_cycle(file, FIRST)
    assert "executed" in history_text(10)
    assert len(history_text(10).splitlines()) == 1


def test_the_record_does_not_depend_on_what_becomes_of_its_orders(file: Path) -> None:
    watched = make_cycle(file, FIRST, act=False)
    assert (watched.status, orders_sent()) == ("finalised", 0)
    assert "Nothing is sent: this cycle was run to watch" in watched.text
    acted = make_cycle(file, FIRST)
    assert acted.status == "executed"
    assert not acted.is_new
    assert acted.document["sha256"] == watched.document["sha256"]


@pytest.mark.parametrize(("name", "words"), [("STOP", "Nothing is sent"), ("PAUSE", "No cycle sends")])
def test_stop_and_pause_are_told_where_nothing_was_to_be_sent(
    tmp_path: Path, home: Path, name: str, words: str
) -> None:
    file = desk(tmp_path, (50, 100))
    (home / name).touch()
    assert f"- {words} while {home / name} is there. To go on: rebalance desk watch resume" in said(
        make_cycle(file, FIRST)
    )


def test_a_venue_that_is_none_is_refused_without_a_book_too(tmp_path: Path) -> None:
    file = steady(tmp_path, BAND | {"cycle": {"acts": ACTS | {"venue": "papper"}}})
    with pytest.raises(ConfigError, match=r"cycle: acts: venue is .papper.*paper"):
        make_cycle(file, FIRST)


@pytest.mark.parametrize("name", ["STOP", "PAUSE"])
def test_stop_and_pause_send_nothing(file: Path, home: Path, name: str) -> None:
    (home / name).touch()
    ran = make_cycle(file, FIRST)
    assert (ran.status, ran.asks, orders_sent()) == ("finalised", False, 0)
    held = f"- Nothing is sent: {home / name} is there. To go on: rebalance desk watch resume"
    assert held in said(ran)
    (home / name).unlink()
    assert make_cycle(file, FIRST).status == "executed"


@pytest.mark.parametrize("name", ["STOP", "PAUSE"])
def test_a_pause_during_a_cycle_keeps_it_from_sending(
    file: Path, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = cycle.run_cycle

    def paused(*given: Any, **more: Any) -> Any:
        (home / name).touch()
        return run(*given, **more)

    monkeypatch.setattr(cycle, "run_cycle", paused)
    ran = make_cycle(file, FIRST)
    assert (ran.status, orders_sent(), read_book("steady").blotter.open) == ("finalised", 0, ())
    assert f"{home / name} is there. To go on: rebalance desk watch resume" in said(ran)


def test_a_pause_between_two_orders_keeps_the_second(file: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = PaperVenue.place

    def paused(*given: Any) -> Any:
        (home / "PAUSE").touch()
        return place(*given)

    monkeypatch.setattr(PaperVenue, "place", paused)
    ran = make_cycle(file, FIRST)
    assert (ran.status, ran.asks) == ("partly executed", True)
    assert [fill.asset for fill in read_book("steady").blotter.fills] == ["A"]
    assert "not sent order" in said(ran)
    (home / "PAUSE").unlink()
    with pytest.raises(ConfigError, match="it does not say what was held on"):
        make_cycle(file, FIRST)
    assert [fill.asset for fill in read_book("steady").blotter.fills] == ["A", "B"]


def test_a_file_that_is_edited_during_a_cycle_sends_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journalled = cycle._journalled

    def edited(*given: Any) -> Any:
        kept = journalled(*given)
        file.write_text(f"{file.read_text()}# a remark\n")
        return kept

    monkeypatch.setattr(cycle, "_journalled", edited)
    ran = make_cycle(file, FIRST)
    assert (ran.status, ran.asks, orders_sent()) == ("not sent", True, 0)
    assert f"Nothing is sent: {file} was changed since the list was made. Run the cycle again." in said(ran)


@pytest.mark.parametrize(("open_orders", "status"), [("complete", "executed"), ("wait", "vetoed")])
def test_open_orders_are_completed_or_waited_for(tmp_path: Path, open_orders: str, status: str) -> None:
    file = desk(tmp_path, open_orders=open_orders)
    assert rebalance("trades", file, "--as-of", FIRST, "--out", tmp_path / "hand.json").status == 0
    book.book_sent("steady", read_ticket_file(tmp_path / "hand.json"))
    ran = make_cycle(file, NEXT)
    assert ran.status == status
    assert "its fills are not fetched" in said(ran)
    assert ("2 orders of the last list are open" in said(ran)) == ran.asks == (status == "vetoed")


def test_an_order_that_expired_is_waited_for_no_more(tmp_path: Path) -> None:
    file = desk(tmp_path, (40, 120), open_orders="wait")
    rewrite(file, ticket={"order_type": "limit", "collar_bps": 5})
    first = make_cycle(file, FIRST)
    assert (first.status, len(read_book("steady").blotter.open)) == ("partly executed", 1)
    ran = make_cycle(file, NEXT)
    assert "open orders vetoes" not in said(ran)
    assert ran.cycle.decision.actions
    assert ran.status in ("executed", "partly executed")


@pytest.mark.parametrize(
    ("units", "words"), [(5.0, "A: units differ, traded by hand"), (None, "A: the position vanished, traded by hand")]
)
def test_a_trade_by_hand_is_told_and_offered_by_name(file: Path, home: Path, units: float | None, words: str) -> None:
    make_cycle(file, FIRST)
    by_hand(home, units)
    before = read_book("steady").holders
    ran = make_cycle(file, NEXT)
    assert (ran.status, ran.asks, orders_sent()) == ("unreconciled", True, 2)
    assert words in said(ran)
    assert "USD: cash differs" in said(ran)
    assert read_book("steady").holders == before
    assert ran.document["steps"][0]["output"]["reality"]["bookings"] == [
        "rebalance desk book settle steady paper:byhand-3"
    ]
    assert make_cycle(file, NEXT).document["sha256"] == ran.document["sha256"]
    assert rebalance("desk", "book", "settle", "steady", "paper:byhand-3").status == 0
    assert make_cycle(file, NEXT).cycle.reality.agrees


def test_a_position_that_vanished_without_a_fill_is_told(file: Path, home: Path) -> None:
    make_cycle(file, FIRST)
    rows = sqlite3.connect(home / "paper.sqlite")
    rows.execute("UPDATE balances SET amount = '0' WHERE item = 'A'")
    rows.commit()
    ran = make_cycle(file, NEXT)
    assert ran.status == "unreconciled"
    assert "A: the position vanished, 0 at paper and 50 in book steady; nothing that is listed explains it" in said(ran)
    assert ran.cycle.reality.bookings[0].startswith("rebalance desk book fill steady FILE")


def test_cash_that_differs_is_offered_as_a_fee_and_as_a_withdrawal(file: Path, tmp_path: Path) -> None:
    make_cycle(file, FIRST)
    booked_by_hand(tmp_path)
    ran = make_cycle(file, NEXT)
    assert ran.status == "unreconciled"
    names = [f"paper-{kind}-{NEXT}-250.00-USD" for kind in ("fee", "withdrawal")]
    assert [each.split()[5] for each in ran.cycle.reality.bookings] == names
    assert rebalance("desk", "book", "settle", "steady", names[0]).status == 0
    assert make_cycle(file, NEXT).cycle.reality.agrees
    assert not read_book("steady").open_items


def booked_by_hand(folder: Path) -> None:
    """Book a deposit of 250 USD, as a person would."""
    table = folder / "cash.csv"
    table.write_text(f"id,moment,kind,amount,currency\nd1,{NEXT}T20:00:00Z,deposit,250,USD\n")
    fill_from("steady", table)


def test_a_booking_between_the_start_of_a_cycle_and_its_comparison_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, compared, cash = desk(tmp_path), acting.compared_with_venue, list[Decimal]()
    make_cycle(file, FIRST)

    def late(*given: Any) -> Any:
        booked_by_hand(tmp_path)
        cash.append(read_book("steady").holders[0].cash["USD"])
        return compared(*given)

    monkeypatch.setattr(acting, "compared_with_venue", late)
    ran = make_cycle(file, NEXT)
    assert [entry.entry_id for entry in read_book("steady").entries] == [":d1"]
    assert cash == [read_book("steady").holders[0].cash["USD"]]
    assert (ran.status, ran.cycle.portfolio.cash) == ("unreconciled", pytest.approx(float(cash[0])))


def test_accounts_on_paper_agree_with_their_book_from_the_first_night(tmp_path: Path) -> None:
    """The ira holds A alone and trades none of it."""
    lines = {
        name: {key: value for key, value in line.items() if key != "shares"} for name, line in SETTINGS["lines"].items()
    }
    accounts = {"own": {"kind": "taxable", "cash": 900.0, "shares": {"A": 20, "B": 100}, "number": "U1"},
                "ira": {"kind": "sheltered", "cash": 0.0, "shares": {"A": 40}, "number": "U2"}}  # fmt: skip
    file = steady(tmp_path, {"lines": lines, **BAND, "cycle": ON_PAPER})
    content = yaml.safe_load(file.read_text())
    del content["cash"]
    file.write_text(yaml.safe_dump(content | {"accounts": accounts}, sort_keys=False))
    book.open_from(file, "steady", as_of=FIRST)
    for account in accounts.values():
        del account["cash"], account["shares"]
    content = content | {"accounts": accounts, "positions": {"book": "steady"}}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    ran = [make_cycle(file, day) for day in (FIRST, NEXT)]
    assert ran[0].status == "executed", ran[0].text
    assert all("Book steady and paper agree." in each.text for each in ran)


def test_an_altered_journal_vetoes_or_is_refused(file: Path, home: Path) -> None:
    make_cycle(file, FIRST, act=False)
    make_cycle(file, FIRST, act=False)
    rows = sqlite3.connect(home / "journal.sqlite")
    rows.execute("DROP TRIGGER never_changed")
    rows.execute("UPDATE entries SET user = 'another' WHERE sequence = 1")
    rows.commit()
    ran = make_cycle(file, FIRST)
    assert (ran.status, ran.asks, orders_sent()) == ("vetoed", True, 0)
    assert "journal vetoes: the journal was altered: Entry 1: it was changed" in said(ran)
    rows.execute("DROP TRIGGER never_changed")
    rows.execute("UPDATE entries SET sha256 = 'a' WHERE sequence = (SELECT max(sequence) FROM entries)")
    rows.commit()
    with pytest.raises(DataError, match="journal --verify"):
        make_cycle(file, FIRST)


def test_a_list_that_was_begun_waits_for_the_end_of_a_pause(file: Path, home: Path) -> None:
    listed = make_cycle(file, FIRST, act=False).cycle.decision.to_send
    begun = home / "cycles" / "Steady" / "begun.json"
    save_trades(listed, [str(begun)])
    book.book_sent("steady", read_ticket_file(begun))  # and killed before its first order
    (home / "PAUSE").touch()
    assert f"is not sent: {home / 'PAUSE'} is there" in said(make_cycle(file, FIRST))
    assert orders_sent() == 0
    (home / "PAUSE").unlink()
    with pytest.raises(ConfigError, match=r"(?s)filled  .*it does not say what was held on"):
        make_cycle(file, FIRST)
    assert orders_sent() == 2
    assert not read_book("steady").blotter.open


def test_of_a_list_that_a_person_sends_fills_alone_are_taken(file: Path, tmp_path: Path) -> None:
    assert rebalance("trades", file, "--as-of", FIRST, "--out", tmp_path / "hand.json").status == 0
    with ready(Asked(tmp_path / "hand.json", ["paper"])) as ((prepared,), *_):
        assert next(prepared.send()).order.order.side == "sell"  # and is killed
    ran = make_cycle(file, FIRST)
    assert "not sent order" in said(ran)
    assert "a person sent it, and goes on with it" in said(ran)
    assert ran.sending.held.endswith("of this close was sent, and one goes by itself")  # nobody is asked to send it
    assert [(fill.asset, fill.units < 0) for fill in read_book("steady").blotter.fills] == [("A", True)]
    assert make_cycle(file, NEXT).status == "executed"


def test_a_venue_that_gives_no_answer_leaves_the_book_unreconciled(file: Path, home: Path) -> None:
    (home / "paper.sqlite").write_bytes(b"no database" * 100)
    ran = make_cycle(file, FIRST)
    assert (ran.status, ran.asks, orders_sent()) == ("unreconciled", True, 0)
    assert "paper gives no answer, and was not compared with book steady" in said(ran)


def test_a_list_that_a_check_refuses_is_not_sent(tmp_path: Path) -> None:
    ran = make_cycle(rewrite(desk(tmp_path), ticket={"sending": {"order_notional": 100}}), FIRST)
    assert (ran.status, ran.asks, orders_sent()) == ("not sent", True, 0)
    assert "At most 100.00 are allowed (order_notional)" in said(ran)
    assert re.match(rf"{FIRST}  run .*  Steady  finalised", history_text(1))


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_list_of_which_nothing_was_filled_is_judged_as_no_order(file: Path, is_sent: bool) -> None:
    ran = make_cycle(file, FIRST, act=is_sent)
    make_cycle(file, NEXT, act=False)
    with Journal() as journal:
        (outcome,) = (entry.record for entry in journal.entries(kind="outcome"))
    assert (outcome.cycle, outcome.chosen) == (ran.document["sha256"], "policy" if is_sent else "defer")


# -- limits and keys ---------------------------------------------------------------------------------------------------


def test_beyond_a_limit_a_person_decides(tmp_path: Path) -> None:
    ran = make_cycle(desk(tmp_path, acts=ACTS | {"turnover": 0.05}), FIRST)
    assert (ran.status, ran.asks, orders_sent()) == ("awaiting approval", True, 0)
    assert "acts escalates: turnover is 9.98 % of NAV, above the 5.00 %" in said(ran)


def test_an_approved_list_whose_cycle_sent_another_since_is_refused_with_that_reason(tmp_path: Path) -> None:
    file, out = desk(tmp_path, acts=ACTS | {"notional": 1_000}), tmp_path / "list.json"
    assert make_cycle(file, FIRST, (str(out),)).status == "awaiting approval"
    assert rebalance("desk", "approve", out).status == 0
    file.write_text(file.read_text().replace("notional: 1000", "notional: 1000000"))
    assert make_cycle(file, FIRST).status == "executed"
    (path,) = tmp_path.glob("home/cycles/Steady/*-list-*.json")
    refused = rebalance("desk", "execute", out, "--exchange", "paper", "--portfolio", file, "--dry-run")
    sent = list_id(read_ticket_file(path)["hash"])
    assert f"List {sent} was sent since this one was made. Make the list anew" in " ".join(refused.out.split())
    assert "Correct the holdings" not in refused.out


def test_a_file_without_a_book_sends_nothing(tmp_path: Path) -> None:
    ran = make_cycle(steady(tmp_path, {**BAND, "cycle": ON_PAPER}), FIRST)
    assert (ran.status, orders_sent()) == ("awaiting approval", 0)
    assert "acts escalates: the file names no book" in said(ran)
    assert "Nothing is reconciled: the file names no book." in said(ran)


def test_a_venue_that_is_not_paper_asks_for_a_second_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = steady(tmp_path, {**BAND, "cycle": {"worlds": 100, "acts": ACTS | {"venue": "alpaca"}}})
    portfolio = load_portfolio(file)
    assert acting.second_key(load_portfolio(file, {"cycle.acts": ACTS})) is None
    without = acting.second_key(portfolio)
    assert without is not None
    assert without.effect == "escalates"
    assert "set the environment variable REBALANCE_ACTS to Steady@alpaca" in without.sentence
    made = run_cycle(portfolio, portfolio.policies["band"], "band", given=[without])
    assert without in made.decision.controls
    monkeypatch.setenv("REBALANCE_ACTS", "Other@alpaca, Steady@alpaca")
    assert (key := acting.second_key(portfolio)) is not None
    assert key.effect == "passes"


def test_another_venue_is_refused(tmp_path: Path) -> None:
    ran = rebalance("desk", "run", desk(tmp_path, acts=ACTS | {"venue": "papr"}), "--as-of", FIRST)
    assert ran.status == 2
    assert "cycle: acts: venue is 'papr'" in ran.err
    assert "alpaca_live" in ran.err


# -- live beside the backtest ------------------------------------------------------------------------------------------

MOVES = {
    "policies": {"band": {"rule": "threshold", "band": 0.01}},
    "policy": "band",
    "costs": {name: {"commission_bps": 10, "half_spread_bps": 5} for name in ("shares", "bonds")},
    "orders": {"reserve_bps": 0, "adverse_move": 0},
    "cycle": {"worlds": 100, "var": {"warning": 0.1, "critical": 0.2}, "acts": ACTS | {"notional": 1e12}},
}


def test_what_was_executed_on_paper_is_the_backtest(tmp_path: Path) -> None:
    file, days = uneven(tmp_path, 1e10, MOVES)
    portfolio = load_portfolio(file)
    found = replayed(portfolio, portfolio.policies["band"], "band", days[1], days[-1]).paired.backtests[CYCLE]
    with_book(file, days[0])
    ran = [make_cycle(file, day) for day in days[1:]]
    navs = pd.Series([each.cycle.portfolio.nav for each in ran], pd.DatetimeIndex(days[1:]))
    tested = found.nav.reindex(navs.index)
    assert sum(each.status == "executed" for each in ran) >= 5
    assert sum(each.status == "executed" for each in ran) == int((found.turnover > 0.0).sum())
    assert {each.status for each in ran} == {"executed", "finalised"}
    assert np.abs(navs / navs.iloc[0] / (tested / tested.iloc[0]) - 1.0).max() < 1e-9


def test_a_list_on_paper_waits_for_its_bars_and_nights_are_the_days_played_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each night the market ends on the day of the cycle; later the same days are played with all bars there."""
    file, days = uneven(tmp_path, 1e6, MOVES | {"policies": {"band": {"rule": "threshold", "band": 0.001}}})
    with_book(file, days[0])
    shutil.copytree(tmp_path / "home", tmp_path / "later")
    prices = file.with_name("prices.csv")
    rows, kept, waited = prices.read_text().splitlines(keepends=True), list[Any](), 0
    for day in days[1:13]:
        prices.write_text("".join(row for row in rows if not row[:10] > day or row == rows[0]))
        ran = make_cycle(file, day)
        assert make_cycle(file, day).document["sha256"] == ran.document["sha256"]  # and it waits once
        assert (ran.status, ran.asks) == ("finalised", False), ran.text
        waited += f"Its orders wait on paper for the bars of {ran.cycle.portfolio.trade_day:%Y-%m-%d}" in said(ran)
        kept.append((ran.document["steps"][0]["output"]["nav"], ran.document["sha256"]))
    assert waited >= 3
    at_night = read_book("steady")
    prices.write_text("".join(rows))
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "later"))
    later = [make_cycle(file, day) for day in days[1:13]]
    assert {ran.status for ran in later} == {"executed", "finalised"}
    played = [(ran.document["steps"][0]["output"]["nav"], ran.document["sha256"]) for ran in later]
    assert [nav for nav, _ in played] == [nav for nav, _ in kept]
    assert played == kept
    fills = [replace(row, fill_id="", order_id="") for row in read_book("steady").fills]
    assert [replace(row, fill_id="", order_id="") for row in at_night.fills] == fills[: len(at_night.fills)]
    assert len(fills) - len(at_night.fills) <= 2  # the last list waits


def test_a_pause_keeps_a_list_that_waits_from_paper_and_the_next_cycle_decides_anew(tmp_path: Path, home: Path) -> None:
    file, days = uneven(tmp_path, 1e6, MOVES)
    with_book(file, days[0])
    prices = file.with_name("prices.csv")
    rows = prices.read_text().splitlines(keepends=True)
    for day in days[1:]:
        prices.write_text("".join(row for row in rows if not row[:10] > day or row == rows[0]))
        if "wait on paper" in said(make_cycle(file, day)):
            break
    prices.write_text("".join(rows))
    (home / "PAUSE").touch()
    ran = make_cycle(file, days[days.index(day) + 1])
    assert f"is not sent: {home / 'PAUSE'} is there" in said(ran)
    (home / "PAUSE").unlink()
    assert make_cycle(file, days[days.index(day) + 1]).status == "executed"
    assert len({fill.order_id for fill in read_book("steady").fills}) == 2


def test_a_file_that_acts_is_not_run_with_its_book_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would send again what was sent since."""
    file, days = uneven(tmp_path, 1e6, MOVES)
    with_book(file, days[0])
    monkeypatch.setenv(BOOKS_KNOWN_ON, f"{utc_now():%Y-%m-%dT%H:%M:%S.%f}")
    with pytest.raises(ConfigError, match=r"its book is read as it was known before.* Leave --as-known-on out"):
        make_cycle(file, days[2])


# -- kills -------------------------------------------------------------------------------------------------------------

EVENTS = 60  # of a cycle that sends two orders
# Events of the interpreter around all that is written for good.
DURABLE = ("fcntl.flock", "os.rename", "sqlite3.connect")


def run_and_die(file: Path, day: str, at: int) -> bool:
    """A cycle in a process of its own, which is killed at an event. False where it ended before."""
    if process := os.fork():
        return os.WIFSIGNALED(os.waitpid(process, 0)[1])
    seen = 0

    def kill(event: str, _: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in DURABLE:
            seen += 1
            if seen > at:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(kill)
        make_cycle(file, day)
    finally:
        os._exit(0)


def sent_lists() -> dict[str, int]:
    """The tickets that were sent, each with its number of orders; each order was sent, taken and filled once."""
    with Journal() as journal:
        assert not verify(journal).faults
        entries = [entry for entry in journal.entries() if entry.order]
    found = Counter((entry.kind, entry.order) for entry in entries)
    assert set(found.values()) == {1}
    kinds = Counter(entry.kind for entry in entries)
    assert kinds["order"] == kinds["acknowledgement"] == kinds["fill"] == len(read_book("steady").blotter.fills)
    return dict(Counter(entry.ticket for entry in entries if entry.kind == "order"))


def check_kills(folder: Path, patch: pytest.MonkeyPatch, sessions: int, kills: int) -> int:
    """Kill cycles of sessions so often each: what was sent and is held is as without a kill. Gives the kills."""
    patch.setenv("REBALANCE_HOME", str(folder / "killed"))
    policy = {"policies": {"band": {"rule": "threshold", "band": 0.0005}}}
    file, days = uneven(folder, 1e6, {**MOVES, **policy})
    with_book(file, days[0])
    shutil.copytree(folder / "killed", folder / "whole")
    asked, rng, killed = days[2 : 2 + 2 * sessions : 2], random.Random(3), 0
    for day in asked:
        lasts = np.linspace(EVENTS, EVENTS / 2, kills).astype(int)  # less is left to do each time
        killed += sum(run_and_die(file, day, rng.randrange(8, last)) for last in lasts)
        with suppress(ConfigError):  # all was filled, later than that day
            make_cycle(file, day)
    found, held = sent_lists(), read_book("steady").holders
    patch.setenv("REBALANCE_HOME", str(folder / "whole"))
    assert all(make_cycle(file, day).status == "executed" for day in asked)
    assert (found, held) == (sent_lists(), read_book("steady").holders)
    assert len(found) == sessions
    return killed


def test_a_cycle_that_is_killed_goes_on_and_sends_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place:
        assert check_kills(Path(place), monkeypatch, sessions=6, kills=5) >= 20
