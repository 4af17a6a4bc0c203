"""One decision cycle of a payload, its hand-overs by agent. Nothing is stored or sent."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from desk.cycle.cycle import Cycle, run_cycle
from desk.cycle.decision import Action, Control
from desk.cycle.monitor import NORMAL_LEVEL, Reading
from desk.service.payload.model import RebalanceRequest
from desk.service.payload.portfolio import POLICY, portfolio_of
from desk.service.payload.targets import Predictions, predictions, scores
from desk.service.problems import FieldMistake, refused
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
    """An asset of the portfolio, as the cycle has it. Weights are fractions of NAV."""

    asset: str
    asset_class: str
    price: float | None
    value: float
    weight: float
    weight_target: float
    returns: Annotated[int, Field(description="Number of returns of its history.")]


class MarketDataRecord(Handed):
    """What came in."""

    fingerprint: str
    quality: Reading
    assets: list[ValidatedAsset]


class AssetForecast(BaseModel):
    """The forecast of an asset; null where there is none."""

    asset: str
    expected_return: Annotated[float | None, Field(description="A period, fraction.")]
    confidence: Annotated[float | None, Field(description="As in the answer of POST /api/rebalance.")]


class ForecastRecord(Handed):
    """What is expected. No order follows from it."""

    model: str
    members: tuple[str, ...]
    assets: list[AssetForecast]


class RiskRecord(Handed):
    """What is watched: readings, and sentences on those beyond a level."""

    status: Literal["quiet", "triggered"]
    metrics: tuple[Reading, ...]
    flags: list[str]


class Trade(BaseModel):
    """An order within all limits. Weights are fractions of NAV."""

    asset: str
    side: Literal["buy", "sell"]
    units: float | None
    price: Annotated[float | None, Field(description="Close at which it was sized, currency per unit.")]
    notional: float
    cost: float
    weight_before: float
    weight_target: float
    weight_after: float
    reason: str


class OptimiserRecord(Handed):
    """What could be done, and the trades of the alternative that was chosen."""

    chosen: str
    trades: list[Trade]
    binding: Annotated[tuple[str, ...], Field(description="Limits that keep the trades from the policy's own step.")]


class Stage(BaseModel):
    """Orders that go together, once those of the stage before are filled.

    An exchange names its pair as `asset`; its units are of the foreign currency, its value is in the basis.
    """

    stage: Literal["sells", "fx", "buys"]
    orders: list[Action]
    value: Annotated[float, Field(description="Of all its orders, in the basis of the portfolio.")]


class ExecutionRecord(Handed):
    """What would be sent, and when."""

    timing: str
    turnover: float
    queue: list[Stage]


class SupervisorRecord(Handed):
    """What stands against it. A list of status `vetoed` or `unreconciled` may not be sent by anybody."""

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
    portfolio = portfolio_of(payload)
    ensemble = Ensemble(predictions(portfolio.market))
    portfolio = replace(portfolio, forecasts=StatedForecasts(1, {ENSEMBLE: ensemble}))
    return run_cycle(portfolio, portfolio.policies[POLICY], POLICY)


def tandem(cycle: Cycle) -> Tandem:
    """The hand-overs of a cycle by agent, and its record."""
    steps, listed = dict(zip(Records.model_fields, cycle.steps[1:], strict=True)), cycle.decision.listed
    output = {name: step.output for name, step in steps.items()}
    readings, decided = output["risk"]["readings"], output["execution"]
    ensemble = cycle.portfolio.forecasts.models[ENSEMBLE]
    assert isinstance(ensemble, Ensemble)
    sure = np.abs(scores(ensemble.found, listed.target)).tolist()
    expected = output["forecast"].get("mean", {})
    forecasts = [
        {"asset": each, "expected_return": expected.get(each), "confidence": score if each in expected else None}
        for each, score in zip(listed.portfolio.market.assets, sure, strict=True)
    ]
    beyond = (each for each in readings if each["triggers"] or each["level"] != NORMAL_LEVEL)
    orders = listed.orders.rename(columns={"target": "weight_target"}).astype(object)
    own: dict[str, dict[str, Any]] = {
        "market_data": {"quality": output["market_data"], "assets": list(_assets(listed))},
        "forecast": {"model": ENSEMBLE, "members": ensemble.found.members, "assets": forecasts},
        "risk": {"metrics": readings, "flags": [each["sentence"] for each in beyond]},
        "optimiser": {
            "chosen": decided["chosen"],
            "trades": orders.where(orders.notna(), None).to_dict("records"),
            "binding": listed.binding,
        },
        "execution": {"queue": list(queue(listed, decided["actions"]))},
        "supervisor": {"verdict": "approved" if cycle.decision.status == "finalised" else "escalated"},
    }
    records = {name: asdict(step) | {**step.output, **own[name]} for name, step in steps.items()}
    notes = [*listed.notes, NOMINAL]
    return Tandem.model_validate({"records": records, "notes": notes, "cycle": cycle.document})


def _assets(listed: TradeList) -> Iterator[dict[str, Any]]:
    """The assets of a portfolio before its orders."""
    position, portfolio = listed.sized.position, listed.portfolio
    market, weights = portfolio.market, position.weights
    for i, asset in enumerate(market.assets):
        yield {
            "asset": asset,
            "asset_class": market.instruments["asset_class"].iloc[i],
            "price": position.prices[i] if position.quoted[i] else None,
            "value": portfolio.holdings[i],
            "weight": weights[i],
            "weight_target": listed.target[i],
            "returns": max(int(market.tradable[:, i].sum()) - 1, 0),
        }


def queue(listed: TradeList, actions: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The stages of a list: sells, which bring the money; exchanges of money; and buys.

    actions : its orders, as the step `execution` of a record has them.
    """
    sells, buys = ([each for each in actions if each["action"] == side] for side in ("sell", "buy"))
    exchanges = () if listed.money is None else listed.money.exchanges
    fx = [
        asdict(
            Action("", each.account, each.pair, each.side, float(each.amount), float(each.basis_amount), each.reason)
        )
        for each in exchanges
    ]
    for stage, orders in {"sells": sells, "fx": fx, "buys": buys}.items():
        yield {"stage": stage, "orders": orders, "value": math.fsum(each["value"] for each in orders)}
