"""One decision cycle of a payload, its hand-overs by agent. Nothing is stored or sent."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from desk.cycle.cycle import Cycle, run_cycle
from desk.cycle.decision import Action, Control
from desk.cycle.monitor import NORMAL_LEVEL, Reading
from desk.service.payload.answer import AssetOrder
from desk.service.payload.model import RebalanceRequest
from desk.service.payload.portfolio import PAYLOAD_POLICY, portfolio_of_payload
from desk.service.payload.rebalance import orders_of
from desk.service.payload.targets import Predictions, predictions, scores
from desk.service.problems import FieldMistake, refused
from foundation.dataclasses import asdict, dataclass, replace
from foundation.errors import DataError
from research.forecast import Moments
from research.market import Past
from research.orders import TradeList
from research.portfolio.keys.forecasts import StatedForecasts

ENSEMBLE = "ensemble"  # name of the forecast
NOMINAL = "A payload has no dates: those of its cycle are nominal."


class Handed(BaseModel):
    """A hand-over of an agent."""

    at: Annotated[str, Field(description="Moment in UTC.")]
    input: Annotated[str, Field(description="sha256 of the output of the agent before.")]
    narrative: str


class ValidatedAsset(BaseModel):
    """An asset as it was taken from the payload."""

    asset: str
    asset_class: str
    price: float
    current_weight: float
    target_weight: float
    returns: Annotated[int, Field(description="Number of returns of its history.")]


class MarketDataRecord(Handed):
    """The assets that came in, and the worth of the data."""

    fingerprint: str
    quality: Reading
    assets: list[ValidatedAsset]


class AssetForecast(BaseModel):
    """The forecast of an asset; null where there is none."""

    asset: str
    expected_return: Annotated[float | None, Field(description="A period, fraction.")]
    confidence: Annotated[float | None, Field(description="As in the answer of POST /api/rebalance.")]


class ForecastRecord(Handed):
    """The expectations of the ensemble. No order follows from them."""

    model: str
    members: tuple[str, ...]
    assets: list[AssetForecast]


class RiskRecord(Handed):
    """The readings of the monitor, and sentences on those that trigger or are beyond a level."""

    status: Literal["quiet", "triggered"]
    metrics: tuple[Reading, ...]
    flags: list[str]


class OptimiserRecord(Handed):
    """The alternative that was chosen, and its trades within all limits."""

    chosen: str
    trades: list[AssetOrder]
    binding: Annotated[tuple[str, ...], Field(description="Limits that keep the trades from the policy's own step.")]


class Stage(BaseModel):
    """Orders that go together, once those of the stage before are filled.

    An exchange names its pair as `asset`; its units are of the foreign currency, its value is in the basis.
    """

    stage: Literal["sells", "fx", "buys"]
    orders: list[Action]
    value: Annotated[float, Field(description="Of all its orders, in the basis of the portfolio.")]


class ExecutionRecord(Handed):
    """The trades as they would be sent, and when."""

    timing: str
    turnover: float
    queue: list[Stage]


class SupervisorRecord(Handed):
    """The controls. A list of status `vetoed` or `unreconciled` may not be sent by anybody."""

    verdict: Literal["approved", "escalated"]
    status: str
    controls: tuple[Control, ...]


class Records(BaseModel):
    """The hand-overs of a cycle by agent."""

    market_data: MarketDataRecord
    forecast: ForecastRecord
    risk: RiskRecord
    optimiser: OptimiserRecord
    execution: ExecutionRecord
    supervisor: SupervisorRecord


class Tandem(BaseModel):
    """A cycle of a payload."""

    records: Records
    notes: list[str]
    cycle: Annotated[dict[str, Any], Field(description="Its record, as `contracts` of the blueprint describes it.")]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The ensemble of the payload endpoint, as a forecast that a portfolio states.  found : its predictions today."""

    found: Predictions
    window: int = 2

    def predict(self, past: Past) -> Moments:
        """Mean of each asset with two returns, and covariance of all returns that these share, a period.

        Raises : DataError without such an asset.
        """
        known = np.isfinite(self.found.mean)
        if not known.any():
            raise DataError("no asset has two returns.")
        names = tuple(np.array(past.assets)[known].tolist())
        shared = past.returns[past.listed[:, known].all(axis=1)][1:, known]
        return Moments(names, self.found.mean[known], np.atleast_2d(np.cov(shared, rowvar=False)), 1.0, past.date)


