"""The answer of the payload endpoint: every figure is a key, with its method, or with the reason why it is null."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from desk.service.payload.model import Lots

Action = Literal["buy", "sell", "hold"]
Weight = Annotated[float, Field(description="Fraction of the value.")]
Currency = Annotated[float, Field(description="Currency.")]
Units = Annotated[float, Field(description="Signed: buys above zero.")]
Predicted = Annotated[float | None, Field(description="A year, fraction; null below two returns.")]


class Figure(BaseModel):
    """A figure, its 95 % interval where it has one, and its method; or null with the reason.

    value        : in the unit that its name has in the answer.
    lower, upper : ends of the interval, null where it has none.
    reason       : why `value` is null, or null.
    """

    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    method: str = ""
    reason: str | None = None


class Metrics(BaseModel):
    """Risk and return of constant weights over the returns that all assets have; losses are positive fractions."""

    volatility: Annotated[Figure, Field(description="A year, fraction.")]
    expected_annual_return: Annotated[
        Figure, Field(description="The mean return, times the periods of a year, fraction.")
    ]
    sharpe: Annotated[
        Figure, Field(description="A year, a ratio; of returns less no rate, since cash returns nothing.")
    ]
    max_drawdown: Annotated[Figure, Field(description="Fraction of the peak, never positive.")]
    var_95: Annotated[Figure, Field(description="Loss of one period, fraction; above zero.")]
    cvar_95: Annotated[Figure, Field(description="Mean of the losses beyond it, fraction.")]
    tracking_error: Annotated[Figure, Field(description="A year, to the plain targets, fraction.")]
    probability_of_loss_30d: Annotated[Figure, Field(description="That 30 calendar days lose, 0 to 1.")]
    downside_percentile_30d: Annotated[
        Figure, Field(description="5th percentile of the return over 30 calendar days, fraction.")
    ]


class AssetOrder(BaseModel):
    """The order of an asset, or why it has none."""

    asset: str
    asset_class: str
    action: Action
    reason: str
    units: Units
    units_before_limits: Annotated[float, Field(description="Signed units before lots, cash and turnover limit.")]
    price: Currency
    notional: Annotated[float, Field(description="Signed currency.")]
    cost: Currency
    weight_before: Weight
    weight_after: Weight
    target_weight: Weight
    drift: Annotated[float, Field(description="Weight before less target, fraction.")]


class Orders(BaseModel):
    """The decision and its orders in whole units, as a trade list of the same portfolio has them."""

    action: Literal["rebalance", "hold"]
    reason: str
    drift: Annotated[float, Field(description="Half the sum of absolute drifts, cash among them, fraction.")]
    largest_drift: Annotated[float, Field(description="Of an asset or cash, without its sign, fraction.")]
    largest_drift_asset: str
    turnover: Annotated[float, Field(description="One-way: the larger of buys and sells over the value, fraction.")]
    turnover_limit: Weight
    binding: Annotated[list[str], Field(description="Limits that reduce orders, with the assets.")]
    lots: Lots
    lots_found: Annotated[str, Field(description="How the whole lots were found; empty without orders.")]
    buys: Currency
    sells: Currency
    cost: Currency
    cost_bps: Annotated[float, Field(description="Basis points of the value.")]
    cash_before: Annotated[float, Field(description="Currency, with the cash flow.")]
    cash_after: Currency
    value_after: Currency
    assets: Annotated[list[AssetOrder], Field(description="In the order of the payload.")]


class TargetWeight(BaseModel):
    """A target as stated, and as the ensemble would move it. No order follows from the second."""

    asset: str
    plain: Weight
    moved: Weight
    predicted_return: Predicted
    confidence: Annotated[
        float, Field(description="Probability beyond chance that it beats, or misses, the others, 0 to 1.")
    ]
    reason: Annotated[str | None, Field(description="Why it is not moved, or null.")] = None


class HoldingOrder(BaseModel):
    """The part of a class's orders that falls on a security: whole units toward zero."""

    symbol: str
    asset: str
    weight: Annotated[float, Field(description="Fraction of the asset.")]
    price: Currency
    predicted_return: Predicted
    action: Action
    units: Units
    notional: Annotated[float, Field(description="Signed currency.")]
    cost: Currency


class ClassOrders(BaseModel):
    """The orders of a class, and the securities inside its assets; an asset without holdings is its own."""

    weight_before: Weight
    weight_after: Weight
    target_weight: Weight
    predicted_return: Annotated[float | None, Field(description="Of its assets, by target weight; a year, fraction.")]
    action: Annotated[Action, Field(description="By the sum of its orders.")]
    units: Annotated[float, Field(description="Sum of signed units of its assets.")]
    notional: Annotated[float, Field(description="Signed currency.")]
    cost: Currency
    holdings: list[HoldingOrder]


class Metadata(BaseModel):
    """The parts of an answer that differ between two answers to one payload, or identify it."""

    time: Annotated[str, Field(description="UTC.")]
    version: str
    input_sha256: Annotated[str, Field(description="Of the request with its defaults, as compact JSON.")]


class RebalanceAnswer(BaseModel):
    """Orders, targets, risk and drilldown of a payload. The same payload gives the same bytes but for `metadata`."""

    orders: Orders
    targets: list[TargetWeight]
    ensemble: Annotated[list[str], Field(description="Members of the ensemble that the histories suffice for.")]
    metrics: Annotated[Metrics, Field(description="Of the current weights.")]
    metrics_after: Annotated[Metrics, Field(description="Of the weights after the orders.")]
    returns_used: Annotated[int, Field(description="Returns that all assets have: those of the metrics.")]
    asset_drilldown: Annotated[dict[str, ClassOrders], Field(description="By class.")]
    notes: list[str]
    disclaimer: str
    metadata: Metadata
