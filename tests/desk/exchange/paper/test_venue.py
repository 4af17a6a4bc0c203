"""What the paper venue refuses, how accounts are opened and left, what settles when, and one session after another."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journals import IN_MEMORY
from paper_desk import DAY, bar, exchange, order, paper, session

from desk.exchange.paper import FillModel, PaperVenue
from desk.exchange.venue import NotKnown
from foundation.errors import DataError
from research.accounting.impact import Impact


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[PaperVenue]:
    with paper(tmp_path) as opened:
        yield opened


def statuses(venue: PaperVenue, *orders: Any) -> list[str]:
    return [state.status for state in venue.place_all([(each, each.client_order_id) for each in orders])]


DAYS = ("2022-12-30", "2023-01-03", "2023-01-04", "2023-01-05")
LIMIT = {"order_type": "limit"}


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (
            order("buy", "A", 99.0),
            "no cash: it costs 10099.50 USD, and account 'U1' has 10000 that settles by 2023-01-03",
        ),
        (order("sell", "A", 101.0), "no units: it sells 101 A, and account 'U1' has 100"),
        (order("sell", "THIN", 1.0), "no units: it sells 1 THIN, and account 'U1' has 0"),
        (order("buy", "A", 1.5), "quantity 1.5 is no whole number of lots of 1"),
        (order("buy", "A", 0.0), "quantity 0 is not above zero"),
        (order("buy", "HALTED"), "HALTED is halted on 2022-12-30"),
        (order("buy", "B"), "symbol 'B' is not known on 2022-12-30 by bars by hand"),
        (order("buy", "FUND"), "FUND has no price on 2022-12-30"),
        (order(currency="EUR"), "A is quoted in USD, and the order is in EUR"),
        (order(order_type="stop"), "order type 'stop' is not known: it takes market, market_on_close, limit"),
        (order(time_in_force="GTC"), "time in force 'GTC' is not known: it takes DAY"),
        (order(**LIMIT), "an order of type limit has a limit price of None"),
        (order(limit_price=99.0), "an order of type market has a limit price of 99"),
        (order(**LIMIT, limit_price=99.005), "limit price 99.005 is no whole number of ticks of 0.01 above zero"),
        (order(account="U2"), "no cash: it costs 1021.50 USD, and account 'U2' has 0 that"),
        (exchange("sell", "EUR", 500.01, "EURUSD", 1.06), "no cash: it sells 500.01 EUR, and account 'U1' has 500"),
    ],
)
def test_it_refuses_what_a_venue_would(venue: PaperVenue, about: Any, reason: str) -> None:
    state = venue.place(about, "x")
    assert state.status == "refused"
    assert state.reason.startswith(reason)


def test_it_is_closed_on_a_day_without_a_session_and_after_the_close(tmp_path: Path) -> None:
    with paper(tmp_path, session=session(date(2022, 12, 31))) as closed:
        assert closed.place(order(), "x").reason == "XNYS is closed on 2022-12-31: play a session, such as 2022-12-30"
    with paper(tmp_path) as late:
        late.wait(datetime(2022, 12, 30, 21, 1, tzinfo=UTC))
        assert late.place(order(), "y").reason == "XNYS closed at 21:00 UTC on 2022-12-30, and it is 21:01"


def test_the_last_units_are_sold_although_they_are_no_whole_lot(venue: PaperVenue) -> None:
    wide = session(A=replace(venue.session.bars["A"], lot=Decimal(30)))
    with paper(venue.file.path.parent, session=wide) as lots:
        assert statuses(lots, order("sell", "A", 40.0), order("sell", "A", 90.0), order("sell", "A", 10.0)) == [
            "refused",
            "filled",
            "filled",
        ]


def test_a_buy_is_paid_by_proceeds_that_settle_no_later(venue: PaperVenue) -> None:
    """10,000 and 10 at 102 pay 107 of them only together."""
    late, buy = "2023-01-04", order("buy", "A", 107.0, commission=0.0, half_spread=0.0)
    later = order("sell", "A", 10.0, settlement_date=late, client_order_id="sold late")
    assert statuses(venue, later, buy) == ["filled", "refused"]
    assert statuses(venue, replace(buy, settlement_date=late, client_order_id="paid late")) == ["filled"]


def test_a_later_buy_leaves_what_an_earlier_settlement_needs(venue: PaperVenue) -> None:
    early = {"commission": 0.0, "half_spread": 0.0}
    late = order("buy", "A", 98.0, settlement_date="2023-01-05", client_order_id="late", **early)  # 9,996
    assert statuses(venue, late, order("buy", "A", 1.0, **early)) == ["filled", "refused"]


def test_open_orders_put_aside_what_they_may_take(venue: PaperVenue) -> None:
    buy = order("buy", "A", 100.0, order_type="limit", limit_price=90.0, client_order_id="low")
    sell = order("sell", "A", 60.0, order_type="limit", limit_price=150.0, client_order_id="high")
    assert statuses(venue, buy, sell) == ["open", "open"]
    assert (venue.cash("U1")["USD"], venue.units("U1")["A"]) == (1_000, 40)
    assert statuses(venue, order("buy", "A", 10.0), order("sell", "A", 41.0)) == ["refused", "refused"]
    venue.cancel("low")
    assert statuses(venue, order("buy", "A", 11.0)) == ["filled"]


def test_money_is_exchanged_at_the_rate_of_the_order(venue: PaperVenue) -> None:
    orders = [exchange("buy", "EUR", 1_000.0, "EURUSD", 1.06), exchange("sell", "JPY", 14_120.0, "USDJPY", 141.2)]
    assert statuses(venue, *orders) == ["filled", "refused"]
    assert venue.cash("U1") == {"EUR": 1_500, "USD": 8_940}
    assert statuses(venue, exchange("buy", "JPY", 14_120.0, "USDJPY", 141.2)) == ["filled"]
    assert venue.cash("U1") == {"EUR": 1_500, "JPY": 14_120, "USD": 8_840}
    assert [(fill.asset, fill.currency, fill.account) for fill in venue.fills()] == [
        ("EUR", "USD", "U1"),
        ("JPY", "USD", "U1"),
    ]


def test_an_order_in_money_moves_as_much(venue: PaperVenue) -> None:
    fund = {"quantity": None, "price": None, "lot": None, "commission": 0.0, "half_spread": 0.0}
    buy = order("buy", "FUND", notional=2_500.0, client_order_id="in", **fund)
    sell = order("sell", "FUND", notional=2_500.01, client_order_id="out", **fund)
    assert statuses(venue, buy, sell) == ["filled", "refused"]
    assert (venue.cash("U1")["USD"], venue.units("U1")["FUND"]) == (7_500, 2_500)
    assert statuses(venue, replace(sell, notional=2_500.0, client_order_id="all")) == ["filled"]
    coin = order("buy", "A", notional=1_000.0, client_order_id="coin", **fund)
    assert statuses(venue, coin) == ["filled"]
    assert (venue.cash("U1")["USD"], venue.units("U1")["A"]) == (9_000, Decimal("109.803921568"))


def any_order(rng: random.Random, k: int) -> Any:
    """An order or an exchange of any side, size and settlement day, at market or with a limit."""
    side, about = rng.choice(("buy", "sell")), {"settlement_date": rng.choice(DAYS), "client_order_id": f"{k}"}
    if rng.random() < 0.2:
        return replace(exchange(side, "EUR", rng.choice((50.0, 450.0)), "EURUSD", 1.06), **about)
    limit = {"order_type": "limit", "limit_price": rng.choice((90.0, 103.0))} if rng.random() < 0.2 else {}
    return order(side, rng.choice(("A", "A", "THIN")), rng.choice((7.0, 60.0, 90.0)), **about, **limit)


@given(st.integers(0, 2**32))
def test_no_orders_bring_units_or_the_cash_of_any_day_below_zero(seed: int) -> None:
    model, rng = FillModel("clock", half_spread_bps=2.0, participation=0.9, parts=3), random.Random(seed)
    orders = [any_order(rng, k) for k in range(10)]
    with TemporaryDirectory(dir=IN_MEMORY) as folder, paper(Path(folder), model) as venue:
        venue.place_all([(each, each.client_order_id) for each in orders])
        rows = venue.file.rows.execute("SELECT kind, item, settles, amount FROM balances ORDER BY settles").fetchall()
    path = Counter[tuple[str, str]]()
    for kind, item, _, amount in rows:
        path[kind, item] += Decimal(amount)
        assert path[kind, item] >= 0


# -- sessions one after the other --------------------------------------------------------------------------------------


def test_an_account_is_as_its_orders_left_it(tmp_path: Path) -> None:
    with paper(tmp_path) as first:
        assert "its first order opens it with 10,000 USD, 100 A and 500 EUR" in first.notes[1]
        first.place(order("sell", "A", 60.0), "x")
    with paper(tmp_path, session=session(date(2023, 1, 3))) as second:
        assert (len(second.notes), second.units("U1")) == (1, {"A": 40})


def test_fills_keep_the_quotes_of_their_session_and_those_of_an_older_file_have_none(tmp_path: Path) -> None:
    with paper(tmp_path) as first:
        first.place(order(), "x")
        (stated,) = first.fills()
    with paper(tmp_path, session=session(date(2023, 1, 3), A=bar(1.0, 1.0, 1.0, 1.0))) as second:
        assert second.fills() == [stated]
        second.file.rows.execute("DROP TABLE quotes")
    with paper(tmp_path) as older:
        assert older.fills() == [replace(stated, quote=None)]


def test_looking_at_a_venue_writes_no_account(tmp_path: Path) -> None:
    with paper(tmp_path) as first:
        assert first.units("U1") == {"A": 100}
    with paper(tmp_path) as second:
        assert "new on paper" in second.notes[1]


def test_a_day_order_expires_with_its_session(tmp_path: Path) -> None:
    resting = order("buy", "A", 100.0, order_type="limit", limit_price=90.0)
    with paper(tmp_path) as first:
        assert first.place(resting, "x").status == "open"
    with paper(tmp_path, session=session(date(2023, 1, 3))) as second:
        state = second.state("x")
        assert state is not None
        assert (state.status, state.reason) == ("cancelled", "expired: a day order of 2022-12-30")
        assert second.open_orders() == []
        assert second.cancel("x") == state
        assert second.cash("U1")["USD"] == 10_000


def test_an_account_does_not_go_back_in_time(tmp_path: Path) -> None:
    with paper(tmp_path, session=session(date(2023, 1, 3))) as later:
        later.place(order(), "x")
    with paper(tmp_path) as earlier:
        assert earlier.place(order(), "y").reason == (
            "account 'U1' has traded on 2023-01-03, after 2022-12-30: play a later session"
        )


def test_orders_without_an_account_have_one_of_the_portfolio(tmp_path: Path) -> None:
    fund = order("buy", "FUND", quantity=None, price=None, notional=1.0, account="")
    with paper(tmp_path, unnamed="U1") as venue:
        assert venue.place(fund, "x").status == "filled"
        assert venue.cash("") == venue.cash("U1")
        assert venue.fills()[0].account == ""


def test_a_list_is_placed_whole_or_not_at_all(venue: PaperVenue) -> None:
    impact = paper(venue.file.path.parent, FillModel(impact=Impact()))
    with pytest.raises(DataError, match="has no impact"):
        impact.place_all([(exchange("buy", "EUR", 1.0, "EURUSD", 1.0), "x"), (order(), "y")])
    assert [impact.state(name) for name in ("x", "y")] == [None, None]
    assert venue.fills() == []


def test_an_order_that_it_does_not_have_cannot_be_cancelled(venue: PaperVenue) -> None:
    with pytest.raises(DataError, match="the paper venue has no order 'x'"):
        venue.cancel("x")


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "paper.sqlite").write_text("a note to myself, longer than the first page of nothing" * 99)
    with pytest.raises(NotKnown, match=r"paper.sqlite cannot be read or written \(file is not a database\)"):
        paper(tmp_path)


def test_a_placed_order_is_synced_to_the_disk(venue: PaperVenue) -> None:
    found = [venue.file.rows.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]  # FULL


def test_where_trading_never_ends_a_fill_is_on_the_day_of_its_session(tmp_path: Path) -> None:
    with paper(tmp_path, session=session(DAY, "24/7")) as venue:
        venue.place(order(), "x")
        (fill,) = venue.fills()
        assert fill.moment == datetime(2022, 12, 30, 23, 59, 59, tzinfo=UTC)


def test_the_quote_of_a_model_with_a_half_spread_is_that_at_which_orders_fill(tmp_path: Path) -> None:
    with paper(tmp_path, FillModel("clock", half_spread_bps=50.0)) as venue:
        quote = venue.quotes(["A"])["A"]
        assert statuses(venue, order("sell", "A", 1.0), order("buy", "A", 1.0)) == ["filled", "filled"]
        assert [float(fill.price) for fill in venue.fills()] == [quote.bid, quote.ask] == [97.51, 98.49]
    with paper(tmp_path / "plain") as plain:
        assert (plain.quotes(["A"])["A"].bid, plain.quotes(["A"])["A"].ask) == (None, None)
