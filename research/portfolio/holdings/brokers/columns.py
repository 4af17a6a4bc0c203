"""Names of the columns of brokers' tables, as they are compared, and the currencies that cells and headers state.

Names are those of the exports of Schwab, Fidelity, Vanguard, E*TRADE, J.P. Morgan, Interactive Brokers, Questrade,
Hargreaves Lansdown, DEGIRO and comdirect, and the usual words.
"""

import re

from research.market.currency import SIGNS
from research.market.rows import HUNDREDTHS

COLUMN_NAMES = {
    "asset": ("symbol", "ticker", "ticker symbol", "trading symbol", "symbol/cusip", "asset", "equity symbol",
              "financial instrument", "symbol/isin", "symbool/isin"),
    "units": ("quantity", "qty", "qty (quantity)", "shares", "units", "position", "number of shares", "no. of shares",
              "qty #", "units held", "aantal", "anzahl", "stück", "stück/nom."),
    "value": ("market value", "mkt val (market value)", "mkt val", "marketvalue", "current value", "total value",
              "value", "positionvalue", "position value", "marktwert", "kurswert", "wert", "waarde"),
    "price": ("price", "last price", "share price", "close price", "closing price", "mark price", "markprice",
              "current price", "unit price", "market price", "closing", "slotkoers", "schlusskurs", "akt. kurs",
              "aktuell"),
    "fx_rate": ("fxratetobase", "fx rate to base", "fx rate"),
    "currency": ("currency", "currencyprimary", "currency code", "ccy", "base ccy", "währung", "whg."),
    "detail": ("datadiscriminator", "levelofdetail"),
    "date": ("date", "price date", "as of date"),
    "quoted at": ("quoted at",),
    "source": ("source",),
}  # fmt: skip
NEXT = {
    "asset": ("code", "wkn"),
    "isin": ("isin",),
    "units": ("amount", "menge"),
    "value": ("local value", "lokale waarde"),
    "price": ("last", "kurs"),
    "account": ("account number", "account", "account id", "clientaccountid", "account #", "fund account number",
                "account name"),
    "description": ("description", "investment name", "security description", "security name", "fund name", "name",
                    "equity description", "stock", "product", "produkt", "bezeichnung"),
}  # fmt: skip
# names that stand for a field where a header has none of those above, the first of them that it has
PENCE = frozenset(("p", "P", "pence", "PENCE"))  # words for hundredths of a pound
TRADED = re.compile(r"(?:buy|bought|sell|sold|kauf|verkauf|koop|verkoop|aankoop)\b.*", re.IGNORECASE)  # a cell of one


def label_of(name: str) -> str:
    """The name of a column without case, blanks and underscores: Trade Date, trade_date and tradeDate are one.

    >>> label_of("Trade_Date"), label_of("No. of shares")
    ('tradedate', 'no.ofshares')
    """
    return re.sub(r"[\s_]+", "", name.casefold())


def money_of(code: str) -> tuple[str, bool]:
    """The currency of a code or a sign, and true for hundredths of it.

    >>> money_of("GBp"), money_of("GBP"), money_of("gbx"), money_of("usd"), money_of("£"), money_of("$")
    (('GBP', True), ('GBP', False), ('GBP', True), ('USD', False), ('GBP', False), ('$', False))
    """
    if code in PENCE:
        return "GBP", True
    if whole := HUNDREDTHS.get(code) or HUNDREDTHS.get(code.upper()):
        return whole, True
    known = SIGNS.get(code, ())
    return (known[0] if len(known) == 1 else code.upper()), False
