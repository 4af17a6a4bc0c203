"""`rebalance desk execute` of the ticket of a house: crosses and fills reach the accounts, exactly and once."""

import csv
import json
import re
import shlex
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from commanded import FILE, TRADES, Done, rebalance
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.commands.orders import execute
from desk.commands.orders.execute_text import before_text
from desk.commands.orders.house import write_accounts_after
from desk.exchange.allocations import Own, allocated, allocations, journal_allocations, payable
from desk.exchange.paper import PaperVenue
from desk.journal import Journal, verify
from desk.journal.records import Allocated, Filled, OrderSent, Quote
from desk.journal.tickets import ticket_event
from foundation.canonical import content_hash
from foundation.errors import ConfigError, DataError
from foundation.files import sha256_of

PRICE = {"SPY": Decimal("383.440002"), "AGG": Decimal("97.449997")}
ROWS = ["A,balanced.yaml,9000,2022-09-30,500,500", "B,balanced.yaml,9000.50,2022-09-30,90,900",
        "C,growth.yaml,2500,,700,2000", "D,growth.yaml,0,2022-09-30,300,10"]  # fmt: skip
DOCUMENT: dict[str, Any] = {"hash": "f" * 64, "portfolio": "house", "run": "", "currency": "USD"}
Table = dict[str, dict[str, str]]


def table(path: Path) -> Table:
    with open(path, newline="", encoding="utf-8") as opened:
        return {row["account"]: row for row in csv.DictReader(opened)}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a house of two models, whose accounts trade to target and may cross."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    text = FILE.read_text().replace("band: 0.03", "band: 0.0") + "\nticket: {crossing: close, account: F100}\n"
    (tmp_path / "balanced.yaml").write_text(text)
    other = {"0.60, range: [0.55, 0.65]": "0.80, range: [0.7, 0.9]",
             "0.40, range: [0.35, 0.45]": "0.20, range: [0.1, 0.3]"}  # fmt: skip
    for old, new in other.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "growth.yaml").write_text(text)
    return tmp_path


def listed(house: Path, rows: list[str]) -> str:
    """Make the ticket of accounts, and give its hash."""
    (house / "house.csv").write_text("\n".join(["account,model,cash,last_trade,SPY,AGG", *rows, ""]))
    done = rebalance(*TRADES, house / "house.csv", "--out", house / "orders.csv", "--out", house / "house.json")
    assert (done.status, done.said) == (0, "")
    assert " crossed between accounts, which saves " in done.out
    return str(json.loads((house / "house.json").read_text())["hash"])


def executed(house: Path, stated: str, *words: object) -> Done:
    return rebalance("desk", "execute", house / "house.json", "--exchange", "paper", "--confirm", stated[:8], *words)


def test_accounts_hold_what_their_own_lists_say_and_nothing_is_lost(house: Path) -> None:
    stated = listed(house, ROWS)
    done = executed(house, stated)
    assert done.status == 0
    assert "Crossed between accounts, without an order or a commission: " in done.out
    assert "Allocated to 4 accounts, as they are now:" in done.out
    before, after = table(house / "house.csv"), table(house / "house.after.csv")
    wanted = {name: {asset: Decimal(row[asset]) for asset in PRICE} for name, row in before.items()}
    with open(house / "orders.csv", newline="", encoding="utf-8") as opened:
        for row in csv.DictReader(opened):
            wanted[row["account"]][row["asset"]] += Decimal(row["units"]) * (1 if row["side"] == "buy" else -1)
    assert {name: {asset: Decimal(row[asset]) for asset in PRICE} for name, row in after.items()} == wanted
    assert {row["last_trade"] for row in after.values()} == {"2022-12-29"}

    document = json.loads((house / "house.json").read_text())
    with PaperVenue.for_ticket(document, folder=house / "home") as venue:
        units, cash = venue.units("F100"), venue.cash("F100")["USD"]
    assert {asset: sum(row[asset] for row in wanted.values()) for asset in PRICE} == units
    rounding = Decimal("0.005") * len(document["orders"]) * 2  # the value and the fee of each block
    assert abs(sum(Decimal(row["cash"]) for row in after.values()) - cash) <= rounding
    with Journal(house / "home") as journal:
        assert not verify(journal).faults
        crosses = [e.record for e in journal.entries(kind="allocation") if not e.record.block]
        kinds = [entry.kind for entry in journal.entries()]
    moved = defaultdict[str, Decimal](Decimal)
    for record in crosses:
        sign = 1 if record.side == "buy" else -1
        moved[record.symbol] += sign * Decimal(repr(record.quantity))
        moved["cash"] -= sign * Decimal(repr(record.amount))
        value = Decimal(repr(record.quantity)) * Decimal(repr(record.price))
        assert Decimal(repr(record.amount)) == round(value, 2)
        assert (Decimal(repr(record.price)), record.fee) == (PRICE[record.symbol], 0.0)
    assert len(crosses) == 2 * len(document["crosses"]) > 0
    assert dict(moved) == dict.fromkeys(moved, 0)

    told = rebalance("desk", "history", document["crosses"][0]["buy_order"], "--view", "why")
    assert told.status == 0
    assert f"part of a block or of crosses of list {stated[:16]} of F100." in " ".join(told.out.split())
    assert "the reasons stand in the CSV of the accounts' orders." in " ".join(told.out.split())

    again = executed(house, stated)
    assert again.status == 0
    assert table(house / "house.after.csv") == after
    with Journal(house / "home") as journal:
        assert [entry.kind for entry in journal.entries()] == kinds


