"""Files with one thing wrong, whose truth is known: what is read is right, or refused, or what is odd is noted.

Brokers' positions are held against the market, as a portfolio file holds them; markets, exchange rates and accounts are
read by their own doors. A number that is neither right nor noted fails the test, and so does any other exception. Left
out is what no reader could notice, such as two assets of a market with each other's name.
"""

import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import mutated_tables as m
import numpy as np
import pandas as pd
import pytest
from mutated_tables import Sheet

from desk.tickets.accounts import Model, account_of
from desk.tickets.accounts_file import AccountsFile
from foundation.errors import ConfigError, InputError
from research.market import Market, load_market, market_from_frame
from research.market.plausible import far_closes
from research.market.reading.sources import assemble
from research.market.reading.tables import read_table
from research.orders.bookkeeping.activity import read_activity
from research.portfolio import load_portfolio
from research.portfolio.file.document import Document
from research.portfolio.holdings.holdings import cash_balances, given_files, holding_notes
from research.portfolio.holdings.rates import Rates, read_rates
from research.rules import Threshold

ROOT = Path(__file__).parents[2]
SIXTY_FORTY = "data/portfolios/sixty_forty.yaml"
LINES = ("SPY", "AGG", "QQQ")
ODD = ("does not end with a line break", "read with a decimal point", "check its units and its price",
       "units times price are", "not in UTF-8", "look for a split or a wrong price")  # fmt: skip
SPOILS = (m.encoded, m.unseen, m.truncated, m.broken_quote, m.flipped)


class Case(NamedTuple):
    """A table and what it says, in whatever form its reader gives."""

    sheet: Sheet
    truth: Any


def fuzz(
    draw: Callable[[random.Random], Case],
    read: Callable[[bytes, Any], str],
    changes: Sequence[m.Change],
    count: int,
    seed: int,
) -> Counter[str]:
    """How many of so many changed tables are right, refused and noted; the first wrong one fails, and is shown."""
    rng, found = random.Random(seed), Counter[str]()
    for k in range(count):
        sheet, truth = draw(rng)
        called, content = m.changed(rng, sheet, changes, SPOILS)
        try:
            outcome = read(content, truth)
            assert outcome != "wrong", "a wrong number without a word"
        except BaseException as error:
            error.add_note(f"case {k} of seed {seed}: {called}\n{content[:3_000].decode('utf-8', 'replace')}\n{truth}")
            raise
        found[outcome] += 1
    return found


