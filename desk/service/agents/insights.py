"""The briefing of a cycle, from its record alone: of a payload, or one that was kept."""

from threading import BoundedSemaphore
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Discriminator, Field, RootModel, Tag, model_validator

from desk.cycle.briefing import Sending, briefed
from desk.cycle.cycle import is_record_of
from desk.cycle.prose import TEMPLATES, prose_of
from desk.service.agents.blueprint import record_schema
from desk.service.agents.tandem import NOMINAL, cycle_of
from desk.service.bodies import Body
from desk.service.payload.model import RebalanceRequest
from desk.service.problems import Problem, place_among
from foundation.arguments import cut
from foundation.blocks import with_minus
from research.orders.content import DISCLAIMER
from research.portfolio.file.kinds import Told

POST_AGAIN = "Post it as the record or the answer of a cycle has it."
INSIGHT_PARTS = {"state": "state", "actions": "actions", "flags": "flags", "next_steps": "steps", "models": "models"}
AT_MODEL = BoundedSemaphore(2)  # it takes minutes at worst: who asks it must not hold up all other work of the server
LIST_AT_HAND = Sending(written="the list of the cycle")  # which the caller has, so that no step writes it


class CycleRecord(Body):
    """The record of a cycle, as `contracts` of the blueprint describes it."""

    version: Annotated[Literal[1], Field(alias="schema")]
    status: str
    code: str
    sha256: str
    steps: Annotated[list[dict[str, Any]], Field(min_length=7, max_length=7)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not is_record_of(self.sha256, self.document):
            raise Told("not that of the record, which was altered or is not whole", POST_AGAIN, "sha256")
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match

        if fault := best_match(Draft202012Validator(record_schema()).iter_errors(self.document)):
            raise Told(cut(f"no record of a cycle: {fault.json_path} {fault.message}"), POST_AGAIN, "steps")
        return self

    @property
    def document(self) -> dict[str, Any]:
        """The record as plain JSON types."""
        return self.model_dump(by_alias=True)


def _kind(body: Any) -> str:
    return "cycle" if isinstance(body, dict) and "steps" in body else "payload"


class CycleOrPayload(
    RootModel[
        Annotated[
            Annotated[RebalanceRequest, Tag("payload")] | Annotated[CycleRecord, Tag("cycle")], Discriminator(_kind)
        ]
    ]
):
    """A payload, of which a cycle is run, or the record of a cycle, which has `steps`."""


class Insights(BaseModel):
    """The briefing of a cycle by templates; `record` is the sha256 of its record.

    `prose` is the same by a language model, where one was asked and its numbers agree with the record; else "".
    """

    record: str
    status: str
    state: list[str]
    actions: list[str]
    flags: list[str]
    next_steps: list[str]
    models: list[str]
    notes: list[str]
    prose: str = ""
    written: str = f"{TEMPLATES}."
    disclaimer: str = DISCLAIMER


def insights(about: RebalanceRequest | CycleRecord, *, words: bool = False) -> Insights:
    """The briefing of a cycle of a payload, or of a record.

    words  : true if the language model of the service is asked for prose.
    Raises : as `cycle_of`; Problem 400 for a record with a number that is too large to be written, 503 where the model
             is asked by others.
    """
    document = cycle_of(about).document if isinstance(about, RebalanceRequest) else about.document
    try:
        said = briefed(document, sending=LIST_AT_HAND)
    except OverflowError as error:
        raise Problem(400, f"A number of the record is too large ({error}). {POST_AGAIN}") from error
    shown = {name: [*map(with_minus, getattr(said, of))] for name, of in INSIGHT_PARTS.items()}
    notes = [NOMINAL] if isinstance(about, RebalanceRequest) else []
    prose = {}
    if words:
        with place_among(AT_MODEL, "The language model is asked by others: try again.", 10):
            made = prose_of(document)
        prose = {"prose": made.text, "written": made.written}
    return Insights.model_validate(
        {"record": document["sha256"], "status": document["status"], "notes": notes, **prose, **shown}
    )
