"""The answer to a payload: the trade list of its portfolio, and the figures beside it."""

import hashlib
import math
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from importlib.metadata import version

import numpy as np
from numpy.typing import ArrayLike

from desk.service.payload import answer
from desk.service.payload.figures import payload_metrics, simulated_rows
from desk.service.payload.model import AssetInput, HoldingInput, RebalanceRequest
from desk.service.payload.portfolio import PAYLOAD_POLICY, portfolio_of_payload, request_of_payload
from desk.service.payload.targets import moved, predictions, scores
from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.tolerances import LOT
from research.accounting.costs import BASIS_POINT
from research.orders import TradeList, trade_list
from research.orders.content import DISCLAIMER
from research.orders.reasons import Reasons
from research.portfolio import Portfolio
from research.risk.simulation.resampling import common_rows

VERSION = version("rebalance-workbench")
ANSWER_DIGITS = 12  # of weights, drifts and turnover that an answer states
NO_FORECAST = "fewer than two returns"
SUMMED = ("weight_before", "weight_after", "target_weight", "units", "notional", "cost")  # over the assets of a class


def answer_to(payload: RebalanceRequest, moment: datetime) -> answer.RebalanceAnswer:
    """The answer to a payload.

    moment : time that the metadata state, UTC.
    Raises : ConfigError, DataError and PolicyError as `trade_list` does, such as for a withdrawal that cannot be paid.
    """
    portfolio = portfolio_of_payload(payload)
    listed = _listed(payload, portfolio)
    forecast = predictions(portfolio.market)
    targets = _targets(
        payload, portfolio.target, forecast.yearly(payload.periods_per_year), scores(forecast, portfolio.target)
    )
    orders = orders_of(payload, listed)
    now, after, used = _metrics(listed)
    return answer.RebalanceAnswer(
        orders=orders,
        targets=targets,
        ensemble=list(forecast.members),
        metrics=now,
        metrics_after=after,
        returns_used=used,
        asset_drilldown=_drilldown(payload, orders.assets, [each.predicted_return for each in targets]),
        notes=[*portfolio.notes, *_short_histories(payload, used)],
        disclaimer=DISCLAIMER,
        metadata=answer.Metadata(
            time=f"{moment:%Y-%m-%dT%H:%M:%S}Z",
            version=VERSION,
            input_sha256=hashlib.sha256(payload.model_dump_json().encode()).hexdigest(),
        ),
    )


def _listed(payload: RebalanceRequest, portfolio: Portfolio) -> TradeList:
    """The trade list, in whole lots of the exact search where the quick one finds none that pay a withdrawal."""
    policy, request = portfolio.policies[PAYLOAD_POLICY], request_of_payload(payload)
    make = partial(trade_list, portfolio, policy, PAYLOAD_POLICY, request=request)
    try:
        return make(greedy=payload.lots == "quick")
    except ConfigError:
        if payload.lots == "exact" or payload.cash_flow >= 0.0:
            raise
        return make()


