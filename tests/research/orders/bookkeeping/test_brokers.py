"""Transactions as brokers export them: sales of 133 of SPY at 383.50, with 5.60 of fees where they state fees.

Headers are those that public importers of these files describe; the numbers are made.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import DataError
from research.orders.bookkeeping.activity import read_activity
from research.orders.bookkeeping.transaction import FileStatements
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.brokers.positions import read_positions

BROKERS = Path(__file__).parent / "brokers"  # a file each
FILES: dict[str, tuple[dict[str, Any], str]] = {
    "schwab": ({}, "5.60"),
    "robinhood": ({}, "0"),
    "trade_republic": ({}, "5.60"),
    "degiro_en": ({"zone": "Europe/Amsterdam", "day_first": True}, "5.60"),
    "webull": ({}, "0"),
    "coinbase": ({}, "5.60"),
    "swissquote": ({"zone": "Europe/Zurich", "day_first": True}, "5.60"),
    "revolut": ({}, "0"),
    "scalable": ({"zone": "Europe/Berlin"}, "5.60"),
    "ghostfolio": ({"columns": {"asset": "Code"}}, "5.60"),
    "wealthsimple": ({}, "5.60"),
    "tastytrade": ({}, "5.60"),
    "firstrade": ({}, "5.60"),
    "merrill": ({}, "0"),
    "freetrade": ({}, "5.60"),
    "interactive_investor": ({}, "0"),
    "zerodha": ({"zone": "America/New_York"}, "0"),
    "ally": ({"zone": "America/New_York"}, "5.60"),
    "m1": ({}, "0"),
}  # by broker: what is declared of its file, and the fees


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


@pytest.mark.parametrize("broker", FILES)
def test_a_broker_s_sale_is_read_with_at_most_one_declaration_and_is_no_list_of_positions(
    portfolio: Portfolio, broker: str
) -> None:
    path, (declared, fees) = BROKERS / f"{broker}.csv", FILES[broker]
    got = read_activity(path, portfolio, FileStatements(**declared))
    (fill,) = got.fills
    assert (fill.asset, fill.side, fill.quantity, fill.price) == ("SPY", "sell", 133, Decimal("383.5"))
    assert (sum(fill.fees.values()), f"{fill.moment:%Y-%m-%d}", got.doubts) == (Decimal(fees), "2022-12-30", {})
    with pytest.raises(DataError):
        read_positions(path, portfolio.market.assets)


NUMBERS = {
    100.0: ("100", "100.", "100.0", "+100", "1E2", "1e2", "1.0E2", "1E+2", "1E02", "10.0e1", " 100 ", "'100"),
    1_234.5: ("1234.5", "1,234.5", "1,234.50", "1'234.5", "1 234.5", "1.2345E3", "1\u00a0234.5", '="1234.5"'),
    -100.0: ("-100", "(100)", "100-", "\u2212100", "-1E2", "(1.0E2)", "1E2-"),
    None: ("1.2.3", "--5", "(5", "(-5)", "-(5)", "1_000", "nan", "inf", "0x10", "E2", "5E", "1E400", "1.0E2E3",
           "many", "5 USD EUR", "5%", "5ab", "5 CR", "\u0663\u0664", "\uff11\uff12", "1O0", "5/2"),
}  # fmt: skip  # what texts are as a number; None for what is refused


@pytest.mark.parametrize(("value", "text"), [(value, text) for value, texts in NUMBERS.items() for text in texts])
def test_a_text_is_the_same_number_at_each_door_or_refused_at_each(
    tmp_path: Path, portfolio: Portfolio, value: float | None, text: str
) -> None:
    """In an amount of cash and as units of a fill, of a broker's file and of one's own, as JSON, and as cash held."""
    cell = text.replace('"', '""')
    doors = {
        "cash.csv": f'id,Date,Action,Amount\n1,2022-12-30,interest,"{cell}"\n',
        "own.csv": f'id,moment,kind,amount,currency\n1,2022-12-30,interest,"{cell}",USD\n',
        "fill.csv": f'Date,Action,Symbol,Quantity,Price\n2022-12-30,Sell,AGG,"{cell}",97.4\n',
        "own_fill.csv": f'fill_id,moment,asset,side,quantity,price\n1,2022-12-30,AGG,sell,"{cell}",97.4\n',
        "cash.json": json.dumps([{"id": "1", "date": "2022-12-30", "activity_type": "INT", "net_amount": text}]),
        "positions.csv": f'Symbol,Quantity,Value\nSPY,1,\nCash,,"{cell}"\n',
    }
    for name, content in doors.items():
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        assert _number(path, portfolio) == (value if value is None or "fill" not in name else abs(value)), name


def _number(path: Path, portfolio: Portfolio) -> float | None:
    try:
        if path.name == "positions.csv":
            return (read_positions(path, portfolio.market.assets).balances or {})["USD"]
        got = read_activity(path, portfolio)
        (read,) = (*(fill.quantity for fill in got.fills), *(each.amount for each in (*got.entries, *got.proposals)))
        return float(read)
    except DataError:
        return None
