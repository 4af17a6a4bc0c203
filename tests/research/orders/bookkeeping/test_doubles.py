"""One trade is one fill: pairs of exports of the same trades, in either order, and two trades that stay two."""

from pathlib import Path

import pytest

from research.orders import trade_list
from research.orders.booking import open_book
from research.orders.bookkeeping.activity import read_activity
from research.orders.bookkeeping.importing import seen_by_book, with_activity
from research.orders.bookkeeping.transaction import FileStatements
from research.portfolio import Portfolio, load_portfolio

NEW_YORK = FileStatements(zone="America/New_York")
STATEMENT = "Trades,Header,DataDiscriminator,Currency,Symbol,Date/Time,Quantity,T. Price,Proceeds,Comm/Fee,Code\n"
FLEX = (
    '"CurrencyPrimary","Symbol","TradeID","IBOrderID","DateTime","Buy/Sell","Quantity","TradePrice","IBCommission",'
    '"NetCash","LevelOfDetail"\n'
)
SCHWAB = '"Date","Action","Symbol","Quantity","Price","Fees & Comm","Amount"\n'
OWN = "id,moment,asset,side,quantity,price,currency,fee\n"
VENUE = "fill_id,moment,asset,side,quantity,price,currency,venue,fees\n"
TRADING_212 = "Action,Time,Ticker,No. of shares,Price / share,Currency (Price / share),Total,ID\n"


def statement(*trades: tuple[str, int, float]) -> str:
    """Order rows of an activity statement: time, units and price; they have no ids."""
    rows = (f'Trades,Data,Order,USD,AGG,"2022-12-30, {t}",{n},{p},{-n * p:.2f},-1,O\n' for t, n, p in trades)
    return STATEMENT + "".join(rows)


def flex(*trades: tuple[int, str, int, float]) -> str:
    """Executions of a flex query: id, time, units and price."""
    rows = ((k, t.replace(":", ""), n, p, f"{-n * p - 1:.2f}") for k, t, n, p in trades)
    cells = '"USD","AGG","{}","77","20221230;{}","BUY","{}","{}","-1","{}","EXECUTION"\n'
    return FLEX + "".join(cells.format(*row) for row in rows)


def schwab(units: int = 100, price: float = 97.4) -> str:
    return f'{SCHWAB}"12/30/2022","Buy","AGG","{units}","${price}","","-${units * price:.2f}"\n'


def own(k: int, units: int = 100, price: float = 97.4, day: str = "2022-12-30T15:15:00Z") -> str:
    return f"{OWN}{k},{day},AGG,buy,{units},{price},USD,\n"


TEN, LATER = ("10:15:00", 100, 97.4), ("14:00:00", 100, 97.4)
ONE = flex((9001, *TEN))
PARTS = flex((9001, "10:15:00", 60, 97.4), (9002, "10:15:01", 40, 97.4))
PAIRS = {
    "a statement and a flex query": (statement(TEN), ONE),
    "an order and its executions": (statement(TEN), PARTS),
    "an order at the mean of its executions": (
        statement(("10:15:00", 100, 97.42)), flex((1, "10:15:00", 60, 97.4), (2, "10:15:01", 40, 97.45)),
    ),
    "an order of three, one of which is a whole order": (
        statement(("10:15:00", 60, 97.4), ("10:20:00", 40, 97.4)),
        flex((1, "10:15:00", 30, 97.4), (2, "10:15:02", 30, 97.4), (3, "10:20:00", 40, 97.4)),
    ),
    "a history without ids and a table of one's own": (schwab(), own(1)),
    "two histories without ids, one of days alone": (
        schwab(), "Trade Date,Symbol,Buy/Sell,Quantity,Price\n2022-12-30 10:15:00,AGG,BUY,100,97.40\n",
    ),
    "a history and an export with ids": (
        schwab(), f"{TRADING_212}Buy,2022-12-30 10:15:00,AGG,100,97.40,USD,9740.00,P1\n",
    ),
    "two venues' names": (ONE, f"{VENUE}f1,2022-12-30T15:15:00Z,AGG,buy,100,97.4,USD,paper,1\n"),
    "a part that came first": (statement(TEN), flex((9001, "10:15:00", 60, 97.4))),
}  # fmt: skip
APART = {
    "two executions of one size in one file": (flex((1, *TEN), (2, *TEN)), flex((1, *TEN))),
    "two rows alike in one file": (statement(TEN, TEN), statement(TEN)),
    "a later trade of the same size in a file of its own": (statement(TEN), flex((9005, *LATER))),
    "a second execution beside a known order": (statement(TEN), flex((9001, *TEN), (9002, *LATER))),
    "two ids of one venue": (ONE, flex((9002, *LATER))),
    "two ids of one's own": (own(1), own(2)),
    "the file of the next hour, which has the first row again": (statement(TEN), statement(TEN, LATER)),
}


@pytest.fixture(scope="module")
def sent() -> Portfolio:
    """A portfolio whose list, to buy 721 of AGG, was sent; it holds 7,460."""
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    return trade_list(portfolio, portfolio.policies["threshold"]).sent()


def bought(sent: Portfolio, tmp_path: Path, *texts: str) -> tuple[float, list[str]]:
    """The units of AGG that files booked in turn bought, and the names of what is listed."""
    book = open_book(sent, "desk")
    for k, text in enumerate(texts):
        path = tmp_path / f"{k}.csv"
        path.write_text(text)
        portfolio = seen_by_book(book, sent)
        book = with_activity(book, portfolio, read_activity(path, portfolio, NEW_YORK), {}).book
    return float(book.holders[0].units["AGG"]) - 7_460.0, [item.name for item in book.open_items]


@pytest.mark.parametrize("name", PAIRS)
def test_one_trade_is_booked_once_whichever_export_comes_first(sent: Portfolio, tmp_path: Path, name: str) -> None:
    one, other = PAIRS[name]
    for pair in ((one, other), (other, one)):
        units, listed = bought(sent, tmp_path, *pair)
        assert (units, bool(listed)) == (100.0 if "part that" not in name else bought(sent, tmp_path, pair[0])[0], True)


@pytest.mark.parametrize("name", APART)
def test_two_trades_stay_two(sent: Portfolio, tmp_path: Path, name: str) -> None:
    one, other = APART[name]
    for pair in ((one, other), (other, one)):
        units, listed = bought(sent, tmp_path, *pair)
        assert units == 200.0, listed


def test_a_fill_that_is_dismissed_is_not_listed_again(sent: Portfolio, tmp_path: Path) -> None:
    """And one whose trade is booked is told apart from a second one by its number."""
    assert bought(sent, tmp_path, statement(TEN), ONE, ONE) == (100.0, ["ib:9001"])
