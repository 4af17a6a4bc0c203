"""The blueprint says what runs: it is held against the record of a cycle, and against the guide."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient
from payloads import payload
from referencing import Registry, Resource

from desk.cycle.cycle import Cycle
from desk.service.agents.tandem import cycle_of
from desk.service.payload.model import RebalanceRequest

ROOT = Path(__file__).parents[4]
EFFECTS = {"vetoes": "vetoes the orders", "escalates": "a person decides"}  # as docs/cycle.md says them


@pytest.fixture(scope="module")
def made() -> Cycle:
    """A cycle of a payload."""
    return cycle_of(RebalanceRequest.model_validate(payload()))


@pytest.fixture
def blueprint(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/multi-agent-blueprint").json()
    return found


def test_the_order_is_that_of_a_cycle(blueprint: dict[str, Any], made: Cycle) -> None:
    assert blueprint["order"] == [step.agent for step in made.steps]
    assert [each["agent"] for each in blueprint["agents"]] == blueprint["order"]
    jsonschema.validate(made.document, blueprint["contracts"])


def test_what_an_agent_hands_over_keeps_its_contract_and_no_other(blueprint: dict[str, Any], made: Cycle) -> None:
    registry = Registry().with_resource("decision-1.json", Resource.from_contents(blueprint["contracts"]))
    for place, agent in enumerate(blueprint["agents"]):
        contract = jsonschema.Draft202012Validator(agent["output"], registry=registry)
        fits = [contract.is_valid(step.output) for step in made.steps]
        assert fits == [each == place for each in range(7)]


def test_the_controls_are_those_of_cycles_and_of_the_guide(blueprint: dict[str, Any], made: Cycle) -> None:
    effects = {each["name"]: each["effect"] for each in blueprint["controls"]}
    assert {each.name for each in made.decision.controls} <= set(effects)
    guide = (ROOT / "docs" / "cycle.md").read_text(encoding="utf-8")
    rows = [row.strip("| ").split(" | ") for row in guide.splitlines() if row.startswith("| ") and row.count("|") == 3]
    for each in blueprint["controls"]:
        (effect,) = (row[1] for row in rows if row[0] == each["fails"])
        assert effect.startswith(EFFECTS[each["effect"]])


def test_each_status_says_what_becomes_of_the_orders(blueprint: dict[str, Any]) -> None:
    assert {each["status"]: each["orders"] for each in blueprint["escalation"]} == {
        "finalised": "may be sent",
        "awaiting approval": "wait for an approval",
        "vetoed": "may not be sent",
        "unreconciled": "may not be sent",
    }