def cycle_of(payload: RebalanceRequest) -> Cycle:
    """One cycle of a payload at its last close.

    Raises : Problem 400 for money that comes or goes and for buys alone, which a cycle has not; as `run_cycle` does.
    """
    mend = "Leave it out: a cycle decides on what is held. POST /api/rebalance takes it."
    asked = {"cash_flow": payload.cash_flow, "buys_only": payload.buys_only}
    if mistakes := [FieldMistake(f"/{key}", "it is no part of a cycle", x, mend) for key, x in asked.items() if x]:
        raise refused(mistakes)
    portfolio = portfolio_of_payload(payload)
    ensemble = Ensemble(predictions(portfolio.market))
    portfolio = replace(portfolio, forecasts=StatedForecasts(1, {ENSEMBLE: ensemble}))
    return run_cycle(portfolio, portfolio.policies[PAYLOAD_POLICY], PAYLOAD_POLICY)


def tandem(payload: RebalanceRequest) -> Tandem:
    """The hand-overs of one cycle of a payload by agent, and its record. Raises as `cycle_of`."""
    cycle = cycle_of(payload)
    listed, steps = cycle.decision.listed, cycle.steps[1:]
    data, forecast, risk, _, decided, _ = (step.output for step in steps)
    ensemble = cycle.portfolio.forecasts.models[ENSEMBLE]
    assert isinstance(ensemble, Ensemble)
    expected, sure = forecast.get("mean", {}), np.abs(scores(ensemble.found, listed.target)).tolist()
    own: tuple[dict[str, Any], ...] = (  # of each agent, besides its output
        {
            "quality": data,
            "assets": [
                dict(each) | {"asset_class": each.class_name, "returns": len(each.returns)} for each in payload.assets
            ],
        },
        {
            "model": ENSEMBLE,
            "members": ensemble.found.members,
            "assets": [
                {"asset": each, "expected_return": expected.get(each), "confidence": of if each in expected else None}
                for each, of in zip(listed.portfolio.market.assets, sure, strict=True)
            ],
        },
        {
            "metrics": risk["readings"],
            "flags": [x["sentence"] for x in risk["readings"] if x["triggers"] or x["level"] != NORMAL_LEVEL],
        },
        {
            "chosen": decided["chosen"],
            "trades": [each for each in orders_of(payload, listed).assets if each.action != "hold"],
            "binding": listed.binding,
        },
        {"queue": queue(listed, decided["actions"])},
        {"verdict": "approved" if cycle.decision.status == "finalised" else "escalated"},
    )
    records = zip(Records.model_fields, steps, own, strict=True)
    made = {name: {**asdict(step), **step.output, **parts} for name, step, parts in records}
    return Tandem.model_validate({"records": made, "notes": [*listed.notes, NOMINAL], "cycle": cycle.document})


def queue(listed: TradeList, actions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stages of a list: sells, which bring the money; exchanges of money; and buys.

    actions : its orders, as the step `execution` of a record has them.
    """
    exchanges = () if listed.money is None else listed.money.exchanges
    stages: dict[str, Sequence[Mapping[str, Any]]] = {
        "sells": [each for each in actions if each["action"] == "sell"],
        "fx": [
            asdict(Action("", x.account, x.pair, x.side, float(x.amount), float(x.basis_amount), x.reason))
            for x in exchanges
        ],
        "buys": [each for each in actions if each["action"] == "buy"],
    }
    return [
        {"stage": stage, "orders": orders, "value": math.fsum(each["value"] for each in orders)}
        for stage, orders in stages.items()
    ]
