"""Requests that are mistaken: what is answered to bad bodies, parameters, methods and faults."""

import json
from typing import Annotated, Any, Literal

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import Field, RootModel, SecretStr

from desk.service.app import create_app
from desk.service.bodies import Body, JsonRoute
from desk.service.caller import needed_by, needs
from desk.service.problems import MEDIA_TYPE
from desk.service.settings import ServiceSettings
from foundation.errors import ConfigError
from research.portfolio.file.kinds import Day, Fraction, Name

router = APIRouter(route_class=JsonRoute)


class Asset(Body):
    asset: Name
    weight: Fraction
    since: Day | None = None
    returns: Annotated[list[float], Field(max_length=3, default_factory=list)]


class Order(Body):
    side: Literal["buy", "sell"]
    assets: Annotated[list[Asset], Field(min_length=1)]
    note: Annotated[str, Field(max_length=5, pattern="^[a-z]*$")] = ""
    password: Annotated[SecretStr, Field(min_length=4)] = SecretStr("long enough")


@router.post("/orders")
def take(order: Order) -> str:
    return order.side


@router.get("/orders")
def find(limit: Annotated[int, Query(ge=1, le=500)], side: Literal["buy", "sell"] = "buy") -> int:
    return limit


class Paging(Body):
    offset: int = 0


@router.get("/pages")
def pages(paging: Annotated[Paging, Query()]) -> int:
    return paging.offset


@router.get("/secret", dependencies=[Depends(needs("approver", "orders"))])
def secret() -> str:
    return "a secret"


@router.get("/fault")
def fault() -> None:
    raise RuntimeError("the password is 1234")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """An application with more routes."""
    app = create_app(ServiceSettings(folder=tmp_path_factory.mktemp("bodies") / "service", rate=100_000))
    app.include_router(router)

    @app.get("/file")
    def unnamed() -> None:
        raise ConfigError(f"{app.state.service.root('house')}/portfolios/a.yaml, line 1: no `name`.")

    return app


@pytest.fixture
def mistaken(app: FastAPI, client: TestClient) -> TestClient:
    return TestClient(app, base_url=str(client.base_url), raise_server_exceptions=False)


def errors(answer: Any) -> list[tuple[str, str, Any, str]]:
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["status"] == answer.status_code
    return [tuple(each[key] for key in ("field", "detail", "value", "mend")) for each in answer.json()["errors"]]


def posted(client: TestClient, body: str | bytes) -> Any:
    first, second = (client.post("/orders", content=body, headers={"content-type": "application/json"}) for _ in "12")
    assert first.content == second.content
    return first


SPY = '{"asset": "SPY", "weight": 0.5}'
NUMBER = "Write a plain number without quotes, such as 0.25."
BATTERY = {  # body: field, what is wrong, value found, mend, of each mistake
    f'{{"sied": "buy", "assets": [{SPY}]}}': [
        ("/sied", "unknown key", "sied", "Did you mean 'side'? Use side, assets, note, password."),
        ("/side", "missing", None, 'Add "side".'),
    ],
    '{"side": "hold", "assets": [{"asset": "SPY", "weight": "0.5"}, {"asset": "A B", "weight": 60}]}': [
        ("/side", "not one of its words", "hold", "Use buy, sell."),
        ("/assets/0/weight", "not a number", "0.5", NUMBER),
        (
            "/assets/1/weight",
            "out of bounds",
            60,
            "Give a number that is at least 0 and at most 1. A fraction: 5 % is 0.05.",
        ),
    ],
    f'{{"side": "buy", "assets": {SPY}}}': [
        ("/assets", "not a list", "an object of 2", "Write its items in brackets, such as [0.01, 0.02].")
    ],
    '{"side": "buy", "assets": [1]}': [("/assets/0", "not a mapping", 1, "Write its keys in braces.")],
    "[]": [("", "not a mapping", "a list of 0", "Write its keys in braces.")],
    '{"side": "buy", "assets": [{"asset": "SPY", "weight": 0.5, "returns": [NaN, 1e999]}]}': [
        ("/assets/0/returns/0", "not a finite number", "NaN", "Write a plain number, such as 0.25."),
        ("/assets/0/returns/1", "not a finite number", "Infinity", "Write a plain number, such as 0.25."),
    ],
    '{"side": "buy", "assets": [{"asset": "SPY", "weight": 0.5, "returns": [0.1, 0.1, 0.1, 0.1]}]}': [
        ("/assets/0/returns", "too long", "a list of 4", "Give at most 3.")
    ],
    '{"side": "buy", "assets": []}': [("/assets", "too short", "a list of 0", "Give 1 or more.")],
    '{"side": "buy", "assets": [{"asset": "SPY", "weight": 0.5, "since": "31.12.2020"}]}': [
        ("/assets/0/since", "not a date", "31.12.2020", "Write it as YYYY-MM-DD.")
    ],
    f'{{"side": "buy", "side": "sell", "assets": [{SPY}, {{"asset": "A", "weight": 1, "asset": "B"}}], "x": 1}}': [
        ("/side", "twice in one object", "sell", "Keep one of the two."),
        ("/assets/1/asset", "twice in one object", "B", "Keep one of the two."),
        ("/x", "unknown key", "x", "Use side, assets, note, password."),
    ],
    f'{{"side": "buy", "assets": [{SPY}], "password": "abc"}}': [("/password", "too short", None, "Give 4 or more.")],
    f'{{"side": "buy", "assets": [{SPY}], "note": "A"}}': [
        ("/note", "not of its form", "A", "Write text that matches ^[a-z]*$.")
    ],
    f'{{"side": "buy", "assets": [{SPY}], "note": "abcdef"}}': [
        ("/note", "too long", "abcdef", "Give at most 5 characters.")
    ],
    '{"side": "buy",\n "assets": [1,}': [
        ("", "no JSON: expected value at line 2 column 15", None, "Correct the text there.")
    ],
    '{"side": "\\ud800"}': [
        ("", "no JSON: unexpected end of hex escape at line 1 column 17", None, "Correct the text there.")
    ],
    "": [("", "no JSON: EOF while parsing a value at line 1 column 0", None, "Correct the text there.")],
    "[" * 100_000: [("", "no JSON: nested too deep at line 1 column 202", None, "Correct the text there.")],
}