def orders_of(payload: RebalanceRequest, listed: TradeList) -> answer.Orders:
    """The decision, and the order of each asset."""
    sized, position, moves = listed.sized, listed.sized.position, listed.sized.moved.tolist()
    reasons = Reasons(listed.portfolio, listed.target, sized, listed.wanted, listed.limit, listed.holds)
    drift = position.weights - listed.target
    apart = np.abs(np.append(drift, -drift.sum()))
    columns = {
        "units": sized.units,
        "units_before_limits": sized.wished,
        "notional": sized.notional,
        "cost": sized.charges.sum(axis=0).round(2),
        "weight_before": _clean(position.weights),
        "weight_after": _clean(sized.after.weights),
        "target_weight": _clean(listed.target),
        "drift": _clean(drift),
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    cost = round(float(sized.charges.sum()), 2)
    return answer.Orders(
        action="rebalance" if any(moves) else "hold",
        reason=listed.reason,
        drift=float(_clean(0.5 * apart.sum())),
        largest_drift=float(_clean(apart.max())),
        largest_drift_asset=(*listed.portfolio.market.assets, "cash")[int(apart.argmax())],
        turnover=float(_clean(listed.turnover)),
        turnover_limit=payload.turnover_limit,
        binding=list(reasons.binding),
        lots=payload.lots,
        lots_found="" if sized.solved is None else str(sized.solved.words),
        buys=round(sized.buys, 2),
        sells=round(sized.sells, 2),
        cost=cost,
        cost_bps=float(_clean(cost / position.nav / BASIS_POINT)),
        cash_before=position.cash,
        cash_after=sized.cash,
        value_after=round(sized.nav_after, 2),
        assets=[
            answer.AssetOrder(
                asset=given.asset,
                asset_class=given.class_name,
                price=given.price,
                action=_action(row[0]),
                reason=reasons.of_order(i) if moves[i] else reasons.of_held(i),
                **dict(zip(columns, row, strict=True)),
            )
            for i, (given, row) in enumerate(zip(payload.assets, rows, strict=True))
        ],
    )


def _metrics(listed: TradeList) -> tuple[answer.Metrics, answer.Metrics, int]:
    """The figures of the weights before the orders and after them, and the number of returns that all assets have."""
    market, year = listed.portfolio.market, listed.portfolio.periods_per_year
    first, stop = common_rows(market, np.ones(len(market.assets), dtype=bool))
    returns = market.returns[first:stop]
    rows = simulated_rows(len(returns), year)
    before, after = (
        payload_metrics(returns @ weights, returns @ (weights - listed.target), year, rows)
        for weights in (listed.sized.position.weights, listed.sized.after.weights)
    )
    return before, after, len(returns)


def _targets(
    payload: RebalanceRequest, target: Array, yearly: Sequence[float | None], score: Array
) -> list[answer.TargetWeight]:
    """The plain targets and those that the ensemble would move, with its forecast of each asset."""
    targets = (_clean(each).tolist() for each in (target, moved(target, score)))
    columns = (payload.assets, *targets, yearly, np.abs(score).tolist())
    return [
        answer.TargetWeight(
            asset=given.asset,
            plain=plain,
            moved=tilted,
            predicted_return=predicted,
            confidence=sure,
            reason=NO_FORECAST if predicted is None else None,
        )
        for given, plain, tilted, predicted, sure in zip(*columns, strict=True)
    ]


def _drilldown(
    payload: RebalanceRequest, orders: Sequence[answer.AssetOrder], yearly: Sequence[float | None]
) -> dict[str, answer.ClassOrders]:
    """The orders by class, and by security inside each asset."""
    groups: dict[str, list[int]] = {}
    for i, given in enumerate(payload.assets):
        groups.setdefault(given.class_name, []).append(i)
    found = {}
    for name, rows in groups.items():
        sums = {key: round(sum(getattr(orders[i], key) for i in rows), 10) for key in SUMMED}
        found[name] = answer.ClassOrders(
            **sums,
            action=_action(sums["notional"]),
            predicted_return=_class_prediction([(orders[i].target_weight, yearly[i]) for i in rows]),
            holdings=[
                _security(payload, one, orders[i], yearly[i])
                for i in rows
                for one in payload.assets[i].holdings or [_itself(payload.assets[i])]
            ],
        )
    return found


def _itself(asset: AssetInput) -> HoldingInput:
    """An asset as the only security inside it."""
    return HoldingInput.model_construct(symbol=asset.asset, weight=1.0, price=asset.price, historical_returns=[])


def _security(
    payload: RebalanceRequest, one: HoldingInput, order: answer.AssetOrder, yearly: float | None
) -> answer.HoldingOrder:
    """The part of an asset's order that falls on a security. yearly : forecast of the asset."""
    history, exact = one.historical_returns, order.units * order.price * one.weight / one.price
    units = math.copysign(math.floor(abs(exact) + LOT), exact) + 0.0  # no negative zero
    notional = round(units * one.price, 2)
    return answer.HoldingOrder(
        symbol=one.symbol,
        asset=order.asset,
        weight=one.weight,
        price=one.price,
        predicted_return=sum(history) / len(history) * payload.periods_per_year if len(history) > 1 else yearly,
        action=_action(units),
        units=units,
        notional=notional,
        cost=round(abs(notional) * payload.transaction_cost_bps * BASIS_POINT, 2),
    )


def _class_prediction(assets: Sequence[tuple[float, float | None]]) -> float | None:
    """The forecast of a class: of its assets, by target weight; by equal weights where no target is above zero."""
    known = [(weight, predicted) for weight, predicted in assets if predicted is not None]
    total = sum(weight for weight, _ in known)
    shares = [weight / total if total > 0.0 else 1.0 / len(known) for weight, _ in known]
    return sum(share * predicted for share, (_, predicted) in zip(shares, known, strict=True)) if known else None


def _clean(fractions: ArrayLike) -> Array:
    """Fractions without the noise of floating point, which a reader would take for drift."""
    return np.asarray(fractions).round(ANSWER_DIGITS) + 0.0  # no negative zero


def _action(amount: float) -> answer.Action:
    return "buy" if amount > 0.0 else "sell" if amount < 0.0 else "hold"


def _short_histories(payload: RebalanceRequest, used: int) -> list[str]:
    """A note where some histories are longer than what all assets have."""
    lengths = {each.asset: len(each.returns) for each in payload.assets}
    if max(lengths.values()) == used:
        return []
    short = [name for name, length in lengths.items() if length == used]
    return [f"Histories end together, and {', '.join(short)} has {used} returns: the metrics use no more."]
