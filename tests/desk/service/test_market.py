"""Market data over HTTP: pages of rows, and what is nearest to an unknown name."""

from pathlib import Path

import numpy as np
import pytest
from people import SignedIn

from research.market import load_market
from research.market.rows import price_rows
from research.market.store import named_store


def test_pages_join_to_the_whole(signed_in: SignedIn) -> None:
    client = signed_in("viewer")
    rows: list[dict[str, object]] = []
    offset: int | None = 0
    url = "/api/market/data/GLD?market=multi_asset_daily&from=2022-11-01&to=2022-11-30&limit=8"
    while offset is not None:
        page = client.get(f"{url}&offset={offset}").json()
        rows, offset = rows + page["rows"], page["next_offset"]
    market = load_market("multi_asset_daily")
    days = market.dates[market.dates.slice_indexer("2022-11-01", "2022-11-30")]
    assert [row["date"] for row in rows] == list(days.strftime("%Y-%m-%d"))
    assert page["count"] == len(rows) == 21
    k, t = market.assets.index("GLD"), market.dates.get_loc(days[-1])
    assert rows[-1] == {
        "date": "2022-11-30",
        "close": market.prices[t, k],
        "total_return": market.returns[t, k],
        "is_tradable": True,
        "volume": market.volumes[t, k],
    }


def test_an_asset_has_no_return_before_it_has_a_close(signed_in: SignedIn) -> None:
    rows = signed_in("viewer").get("/api/market/data/GLD?market=us_etf_ohlcv&to=2004-11-19&limit=5000").json()["rows"]
    assert {row["total_return"] for row in rows[:-1]} == {None}
    assert [row["is_tradable"] for row in rows[-3:]] == [False, True, True]
    assert rows[-1]["total_return"] > 0.0


def test_assets_are_those_of_all_markets_or_of_one(signed_in: SignedIn) -> None:
    client = signed_in("viewer")
    found = client.get("/api/market/assets?market=multi_asset_daily").json()
    assert [each["symbol"] for each in found] == list(load_market("multi_asset_daily").assets)
    assert found[0] == {
        "symbol": "SPY", "market": "multi_asset_daily", "asset_class": "us_equity", "sector": "", "currency": "USD",
    }  # fmt: skip
    assert client.get("/api/market/assets?limit=1&offset=9").json() == found[9:]


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("data/GDL", "'GLD'"),
        ("data/APPL", "'AAPL'"),
        ("data/SPY?market=multi_asset", "'multi_asset_daily'"),
        ("assets?market=sp500", "'sp500_20'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(signed_in: SignedIn, path: str, nearest: str) -> None:
    answer = signed_in("viewer").get(f"/api/market/{path}")
    assert (answer.status_code, nearest in answer.json()["detail"]) == (404, True)


def test_days_that_end_before_they_begin_are_a_mistake(signed_in: SignedIn) -> None:
    answer = signed_in("viewer").get("/api/market/data/GLD?from=2022-12-30&to=2022-12-28")
    (mistake,) = answer.json()["errors"]
    assert (answer.status_code, mistake["field"], mistake["mend"]) == (
        400,
        "/query/from",
        "Give 2022-12-28 or an earlier day.",
    )


def test_a_store_of_prices_is_a_market(signed_in: SignedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path))
    store = named_store("ours")
    store.describe(adjustment="quoted")
    days, moment = np.array(["2023-01-03", "2023-01-04"], "datetime64[D]"), np.datetime64("2023-01-05T00:00:00", "us")
    store.add(price_rows("XYZ", days, [10.0, 11.0], currency="USD", source="made", fetched_at=moment))
    client = signed_in("viewer")
    assert client.get("/api/market/assets?market=ours").json()[0]["symbol"] == "XYZ"
    rows = client.get("/api/market/data/XYZ").json()["rows"]
    assert [(row["date"], row["close"], row["total_return"]) for row in rows] == [
        ("2023-01-03", 10.0, None), ("2023-01-04", 11.0, None),
    ]  # fmt: skip
