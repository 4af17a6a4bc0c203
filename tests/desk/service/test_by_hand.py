"""A portfolio that is typed: the bytes that `rebalance new` writes of the same settings, and mistakes by field."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commanded import rebalance
from people import SignedIn

from desk.commands.portfolio_file.broker_terms import CLASS_COSTS
from foundation.home import STORES
from research.market.calendars import sessions
from research.market.reading.known_instruments import known_instruments
from research.market.rows import price_rows
from research.market.store import PriceStore

CLOSES = {  # by asset, the close and its currency
    "SPY": (400.0, "USD"), "AGG": (100.0, "USD"), "GLD": (170.0, "USD"), "VEA": (42.0, "USD"), "BTC": (16_500.0, "USD"),
    "VWCE": (95.0, "EUR"), "XYZ": (12.5, "EUR"), "VTI": (190.0, "USD"), "BND": (72.0, "USD"),
}  # fmt: skip


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of made-up prices of a year, each asset at one close."""
    folder = tmp_path_factory.mktemp("priced")
    days = sessions(np.datetime64("2022-01-03"), np.datetime64("2022-12-29"), "XNYS")
    facts: Any = {"source": "yahoo", "fetched_at": np.datetime64("2022-12-30T12:00", "us")}
    drift = np.linspace(0.9, 1.0, len(days))
    rows = [
        price_rows(symbol, days, close * drift, currency=currency, **facts)
        for symbol, (close, currency) in CLOSES.items()
    ]
    PriceStore(folder / "yahoo", "yahoo").add(pd.concat(rows))
    return folder


@pytest.fixture
def stores(priced: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STORES, str(priced))
    return priced


def row(symbol: str, held: float | None = None, target: float | None = None, **more: Any) -> dict[str, Any]:
    """A row of the table."""
    return {"symbol": symbol, "held": held, "target": target, **more}


def cash(amount: float, currency: str = "USD") -> dict[str, Any]:
    return {"currency": currency, "amount": amount}


