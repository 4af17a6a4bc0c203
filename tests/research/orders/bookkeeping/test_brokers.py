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
from research.orders.bookkeeping.transaction import Reading
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.brokers.positions import read_positions

FILES: dict[str, tuple[str, dict[str, Any], str]] = {
    "schwab": (
        """\
"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"
"12/30/2022","Sell","SPY","SPDR","133","$383.50","$5.60","$50,999.90"
""",
        {},
        "5.60",
    ),
    "robinhood": (
        """\
"Activity Date","Process Date","Settle Date","Instrument","Description","Trans Code","Quantity","Price","Amount"
"12/30/2022","12/30/2022","1/4/2023","SPY","SPDR S&P 500","Sell","133","$383.50","$51,005.50"
"12/28/2022","12/28/2022","12/28/2022","","ACH Deposit","ACH","","","$500.00"
""",
        {},
        "0",
    ),
    "trade_republic": (
        """\
"datetime","date","account_type","category","type","asset_class","name","symbol","shares","price","amount",\
"fee","tax","currency","original_amount","original_currency","fx_rate","description","transaction_id",\
"counterparty_name","counterparty_iban","payment_reference","mcc_code"
"2022-12-30T15:00:00.000Z","2022-12-30","DEFAULT","TRADING","SELL","FUND","SPDR","US78462F1030","-133",\
"383.50","51005.50","-1.00","-4.60","USD","","","","Sell","abc-1","","","",""
""",
        {},
        "5.60",
    ),
    "degiro_en": (
        """\
Date,Time,Product,ISIN,Reference exchange,Venue,Quantity,Price,,Local value,,Value USD,,Exchange rate,\
AutoFX Fee,Transaction and/or third party fees USD,,Total USD,,Order ID
30-12-2022,16:15,SPDR S&P 500,US78462F1030,NSY,ARCX,-133,383.5000,USD,51005.50,USD,51005.50,USD,,,-5.60,USD,\
50999.90,USD,3f0a
""",
        {"zone": "Europe/Amsterdam", "day_first": True},
        "5.60",
    ),
    "webull": (
        """\
Name,Symbol,Side,Status,Filled,Total Qty,Price,Avg Price,Time-in-Force,Placed Time,Filled Time
SPDR,SPY,Sell,Filled,133,133,@383.40,383.50,DAY,12/30/2022 09:59:00 EST,12/30/2022 10:00:00 EST
""",
        {},
        "0",
    ),
    "coinbase": (
        """\
Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,Price at Transaction,Subtotal,\
Total (inclusive of fees and/or spread),Fees and/or Spread,Notes
2022-12-30 15:00:00 UTC,Sell,SPY,133,USD,383.50,51005.50,50999.90,5.60,Sold
""",
        {},
        "5.60",
    ),
    "swissquote": (
        """\
Date;Order #;Transaction;Symbol;Name;ISIN;Quantity;Unit price;Costs;Accrued Interest;Net Amount;Balance;Currency
30-12-2022 16:00:00;123;Sell;SPY;SPDR;US78462F1030;133.0;383.50;5.60;0.00;50999.90;1.00;USD
""",
        {"zone": "Europe/Zurich", "day_first": True},
        "5.60",
    ),
    "revolut": (
        """\
Date,Ticker,Type,Quantity,Price per share,Total Amount,Currency,FX Rate
2022-12-30T15:00:00.000Z,SPY,SELL - MARKET,133,$383.50,$51005.50,USD,1.0
""",
        {},
        "0",
    ),
    "scalable": (
        """\
date;time;status;reference;description;assetType;type;isin;shares;price;amount;fee;tax;currency
2022-12-30;16:00:00;Executed;"SC1";"SPDR";Security;Sell;US78462F1030;133;383,50;50.999,90;0,99;4,61;USD
""",
        {"zone": "Europe/Berlin"},
        "5.60",
    ),
    "ghostfolio": (
        """\
Date,Code,DataSource,Currency,Price,Quantity,Action,Fee,Note
2022-12-30,SPY,YAHOO,USD,383.5,133,sell,5.6,x
""",
        {"columns": {"asset": "Code"}},
        "5.60",
    ),
    "wealthsimple": (
        """\
transaction_date,settlement_date,account_id,account_type,activity_type,activity_sub_type,direction,symbol,\
name,currency,quantity,unit_price,commission,net_cash_amount
2022-12-30,2023-01-04,A1,NR,Trade,SELL,SHORT,SPY,SPDR,USD,-133,383.50,5.60,50999.90
""",
        {},
        "5.60",
    ),
    "tastytrade": (
        """\
Date,Type,Sub Type,Action,Symbol,Instrument Type,Description,Value,Quantity,Average Price,Commissions,Fees,\
Multiplier,Root Symbol,Underlying Symbol,Expiration Date,Strike Price,Call or Put,Order #,Currency
2022-12-30T10:00:00-0500,Trade,Sell to Close,SELL_TO_CLOSE,SPY,Equity,Sold 133,"51,005.50",133,383.50,-5.00,\
-0.60,,,,,,,123,USD
""",
        {},
        "5.60",
    ),
    "firstrade": (
        """\
Symbol,Quantity,Price,Action,Description,TradeDate,SettledDate,Interest,Amount,Commission,Fee,CUSIP,RecordType
SPY,-133,383.5,Sell,SPDR,2022-12-30,2023-01-04,0,50999.9,5.00,0.60,78462F103,Trade
""",
        {},
        "5.60",
    ),
    "merrill": (
        """\
"Trade Date","Settlement Date","Account","Description","Type","Symbol/ CUSIP","Quantity","Price","Amount"
"12/30/2022","01/04/2023","CMA 1","Sale SPDR","Sale","SPY","-133","$383.50","$51,005.50"
""",
        {},
        "0",
    ),
    "freetrade": (
        """\
Title,Type,Timestamp,Account Currency,Total Amount,Buy / Sell,Ticker,ISIN,Price per Share in Account Currency,\
Stamp Duty,Quantity,Venue,Order ID,Order Type,Instrument Currency,Total Shares Amount,Price per Share,FX Rate,\
Base FX Rate,FX Fee (BPS),FX Fee Amount
SPDR,ORDER,2022-12-30T15:00:00.000Z,USD,50999.90,SELL,SPY,US78462F1030,383.50,,133,X,O1,BASIC,USD,51005.50,\
383.50,1,1,0,5.60
""",
        {},
        "5.60",
    ),
    "interactive_investor": (
        """\
Date,Settlement Date,Symbol,Sedol,Quantity,Price,Description,Reference,Debit,Credit,Running Balance
30/12/2022,04/01/2023,SPY,123,133,$383.50,Sell SPDR,REF1,n/a,"$51,005.50",1
""",
        {},
        "0",
    ),
    "zerodha": (
        """\
symbol,isin,trade_date,exchange,segment,series,trade_type,auction,quantity,price,trade_id,order_id,\
order_execution_time
SPY,US78462F1030,2022-12-30,NSE,EQ,EQ,sell,false,133,383.50,1001,2001,2022-12-30T10:00:00
""",
        {"zone": "America/New_York"},
        "0",
    ),
    "ally": (
        """\
DATE,TIME,QUANTITY,SYMBOL,DESCRIPTION,ACTIVITY,PRICE,COMMISSION,FEES,AMOUNT
12/30/2022,10:00:00 AM,-133,SPY,SPDR,Sold To Close,383.50,5.00,0.60,50999.90
""",
        {"zone": "America/New_York"},
        "5.60",
    ),
    "m1": (
        """\
"Date","Ticker","Type","Quantity","Price","Amount","Account"
"Dec 30, 2022","SPY","Sold","133","$383.50","$51,005.50","I"
""",
        {},
        "0",
    ),
}  # by broker: a file, what is declared of it, and the fees


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


@pytest.mark.parametrize("broker", FILES)
def test_a_broker_s_sale_is_read_with_at_most_one_declaration_and_is_no_list_of_positions(
    tmp_path: Path, portfolio: Portfolio, broker: str
) -> None:
    text, declared, fees = FILES[broker]
    path = tmp_path / f"{broker}.csv"
    path.write_text(text, encoding="utf-8")
    got = read_activity(path, portfolio, Reading(**declared))
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
