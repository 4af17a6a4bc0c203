"""The briefing over HTTP is the briefing of the record; a record that was altered or forged is refused."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from model_server import models, openai
from payloads import payload

from desk.cycle.briefing import briefed, briefing
from desk.service.agents.insights import AT_MODEL
from desk.service.agents.tandem import cycle_of
from desk.service.payload.model import RebalanceRequest
from foundation.canonical import content_hash

PATH = "/api/ai-copilot/insights"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return cycle_of(RebalanceRequest.model_validate(payload())).document


def test_the_insights_of_a_record_are_its_briefing(client: TestClient, document: dict[str, Any]) -> None:
    found = client.post(PATH, json=document).json()
    text = " ".join(briefing(document).split())
    for part in ("state", "actions", "flags", "models"):
        assert found[part]
        assert [each for each in found[part] if each not in text] == []
    assert found["disclaimer"] in text
    assert (found["record"], found["status"]) == (document["sha256"], document["status"])


def test_a_payload_and_the_record_of_its_cycle_have_the_same_insights(
    client: TestClient, document: dict[str, Any]
) -> None:
    of_record, of_payload = (client.post(PATH, json=body).json() for body in (document, payload()))
    assert of_payload.pop("notes") == ["A payload has no dates: those of its cycle are nominal."]
    assert (of_record.pop("notes"), of_record) == ([], of_payload)


def test_the_next_steps_name_no_command(client: TestClient, document: dict[str, Any]) -> None:
    steps = client.post(PATH, json=document).json()["next_steps"]
    assert steps == ["Check the list against a venue.", "Then send it."]
    assert any("rebalance" in each for each in briefed(document).playbook)


def altered(document: dict[str, Any], step: int, **output: Any) -> dict[str, Any]:
    """The record with other values in what a step hands over."""
    steps = [dict(each) for each in document["steps"]]
    steps[step]["output"] = {**steps[step]["output"], **output}
    return {**document, "steps": steps}


def forged(document: dict[str, Any], step: int, **output: Any) -> dict[str, Any]:
    """The same with a hash that fits."""
    made = altered(document, step, **output)
    steps = [{key: value for key, value in each.items() if key != "at"} for each in made["steps"]]
    hashed = {key: value for key, value in made.items() if key != "sha256"} | {"steps": steps}
    return {**made, "sha256": content_hash(hashed)}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda document: {**document, "status": "vetoed"}, "altered"),
        (lambda document: altered(document, 0, nav=1.0), "altered"),
        (lambda document: forged(document, 0, nav="much"), r"'much' is not of type 'number'"),
        (lambda document: forged(document, 5, reasons=[]), "reasons"),
        (lambda document: forged(document, 0, nav=10**400), "too large"),
        (lambda document: {**document, "steps": document["steps"][:6]}, "steps"),
        (lambda document: {"steps": 1}, "/schema"),
        (lambda document: {"portfolio_value": 1.0}, "/drift_threshold"),
        (lambda document: [], "not a mapping"),
    ],
)
def test_a_record_that_is_none_is_refused(client: TestClient, document: dict[str, Any], body: Any, said: str) -> None:
    answer = client.post(PATH, json=body(document))
    assert answer.status_code == 400
    assert said in answer.text
    assert "/payload" not in answer.text  # where the two kinds are told apart is no part of a place


def test_a_model_s_prose_stands_beside_the_templates_where_its_numbers_are_those_of_the_record(
    client: TestClient, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (plain := client.post(PATH, json=document).json())["written"] == "Written by templates."
    with models(openai("Check the list against a venue."), openai("The regret is 99%.")) as server:
        for name, value in {"PROVIDER": "openai", "NAME": "m", "URL": server.address}.items():
            monkeypatch.setenv(f"REBALANCE_MODEL_{name}", value)
        good, bad = (client.post(PATH, params={"words": "true"}, json=document).json() for _ in range(2))
    assert good.pop("prose") == "Check the list against a venue."
    assert good.pop("written") == "Written by m, numbers checked against the record."
    assert (bad.pop("prose"), bad.pop("written")) == (
        "",
        "Written by templates: the record does not have its number '99 %'.",
    )
    assert good == bad == {key: value for key, value in plain.items() if key not in ("prose", "written")}
    assert AT_MODEL.acquire(blocking=False)
    assert AT_MODEL.acquire(blocking=False)  # who waits for a model that is slow
    try:
        busy = client.post(PATH, params={"words": "true"}, json=document)
        assert (busy.status_code, busy.headers["Retry-After"]) == (503, "10")
        assert client.post(PATH, json=document).status_code == 200
    finally:
        AT_MODEL.release(2)
