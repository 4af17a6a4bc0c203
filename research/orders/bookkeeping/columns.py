"""The tables of transactions of brokers: names of their columns, and the words for their kinds of rows.

Names are those of the exports of Interactive Brokers (activity statements, flex queries), Schwab, Fidelity, DEGIRO,
Alpaca (account activities), Binance and Kraken, of the table of fills of docs/book.md, and the usual words.
"""

import re
from collections.abc import Mapping

from research.portfolio.holdings.broker_tables import NEXT, TableKind
from research.portfolio.holdings.cash_entries import EntryKind

FEE_FIELDS = ("commission", "fees", "taxes")
NUMBER_FIELDS = ("units", "price", "amount", *FEE_FIELDS)
WORD_FIELDS = ("side", "action", "type")
RANKED = {
    "moment": ("date/time", "datetime", "transaction_time", "date(utc)", "moment", "time", "trade date", "tradedate",
               "run date", "date", "datum", "settle date", "day"),
    "clock": ("trade time", "tradetime", "tijd", "uhrzeit"),
    "id": ("fill_id", "tradeid", "trade id", "txid", "execution id", "transactionid", "entry_id", "id"),
    "order_id": ("order_id", "orderreference", "client_order_id", "client order id", "ordertxid", "order id",
                 "iborderid"),
    "corrects": ("corrects", "origtradeid", "previous_execution_id"),
    "asset": ("symbol", "ticker", "asset", "pair", "product", "isin"),
    "side": ("side", "buy/sell"),
    "action": ("action", "activity_type", "transaction type", "kind", "art"),
    "type": ("type", "transactiontype"),
    "units": ("quantity", "qty", "units", "shares", "executed", "vol", "aantal", "anzahl", "stück"),
    "price": ("t. price", "tradeprice", "price", "koers", "kurs"),
    "amount": ("net_amount", "netcash", "amount", "totaal", "betrag", "bedrag", "proceeds"),
    "currency": ("currency", "currencyprimary", "ccy", "währung", "valuta"),
    "commission": ("comm/fee", "ibcommission", "commission", "comm", "transactiekosten en/of", "transactiekosten",
                   "provision"),
    "fees": ("fees", "fees & comm", "fee", "kosten", "entgelte"),
    "taxes": ("taxes", "steuern"),
    "fee_currency": ("ibcommissioncurrency", "fee_currency", "fee coin", "commissionasset"),
    "account": (*NEXT["account"], "account_id"),
    "description": ("description", "omschrijving", "beschreibung", "words"),
    "code": ("code", "notes/codes"),
    "detail": ("datadiscriminator", "levelofdetail"),
    "venue": ("venue",),
    "rate": ("rate",),
}  # fmt: skip
TRANSACTION_SECTIONS = (
    "Trades",
    "Deposits & Withdrawals",
    "Dividends",
    "Withholding Tax",
    "Interest",
    "Fees",
    "Transaction Fees",
)
TRANSACTIONS = TableKind(
    {}, RANKED, TRANSACTION_SECTIONS, one_of=("price", "amount"), money=("price", "amount", *FEE_FIELDS), trades=True,
    word="transactions",
)  # fmt: skip
NEGATIVE_FEES = frozenset(
    ("comm/fee", "comm in usd", "ibcommission", "taxes", "transactiekosten en/of", "transactiekosten")
)  # columns in which what is paid is below zero
VENUES = {"activity_type": "alpaca", "ordertxid": "kraken", "date(utc)": "binance", "comm/fee": "ib",
          "ibcommission": "ib", "transactionid": "ib"}  # fmt: skip
IN_UTC = frozenset(("date(utc)", "ordertxid"))  # columns of files whose times are in UTC
SINGLE, TOTALS = (
    frozenset(("execution", "trade")),
    frozenset(("order", "closedlot", "closed_lot", "symbol_summary", "lot")),
)
# details of a row: one execution; and what sums or repeats them, of which orders count where there are no executions
BUY = re.compile(r"\b(?:buy|bought|kauf|koop|aankoop)\b", re.IGNORECASE)
SELL = re.compile(r"\b(?:sell|sold|verkauf|verkoop)\b", re.IGNORECASE)
BUST = re.compile(r"\b(?:trade_?bust|tradecancel|cancel\w*|storno)\b|\(ca\.?\)", re.IGNORECASE)
CANCELLED = "Ca"  # among the codes of Interactive Brokers
OF_CASH_FUND = re.compile(r"\b(?:core account|cash sweep|bank sweep)\b", re.IGNORECASE)
NO_ID = frozenset(("", "0"))  # of the fill that a row corrects
WORDS: Mapping[EntryKind, str] = {
    "tax": r"\btax|withh|\bNRA\b|DIVNRA|DIVTW|steuer|belasting",
    "dividend": r"\bdiv|payment in lieu|cap(?:ital)? gain|\bCGD\b",
    "interest": r"interest|^INT|zins|rente",
    "fee": r"\bfee|^FEE|charge|commission|gebühr|entgelt|kosten",
    "deposit": r"deposit|withdraw|transfer|\bCSD\b|\bCSW\b|\bJNLC\b|funds|wire|einzahlung|auszahlung|storting",
}  # of a kind of cash, the first that fits; a deposit below zero is a withdrawal
CASH_KINDS = {kind: re.compile(words, re.IGNORECASE) for kind, words in WORDS.items()}
