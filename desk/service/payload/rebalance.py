"""The answer to a payload: the trade list of its portfolio, and the figures beside it."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version

import numpy as np

from desk.service.payload.answer import (
    Action,
    AssetOrder,
    ClassOrders,
    HoldingOrder,
    Metadata,
    Metrics,
    Orders,
    RebalanceAnswer,
    TargetWeight,
)
from desk.service.payload.figures import metrics, simulated_rows
from desk.service.payload.model import AssetInput, HoldingInput, RebalanceRequest
from desk.service.payload.portfolio import POLICY, portfolio_of, request_of
from desk.service.payload.targets import Predictions, moved, predictions, scores
from foundation.arrays import Array
from research.accounting.costs import BASIS_POINT
from research.orders import TradeList, trade_list
from research.orders.content import DISCLAIMER
from research.orders.reasons import Reasons
from research.risk.simulation.resampling import common_rows

VERSION = version("rebalance-workbench")
NO_FORECAST = "fewer than two returns"


def answer_to(payload: RebalanceRequest, moment: datetime) -> RebalanceAnswer:
    """The answer to a payload.

    moment : time that the metadata state, UTC.
    Raises : ConfigError, DataError and PolicyError as `trade_list` does, such as for a withdrawal that cannot be paid.
    """
    portfolio = portfolio_of(payload)
    policy, quick = portfolio.policies[POLICY], payload.lots == "quick"
    listed = trade_list(portfolio, policy, POLICY, request=request_of(payload), greedy=quick)
    found = predictions(portfolio.market)
    yearly = [None if np.isnan(mean) else mean * payload.periods_per_year for mean in found.mean.tolist()]
    orders = orders_of(payload, listed)
    now, after, used = _metrics(listed)
    return RebalanceAnswer(
        orders=orders,
        targets=_targets(payload, portfolio.target, found, yearly),
        ensemble=list(found.members),
        metrics=now,
        metrics_after=after,
        returns_used=used,
        asset_drilldown=_drilldown(payload, orders.assets, yearly),
        notes=[*portfolio.notes, *_short_histories(payload, used)],
        disclaimer=DISCLAIMER,
        metadata=Metadata(
            time=f"{moment:%Y-%m-%dT%H:%M:%S}Z",
            version=VERSION,
            input_sha256=hashlib.sha256(payload.model_dump_json().encode()).hexdigest(),
        ),
    )


def orders_of(payload: RebalanceRequest, listed: TradeList) -> Orders:
    """The decision, and the order of each asset."""
    sized, target, names = listed.sized, listed.target, listed.portfolio.market.assets
    position, moves, costs = sized.position, sized.moved.tolist(), sized.charges.sum(axis=0).round(2).tolist()
    reasons = Reasons(listed.portfolio, target, sized, listed.wanted, listed.limit, listed.holds)
    before, after, drift = position.weights, sized.after.weights, position.weights - target
    apart = np.abs(np.append(drift, -drift.sum()))
    worst = int(apart.argmax())
    columns = zip(
        payload.assets, sized.units.tolist(), sized.wished.tolist(), sized.notional.tolist(), costs,
        before.tolist(), after.tolist(), target.tolist(), drift.tolist(), strict=True,
    )  # fmt: skip
    assets = [
        AssetOrder(
            asset=given.asset,
            asset_class=given.class_name,
            action=_action(units),
            reason=reasons.of_order(i) if moves[i] else reasons.of_held(i),
            units=units,
            units_before_limits=wished,
            price=given.price,
            notional=notional,
            cost=cost,
            weight_before=now,
            weight_after=then,
            target_weight=goal,
            drift=gap,
        )
        for i, (given, units, wished, notional, cost, now, then, goal, gap) in enumerate(columns)
    ]
    cost = float(sized.charges.sum())
    return Orders(
        action="rebalance" if any(moves) else "hold",
        reason=listed.reason,
        drift=0.5 * float(apart.sum()),
        largest_drift=float(apart[worst]),
        largest_drift_asset=(*names, "cash")[worst],
        turnover=listed.turnover,
        turnover_limit=payload.turnover_limit,
        binding=list(reasons.binding),
        lots=payload.lots,
        lots_found="" if sized.solved is None else str(sized.solved.words),
        buys=sized.buys,
        sells=sized.sells,
        cost=cost,
        cost_bps=cost / position.nav / BASIS_POINT,
        cash_before=position.cash,
        cash_after=sized.cash,
        value_after=sized.nav_after,
        assets=assets,
    )


def _metrics(listed: TradeList) -> tuple[Metrics, Metrics, int]:
    """The figures of the weights before the orders and after them, and the number of returns that all assets have."""
    portfolio, sized = listed.portfolio, listed.sized
    market, year = portfolio.market, portfolio.periods_per_year
    first, stop = common_rows(market, np.ones(len(market.assets), dtype=bool))
    returns = market.returns[first:stop]
    rows = simulated_rows(len(returns), year)
    before, after = (
        metrics(returns @ weights, returns @ (weights - listed.target), year, rows)
        for weights in (sized.position.weights, sized.after.weights)
    )
    return before, after, len(returns)


def _targets(
    payload: RebalanceRequest, target: Array, found: Predictions, yearly: Sequence[float | None]
) -> list[TargetWeight]:
    """The plain targets and those that the ensemble would move, with its forecast a year of each asset."""
    score = scores(found, target)
    return [
        TargetWeight(
            asset=given.asset,
            plain=plain,
            moved=tilted,
            predicted_return=predicted,
            confidence=abs(sure),
            reason=NO_FORECAST if predicted is None else None,
        )
        for given, plain, tilted, predicted, sure in zip(
            payload.assets, target.tolist(), moved(target, score).tolist(), yearly, score.tolist(), strict=True
        )
    ]


def _drilldown(
    payload: RebalanceRequest, orders: Sequence[AssetOrder], yearly: Sequence[float | None]
) -> dict[str, ClassOrders]:
    """The orders by class, and by security inside each asset."""
    groups: dict[str, list[int]] = {}
    for i, given in enumerate(payload.assets):
        groups.setdefault(given.class_name, []).append(i)
    rate = payload.transaction_cost_bps * BASIS_POINT
    return {
        name: ClassOrders(
            weight_before=sum(orders[i].weight_before for i in rows),
            weight_after=sum(orders[i].weight_after for i in rows),
            target_weight=sum(orders[i].target_weight for i in rows),
            predicted_return=_class_prediction([(orders[i].target_weight, yearly[i]) for i in rows]),
            action=_action(notional := round(sum(orders[i].notional for i in rows), 2)),
            units=sum(orders[i].units for i in rows),
            notional=notional,
            cost=round(sum(orders[i].cost for i in rows), 2),
            holdings=[
                one
                for i in rows
                for one in _securities(payload.assets[i], orders[i], yearly[i], rate, payload.periods_per_year)
            ],
        )
        for name, rows in groups.items()
    }


def _securities(
    given: AssetInput, order: AssetOrder, yearly: float | None, rate: float, year: int
) -> list[HoldingOrder]:
    """The order of an asset by security; that of an asset without holdings is its own."""

    def predicted(one: HoldingInput) -> float | None:
        history = one.historical_returns
        return sum(history) / len(history) * year if len(history) > 1 else yearly

    if not given.holdings:
        same = order.model_dump(include={"asset", "price", "action", "units", "notional", "cost"})
        return [HoldingOrder(symbol=given.asset, weight=1.0, predicted_return=yearly, **same)]
    found = []
    for one in given.holdings:
        units = float(np.trunc(order.notional * one.weight / one.price))
        notional = round(units * one.price, 2)
        found.append(
            HoldingOrder(
                symbol=one.symbol,
                asset=given.asset,
                weight=one.weight,
                price=one.price,
                predicted_return=predicted(one),
                action=_action(units),
                units=units,
                notional=notional,
                cost=round(abs(notional) * rate, 2),
            )
        )
    return found


def _class_prediction(assets: Sequence[tuple[float, float | None]]) -> float | None:
    """The forecast of a class: of its assets, by target weight; by equal weights where no target is above zero."""
    known = [(weight, predicted) for weight, predicted in assets if predicted is not None]
    total = sum(weight for weight, _ in known)
    if not known:
        return None
    if total > 0.0:
        return sum(weight * predicted for weight, predicted in known) / total
    return sum(predicted for _, predicted in known) / len(known)


def _action(amount: float) -> Action:
    return "buy" if amount > 0.0 else "sell" if amount < 0.0 else "hold"


def _short_histories(payload: RebalanceRequest, used: int) -> list[str]:
    """A note where some histories are longer than what all assets have."""
    lengths = {each.asset: len(each.returns) for each in payload.assets}
    if max(lengths.values()) == used:
        return []
    short = [name for name, length in lengths.items() if length == used]
    return [f"Histories end together, and {', '.join(short)} has {used} returns: the metrics use no more."]