@pytest.mark.parametrize("body", BATTERY, ids=range(len(BATTERY)))
def test_a_bad_body_is_told_every_mistake(mistaken: TestClient, body: str) -> None:
    answer = posted(mistaken, body)
    assert (answer.status_code, errors(answer)) == (400, BATTERY[body])


def test_a_good_body_is_taken(mistaken: TestClient) -> None:
    assert posted(mistaken, f'{{"side": "buy", "assets": [{SPY}]}}').json() == "buy"


def test_long_values_are_cut_and_many_mistakes_counted(mistaken: TestClient) -> None:
    long = posted(mistaken, json.dumps({"side": "b" * 10_000, "assets": [{"asset": "SPY", "weight": 0.5}]}))
    assert len(errors(long)[0][2]) == 200
    many = posted(mistaken, json.dumps({"side": "buy", "assets": [0] * 5_000}))
    assert many.json()["detail"] == "The request has more than 1,000 mistakes; the first are listed."
    assert len(errors(many)) == 1_000


def test_bytes_that_are_no_utf_8_are_refused(mistaken: TestClient) -> None:
    assert errors(posted(mistaken, b'{"side": "\xff"}'))[0][1].startswith("no JSON: ")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_415(mistaken: TestClient, media_type: str) -> None:
    answer = mistaken.post("/orders", content="side=buy", headers={"content-type": media_type})
    assert (answer.status_code, answer.headers["accept"]) == (415, "application/json")


def test_bad_parameters_are_told_together(mistaken: TestClient) -> None:
    answer = mistaken.get("/orders", params={"limit": "9000", "side": "bay"})
    assert errors(answer) == [
        ("/query/limit", "out of bounds", "9000", "Give a number that is at least 1 and at most 500."),
        ("/query/side", "not one of its words", "bay", "Did you mean 'buy'? Use buy, sell."),
    ]
    assert errors(mistaken.get("/pages", params={"ofset": 1})) == [("/query/ofset", "unknown", None, "Leave it out.")]
    assert errors(mistaken.get("/orders")) == [("/query/limit", "missing", None, 'Add "limit".')]


def test_405_lists_every_method_of_the_path(mistaken: TestClient) -> None:
    answer = mistaken.delete("/orders")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_a_fault_shows_nothing_of_its_cause(mistaken: TestClient) -> None:
    answer = mistaken.get("/fault")
    assert (answer.status_code, answer.headers["content-type"]) == (500, MEDIA_TYPE)
    assert "1234" not in answer.text


def test_a_message_names_no_folder_of_the_server(mistaken: TestClient) -> None:
    answer = mistaken.get("/file")
    assert (answer.status_code, answer.json()["detail"]) == (400, "portfolios/a.yaml, line 1: no `name`.")


def test_the_document_states_the_problems_of_each_route(mistaken: TestClient) -> None:
    document = mistaken.get("/api/openapi.json").json()
    paths = document["paths"]
    of_any = ["200", "400", "403", "421", "429", "503"]
    assert list(paths["/orders"]["get"]["responses"]) == of_any
    assert list(paths["/orders"]["post"]["responses"]) == sorted([*of_any, "408", "413", "415"])
    assert list(paths["/secret"]["get"]["responses"]) == sorted([*of_any, "401", "404"])
    assert paths["/secret"]["get"]["security"] == [{"token": ["orders"]}]
    assert "422" not in json.dumps(document)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_body_is_read_strictly(app: FastAPI) -> None:
    for route in iter_route_contexts(app.routes):
        content = getattr(route.original_route, "body_field", None)
        if content is not None and type(content.field_info).__name__ == "Body":
            assert isinstance(route.original_route, JsonRoute), f"{route.path}: APIRouter(route_class=JsonRoute)"
            model = content.field_info.annotation
            config = {} if issubclass(model, RootModel) else model.model_config  # the former is one of several models
            assert not config or (config.get("extra"), config.get("allow_inf_nan")) == ("forbid", False), route.path


def test_roles_are_read_from_the_dependencies() -> None:
    secret_route = next(route for route in router.routes if getattr(route, "path", "") == "/secret")
    assert needed_by(secret_route.dependant) == ("approver", "orders")  # type: ignore[attr-defined]
