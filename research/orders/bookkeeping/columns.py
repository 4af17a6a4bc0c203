"""The tables of transactions of brokers: names of their columns, and the words for their kinds of rows.

Names are those of the exports of Interactive Brokers (activity statements, flex queries), Schwab, Fidelity, DEGIRO,
Alpaca (account activities), Binance and Kraken, of the table of fills of docs/book.md, and the usual words.
"""

import re
from collections.abc import Mapping

from research.portfolio.holdings.brokers.columns import NEXT
from research.portfolio.holdings.brokers.tables import TableKind
from research.portfolio.holdings.cash_entries import EntryKind

FEE_FIELDS = ("commission", "fees", "taxes")
NUMBER_FIELDS = ("units", "price", "amount", *FEE_FIELDS)
WORD_FIELDS = ("side", "action", "type")
RANKED = {
    "moment": ("date/time", "date and time", "trade date/time", "datetime", "transaction_time", "date(utc)", "moment",
               "timestamp", "filled time", "trade date", "t/d", "transaction date", "run date", "activity date", "date",
               "datum", "settle date", "settlement date", "day"),
    "clock": ("trade time", "exec time", "execution time", "tijd", "uhrzeit", "zeit", "time"),
    "id": ("fill_id", "tradeid", "trade id", "txid", "execution id", "transactionid", "entry_id", "id"),
    "order_id": ("order_id", "orderreference", "client_order_id", "client order id", "ordertxid", "order id",
                 "iborderid", "order #", "order number"),
    "corrects": ("corrects", "origtradeid", "previous_execution_id"),
    "asset": ("symbol", "ticker", "ticker symbol", "asset", "pair", "instrument", "symbol/ cusip", "symbol/cusip",
              "equity symbol", "product"),
    "isin": NEXT["isin"],
    "side": ("side", "buy/sell", "direction", "kauf/verkauf", "koop/verkoop", "b/s", "seite", "richtung"),
    "action": ("action", "activity_type", "transaction type", "trade_type", "trans code", "transaction", "kind", "art",
               "event"),
    "type": ("type", "transactiontype", "typ"),
    "units": ("filled", "filled qty", "filled quantity", "fill qty", "fill quantity", "executed qty",
              "executed quantity", "exec qty", "qty filled", "quantity filled", "quantity", "qty", "units", "shares",
              "no. of shares", "number of shares", "quantity transacted", "executed", "vol", "aantal", "anzahl",
              "stück"),
    "price": ("t. price", "tradeprice", "avg price", "average price", "avg fill price", "average fill price",
              "fill price", "filled price", "avg. price", "exec price", "execution price", "executed price", "price",
              "share price", "price / share", "price per share", "unit price", "price at transaction", "koers", "kurs",
              "quote"),
    "amount": ("net transaction value", "gesamtpreis", "gesamtbetrag", "net_amount", "netcash", "net proceeds",
               "net cash amount", "amount", "total amount", "total", "total (inclusive of fees and/or spread)",
               "totaal", "betrag", "bedrag", "value", "wert", "gross amount", "gross proceeds", "principal amount",
               "proceeds", "subtotal"),
    "debit": ("debit", "debit amount", "dr", "soll", "belastung", "money out", "paid out"),
    "credit": ("credit", "credit amount", "cr", "haben", "gutschrift", "money in", "paid in"),
    "amount currency": ("currency (total)", "currency (amount)", "settlement currency"),
    "currency": ("currency", "currencyprimary", "ccy", "currency (price / share)", "price currency",
                 "transaction currency", "währung", "valuta"),
    "exchange": ("exchange rate", "exchangerate", "fx rate", "wisselkoers", "wechselkurs"),
    "commission": ("comm/fee", "ibcommission", "commission", "commissions", "comm", "commission fees",
                   "transactiekosten en/of", "transactiekosten", "transaction and/or third party fees", "provision",
                   "brokerage", "brokerage fee", "brokerage commission", "broker fee", "courtage", "ordergebühr",
                   "orderprovision"),
    "fees": ("fees", "fees & comm", "fee", "kosten", "entgelte", "costs", "charges", "fees and/or spread", "sec",
             "taf", "nscc", "nasdaq", "finra", "sec fee", "sec fees", "reg fee", "regulatory fee", "regulatory fees",
             "exchange fee", "clearing fee", "transaction fee", "currency conversion fee", "autofx fee",
             "fx fee amount", "gebühren", "gebühr", "spesen", "fremdspesen", "fremde spesen", "börsengebühr",
             "handelsplatzgebühr", "handelsplatzentgelt", "levy", "ptm levy", "trading fee", "platform fee",
             "settlement fee", "other fees", "other charges", "transaction charges", "exchange charges", "sebi fees",
             "sebi charges", "dp charges", "frais", "commissie"),
    "taxes": ("taxes", "tax", "steuern", "steuer", "stamp duty", "stamp duty reserve tax", "transaction tax",
              "financial transaction tax", "stempelsteuer", "stempelabgabe", "stamp tax", "gst", "vat", "stt", "mwst",
              "tob"),
    "fee_currency": ("ibcommissioncurrency", "fee_currency", "fee coin", "commissionasset"),
    "account": (*NEXT["account"], "account_id"),
    "description": ("description", "omschrijving", "beschreibung", "words", "name"),
    "code": ("code", "notes/codes"),
    "detail": ("datadiscriminator", "levelofdetail"),
    "status": ("order status", "execution status", "transaction status", "status", "state", "auftragsstatus"),
    "class": ("asset class", "asset category", "asset type", "instrument type", "security type", "product type",
              "sec type"),
    "right": ("put/call", "call/put", "call or put", "option type"),
    "venue": ("venue",),
    "rate": ("rate",),
}  # fmt: skip
TRANSACTION_SECTIONS = (
    "Trades", "Deposits & Withdrawals", "Dividends", "Withholding Tax", "Interest", "Fees", "Transaction Fees"
)  # fmt: skip
TRANSACTIONS = TableKind(
    ("moment",), tuple(RANKED)[1:], RANKED, TRANSACTION_SECTIONS, one_of=("price", "amount", "debit", "credit"),
    money=("price", "amount", *FEE_FIELDS), trades=True, several=("fees", "taxes", "amount"), word="transactions",
)  # fmt: skip


