"""The portfolio of a payload, made in memory: the same record that a portfolio file gives."""

import math
from functools import cache, lru_cache

import numpy as np
import pandas as pd

from desk.service.payload.model import RebalanceRequest
from foundation.arrays import Array
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market
from research.market.calendars import Days, sessions
from research.market.instruments import instruments_table
from research.orders import Request
from research.portfolio import Limits, OrderLimits, Portfolio
from research.rules import Threshold

NAME, PAYLOAD_POLICY = "payload", "threshold"
CALENDAR, FIRST, LAST = "XNYS", np.datetime64("1980-01-02"), np.datetime64("2022-12-30")  # of nominal dates
PAYLOAD_ROWS = 3  # of a market: the last trade lies between its first and its last close
PAYLOAD_PENALTY = 5.0
TABLES_KEPT = 64  # of instruments, of the assets that were asked for last


def portfolio_of_payload(payload: RebalanceRequest) -> Portfolio:
    """The portfolio of a payload, as a file with the same numbers would give it.

    Payloads have no dates: the market's are the last sessions of a fixed calendar, so that the same payload gives the
    same portfolio. An asset with a shorter history is listed later. Cash returns nothing. Orders keep the limits that a
    portfolio file has by default (`OrderLimits`), and the turnover limit.
    """
    market = market_of_payload(payload)
    value, n = payload.portfolio_value, len(payload.assets)
    current, target = (
        _weights([getattr(a, key) for a in payload.assets]) for key in ("current_weight", "target_weight")
    )
    strategic = FixedWeights(tuple(target.tolist()))
    return Portfolio(
        name=NAME,
        file=NAME,
        market=market,
        basis=payload.currency,
        holdings=value * current,
        shares=np.full(n, np.nan),
        cash=value * max(1.0 - math.fsum(current), 0.0),
        last_trade=market.dates[-2],
        strategic=strategic,
        lower=np.zeros(n),
        upper=np.ones(n),
        costs=Costs.bps(n, commission=payload.transaction_cost_bps),
        limits=Limits(0.0, np.ones(n), np.zeros(n, dtype=bool)),
        tracking_penalty=PAYLOAD_PENALTY,
        periods_per_year=payload.periods_per_year,
        lag=1,
        test_start=market.dates[1],
        policies={PAYLOAD_POLICY: Threshold(strategic, band=payload.drift_threshold)},
        policy=PAYLOAD_POLICY,
        reference=PAYLOAD_POLICY,
        settings={},
        orders=OrderLimits(turnover=payload.turnover_limit),
        notes=appended_notes(payload),
    )


def request_of_payload(payload: RebalanceRequest) -> Request:
    """The request of a payload besides the policy's decision: money in or out, buys only."""
    return Request(payload.cash_flow, "buy" if payload.buys_only else "")


def market_of_payload(payload: RebalanceRequest) -> Market:
    """The market of a payload: histories end together, and the last close has the prices."""
    assets, histories = payload.assets, [each.returns for each in payload.assets]
    rows, n = max(max(map(len, histories)) + 1, PAYLOAD_ROWS), len(assets)
    returns, tradable, prices = np.zeros((rows, n)), np.zeros((rows, n), dtype=bool), np.full((rows, n), np.nan)
    for i, history in enumerate(histories):
        returns[rows - len(history) :, i] = history
        tradable[rows - len(history) - 1 :, i] = True
    prices[-1] = [each.price for each in assets]
    names, classes = tuple(each.asset for each in assets), tuple(each.class_name for each in assets)
    trading = tuple("locked" if name in payload.locked else "" for name in names)
    return Market(
        dates=pd.DatetimeIndex(nominal_dates()[-rows:]),
        assets=names,
        returns=returns,
        tradable=tradable,
        cash=np.zeros(rows),
        instruments=_instruments(names, classes, trading, payload.currency),
        prices=prices,
        calendar=CALENDAR,
        name=NAME,
    )


@lru_cache(maxsize=TABLES_KEPT)
def _instruments(
    names: tuple[str, ...], classes: tuple[str, ...], trading: tuple[str, ...], currency: str
) -> pd.DataFrame:
    """The table of instruments, which nobody changes."""
    return instruments_table(names, asset_class=classes, trading=trading, currency=currency)


@cache
def nominal_dates() -> Days:
    """The sessions that payloads are dated by, more than a history may have returns."""
    return sessions(FIRST, LAST, CALENDAR)


def appended_notes(payload: RebalanceRequest) -> tuple[str, ...]:
    """A note that `market_return` was appended to histories that did not end with it."""
    appended = [each.asset for each in payload.assets if each.appends]
    if not appended:
        return ()
    which = ", ".join(appended) if len(appended) < len(payload.assets) else "every asset"
    return (f"market_return is appended to the history of {which}, which did not end with it.",)


def _weights(stated: list[float]) -> Array:
    """(n,) weights that sum to one at most: within the tolerance above it they are scaled."""
    return np.array(stated) / max(math.fsum(stated), 1.0)