def test_accounts_without_a_list_are_told_and_leave_an_earlier_ticket_where_all_fail(house: Path) -> None:
    stated = listed(house, ROWS)
    names = [house / "house.csv", "--out", house / "orders.csv", "--out", house / "house.json"]
    file = house / "house.csv"
    file.write_text("account,model,cash,SPY\nA,balanced.yaml,9000,500\n")
    done = rebalance(*TRADES, *names)
    assert (done.status, f"no ticket is written: no account of {file} has a list." in done.said) == (2, True)
    assert json.loads((house / "house.json").read_text())["hash"] == stated
    file.write_text("\n".join(["account,model,cash,last_trade,SPY,AGG", *ROWS, "E,missing.yaml,1,,1,1", ""]))
    assert rebalance(*TRADES, *names).status == 1
    left_out = json.loads((house / "house.json").read_text())["left_out"]
    assert left_out == "1 account of house.csv without a list, which failed"


def test_accounts_that_only_trade_with_each_other_send_nothing(house: Path) -> None:
    """The same ticket without its blocks, as where sales and purchases are equal."""
    listed(house, ROWS)
    written = json.loads((house / "house.json").read_text())
    document = {name: part for name, part in written.items() if name not in ("hash", "path", "journal", "allocations")}
    document |= {"orders": [], "held": []}
    stated = {"schema": 2, "hash": content_hash(document), "path": written["path"]}
    (house / "house.json").write_text(json.dumps(stated | document, indent=2))
    assert executed(house, str(stated["hash"]), "--dry-run").status == 0
    with execute.ready(execute.Asked(house / "house.json", ["paper"])) as ((prepared,), *_):
        (house / "home" / "STOP").touch()
        with pytest.raises(ConfigError, match=r"nothing is crossed between accounts: .*STOP\."):
            list(prepared.send())
    (house / "home" / "STOP").unlink()
    done = executed(house, str(stated["hash"]))
    assert done.status == 0
    with Journal(house / "home") as journal:
        kinds = [entry.kind for entry in journal.entries(ticket=str(stated["hash"]))]
    assert kinds == ["list", *["allocation"] * (2 * len(document["crosses"]))]
    before, after = table(house / "house.csv"), table(house / "house.after.csv")
    (house / "house.after.csv").unlink()  # as where the command had ended before
    assert executed(house, str(stated["hash"])).status == 0
    assert table(house / "house.after.csv") == after
    refused = rebalance("desk", "approve", house / "house.json", "--refuse", "too late")
    assert (refused.status, "can no longer be refused" in refused.said) == (2, True)
    assert "Crossed between accounts by" in refused.said
    with Journal(house / "home") as journal:
        assert [entry.kind for entry in journal.entries(ticket=str(stated["hash"]))] == kinds
    for asset in PRICE:
        assert sum(Decimal(row[asset]) for row in before.values()) == sum(Decimal(row[asset]) for row in after.values())
    cash = [sum(Decimal(row["cash"]) for row in rows.values()) for rows in (before, after)]
    assert cash[0] == cash[1]