def put(path: Path, content: bytes) -> None:
    """Write a file in place of another: a file that is cut and written again is synced, which takes milliseconds."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def judged(right: bool, notes: Callable[[], Iterable[str]]) -> str:
    """The outcome of what was read, and of the notes on it where it is not right."""
    if right:
        return "right"
    return "noted" if any(odd in note for note in notes() for odd in ODD) else "wrong"


def refused(error: InputError) -> str:
    """The outcome of a refusal, of which each finding says how to mend it."""
    assert error.findings
    assert all(each.mend for each in error.findings), error.findings
    return "refused"


# -- brokers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """How a broker exports: its columns by what they hold, the sign of its money, its cash, and what stands around."""

    columns: dict[str, str]
    cash: dict[str, str]
    currency: str = "USD"
    sign: str = "{}"
    empty: str = ""
    comma: bool = False
    delimiter: str = ","
    accounts: tuple[str, ...] = ("",)
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    factor: float = 1.0  # of prices: a hundred where they are in pence


LAYOUTS = {
    "Schwab": Layout(
        {"Symbol": "asset", "Description": "name", "Qty (Quantity)": "units", "Price": "price", "Price Chng $": "gain",
         "Price Chng %": "share", "Mkt Val (Market Value)": "value", "Cost Basis": "cost", "% of Acct": "share"},
        {"asset": "Cash & Cash Investments"}, sign="${}", empty="--", above=("Positions for account ...123", ""),
        below=("Account Total",),
    ),
    "Fidelity": Layout(
        {"Account Number": "account", "Account Name": "name", "Symbol": "asset", "Description": "name",
         "Quantity": "units", "Last Price": "price", "Current Value": "value", "Percent Of Account": "share",
         "Cost Basis Total": "cost", "Type": "name"},
        {"asset": "SPAXX**", "price": "$1.00"}, sign="${}", accounts=("Z1", "X9"),
        below=("", "The data and information"),
    ),
    "Vanguard": Layout(
        {"Account Number": "account", "Investment Name": "name", "Symbol": "asset", "Shares": "units",
         "Share Price": "price", "Total Value": "value"},
        {"asset": "VMFXX", "price": "1.0", "units": "same"}, accounts=("12345678",),
    ),
    "E*TRADE": Layout(
        {"Symbol": "asset", "Last Price $": "price", "Change $": "gain", "Change %": "share", "Qty #": "units",
         "Price Paid $": "price", "Total Gain $": "gain", "Value $": "value"},
        {"asset": "CASH"}, above=("Account Summary", "View Summary - All Positions", ""),
        below=("Generated at Dec 29",),
    ),
    "J.P. Morgan": Layout(
        {"Asset Class": "class", "Description": "name", "Ticker": "asset", "CUSIP": "name", "Quantity": "units",
         "Base CCY": "currency", "Local CCY": "none", "Price": "price", "Local Price": "none", "Value": "value",
         "Local Value": "none", "Cost": "cost", "Unrealized G/L Amt.": "gain"},
        {"name": "US DOLLAR", "units": "same", "price": "1"}, below=("FOOTNOTES",),
    ),
    "Interactive Brokers": Layout(
        {"ClientAccountID": "account", "CurrencyPrimary": "currency", "AssetClass": "name", "Symbol": "asset",
         "Quantity": "units", "MarkPrice": "price", "PositionValue": "value"},
        {"asset": "USD", "units": "same"}, accounts=("U1234567", "U7654321"),
    ),
    "Hargreaves Lansdown": Layout(
        {"Code": "asset", "Stock": "name", "Units held": "units", "Price (pence)": "price", "Value (£)": "value",
         "Cost (£)": "cost", "Gain/loss (£)": "gain"},
        {"asset": "Cash"}, currency="GBP", above=("HL Stocks & Shares ISA", "Client Name:"), factor=100.0,
    ),
    "DEGIRO": Layout(
        {"Product": "name", "Symbool/ISIN": "asset", "Aantal": "units", "Slotkoers": "price", "Lokale waarde": "code",
         "": "value", "Waarde in EUR": "value"},
        {"name": "CASH & CASH FUND & FTX CASH (EUR)"}, currency="EUR", comma=True,
    ),
    "comdirect": Layout(
        {"Stück/Nom.": "units", "WKN": "asset", "Bezeichnung": "name", "Währung": "currency", "Akt. Kurs": "price",
         "Diff. %": "share", "Kaufwert in EUR": "cost", "Wert in EUR": "value"},
        {"asset": "EUR"}, currency="EUR", comma=True, delimiter=";", above=("Depot 1234567",), below=("Depotwert",),
    ),
}  # fmt: skip


def markets() -> dict[str, Market]:
    """Three funds, as if they were quoted in dollars, euros and pounds."""
    embedded = load_market("multi_asset_daily").select(list(LINES))
    closes = pd.DataFrame(embedded.prices[-60:], embedded.dates[-60:], LINES)
    market = market_from_frame(closes, quotes=closes)
    return {c: replace(market, instruments=market.instruments.assign(currency=c)) for c in ("USD", "EUR", "GBP")}


def positions(rng: random.Random, prices: dict[str, float]) -> Case:
    """A file of a broker: each asset in one account or in two, and cash."""
    layout = rng.choice(list(LAYOUTS.values()))
    held, cash, rows = dict.fromkeys(LINES, 0.0), 0.0, []
    for asset in LINES:
        for account in layout.accounts[: rng.randint(1, 2)]:
            units = shown = layout.factor * prices[asset]
            while abs(units / shown - 1.0) < 0.5:  # nobody tells units and price apart where they are alike
                units = float(rng.choice([rng.randint(2, 9_999), round(rng.uniform(2, 5_000), rng.choice([1, 2, 4]))]))
            held[asset] = round(held[asset] + units, 6)
            rows.append(_cells(rng, layout, asset, account, units, prices[asset], units * prices[asset]))
    for account in layout.accounts[: rng.randint(1, 2)]:
        amount = rng.choice(
            [round(rng.uniform(1, 500_000), 2), float(rng.randint(1, 500_000)), -round(rng.random() * 9e4, 2)]
        )
        cash = round(cash + amount, 2)
        row = _cells(rng, layout, "", account, 0.0, 0.0, amount)
        kinds = list(layout.columns.values())
        blank = [text if kind in ("value", "account", "code", "currency", "none") else layout.empty
                 for kind, text in zip(kinds, row, strict=True)]  # fmt: skip
        for kind, text in layout.cash.items():
            blank[kinds.index(kind)] = row[kinds.index("value")] if text == "same" else text
        rows.append(blank)
    if rng.random() < 0.3:
        rng.shuffle(rows)
    around = [[[text] for text in lines] for lines in (layout.above, layout.below)]
    sheet = Sheet(list(layout.columns), rows, *around, delimiter=layout.delimiter)
    return Case(sheet, (layout.currency, held, cash))


def _cells(
    rng: random.Random, layout: Layout, asset: str, account: str, units: float, price: float, value: float
) -> list[str]:
    def text(number: float, form: str = "{}", places: int = 2) -> str:
        written = form.format(f"{abs(number):,.{places}f}" if places else f"{abs(number):,.6f}".rstrip("0").rstrip("."))
        written = m.other_style(written) if layout.comma else written
        return f"-{written}" if number < 0.0 else written

    made = {
        "asset": asset,
        "account": account,
        "units": text(units, places=0),
        "price": text(price * layout.factor, layout.sign),
        "value": text(value, layout.sign),
        "cost": text(value * rng.uniform(0.6, 0.95), layout.sign),
        "gain": text(value * rng.uniform(0.01, 0.2), layout.sign),
        "share": f"{rng.uniform(1, 60):.2f}%",
        "name": rng.choice(["Société Générale", "ISHARES CORE", "FUND, CLASS A", "SPDR S&P 500"]),
        "currency": layout.currency,
        "code": layout.currency,
        "class": "Equity",
        "none": "",
    }
    return [made[kind] for kind in layout.columns.values()]


def read_positions_of(path: Path, markets: dict[str, Market], content: bytes, truth: Any) -> str:
    """What becomes of a broker's file in a portfolio file that names it."""
    currency, held, cash = truth
    quoted = markets[currency]
    put(path, content)
    document = Document(
        str(path.with_suffix(".yaml")), {"positions": {"file": path.name}, "lines": dict.fromkeys(LINES)}, {}
    )
    try:
        found, prices = given_files(document, quoted, currency)
        _, balances = cash_balances(document, found, currency)
    except InputError as error:
        return refused(error)
    assert found is not None
    right = found.units == pytest.approx(held, abs=1e-9) and balances == pytest.approx({currency: cash}, abs=1e-9)
    return judged(right, lambda: holding_notes(document, quoted, found, prices, Rates(currency, {}, {})))


