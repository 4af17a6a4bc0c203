"""Holdings and NAV out of MongoDB, over its wire protocol."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from database_servers import mongod
from fastapi import FastAPI
from mongodb_server import Server, mongodb_server
from people import SignedIn, caller_of

from desk.service.portfolios import mongodb
from desk.service.portfolios.mongodb import read_mongodb
from desk.service.portfolios.stored import written_out
from desk.service.portfolios.validation import yaml_of
from desk.service.problems import Problem
from foundation.errors import DataError, MachineError
from foundation.files import ROOT
from research.portfolio import load_portfolio
from research.portfolio.file.strict_yaml import read_yaml

FIELDS = {"date": "day", "holdings": "held.units", "cash": "cash", "nav": "nav", "portfolio": "name"}
KEYS = {"uri_env": "MONGODB_HOUSE", "database": "desk", "collection": "days", "fields": FIELDS}
Tree = dict[str, Any]
DAYS = (datetime(2022, 12, 27), datetime(2022, 12, 28), datetime(2022, 12, 29))


def document(day: datetime, nav: float) -> dict[str, Any]:
    held = {"units": {"SPY": Decimal128("3260"), "AGG": 7460}}
    return {"name": "Sixty-forty", "day": day, "held": held, "cash": 21_350.4, "nav": nav}


def documents() -> list[dict[str, Any]]:
    found = [document(day, nav) for day, nav in zip(DAYS, (1.99e6, 2.0e6, 2.01e6), strict=True)]
    return [*found, {**document(DAYS[2], 1.0), "name": "Another"}]


def check_read(tree: Tree, folder: Path) -> None:
    """What is read is the newest document as what is held, and all of the portfolio as its history."""
    (folder / "p.yaml").write_text(yaml_of(read_mongodb(tree, "house", folder)))
    found, stated = load_portfolio(folder / "p.yaml"), load_portfolio("data/portfolios/sixty_forty.yaml")
    assert found.table().equals(stated.table())
    assert found.nav_history.nav.tolist() == [1.99e6, 2.0e6]  # the last close is that of the holdings


@pytest.fixture
def tree() -> dict[str, Any]:
    """The portfolio without what it holds."""
    whole, _ = read_yaml(str(ROOT / "data" / "portfolios" / "sixty_forty.yaml"))
    lines = {asset: {k: v for k, v in line.items() if k != "shares"} for asset, line in whole["lines"].items()}
    return {**{k: v for k, v in whole.items() if k != "cash"}, "lines": lines, "mongodb": KEYS}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with mongodb_server() as (address, running):
        monkeypatch.setenv("MONGODB_HOUSE", address)
        running.documents = documents()
        yield running


def test_the_newest_document_is_what_is_held_and_all_are_the_history(
    server: Server, tree: Tree, tmp_path: Path
) -> None:
    check_read(tree, tmp_path)
    (asked,) = server.asked
    assert (asked["find"], asked["$db"], asked["filter"], asked["sort"]) == (
        "days", "desk", {"name": "Sixty-forty"}, {"day": -1},
    )  # fmt: skip


def test_a_server_of_mongodb_itself_gives_the_same(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mongod() as client:
        monkeypatch.setenv("MONGODB_HOUSE", "mongodb://{}:{}".format(*client.address or ()))
        client["desk"]["days"].insert_many(documents()[::-1])
        check_read(tree, tmp_path)
        client["desk"]["days"].delete_many({"name": "Sixty-forty"})
        with pytest.raises(DataError, match=r"desk\.days has no document of 'Sixty-forty'"):
            read_mongodb(tree, "house", tmp_path)


def test_of_too_many_documents_the_newest_are_read(
    server: Server, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb, "MOST", 2)
    read_mongodb(tree, "house", tmp_path)
    rows = (tmp_path / mongodb.NAV_FILE).read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["date", "2022-12-28", "2022-12-29"]


def test_what_is_held_today_is_read_whenever_a_version_is_written_out(
    app: FastAPI, server: Server, tree: Tree, signed_in: SignedIn
) -> None:
    client = signed_in()
    made = client.post("/api/portfolios", json=tree)
    assert made.status_code == 201, made.text
    assert made.json()["portfolio"]["mongodb"] == KEYS
    portfolio = made.json()["id"]
    for units in (3260, 3000):
        server.documents[2]["held"]["units"]["SPY"] = units
        file = written_out(app.state.service, caller_of(client), portfolio)
        assert load_portfolio(file).shares.tolist() == [units, 7460]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"held": {}}, "`held.units` holds no units by asset"),
        ({"held": {"units": {"SPY": 1, "AGG": "2"}}}, "no units of AGG"),
        ({"held": {"units": {"SPY": 1, "AGG": 2, "APY": 3}}}, "Did you mean 'SPY'"),
        ({"cash": "much"}, "no cash in `cash`"),
        ({"nav": None}, "no NAV or flow"),
        ({"day": "yesterday"}, "no day"),
    ],
)
def test_a_wrong_field_is_told(server: Server, tree: Tree, tmp_path: Path, change: dict[str, Any], says: str) -> None:
    server.documents[2] |= change
    with pytest.raises(DataError, match=re.escape(says)):
        read_mongodb(tree, "house", tmp_path)


def test_all_that_is_wrong_in_a_document_is_told_at_once(server: Server, tree: Tree, tmp_path: Path) -> None:
    server.documents[2] |= {"held": {"units": {"SPX": 1}}, "cash": None}
    with pytest.raises(DataError) as error:
        read_mongodb(tree, "house", tmp_path)
    assert all(word in str(error.value) for word in ("'SPX'", "units of SPY", "units of AGG", "no cash"))


def test_a_missing_document_and_a_missing_server_are_told(
    server: Server, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.documents = server.documents[3:]
    with pytest.raises(DataError, match=r"desk\.days has no document of 'Sixty-forty'"):
        read_mongodb(tree, "house", tmp_path)
    server.fault = {"code": 13, "errmsg": "not authorized on 10.0.0.7"}
    with pytest.raises(DataError, match=r"gave no documents \(OperationFailure\)") as error:
        read_mongodb(tree, "house", tmp_path)
    assert "10.0.0.7" not in str(error.value)
    server.mockup.stop()
    monkeypatch.setattr(mongodb, "SERVER_WAIT", 200)
    with pytest.raises(DataError, match="ServerSelectionTimeoutError"):
        read_mongodb(tree, "house", tmp_path)
    monkeypatch.delenv("MONGODB_HOUSE")
    with pytest.raises(MachineError, match="MONGODB_HOUSE is ''"):
        read_mongodb(tree, "house", tmp_path)


@pytest.mark.parametrize(
    ("keys", "fields"),
    [
        ({**KEYS, "uri_env": "DATABASE_URL"}, ["/mongodb/uri_env"]),
        ({**KEYS, "uri_env": "MONGODB_OTHERS"}, ["/mongodb/uri_env"]),
        ({"uri_env": 1, "fields": {"date": "$where", "x": "y"}}, None),
    ],
)
def test_wrong_keys_are_told_with_their_places(
    tree: Tree, tmp_path: Path, keys: dict[str, Any], fields: list[str] | None
) -> None:
    with pytest.raises(Problem) as problem:
        read_mongodb({**tree, "mongodb": keys}, "house", tmp_path)
    found = {each.field for each in problem.value.mistakes}
    assert found >= set(fields or ("/mongodb/uri_env", "/mongodb/database", "/mongodb/fields/x"))
