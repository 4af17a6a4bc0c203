"""The blueprint of the decision cycle: its agents in turn with their contracts, retries, vetoes and escalation.

All of it is read from what runs: the published schema of the record, the table of controls, and the constants by which
feeds, venues and alerts wait.
"""

import json
from functools import cache
from typing import Any, Literal

from desk.commands.cycle import alert_channels
from desk.commands.orders.acting import ACTS
from desk.cycle.alerts import STATUS_LEVELS
from desk.cycle.decision import CONTROLS, MODEL_DAYS, STOPPED
from desk.exchange import execute
from desk.exchange.stops import PAUSE, STOP
from desk.feeds import fetching, transport
from foundation.dataclasses import dataclass
from foundation.files import ROOT

RECORD_SCHEMA = ROOT / "docs" / "schemas" / "decision-1.json"
ANSWERED = transport.CONNECT + transport.ANSWER  # seconds
ORDERS = {"finalised": "may be sent", "awaiting approval": "wait for an approval"}  # by status; of others they stop


@dataclass(frozen=True)
class Agent:
    """An agent in its turn. `output` refers to its JSON Schema in `contracts`."""

    place: int
    agent: str
    hands_over: str
    output: dict[Literal["$ref"], str]


@dataclass(frozen=True)
class ControlTerms:
    """A control of the supervisor. Where it `fails`, it escalates to a person, or vetoes the orders."""

    name: str
    effect: Literal["escalates", "vetoes"]
    fails: str


@dataclass(frozen=True)
class Retries:
    """The time-out of one try, the most tries, the seconds before each repetition, and what follows the last."""

    of: str
    timeout_seconds: float | None
    tries: int
    waits_seconds: tuple[float, ...]
    then: str


@dataclass(frozen=True)
class Status:
    """A status that the supervisor gives: what becomes of the orders, and the level of its alert."""

    status: str
    orders: str
    alert: str


@dataclass(frozen=True)
class Blueprint:
    """The decision cycle as it runs. `contracts` is the JSON Schema of the record of a cycle."""

    order: list[str]
    agents: list[Agent]
    contracts: dict[str, Any]
    retries: tuple[Retries, ...]
    controls: list[ControlTerms]
    escalation: list[Status]
    governance: tuple[str, ...]


@cache
def record_schema() -> dict[str, Any]:
    """The JSON Schema of the record of a cycle."""
    schema: dict[str, Any] = json.loads(RECORD_SCHEMA.read_bytes())
    return schema


@cache
def blueprint() -> Blueprint:
    """The blueprint."""
    schema = record_schema()
    known, agents = schema["$defs"], []
    for place, (_, step) in enumerate((each["allOf"] for each in schema["properties"]["steps"]["prefixItems"]), 1):
        of, ref = step["properties"]["agent"]["const"], step["properties"]["output"]["$ref"]
        said = known[ref.rpartition("/")[2]]["description"]
        agents.append(Agent(place, of, said, {"$ref": f"{schema['$id']}{ref}"}))
    controls = [ControlTerms(name, effect, when) for name, (effect, when) in CONTROLS.items()]
    escalation = [
        Status(each, "may not be sent" if each in STOPPED else ORDERS[each], STATUS_LEVELS[each])
        for each in known["status"]["enum"]
    ]
    return Blueprint([each.agent for each in agents], agents, schema, RETRIES, controls, escalation, GOVERNANCE)


RETRIES = (
    Retries(
        "a step of the cycle", None, 1, (),
        "A step computes and waits for nobody. Without data for a forecast or for alternatives it says so, and "
        "the next step goes on; any other error ends the cycle, and nothing is recorded or sent.",
    ),
    Retries(
        "prices from a source", ANSWERED, 1 + len(fetching.RETRY_WAITS), fetching.RETRY_WAITS,
        "The prices that are stored stay, and the control of prices vetoes orders at old ones.",
    ),
    Retries(
        "an order at a venue", ANSWERED, 2, execute.QUESTION_WAITS,
        "Where no answer comes, the venue is asked for the order after each wait; only an order that it does not know "
        "is placed again, under the same id.",
    ),
    Retries(
        "an alert to a channel", alert_channels.TIMEOUT, 2, (alert_channels.WAIT,),
        "It is kept in the journal, and sent with the next alerts.",
    ),
)  # fmt: skip
GOVERNANCE = (
    "The policy of the portfolio decides, or the alternative of the least expected loss where its file says so. No "
    "language model decides or words anything.",
    "Each step states the sha256 of its input, the output before it; the record states one of all but its times, so "
    "that the same portfolio, data and day give the same record.",
    "A list about which a person is asked has to be approved before it can be sent.",
    f"A person looks at a fitted policy from {MODEL_DAYS} days after its last day of training on.",
    f"With the file {STOP} in its home a desk sends nothing; with {PAUSE}, cycles send nothing.",
    f"A cycle that sends by itself has limits of value, turnover and number of orders; a venue that is not paper must "
    f"stand in {ACTS}, too.",
    "Cycles of payloads store nothing and send nothing.",
)