def _any_case(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


NET = _any_case(r"net|gesamt|total \(inclusive")  # how the name of an amount with its fees in it begins
GROSS = _any_case(r"gross|principal|proceeds|subtotal")  # and of one without them
NEGATIVE_FEES = frozenset(("comm/fee", "comminusd", "ibcommission", "transactiekostenen/of", "transactiekosten"))
# labels of columns in which what is paid is below zero, whatever a file has
OWN_IDS = frozenset(("id", "fillid"))
# labels beside a moment in a table of docs/book.md: there a fee below zero is a rebate
COLUMN_OF_VENUE = {"activity_type": "alpaca", "ordertxid": "kraken", "date(utc)": "binance", "comm/fee": "ib",
          "ibcommission": "ib", "transactionid": "ib"}  # fmt: skip
IN_UTC = frozenset(("date(utc)", "ordertxid"))  # columns of files whose times are in UTC
EXECUTIONS = frozenset(("execution", "trade"))  # details of a row: one execution, beside which an order is a sum,
TOTALS = frozenset(("order", "closedlot", "closed_lot", "symbol_summary", "lot"))  # and what sums or repeats some
BUY = _any_case(r"(?<![a-z])(?:buy|bought|bot|purchased?|kauf|koop|aankoop)(?![a-z])|^B$")
SELL = _any_case(r"(?<![a-z])(?:sell|sold|sld|sale|verkauf|verkoop)(?![a-z])|^S$")
# A cost that is no amount of money.
RELATIVE_COST = _any_case(r"\b(?:bps?|basis points|per (?:share|unit|contract))\b|%")
NO_FEE = _any_case(
    r"id|no\.?|number|#|ref\w*|dates?|time|day|year|month|qty|quantity|shares|units|filled|leaves|cum|balance|price|"
    r"limit|stop|rate|kurs|multiplier|ratio|factor|strike|account|isin|cusip|sedol|wkn|percent|weight|position|p/?l|"
    r"gain|loss|profit|result|basis|yield|accrued|bps|code|order|holdings?|saldo|bestand|nummer|nr\.?|menge|anzahl|"
    r"%|mark|high|low|open|close|last|bid|ask|mid|version|series|line|row|index|seq\w*"
)  # words of a column's name, whose number is no cost
DONE = _any_case(
    r"(?:fully[ _-]?|vollständig )?(?:filled|executed|done|completed?|settled|success(?:ful)?|confirmed|processed|"
    r"posted|booked|cleared|paid|ok|ausgeführt|abgerechnet|gebucht|abgeschlossen|uitgevoerd|afgerond)"
)  # a status of what was done; every other one may be of an order that was not
DERIVATIVE = _any_case(r"\b(?:opt|options?|fop|futures?|fut|warrants?|cfds?|optionsschein\w*)\b")  # a class of assets
RIGHT = _any_case(r"[cp]|calls?|puts?")  # of an option
OF_OPTION = _any_case(r"(?<![a-z])to[ _-](?:open|close)(?![a-z])|^[BS]T[OC]$")  # an action
EXPIRY = r"(?:\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d\d-\d\d|\d{1,2} ?[a-z]{3} ?'?\d{2,4}|[a-z]{3} \d{1,2},? '?\d{2,4})"
STRIKE = r"\$?\d+(?:\.\d+)?"
IN_OPTION = _any_case(
    rf"\b{EXPIRY}\s+(?:{STRIKE}\s*(?:c|p|call|put)\b|(?:c|p|call|put)\s+{STRIKE})|^(?:call|put)\b.*\$\d"
)  # a description with the expiry, the strike and the right of an option
EXECUTION = _any_case(r"^(?:partial_)?fill$")  # a row is one, whatever became of the rest of its order
BUST = _any_case(r"\b(?:trade_?bust|busted|bust|tradecancel|cancel\w*|cxl|void\w*|revers(?:al|ed)|storno)\b|\(ca\.?\)")
WAITING = _any_case(r"\b(?:pending|open|working|queued|corrections?)\b(?<!to open)")  # a side that is not done
CANCELLED = "Ca"  # among the codes of Interactive Brokers
OF_CASH_FUND = _any_case(r"\b(?:core account|cash sweep|bank sweep)\b")
NO_ID = frozenset(("", "0"))  # of the fill that a row corrects
COMES = _any_case(r"deposit|\bCSD\b|einzahlung|(?<!terug)storting|received")  # words of money that comes, or goes
GOES = _any_case(r"withdraw|\bCSW\b|auszahlung|disbursement|terugstorting|\bout(?:going|bound)?\b|\bsent\b")
OWED = _any_case(r"\b(?:margin|debit|overdraft|loan|charged|expense)\b|paid on short|sollzins")  # by the account
EITHER_WAY = _any_case(r"\bpaid\b")  # by the account, or to it
REFUND = _any_case(r"refund|rebate|revers|erstattung|teruggave")  # of a cost that comes back
ENTRY_WORDS: Mapping[EntryKind, str] = {
    "tax": r"\btax|withh|\bNRA\b|DIVNRA|DIVTW|steuer|belasting",
    "dividend": r"\bdiv|cdiv|payment in lieu|cap(?:ital)? gain|\bCGD\b",
    "interest": r"interest|^INT|zins|rente",
    "fee": r"\bfee|^FEE|charge|commission|gebühr|entgelt|kosten",
    "deposit": rf"{COMES.pattern}|{GOES.pattern}|transfer|\bJNLC\b|\bACH\b|funds|wire",
}  # of a kind of cash, the first that fits; money that goes is a withdrawal
CASH_KINDS = {kind: _any_case(words) for kind, words in ENTRY_WORDS.items()}
OWN_WORDS = {**ENTRY_WORDS, "deposit": "deposit|withdraw|einzahlung|auszahlung|storting"}
# An action that moves cash alone, whatever units and price its row has.
OF_CASH = _any_case("|".join(OWN_WORDS.values()))
OF_UNITS = _any_case(r"reinvest|wiederanlage|transfer|\bstock|\bshares|in kind|drip|scrip")  # one of units
COSTS: frozenset[EntryKind] = frozenset(("fee", "tax"))
