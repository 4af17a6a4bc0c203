"""The decision cycle: its blueprint, a cycle of a payload by agent, and the briefing of a cycle."""

from fastapi import APIRouter

from desk.service.agents.blueprint import Blueprint, blueprint
from desk.service.agents.insights import CycleOrPayload, Insights, insights
from desk.service.agents.tandem import Tandem, tandem
from desk.service.bodies import JsonRoute
from desk.service.payload.model import RebalanceRequest
from desk.service.payload.readiness import READINESS
from desk.service.routes.rebalance import COMPILING

router = APIRouter(tags=["decision cycle"], route_class=JsonRoute)


@router.get("/api/multi-agent-blueprint")
def multi_agent_blueprint() -> Blueprint:
    """Show the agents of the decision cycle: contracts, order, time-outs, retries, vetoes, escalation, governance."""
    return blueprint()


@router.post("/api/multi-agent/tandem-demo", responses=COMPILING)
def tandem_demo(payload: RebalanceRequest) -> Tandem:
    """Run one decision cycle on a payload, and show what each agent hands over. Nothing is stored or sent."""
    READINESS.wait()
    return tandem(payload)


@router.post("/api/ai-copilot/insights", responses=COMPILING)
def copilot_insights(about: CycleOrPayload, words: bool = False) -> Insights:
    """Brief on a cycle, by templates from its record: on one of a payload, or on one whose record is posted.

    With `words=true` a language model, where the service has one, writes the same in prose; its numbers are checked.
    """
    READINESS.wait()
    return insights(about.root, words=words)
