"""Transactions in the formats of brokers and venues: the same trades and amounts of cash from each of them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cases import cases

from foundation.errors import DataError
from research.orders import trade_list
from research.orders.after_fills import match_fills
from research.orders.bookkeeping.activity import Activity, read_activity
from research.orders.bookkeeping.transaction import FileStatements
from research.portfolio import Portfolio, load_portfolio

NEW_YORK = FileStatements(zone="America/New_York")
FILES = Path(__file__).parent / "activity"
IB_STATEMENT = (FILES / "ib_statement.csv").read_text(encoding="utf-8")
IB_FLEX = (FILES / "ib_flex.csv").read_text(encoding="utf-8")
IB_CASH = (FILES / "ib_cash.csv").read_text(encoding="utf-8")
SCHWAB = (FILES / "schwab.csv").read_text(encoding="utf-8")
FIDELITY = (FILES / "fidelity.csv").read_text(encoding="utf-8")
ALPACA = """[{"id": "20221230::f", "activity_type": "FILL", "transaction_time": "2022-12-30T15:15:32.709802Z",
"type": "partial_fill", "price": "383.50", "qty": "100", "side": "sell", "symbol": "SPY", "leaves_qty": "33",
"order_id": "o-1", "cum_qty": "100", "order_status": "partially_filled"},
{"id": "20230131::d", "activity_type": "DIV", "date": "2023-01-31", "net_amount": "5806.46", "symbol": "SPY",
"qty": "3260", "per_share_amount": "1.78"},
{"id": "20230131::t", "activity_type": "DIVNRA", "date": "2023-01-31", "net_amount": "-870.97", "symbol": "SPY"},
{"id": "20230103::f", "activity_type": "FEE", "date": "2023-01-03", "net_amount": "-0.05", "description": "TAF fee"},
{"id": "20230103::c", "activity_type": "CSD", "date": "2023-01-03", "net_amount": "1000"},
{"id": "20230103::w", "activity_type": "CSW", "date": "2023-01-03", "net_amount": "-200"},
{"id": "20230103::i", "activity_type": "INT", "date": "2023-01-03", "net_amount": "3.21"}]
"""
DEGIRO = (FILES / "degiro.csv").read_text(encoding="utf-8")
GERMAN = (FILES / "german.csv").read_text(encoding="utf-8")
BINANCE = (FILES / "binance.csv").read_text(encoding="utf-8")
KRAKEN = (FILES / "kraken.csv").read_text(encoding="utf-8")
OWN = (FILES / "own.csv").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


@pytest.fixture(scope="module")
def coins() -> Portfolio:
    return load_portfolio("data/portfolios/global_multi_asset.yaml")


def read(tmp_path: Path, text: str, portfolio: Portfolio, reading: FileStatements = NEW_YORK) -> Activity:
    path = tmp_path / ("file.json" if text.startswith("[") else "file.csv")
    path.write_text(text)
    return read_activity(path, portfolio, reading)


def trades(activity: Activity) -> list[tuple[Any, ...]]:
    """Asset, side, quantity, price, currency and fees of each fill."""
    return [
        (f.asset, f.side, f.quantity, f.price, f.currency, {n: str(x) for n, x in f.fees.items()})
        for f in activity.fills
    ]


def amounts(entries: Any) -> list[tuple[Any, ...]]:
    """Kind, day in January, asset, amount and currency of each entry."""
    return [(e.kind, (e.day - date(2022, 12, 31)).days, e.asset, str(e.amount), e.currency) for e in entries]


def at(hour: int, minute: int, second: int = 0, microsecond: int = 0) -> datetime:
    return datetime(2022, 12, 30, hour, minute, second, microsecond, tzinfo=UTC)


SOLD = ("SPY", "sell", 133, Decimal("383.5"), "USD")


def test_a_statement_of_interactive_brokers(tmp_path: Path, portfolio: Portfolio) -> None:
    got = read(tmp_path, IB_STATEMENT, portfolio)
    expected = [("AGG", "buy", 1_400, Decimal("97.4"), "USD", {"commission": "3.9"}), (*SOLD, {"commission": "5.1"})]
    assert trades(got) == expected
    assert [fill.moment for fill in got.fills] == [at(15, 15, 32), at(15, 16, 1)]
    assert amounts(got.proposals) == [
        ("dividend", 31, "SPY", "5806.46", "USD"),
        ("tax", 31, "SPY", "-870.97", "USD"),
        ("interest", 5, "", "12.34", "EUR"),
        ("deposit", 10, "", "10000", "USD"),
        ("withdrawal", 11, "", "-2500", "USD"),
        ("fee", 4, "", "-10", "USD"),
    ]
    assert got.notes == ("file.csv, row 10 is left aside: text or a total, 'Dividends'.",)


def test_money_exchanged_in_two_currencies_fills_the_order_of_a_list(tmp_path: Path) -> None:
    """The list buys 7,964.20 USD for 7,468.30 EUR; the statement sells these EUR at 1.0664, and charges 2 USD."""
    portfolio = load_portfolio("data/examples/orders_in_two_currencies.yaml")
    made = trade_list(portfolio, portfolio.policies["quarterly"])
    number = portfolio.accounts[0].number
    statement = f"""Account Information,Data,Account,{number}
Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,Proceeds,Comm in USD,Code
Trades,Data,Order,Forex,USD,EUR.USD,"2022-12-30, 10:15:32","-7,468.30",1.0664,7964.20,-2,
"""
    got = read(tmp_path, statement, portfolio)
    (order,) = (each for each in made.sent().blotter.orders if each.asset == "USD")  # type: ignore[union-attr]
    done = match_fills(made.sent(), got.fills)
    assert done.unmatched == ()
    assert [(row.currency, row.cash) for row in done.rows] == [("EUR", Decimal("-7468.30")), ("USD", order.quantity)]
    assert [(entry.amount, entry.currency) for entry in got.entries] == [(-2, "USD")]


def test_flex_queries_of_interactive_brokers(tmp_path: Path, portfolio: Portfolio) -> None:
    """Rows that sum executions are left out; a cancelled trade names the one that it takes back."""
    got = read(tmp_path, IB_FLEX, portfolio)
    expected = [("ib:501", 100, "ours", {}), ("ib:503", 133, "ours", {"commission": Decimal("5.1")})]
    assert [(fill.key, fill.quantity, fill.order_id, fill.fees) for fill in got.fills] == expected
    assert [(each.key, each.corrects, each.fill) for each in got.corrections] == [("ib:502", "ib:501", None)]
    assert [(e.entry_id, e.fill, e.amount, e.currency) for e in got.entries] == [
        ("ib:501 commission", "ib:501", Decimal("-5.1"), "EUR")
    ]
    paid = read(tmp_path, IB_CASH, portfolio)
    assert [entry.entry_id for entry in paid.entries] == ["ib:900", "ib:901", "ib:902", "ib:903"]
    assert amounts(paid.entries) == [
        ("dividend", 31, "SPY", "5806.46", "USD"),
        ("tax", 31, "SPY", "-870.97", "USD"),
        ("interest", 5, "", "-3.21", "USD"),
        ("withdrawal", 10, "", "-2500", "USD"),
    ]


def test_positions_in_the_same_file_are_no_transactions(tmp_path: Path, portfolio: Portfolio) -> None:
    positions = '"ClientAccountID","CurrencyPrimary","Symbol","Quantity","MarkPrice","PositionValue"\n' + 2 * (
        '"U1","USD","SPY","3260","383.44","1250014.4"\n'
    )
    got = read(tmp_path, IB_FLEX + positions + IB_CASH, portfolio)
    assert [fill.fill_id for fill in got.fills] == ["501", "503"]
    assert [entry.entry_id for entry in got.entries] == ["ib:501 commission", "ib:900", "ib:901", "ib:902", "ib:903"]


def test_transactions_of_schwab(tmp_path: Path, portfolio: Portfolio) -> None:
    """Equal rows of a day are told apart by their number; a cancelled trade has no id of its own."""
    got = read(tmp_path, SCHWAB, portfolio, FileStatements())
    bought = ("AGG", "buy", 400, Decimal("97.4"), "USD", {"fees": "3.9"})
    assert trades(got) == [bought, bought, (*SOLD, {"fees": "5.1"})]
    assert len({fill.key for fill in got.fills}) == 3
    (bust,) = got.corrections
    assert (bust.corrects, bust.fill, bust.like.quantity, bust.like.side) == ("", None, 400, "buy")
    assert amounts(got.proposals) == [
        ("dividend", 31, "SPY", "5806.46", "USD"),
        ("interest", 16, "", "1.23", "USD"),
        ("withdrawal", 10, "", "-2500", "USD"),
    ]


def test_history_of_fidelity(tmp_path: Path, portfolio: Portfolio) -> None:
    got = read(tmp_path, FIDELITY, portfolio, FileStatements())
    assert trades(got) == [(*SOLD, {"commission": "4.95", "fees": "0.65"})]
    assert amounts(got.proposals) == [("dividend", 31, "SPY", "5806.46", "USD"), ("deposit", 3, "", "1000", "USD")]
    assert len(got.notes) == 2


def test_activities_of_alpaca(tmp_path: Path, portfolio: Portfolio) -> None:
    got = read(tmp_path, ALPACA, portfolio, FileStatements())
    (fill,) = got.fills
    assert (fill.key, fill.order_id, fill.quantity, fill.side) == ("alpaca:20221230::f", "o-1", 100, "sell")
    assert fill.moment == at(15, 15, 32, 709_802)
    assert amounts(got.entries) == [
        ("dividend", 31, "SPY", "5806.46", "USD"),
        ("tax", 31, "SPY", "-870.97", "USD"),
        ("fee", 3, "", "-0.05", "USD"),
        ("deposit", 3, "", "1000", "USD"),
        ("withdrawal", 3, "", "-200", "USD"),
        ("interest", 3, "", "3.21", "USD"),
    ]


@cases("text, quantity, moment", (DEGIRO, 133, at(15, 15)), (GERMAN, 1_133, at(15, 15, 32)))
def test_local_formats(tmp_path: Path, portfolio: Portfolio, text: str, quantity: int, moment: datetime) -> None:
    """Commas before decimals, the day first, and a time zone that the user states."""
    got = read(tmp_path, text, portfolio, FileStatements(zone="Europe/Amsterdam"))
    (fill,) = got.fills
    assert (fill.asset, fill.side, fill.quantity, fill.price) == ("SPY", "sell", quantity, Decimal("383.5"))
    assert (fill.currency, fill.moment) == ("USD", moment)
    paid = [(entry.amount, entry.currency) for entry in got.entries]
    assert (fill.fees, paid) in [({"commission": Decimal("5.1")}, []), ({}, [(Decimal(-2), "EUR")])]


def test_trades_of_binance_and_kraken_are_in_utc_and_pay_fees_in_coins(tmp_path: Path, coins: Portfolio) -> None:
    assert "BTC" in coins.market.assets
    got = read(tmp_path, BINANCE, coins, FileStatements({"BTCUSDT": "BTC"}))
    assert [row[:5] for row in trades(got)] == [
        ("BTC", "buy", Decimal("0.5"), Decimal("16500.1"), "USD"),
        ("BTC", "sell", Decimal("0.25"), Decimal("16500.1"), "USD"),
    ]
    assert [(e.amount, e.currency, e.fill == fill.key) for e, fill in zip(got.entries, got.fills, strict=True)] == [
        (Decimal("-0.0005"), "BTC", True),
        (Decimal("-0.0123"), "BNB", True),
    ]
    (fill,) = read(tmp_path, KRAKEN, coins, FileStatements()).fills
    assert (fill.key, fill.asset, fill.order_id, fill.currency) == ("kraken:TX1", "BTC", "OABC12", "USD")
    assert (fill.moment, fill.fees) == (at(15, 0, 0, 123_400), {"fees": Decimal("13.2")})


def test_a_table_of_ones_own_states_corrections_busts_and_cash(tmp_path: Path, portfolio: Portfolio) -> None:
    got = read(tmp_path, OWN, portfolio, FileStatements())
    assert [fill.key for fill in got.fills] == [":1"]
    expected = [(":2", ":1", 12), (":3", ":2", None)]
    assert [(c.key, c.corrects, c.fill and c.fill.quantity) for c in got.corrections] == expected
    assert [(e.entry_id, e.kind, e.amount, e.words) for e in got.entries] == [(":4", "deposit", 1_000, "from the bank")]


# -- what is asked, and what is wrong ----------------------------------------------------------------------------------


def test_a_time_without_a_zone_and_days_that_can_be_read_two_ways_are_asked_for(
    tmp_path: Path, portfolio: Portfolio
) -> None:
    with pytest.raises(DataError, match=r"row 5: '2022-12-30, 10:15:32' states no time zone\. Say that of the file"):
        read(tmp_path, IB_STATEMENT, portfolio, FileStatements())
    either = "Date,Action,Symbol,Quantity,Price\n02/01/2023,Buy,AGG,1,97.4\n"
    with pytest.raises(
        DataError, match=r"the day or the month may stand first: found '02/01/2023'\. Say so: --form dates=dmy"
    ):
        read(tmp_path, either, portfolio)
    days = [
        read(tmp_path, either, portfolio, FileStatements(day_first=first)).fills[0].moment.date()
        for first in (True, False)
    ]
    assert days == [date(2023, 1, 2), date(2023, 2, 1)]
    with pytest.raises(DataError, match=r"numbers may have a decimal point or a decimal comma: found '97,400'"):
        read(tmp_path, "Date;Action;Symbol;Quantity;Price\n2023-01-03;Buy;AGG;1;97,400\n", portfolio)


def test_mistakes_are_told_with_their_rows_all_at_once(tmp_path: Path, portfolio: Portfolio) -> None:
    rows = [
        "Date,Action,Symbol,Quantity,Price,Amount",
        "2022-13-30,Buy,AGG,1,97.4,",
        "2022-12-30,Buy,AGG,1x,97.4,",
        "2022-12-30,Buy,AGG,1,0,",
        "2022-12-30,Reinvest,AGG,1,97.4,",
        ",Buy,AGG,1,97.4,",
        "2022-12-30,Buy,AGG,10,97.4,-9740",
        "2022-12-30,Buy,AGG,1,400,97.4,-136360",
    ]
    with pytest.raises(DataError) as told:
        read(tmp_path, "\n".join([*rows, ""]), portfolio)
    for said in (
        "row 2: '2022-13-30' is no day and no moment",
        "row 3: units is '1x'. Write a plain number",
        "row 4: fill '20221230T120000--AGG-buy-1-0' of 'AGG': price is '0'",
        "row 6: '' is no day and no moment",
        "row 8: the row has another number of cells than the header of row 1. Put numbers with separators",
    ):
        assert f"file.csv, {said}" in str(told.value)


def test_a_row_that_is_there_twice_counts_once_and_two_of_one_id_are_refused(
    tmp_path: Path, portfolio: Portfolio
) -> None:
    head, row = "id,Date,Action,Symbol,Quantity,Price\n", "7,2023-01-03,Buy,AGG,4,97.4\n"
    got = read(tmp_path, head + 2 * row, portfolio)
    assert (len(got.fills), got.notes) == (1, ("file.csv, row 3 is left aside: it is row 2 again.",))
    with pytest.raises(DataError, match=r"row 3: id 7 is that of row 2, with another content\. Correct one of them"):
        read(tmp_path, head + row + row.replace("4,", "5,"), portfolio)


def test_a_row_whose_numbers_do_not_fit_is_listed_with_the_column_that_may_be_a_fee(
    tmp_path: Path, portfolio: Portfolio
) -> None:
    head, row = "Date,Action,Symbol,Quantity,Price,{},Amount\n", "2023-01-03,Buy,AGG,100,97.4,4.95,-9744.95\n"
    assert read(tmp_path, head.format("Commission") + row, portfolio).doubts == {}
    (why,) = read(tmp_path, head.format("Handling") + row, portfolio).doubts.values()
    assert (
        "units times price are 9,740.00 USD, fees are none, and the amount is -9,744.95 USD: they fit in no one way"
        in why
    )
    assert why.endswith("where 'Handling' is a fee, say so: --form fees='Handling'")
    said = FileStatements(columns={"fees": "Handling"})
    assert trades(read(tmp_path, head.format("Handling") + row, portfolio, said))[0][-1] == {"fees": "4.95"}


CASH = "Trade ID,Date,Type,Symbol,Amount\n"


@cases(
    "words, amount",
    ("Margin Interest", -5), ("Interest Charged", -5), ("Overdraft Interest", -5), ("Credit Interest", 5),
    ("Wire Out", -5), ("Transfer Out", -5), ("Wire In", 5), ("Dividend Paid on Short", -5), ("Fee Rebate", 5),
)  # fmt: skip
def test_unsigned_money_goes_or_comes_by_its_words(
    tmp_path: Path, portfolio: Portfolio, words: str, amount: int
) -> None:
    found = read(tmp_path, f"{CASH}N1,2022-12-30,{words},,5\n", portfolio)
    assert [entry.amount for entry in (*found.entries, *found.proposals)] == [amount]
    assert found.doubts == {}


def test_interest_that_may_have_come_or_gone_is_listed(tmp_path: Path, portfolio: Portfolio) -> None:
    found = read(tmp_path, f"{CASH}N1,2022-12-30,Interest Paid,,5\n", portfolio)
    assert "may have come or gone" in found.doubts[":N1"]


TRADE = "Trade ID,Date,Symbol,Side,Quantity,"


@cases(
    "header, row",
    ("Filled,Price,Commission", "200,100,149.00,5"),
    ("Filled Qty,Price,Avg Fill Price,Commission", "200,100,150.00,149.00,5"),
    ("Price,Execution Price,Filled Quantity,Commission", "200,150.00,149.00,100,5"),
)
def test_what_was_filled_goes_before_what_was_ordered(
    tmp_path: Path, portfolio: Portfolio, header: str, row: str
) -> None:
    (fill,) = read(tmp_path, f"{TRADE}{header}\nT1,2022-12-30,SPY,Buy,{row}\n", portfolio).fills
    assert (fill.quantity, fill.price, sum(fill.fees.values())) == (100, 149, 5)


@cases(
    "header, row, said",
    ("Price,Booked Amount", "100,149.00,-14903.00", "may be the amount: where it is, say so: --form amount='Booked"),
    ("Price,Commission (bps)", "100,149.00,5", "a cost that is no amount of money"),
    ("Price,Commission %", "100,149.00,0.05", "a cost that is no amount of money"),
)
def test_a_trade_beside_an_amount_or_a_rate_of_cost_is_listed(
    tmp_path: Path, portfolio: Portfolio, header: str, row: str, said: str
) -> None:
    found = read(tmp_path, f"{TRADE}{header}\nT1,2022-12-30,SPY,Buy,{row}\n", portfolio)
    assert said in found.doubts[":T1"]


@pytest.mark.parametrize("side", ["Pending Buy", "Buy Pending", "Open Sell Order", "Buy Correction"])
def test_a_side_that_is_not_done_is_listed(tmp_path: Path, portfolio: Portfolio, side: str) -> None:
    found = read(tmp_path, f"{TRADE}Price\nT1,2022-12-30,SPY,{side},100,149.00\n", portfolio)
    assert "book it by its name only where it was done" in found.doubts[":T1"]


@pytest.mark.parametrize("side", ["Buy Reversal", "Buy - Busted", "Void Buy", "Cxl Buy"])
def test_a_side_that_was_undone_is_no_fill(tmp_path: Path, portfolio: Portfolio, side: str) -> None:
    found = read(tmp_path, f"{TRADE}Price\nT1,2022-12-30,SPY,{side},100,149.00\n", portfolio)
    assert (found.fills, len(found.corrections)) == ((), 1)


def test_debits_and_credits_are_amounts(tmp_path: Path, portfolio: Portfolio) -> None:
    text = "Trade ID,Date,Type,Symbol,Shares,Price,Fee,Debit,Credit\n"
    text += "R1,2022-12-30,Buy,SPY,100,149.00,5.00,14905.00,\nR2,2022-12-30,Sell,AGG,50,116.50,5.00,,5820.00\n"
    text += "R3,2022-12-30,Interest,,,,,,1.11\nR4,2022-12-30,Fee,,,,,12.00,\nR5,2022-12-30,Deposit,,,,,0.00,5000.00\n"
    found = read(tmp_path, text, portfolio)
    assert [sum(fill.fees.values()) for fill in found.fills] == [5, 5]
    assert [entry.amount for entry in found.entries] == [Decimal("1.11"), -12, 5_000]
    assert found.doubts == {}


@cases(
    "debit, credit, amount",
    ("--", "5", 5), ("$0.00", "$5.00", 5), ("n/a", "5.00", 5), ("$5.00", "0", -5), ("(5.00)", "", -5), ("-5", "-", -5),
)  # fmt: skip
def test_an_empty_debit_or_credit_hides_no_other(
    tmp_path: Path, portfolio: Portfolio, debit: str, credit: str, amount: int
) -> None:
    text = f"Trade ID,Date,Type,Symbol,Price,Debit,Credit\nR1,2022-12-30,Interest,,,{debit},{credit}\n"
    assert [entry.amount for entry in read(tmp_path, text, portfolio).entries] == [amount]


def test_a_debit_beside_a_credit_is_a_mistake(tmp_path: Path, portfolio: Portfolio) -> None:
    text = "Trade ID,Date,Type,Symbol,Price,Debit,Credit\nR1,2022-12-30,Interest,,,5.00,7.00\n"
    with pytest.raises(DataError, match=r"row 2: amount is '-5\.00 and 7\.00'\. Write a plain number"):
        read(tmp_path, text, portfolio)


def test_an_order_without_executions_of_its_asset_is_a_fill(tmp_path: Path, portfolio: Portfolio) -> None:
    text = (
        "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,Proceeds,Comm/Fee\n"
    )
    for row in ("Order,SPY,100,149,-14900,-1.5", "Trade,SPY,100,149,-14900,-1.5", "Order,AGG,200,116.5,-23300,-1"):
        kind, symbol, units, price, proceeds, fee = row.split(",")
        text += f'Trades,Data,{kind},Stocks,USD,{symbol},"2022-12-30, 10:05:01",{units},{price},{proceeds},{fee}\n'
    found = read(tmp_path, text, portfolio)
    assert [(fill.asset, fill.quantity) for fill in found.fills] == [("SPY", 100), ("AGG", 200)]


def test_a_split_is_left_aside_and_cash_of_an_unknown_kind_is_proposed(tmp_path: Path, portfolio: Portfolio) -> None:
    rows = (
        "id,Date,Action,Symbol,Quantity,Price,Amount\n1,2023-01-03,Stock Split,SPY,10,,\n2,2023-01-03,Journal,,,,12\n"
    )
    got = read(tmp_path, rows, portfolio)
    assert (got.fills, got.entries, amounts(got.proposals)) == ((), (), [("other", 3, "", "12", "USD")])
    assert got.notes == ("file.csv, row 2 is left aside: no amount, and no units with a price.",)


@pytest.mark.parametrize("text", ["Symbol,Quantity,Price\nSPY,1,2\n", "hello\n", '[{"id": 1}, 2]', "[1"])
def test_a_file_without_transactions_is_refused(tmp_path: Path, portfolio: Portfolio, text: str) -> None:
    with pytest.raises(DataError, match=r"no table of transactions|no JSON list of objects|a list of positions"):
        read(tmp_path, text, portfolio)