# Each household as it is typed, its holdings as lines of a broker's file, and the words of the command line.
HOUSEHOLDS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "a couple that begins with cash": (
        {"rows": [row("SPY", target=60), row("AGG", target=40)], "cash": [cash(50_000)]},
        [],
        ["SPY=60", "AGG=40", "--nav", "50000"],
    ),
    "a saver with terms": (
        {"rows": [row("SPY", target=100)], "cash": [cash(1_000)],
         "terms": {"ticket": 5.9, "half_spread_bps": 3, "saving": 500, "day_cost": 10}},
        [],
        ["SPY=100", "--nav", "1000", "--broker", "ticket=5.90,half_spread_bps=3,saving=500,day_cost=10"],
    ),
    "a retired teacher": (
        {"rows": [row("SPY", 100, 50), row("AGG", 300, 45)], "cash": [cash(2_500)], "profile": "conservative"},
        ["SPY,100,40000.00,USD", "AGG,300,30000.00,USD", "USD,2500,2500,USD"],
        ["SPY=50", "AGG=45", "--profile", "conservative"],
    ),
    "one who keeps what she holds": (
        {"rows": [row("SPY", 10), row("GLD", 5)], "cash": [cash(100.5)]},
        ["SPY,10,4000.00,USD", "GLD,5,850.00,USD", "USD,100.5,100.5,USD"],
        [],
    ),
    "amounts in place of units": (
        {"rows": [row("SPY", 8_000, 70, unit="money"), row("AGG", 2_000, 30, unit="money")], "cash": [cash(0)]},
        ["SPY,20,8000.00,USD", "AGG,20,2000.00,USD", "USD,0,0,USD"],
        ["SPY=70", "AGG=30"],
    ),
    "per cent of a value": (
        {"rows": [row("SPY", 60, 60, unit="percent"), row("AGG", 35, 40, unit="percent")], "worth": 20_000,
         "cash": [cash(1_000)], "profile": "moderate"},
        ["SPY,30,12000.00,USD", "AGG,70,7000.00,USD", "USD,1000,1000,USD"],
        ["SPY=60", "AGG=40", "--profile", "moderate"],
    ),
    "a coin": (
        {"rows": [row("BTC", 0.25, 5), row("SPY", 50, 95)], "cash": [cash(300)], "profile": "aggressive"},
        ["BTC,0.25,4125.00,USD", "SPY,50,20000.00,USD", "USD,300,300,USD"],
        ["BTC=5", "SPY=95", "--profile", "aggressive"],
    ),
    "a share that no table knows": (
        {"rows": [row("XYZ", 200, 100, asset_class="equity", currency="EUR", exchange="XETR")],
         "cash": [cash(40, "EUR")]},
        ["XYZ,200,2500.00,EUR", "EUR,40,40,EUR"],
        ["XYZ=100", "--symbol", "XYZ=equity,EUR,XETR"],
    ),
    "by ISIN": (
        {"rows": [row("US78462F1030", 10, 55), row("AGG", 40, 45)], "cash": [cash(10)]},
        ["US78462F1030,10,4000.00,USD", "AGG,40,4000.00,USD", "USD,10,10,USD"],
        ["US78462F1030=55", "AGG=45"],
    ),
    "one who sells gold": (
        {"rows": [row("GLD", 20), row("SPY", 10, 50), row("AGG", 10, 33.3)], "cash": [cash(5)]},
        ["GLD,20,3400.00,USD", "SPY,10,4000.00,USD", "AGG,10,1000.00,USD", "USD,5,5,USD"],
        ["GLD=0", "SPY=50", "AGG=33.3"],
    ),
    "a large account": (
        {"rows": [row("VTI", 10_000, 60), row("BND", 20_000, 40)], "cash": [cash(25_000)]},
        ["VTI,10000,1900000.00,USD", "BND,20000,1440000.00,USD", "USD,25000,25000,USD"],
        ["VTI=60", "BND=40"],
    ),
    "one who pays tax": (
        {"rows": [row("SPY", 12.5, 40), row("VEA", 100, 40)], "cash": [cash(250)], "currency": "USD",
         "terms": {"commission_bps": 10, "minimum": 4.95, "tax": 0.26}},
        ["SPY,12.5,5000.00,USD", "VEA,100,4200.00,USD", "USD,250,250,USD"],
        ["SPY=40", "VEA=40", "--currency", "USD", "--broker", "minimum=4.95,commission_bps=10,tax=0.26"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("household", HOUSEHOLDS)
def test_a_typed_portfolio_has_the_bytes_of_the_command_line(
    signed_in: SignedIn, stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, household: str
) -> None:
    typed, lines, words = HOUSEHOLDS[household]
    client = signed_in()
    made = client.post("/api/portfolios/by-hand", json={"name": "Mine", "client": "Smith", **typed})
    assert made.status_code == 201, made.text
    monkeypatch.chdir(tmp_path)
    if lines:
        Path("positions.csv").write_text("\n".join(["Symbol,Quantity,Market Value,Currency", *lines]) + "\n")
        words = [*words, "--positions", "positions.csv"]
    done = rebalance("new", "Mine.yaml", *words)
    assert done.status == 0, done.err
    given = client.get(made.headers["Location"], headers={"Accept": "text/yaml"})
    assert given.content == Path("Mine.yaml").read_bytes()
    assert made.json()["files"] == (["positions.csv"] if lines else [])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rows": [row("SPY", 1), row("QQQ", 1)]}, {"/rows/1/symbol": "without prices in yahoo"}),
        ({"rows": [row("SPY", 1), row("XYZ", 1)]},
         {"/rows/1/asset_class": "not known of this asset",
          "/rows/1/symbol": "without prices of its currency in yahoo"}),
        ({"rows": [row("SPY", 1), row("spy", 1)]}, {"/rows/1/symbol": "the same as row 1"}),
        ({"rows": [row("SPY", 50, unit="percent")]}, {"/worth": "missing"}),
        ({"rows": [row("VWCE", 50, unit="percent")], "worth": 10, "currency": "USD"},
         {"/rows/0/held": "a per cent of a value in another currency",
          "/rows/0/symbol": "without prices of its currency in yahoo"}),
        ({"rows": [row("SPY", 60, unit="percent"), row("AGG", 43, unit="percent")], "worth": 10},
         {"/rows/1/held": "the per cents held are more than 100 in all"}),
        ({"rows": [row("SPY", 1, 0.6), row("AGG", 1, 0.4)]},
         {"/rows/1/target": "all targets together are 1 per cent at most"}),
        ({"rows": [row("SPY", 1)], "cash": [cash(5), cash(9, "EUR")]},
         {"/cash/1/currency": "without prices of its currency in yahoo"}),
        ({"rows": [row("VWCE", 1), row("SPY", 1)]}, {"/rows/0/symbol": "without prices of its currency in yahoo"}),
        ({"rows": [row("SPY", target=100)]}, {"/rows/0/held": "empty, and so are all rows"}),
        ({"rows": [row("SPY", 1)], "terms": {"tax": 26}}, {"/terms/tax": "out of its bounds"}),
    ],
)  # fmt: skip
def test_mistakes_are_told_by_row_and_field(
    signed_in: SignedIn, stores: Path, changes: dict[str, Any], told: dict[str, str]
) -> None:
    answer = signed_in().post("/api/portfolios/by-hand/preview", json={"name": "Mine", **changes})
    assert answer.status_code == 400, answer.text
    assert {each["field"]: each["detail"] for each in answer.json()["errors"]} == told
    assert all(each["mend"] for each in answer.json()["errors"])