def move_money(rng: random.Random, sheet: Sheet) -> None:
    """The money of a row stands in another column, perhaps one that nothing reads."""
    cells = rng.choice(sheet.rows)
    filled = [k for k, cell in enumerate(cells) if m.NUMBER.fullmatch(cell)]
    if filled:
        k, other = rng.choice(filled), rng.randrange(len(cells))
        cells[k], cells[other] = cells[other], cells[k]


def empty_money(rng: random.Random, sheet: Sheet) -> None:
    """A column of numbers has another name, and its cells stand below it."""
    k = rng.randrange(len(sheet.header))
    sheet.header[k] = rng.choice(["Worth today", "Betrag", "Saldo", "Market value today"])


def drop_only_row(rng: random.Random, sheet: Sheet) -> None:
    """A row is not there, whose asset or cash has no other one."""
    keys = [[cell for cell in cells if cell in LINES] for cells in sheet.rows]
    only = [k for k, key in enumerate(keys) if keys.count(key) == 1]
    if only:
        del sheet.rows[rng.choice(only)]


POSITION_CHANGES = (
    m.drop_column, m.rename_column, m.double_column, m.swap_columns, m.swap_names, m.shift_row, m.double_row,
    m.repeat_header, m.add_total, m.blank_row, m.spoil_cell, m.restyle_all, m.restyle_cell, m.dress, m.bare,
    m.other_delimiter, move_money, empty_money, drop_only_row,
)  # fmt: skip