def test_crosses_are_not_made_where_a_stop_comes_before_the_first_order(house: Path) -> None:
    stated = listed(house, ROWS)
    with execute.ready(execute.Asked(house / "house.json", ["paper"])) as ((prepared,), *_):
        (house / "home" / "STOP").touch()
        assert [sent.state for sent in prepared.send()] == [None] * len(prepared.moment.orders)
        assert [entry.kind for entry in prepared.execution.journal.entries(ticket=stated)] == ["list"]


@pytest.mark.parametrize(
    "step",
    ["exchange.execute.cross_events", "exchange.execute.journal_allocations",
     "commands.orders.execute.journal_allocations",     "commands.orders.execute.write_accounts_after"],
)  # fmt: skip
def test_a_command_that_ends_at_a_step_is_made_good_by_the_next(
    step: str, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = listed(house, ROWS)
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise SystemExit(9)

        patch.setattr(f"desk.{step}", killed)
        assert executed(house, stated).status == 9
        assert not (house / "house.after.csv").exists()
    assert executed(house, stated).status == 0
    ended = table(house / "house.after.csv")
    with Journal(house / "home") as journal:
        assert len(list(journal.entries(kind="order"))) == len(list(journal.entries(kind="fill"))) > 0
    monkeypatch.setenv("REBALANCE_HOME", str(house / "other"))
    assert executed(house, stated).status == 0
    assert table(house / "house.after.csv") == ended


def test_crosses_far_from_the_market_are_not_made(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("balanced", "growth"):
        file = house / f"{name}.yaml"
        file.write_text(file.read_text().replace("account: F100", "account: F100, sending: {collar: 50}"))
    stated = listed(house, ROWS)
    (house / "quotes.csv").write_text("symbol,last\nSPY,390\nAGG,97.45\n")
    done = executed(house, stated, "--quotes", house / "quotes.csv")
    assert done.status == 1
    assert re.search(r"quotes in the collar: Cross of [0-9]+ SPY between accounts: quote\s+is ", done.out)
    command = shlex.split(" ".join(done.out.split()).partition("Make the list anew: ")[2])
    words = command[1:9]
    assert words[4:] == ["--as-of", "2022-12-29", "--out", str(house / "house.json")]
    monkeypatch.chdir(house)
    made = rebalance(*words)
    assert (made.status, made.said) == (0, "")
    with Journal(house / "home") as journal:
        assert not list(journal.entries(kind="allocation"))


# -- sales that are not filled -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("volume", "sold", "bought"), [("0.5", 0, 3), ("60", 60, 236)])
def test_an_account_whose_sale_is_not_filled_buys_what_its_cash_pays(
    volume: str, sold: int, bought: int, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A has 300 USD and sells SPY for AGG; C has cash alone. A unit of AGG takes 97.45 × 1.01 and its costs."""
    file = house / "balanced.yaml"
    file.write_text(file.read_text().replace("crossing: close, ", ""))
    header = "account,model,cash,last_trade,SPY,AGG"
    rows = ["A,balanced.yaml,300,2022-09-30,500,500", "C,balanced.yaml,76688,2022-09-30,300,0"]
    (house / "house.csv").write_text("\n".join([header, *rows, ""]))
    words = [*TRADES, house / "house.csv", "--out", house / "orders.csv", "--out", house / "house.json"]
    assert rebalance(*words).status == 0
    with open(house / "orders.csv", newline="", encoding="utf-8") as opened:
        own = {(row["account"], row["side"], row["asset"]): int(row["units"]) for row in csv.DictReader(opened)}
    assert own == {("A", "sell", "SPY"): 123, ("A", "buy", "AGG"): 477, ("C", "buy", "AGG"): 778}
    stated = str(json.loads((house / "house.json").read_text())["hash"])
    (house / "quotes.csv").write_text(f"symbol,last,volume\nSPY,383.440002,{volume}\nAGG,97.449997,9999\n")
    done = executed(house, stated, "--quotes", house / "quotes.csv")
    assert done.status == 1
    assert f"to buy {477 - bought} AGG: the cash of 1 account does not suffice: A." in " ".join(done.out.split())
    after = table(house / "house.after.csv")
    assert (after["A"]["SPY"], after["A"]["AGG"], after["A"]["last_trade"]) == (
        str(500 - sold),
        str(500 + bought),
        "2022-09-30",
    )
    assert (after["C"]["AGG"], after["C"]["last_trade"]) == ("778", "2022-12-29")
    assert all(Decimal(row["cash"]) >= 0 for row in after.values())

    monkeypatch.setenv("REBALANCE_HOME", str(house / "other"))  # where the day order ended, and nothing else is held
    (house / "house.csv").write_bytes((house / "house.after.csv").read_bytes())
    assert rebalance(*words).status == 0
    stated = str(json.loads((house / "house.json").read_text())["hash"])
    done = executed(house, stated)
    assert (done.status, "No order is open." in done.out) == (0, True)
    ended = table(house / "house.after.csv")
    assert {name: row["last_trade"] for name, row in ended.items()} == dict.fromkeys("AC", "2022-12-29")
    assert [int(ended["A"][asset]) for asset in PRICE] == pytest.approx([377, 977], abs=9)  # smaller orders, less kept
    assert all(Decimal(row["cash"]) >= 0 for row in ended.values())


def test_an_account_whose_buy_was_filled_at_too_high_a_price_is_named(tmp_path: Path) -> None:
    (tmp_path / "house.csv").write_text("account,model,cash,SPY\nA,balanced.yaml,3000,0\nB,balanced.yaml,3000,0\n")
    with Journal(tmp_path) as journal:
        for name, price in (("A", 301.0), ("B", 300.0)):
            record = Allocated(name, "buy", "SPY", 10.0, price, 10.0 * price, "USD", 0.0, "block", 1)
            journal.append([ticket_event(DOCUMENT, record, name)])
        text, have_cash = write_accounts_after(journal, DOCUMENT, tmp_path / "house.csv", tmp_path / "house.json")
    assert not have_cash
    assert "Cash is below zero in A: buys were filled above the price allowed for." in text
    assert {name: row["cash"] for name, row in table(tmp_path / "house.after.csv").items()} == {
        "A": "-10.00",
        "B": "0.00",
    }


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("growth.yaml", "target: 0.80", "target: 0.81"), ("growth.yaml", "", None), ("house.csv", "A,", "E,")],
)
def test_what_the_list_was_made_from_must_be_as_it_was(name: str, old: str, new: str | None, house: Path) -> None:
    stated, file = listed(house, ROWS), house / name
    document = json.loads((house / "house.json").read_text())
    assert document["models"] == {name: sha256_of(house / name) for name in ("balanced.yaml", "growth.yaml")}
    with execute.ready(execute.Asked(house / "house.json", ["paper"])) as ((prepared,), *_):
        text = file.read_text()
        assert old in text
        file.unlink() if new is None else file.write_text(text.replace(old, new, 1))
        remake = f"{house / 'house.csv'} --out orders.csv --as-of 2022-12-29 --out {house / 'house.json'}"
        what = "is not there" if new is None else f"has another hash, {sha256_of(file)[:16]}"
        said = f"The file {name} {what}: the list was made from "
        (fault,) = prepared.again().faults
        assert fault.startswith(said)
        assert fault.endswith(f". Make the list anew: rebalance trades {remake}")
    done = executed(house, stated)
    assert (done.status, f"Failed, portfolio file: {said}" in " ".join(done.out.split())) == (1, True)
    with Journal(house / "home") as journal:
        assert [entry.kind for entry in journal.entries()] == ["list"]


def test_a_house_is_the_same_in_the_accounts_that_it_leaves(house: Path) -> None:
    """A list of the accounts as they are after one of which an order is open."""
    for name in ("balanced", "growth"):
        file = house / f"{name}.yaml"
        file.write_text(file.read_text().replace("account: F100", "account: F100, sending: {day_notional: 160000}"))
    (house / "quotes.csv").write_text("symbol,last,volume\nSPY,383.44,50\nAGG,97.45,5000\n")
    assert executed(house, listed(house, ROWS), "--quotes", house / "quotes.csv").status == 0
    words = (*TRADES, house / "house.after.csv", "--out", house / "orders.csv", "--out")
    done = rebalance(*words, house / "house.json")
    assert (done.status, f"would write the accounts over {house / 'house.after.csv'}" in done.said) == (2, True)
    assert rebalance(*words, house / "next.json").status == 0
    with execute.ready(execute.Asked(house / "next.json", ["paper"])) as ((prepared,), *_):
        failed = {check.name: check.faults for check in prepared.checks if check.faults}
        assert list(failed) == ["limits of the day", "no duplicates", "cash on settlement"]  # the order takes it
        assert " sent today, the orders would bring the day to " in failed["limits of the day"][0]
        assert "has open orders at paper" in failed["no duplicates"][0]
        assert " is new on paper" not in before_text(prepared)


def test_a_resumed_house_shows_and_checks_the_cash_of_what_is_left(house: Path) -> None:
    """60 of 123 SPY were sold, and 236 of 477 AGG bought: the rest ends at the cash that the first screen states."""
    file = house / "balanced.yaml"
    file.write_text(file.read_text().replace("crossing: close, ", ""))
    (house / "house.csv").write_text("account,model,cash,last_trade,SPY,AGG\nA,balanced.yaml,300,2022-09-30,500,500\n")
    assert rebalance(*TRADES, house / "house.csv", "--out", house / "orders.csv", "--out",
                     house / "house.json").status == 0  # fmt: skip
    stated = str(json.loads((house / "house.json").read_text())["hash"])
    (house / "quotes.csv").write_text("symbol,last,volume\nSPY,383.440002,60\nAGG,97.449997,9999\n")
    screens = [executed(house, stated, "--quotes", house / "quotes.csv").out for _ in range(2)]
    rows = [re.findall(r"(?m)^2022\S+ +F100 +(buy|sell) +(SPY|AGG) +(\d+) ", screen) for screen in screens]
    assert rows == [[("sell", "SPY", "123"), ("buy", "AGG", "477")], [("sell", "SPY", "63"), ("buy", "AGG", "241")]]
    (first,), (second,) = (re.findall(r"(?m)^F100 +USD +\S+ +(-?[0-9,.]+)$", screen) for screen in screens)
    assert float(second.replace(",", "")) == pytest.approx(float(first.replace(",", "")), abs=0.03)
    assert "Failed" not in screens[1]
    assert "cash on settlement" in screens[1]


# -- fills in parts ----------------------------------------------------------------------------------------------------

Fills = list[tuple[str, Filled]]


def fill(k: int, units: int) -> tuple[str, Filled]:
    return "block", Filled("paper", str(k), "buy", "SPY", float(units), 380.0123 + k, "USD", 1.01, "USD", "")


def booked(document: dict[str, Any], fills: Fills, before: Sequence[Own]) -> list[Own]:
    return [(event.order, cast(Allocated, event.record)) for event in allocated(document, fills, before, {})]


def total(records: Sequence[Any], name: str) -> Decimal:
    return sum((Decimal(repr(getattr(record, name))) for record in records), Decimal())


@given(
    wanted=st.lists(st.integers(1, 400), min_size=1, max_size=8),
    parts=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    at=st.integers(0, 6),
)
def test_fills_in_parts_are_allocated_pro_rata_in_one_call_or_in_two(
    wanted: list[int], parts: list[int], at: int
) -> None:
    whole, units = sum(wanted), list[int]()
    for part in parts:
        units.append(min(part, whole - sum(units)))
    fills = [fill(k, part) for k, part in enumerate(units) if part]
    own = [{"account": f"A{k}", "order": f"o{k}", "quantity": quantity} for k, quantity in enumerate(wanted)]
    document = DOCUMENT | {"orders": [{"client_order_id": "block", "lot": 1}], "allocations": {"block": own}}
    first = booked(document, fills[:at], ())
    second = booked(document, fills, first)
    assert booked(document, fills, [*first, *second]) == []
    for calls, of in ((first, fills[:at]), (second, fills[at:])):
        records = [record for _, record in calls]
        assert total(records, "quantity") == total([each for _, each in of], "quantity")
        assert total(records, "fee") == total([each for _, each in of], "fee")
        assert all(round(record.amount, 2) == record.amount for record in records)
        value = sum((Decimal(repr(each.quantity)) * Decimal(repr(each.price)) for _, each in of), Decimal())
        assert total(records, "amount") == round(value, 2)
        for record in records:
            assert abs(record.amount - record.quantity * record.price) <= 0.0101
        assert len({record.price for record in records}) <= 1
    filled = sum(units)
    for part in own:
        got = total([record for _, record in (*first, *second) if record.account == part["account"]], "quantity")
        assert got <= part["quantity"]
        assert abs(got - Decimal(filled) * part["quantity"] / whole) < 2
        assert filled < whole or got == part["quantity"]
    left = "of which 0 are left" if filled == whole else "are left: ask the venue"
    with pytest.raises(DataError, match=left):
        booked(document, [*fills, fill(9, whole - filled + 1)], [*first, *second])


# -- cash of accounts --------------------------------------------------------------------------------------------------

DAYS = {"sold": "2023-01-03", "early": "2023-01-02", "late": "2023-01-03"}  # on which the blocks settle


def block(name: str, side: str, lot: int) -> dict[str, Any]:
    about = {"client_order_id": name, "side": side, "symbol": name, "settlement_date": DAYS[name]}
    return about | {"quantity": 1_000.0, "price": 100.0, "cost": 50.0, "lot": lot, "limit_price": None}


@settings(max_examples=30)
@given(
    accounts=st.lists(st.tuples(*[st.integers(0, 300)] * 4), min_size=1, max_size=5),
    rounds=st.lists(st.tuples(*[st.integers(0, 100)] * 3), min_size=1, max_size=3),
    prices=st.tuples(st.integers(5_000, 15_000), st.integers(5_000, 12_000), st.integers(0, 12_000)),
    lot=st.sampled_from((1, 7)),
)
def test_no_account_spends_cash_that_it_lacks(
    accounts: list[tuple[int, ...]], rounds: list[tuple[int, ...]], prices: tuple[int, ...], lot: int
) -> None:
    """Sales and buys are filled in parts, over several calls, buys at up to 1 % above list or quote."""
    lots = {"sold": 1, "early": lot, "late": 1}
    parts = {
        name: [{"account": f"A{k}", "order": f"{name}{k}", "quantity": units[i] * lots[name]}
               for k, units in enumerate(accounts) if units[i]]
        for i, name in enumerate(lots)
    }  # fmt: skip
    cash = {f"A{k}": Decimal(units[3]) * 37 for k, units in enumerate(accounts)}
    document = DOCUMENT | {
        "orders": [block(name, "sell" if name == "sold" else "buy", lots[name]) for name in lots if parts[name]],
        "allocations": {name: of for name, of in parts.items() if of},
        "funding": {"adverse_move": 0.01, "cash": {name: float(amount) for name, amount in cash.items()}},
    }
    sold, bought, quoted = (price / 100 for price in prices)
    quotes = {name: Quote(ask=quoted) for name in lots}
    at = {"sold": sold, **dict.fromkeys(("early", "late"), min(bought, max(101.0, quoted)))}
    left = dict.fromkeys(lots, 0)
    left["sold"] = sum(part["quantity"] for part in parts["sold"])
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder)) as journal:
        for k, shares in enumerate(rounds):
            for name, share in zip(lots, shares, strict=True):
                if name not in document["allocations"]:
                    continue
                if name != "sold":
                    journal_allocations(journal, document)
                    largest = Decimal(sum(part["quantity"] for part in parts[name]))
                    units, short = payable(journal, document, name, largest, quotes)
                    assert all(each % lots[name] == 0 for each in units.values())
                    wanted = {part["account"]: part["quantity"] for part in parts[name]}
                    assert {part["account"] for part in parts[name]
                            if units.get(part["order"], 0) < wanted[part["account"]]} >= set(short)  # fmt: skip
                    sized = sum(units.values())
                    about = ("paper", f"{name}{k}", "buy", name, float(sized), "USD", "market")
                    sent = OrderSent(*about, slice=k, allocations={order: float(each) for order, each in units.items()})
                    journal.append([ticket_event(document, sent, name)] if sized else [])
                    left[name] += int(sized)
                if filled := left[name] * share // 100 // lots[name] * lots[name]:
                    side = "sell" if name == "sold" else "buy"
                    fee = round(0.05 * filled, 2)
                    record = Filled("paper", f"{name}{k}", side, name, float(filled), at[name], "USD", fee, "USD", "")
                    journal.append([ticket_event(document, record, name)])
                    left[name] -= filled
        journal_allocations(journal, document)
        booked, fills = allocations(journal, document), [e.record for e in journal.entries(kind="fill")]
    assert total(fills, "quantity") == total([own for _, own in booked], "quantity")
    for day in sorted(set(DAYS.values())):
        there = dict(cash)
        for _, own in booked:
            if DAYS[own.block] <= day:
                sign = 1 if own.side == "buy" else -1
                there[own.account] -= sign * Decimal(repr(own.amount)) + Decimal(repr(own.fee))
        assert min(there.values()) >= 0