def test_per_cents_of_a_value_in_another_currency_are_of_its_rate(
    signed_in: SignedIn, stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(stores / "yahoo", tmp_path / "yahoo")
    monkeypatch.setenv(STORES, str(tmp_path))
    days = sessions(np.datetime64("2022-12-01"), np.datetime64("2022-12-29"), "24/5")
    facts: Any = {"source": "yahoo", "fetched_at": np.datetime64("2022-12-30T12:00", "us"), "currency": "USD"}
    PriceStore(tmp_path / "yahoo", "yahoo").add(price_rows("EURUSD", days, np.full(len(days), 1.0625), **facts))
    rows = [row("VWCE", 40, 50, unit="percent"), row("SPY", 50, 50, unit="percent")]
    asked = {"name": "Mine", "rows": rows, "worth": 10_000, "currency": "USD", "cash": [cash(900), cash(80, "EUR")]}
    found = signed_in().post("/api/portfolios/by-hand/preview", json=asked).json()
    units = {each["asset"]: each["units"] for each in found["held"]}
    assert units == {"VWCE": pytest.approx(4_000 / 1.0625 / 95.0, abs=1e-6), "SPY": 12.5}  # as units are written
    assert {each["currency"]: each["amount"] for each in found["cash"]} == {"USD": 900, "EUR": 80}


def test_a_preview_says_how_each_row_is_read_and_what_is_assumed(signed_in: SignedIn, stores: Path) -> None:
    client, asked = signed_in(), {"name": "Mine", "rows": [row("SPY", 5)], "cash": [cash(7)], "terms": {"ticket": 1}}
    found = client.post("/api/portfolios/by-hand/preview", json=asked).json()
    assert [(each["asset"], each["units"], each["value"]) for each in found["held"]] == [("SPY", 5, 2_000)]
    assert [(each["currency"], each["amount"]) for each in found["cash"]] == [("USD", 7)]
    assert {"half_spread", "tracking_penalty", "materiality_bps"} <= set(found["assumed"])
    assert "costs" not in found["assumed"]
    assert client.get("/api/portfolios").json() == []


@pytest.mark.parametrize(
    ("search", "first"),
    [("spy", "SPY"), ("US78462F1030", "SPY"), ("SPDR S&P 500", "SPY"), ("total stock market vang", "VTI")],
)
def test_instruments_are_found_by_symbol_isin_and_words(signed_in: SignedIn, search: str, first: str) -> None:
    found = signed_in("viewer").get("/api/market/instruments", params={"search": search}).json()
    assert found[0]["symbol"] == first
    assert (found[0]["asset_class"], found[0]["currency"], found[0]["exchange"]) == ("us_equity", "USD", "XNYS")
    assert len(found) <= 10


def test_every_class_of_the_table_of_instruments_can_be_chosen() -> None:
    assert {one.asset_class for one in known_instruments().by_id.values()} <= CLASS_COSTS.keys()