# -- markets ---------------------------------------------------------------------------------------------------------

ASSETS = ("ONE", "TWO", "TEN")
DAYS = pd.DatetimeIndex(load_market("multi_asset_daily").dates[-25:])
TABLE_CHANGES = (
    m.drop_column, m.rename_column, m.double_column, m.swap_columns, m.shift_row, m.double_row, m.repeat_header,
    m.add_total, m.blank_row, m.spoil_cell, m.restyle_all, m.restyle_cell, m.dress, m.other_delimiter,
)  # fmt: skip


def closes(rng: random.Random) -> Case:
    """A wide table of prices of three assets, one of them in thousands and without decimals."""
    walks = np.exp(np.cumsum([[rng.gauss(0.0, 0.01) for _ in ASSETS] for _ in DAYS], axis=0))
    texts = [[f"{90.0 * a:.4f}", f"{1_500.0 * b:.0f}", f"{4.0 * c:.2f}"] for a, b, c in walks.tolist()]
    truth = {
        (day, asset): float(x)
        for day, row in zip(DAYS, texts, strict=True)
        for asset, x in zip(ASSETS, row, strict=True)
    }
    rows = [[f"{day:%Y-%m-%d}", *row] for day, row in zip(DAYS, texts, strict=True)]
    return Case(Sheet(["date", *ASSETS], rows), truth)


def read_closes(path: Path, content: bytes, truth: Any) -> str:
    """What becomes of a file of prices, whose last closes are held against their past as a portfolio file does."""
    put(path, content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = read_table(path)
            market = assemble(table, quotes=table, missing="halt")
    except InputError as error:
        return refused(error)
    if far_closes(market):
        return "refused"
    read = {
        (day, asset): price
        for day, row in zip(market.dates, market.prices.tolist(), strict=True)
        for asset, price in zip(market.assets, row, strict=True)
        if asset in ASSETS and not np.isnan(price)
    }
    return judged(all(truth.get(place) == price for place, price in read.items()), lambda: map(str, market.notes))


# -- exchange rates --------------------------------------------------------------------------------------------------

RATES = {"EURUSD": 1.0664, "USDJPY": 133.42, "GBPUSD": 1.2041}


def rates(rng: random.Random) -> Case:
    """A file of rates of ten days, with a column for each pair or a row for each rate."""
    days = [str(day.date()) for day in DAYS[-10:]]
    texts = {
        (day, pair): f"{rate * rng.uniform(0.99, 1.01):.{rng.choice([4, 5])}f}"
        for day in days
        for pair, rate in RATES.items()
    }
    if rng.random() < 0.5:
        sheet = Sheet(["date", *RATES], [[day, *(texts[day, pair] for pair in RATES)] for day in days])
    else:
        sheet = Sheet(["date", "pair", "rate"], [[day, pair, text] for (day, pair), text in texts.items()])
    return Case(sheet, {place: float(text) for place, text in texts.items()})


def read_rates_of(path: Path, market: Market, content: bytes, truth: Any) -> str:
    """What becomes of a file of rates in a portfolio file in dollars that names it."""
    put(path, content)
    document = Document(str(path.with_suffix(".yaml")), {"fx": path.name}, {})
    try:
        found = read_rates(document, market, "USD", market.days[-1])
    except InputError as error:
        return refused(error)
    read = [((str(rate.day), rate.pair), rate.value) for rate in found.today.values()]
    for pair, quotes in found.history.values():
        read += [((str(day), pair), x) for day, x in zip(market.days, quotes.tolist(), strict=True) if not np.isnan(x)]
    right = all(x in (stated := truth.get(place, 0.0), 1.0 / (stated or 1.0)) for place, x in read)
    return judged(right, lambda: (note for notes in found.notes.values() for note in notes))


# -- accounts --------------------------------------------------------------------------------------------------------


def two_funds() -> Model:
    """A model of two funds in dollars, with a rate for cash in euros."""
    portfolio = load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml", {"fx": {"EURUSD": 1.0664}})
    return Model.of(portfolio, Threshold(portfolio.strategic, 0.02), "threshold")


def accounts(rng: random.Random) -> Case:
    """A file of four accounts with units, cash in one or two currencies, and the day of the last trade."""
    truth, rows = {}, []
    for name in ("A-001", "B-002", "C-003", "D-004"):
        units = [
            f"{rng.choice([rng.randint(1, 5_000), rng.randint(1, 5_000) / 10, rng.randint(1, 50_000) / 10_000])}"
            for _ in "ab"
        ]
        cash = [f"{rng.uniform(0, 90_000):.2f}", rng.choice(["", f"{rng.uniform(0, 9_000):.2f}"])]
        rows.append([name, "balanced.yaml", *cash, "2022-09-30", *units])
        truth[name] = [*map(float, units), *(float(text or 0) for text in cash)]
    return Case(
        Sheet(["account", "model", "cash", "cash_EUR", "last_trade", "SPY", "AGG"], rows, fixed=("cash", "cash_EUR")),
        truth,
    )


def read_accounts_of(path: Path, model: Model, content: bytes, truth: Any) -> str:
    """What becomes of the accounts of a file: refused where it is, or each of them."""

    def model_of(cell: str) -> Model:
        if cell != "balanced.yaml":
            raise ConfigError("no such model.")
        return model

    put(path, content)
    outcomes = []
    try:
        file = AccountsFile.read(path)
    except InputError as error:
        return refused(error)
    for row in file.rows():
        try:
            _, found = account_of(file, row, model_of)
        except InputError as error:
            outcomes.append(refused(error))
            continue
        cash = found.currencies.cash if found.currencies is not None else {"USD": found.cash}
        read = [*np.nan_to_num(found.shares).tolist(), cash.get("USD", 0.0), cash.get("EUR", 0.0)]
        name = row[1][file.columns.index("account")]
        known = [truth[name]] if name in truth else list(truth.values())
        outcomes.append(judged(any(read == pytest.approx(each, abs=0.005) for each in known), lambda: file.notes))
    return max(outcomes, key=m.COUNTS.index, default="refused")


# -- transactions ----------------------------------------------------------------------------------------------------

HEADER = ["id", "Date", "Action", "Symbol", "Quantity", "Price", "Fees & Comm", "Amount"]
NO_CHANGE_SEEN = (m.restyle_cell, m.swap_names)  # a quantity and a price may have each other's name
TRANSACTION_CHANGES = tuple(change for change in (*TABLE_CHANGES, m.bare) if change not in NO_CHANGE_SEEN)


def transactions(rng: random.Random) -> Case:
    """A file of a broker: trades of two funds, and transfers of cash."""
    rows, truth = [], []
    for k in range(rng.randint(3, 6)):
        day, cents, fee = f"2023-01-{rng.randint(3, 28):02d}", rng.randint(9_000, 45_000), rng.randint(1, 999)
        asset, side, units = rng.choice(LINES[:2]), rng.choice(["Buy", "Sell"]), rng.randint(20, 3_000)
        net = (units * cents if side == "Sell" else -units * cents) - fee
        if k == 0:
            asset = side = ""
            net = rng.choice([1, -1]) * rng.randint(1, 500_000)
        money = f"{'-' if net < 0 else ''}${abs(net) / 100:,.2f}"
        numbers = ["", "", ""] if k == 0 else [f"{units:,}", f"${cents / 100:.2f}", f"${fee / 100:.2f}"]
        rows.append([f"T{k}", day, side or "Wire Transfer", asset, *numbers, money])
        truth.append((day, asset, side.lower(), net) if k == 0 else (day, asset, side.lower(), units, cents, fee))
    sheet = Sheet(HEADER, rows, [["Transactions for account"]], [["Transactions Total"]], ("id",))
    return Case(sheet, Counter(truth))


def read_transactions_of(path: Path, portfolio: Any, content: bytes, truth: Any) -> str:
    """What becomes of a broker's file of transactions; a trade in doubt, or of no asset, is listed and not booked."""
    put(path, content)
    try:
        got = read_activity(path, portfolio)
    except InputError as error:
        return refused(error)
    booked = [f for f in got.fills if f.asset in LINES and f.key not in got.doubts]
    trades = [
        (
            f"{f.moment:%Y-%m-%d}",
            f.asset,
            f.side,
            int(f.quantity),
            round(100 * f.price),
            round(100 * sum(f.fees.values())),
        )
        for f in booked
    ]
    cash = [(str(e.day), e.asset, "", round(100 * e.amount)) for e in (*got.entries, *got.proposals)]
    found, listed = Counter([*trades, *cash]), len(booked) < len(got.fills)
    odd = ("left aside: no amount", "left aside: text", "a fee may stand in a column that is not read", *ODD)
    notes = [note for note in got.notes if "'Transactions Total'" not in note]
    if found == truth:
        return "right"
    return "noted" if (listed and found <= truth) or any(each in note for note in notes for each in odd) else "wrong"


# -- what must hold --------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of files: how one is drawn, how it is read, and what may be changed."""

    draw: Callable[[random.Random], Case]
    read: Callable[[bytes, Any], str]
    changes: Sequence[m.Change]


def kinds(folder: Path) -> dict[str, Kind]:
    """All kinds of files, which are written into a folder."""
    quoted, flat = markets(), pd.DataFrame(100.0, DAYS, ["ONE"])
    prices = dict(zip(LINES, quoted["USD"].prices[-1].tolist(), strict=True))
    of_rates = market_from_frame(flat, quotes=flat)
    not_noticed = (m.restyle_cell,)  # units of an account are held against nothing
    of_accounts = tuple(change for change in TABLE_CHANGES if change not in not_noticed)
    return {
        "positions": Kind(
            partial(positions, prices=prices),
            partial(read_positions_of, folder / "positions.csv", quoted),
            POSITION_CHANGES,
        ),
        "market": Kind(closes, partial(read_closes, folder / "prices.csv"), TABLE_CHANGES),
        "rates": Kind(rates, partial(read_rates_of, folder / "rates.csv", of_rates), (*TABLE_CHANGES, m.swap_names)),
        "transactions": Kind(
            transactions,
            partial(read_transactions_of, folder / "transactions.csv", load_portfolio(ROOT / SIXTY_FORTY)),
            TRANSACTION_CHANGES,
        ),
        "accounts": Kind(accounts, partial(read_accounts_of, folder / "accounts.csv", two_funds()), of_accounts),
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kind]:
    """All kinds of files."""
    return kinds(tmp_path_factory.mktemp("fuzzed"))


@pytest.mark.parametrize("kind", ["positions", "market", "rates", "transactions", "accounts"])
def test_a_file_with_nothing_wrong_is_right(drawn: dict[str, Kind], kind: str) -> None:
    draw, read, _ = drawn[kind]
    cases = [draw(random.Random(k)) for k in range(15)]
    assert {read(sheet.written().encode(), truth) for sheet, truth in cases} == {"right"}


@pytest.mark.parametrize(("kind", "count"), [
    ("positions", 250), ("market", 500), ("rates", 500), ("transactions", 150), ("accounts", 1_000),
])  # fmt: skip
def test_a_file_with_one_thing_wrong_is_right_refused_or_noted(drawn: dict[str, Kind], kind: str, count: int) -> None:
    found = fuzz(*drawn[kind], count=count, seed=1)
    assert found["right"] > 0.12 * count
    assert found["refused"] > (0.2 if kind == "transactions" else 0.5) * count
    assert found["noted"] > 0 or kind == "positions"  # a file that is cut off lacks an asset
