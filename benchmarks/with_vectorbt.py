"""The two jobs in vectorbt, as its documentation would have it, and by the fastest way that we found.

vectorbt compiles a user's callbacks anew in every process, and `sort_call_seq_nb` needs `ctx_select=False` for targets
that are given once for the group: otherwise its wealth is wrong, in silence, from the second group on.
"""

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock

import numba
import numpy as np
import pandas as pd
from vectorbt import Portfolio
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import Direction, NoOrder, SizeType
from vectorbt.returns import nb as returns_nb

from benchmarks.jobs import BAND, SLACK, Job, Played
from foundation.arrays import Array

TO_WEIGHT, LONG = np.asarray(SizeType.TargetPercent), np.asarray(Direction.LongOnly)
SHARED = {"init_cash": 1.0, "group_by": True, "cash_sharing": True, "freq": "1D"}


def prices(job: Job) -> pd.DataFrame:
    """Total-return indices as vectorbt takes prices."""
    return pd.DataFrame(job.market.index, index=job.market.dates, columns=list(job.market.assets))


def played(portfolio: Portfolio) -> Played:
    """What a portfolio came to."""
    return Played(portfolio.value().to_numpy(), portfolio.assets().to_numpy())


# -- as documented ---------------------------------------------------------------------------------------------------


def weights_on_days(job: Job) -> pd.DataFrame:
    """Target weights on the days of trading, and nothing on the others."""
    return pd.DataFrame(np.where(job.days[:, None], job.target, np.nan), job.market.dates, list(job.market.assets))


def from_orders(job: Job, close: pd.DataFrame, size: pd.DataFrame, engine: str = "numba") -> Portfolio:
    """The calendar: orders to target weights, sells first."""
    how = {"size_type": "targetpercent", "call_seq": "auto", "engine": engine, **SHARED}
    return Portfolio.from_orders(close, size, fees=job.rate, **how)


def from_order_func(job: Job, close: pd.DataFrame) -> Portfolio:
    """The band: one order an asset and day, which is none when no weight is past its band."""
    return Portfolio.from_order_func(
        close, _order, job.target, job.rate, fill_pos_record=False, max_logs=0, pre_group_func_nb=_room,
        pre_segment_func_nb=_sort_when_past, pre_segment_args=(job.target, BAND + SLACK, TO_WEIGHT, LONG), **SHARED,
    )  # fmt: skip


@numba.njit
def _room(group: Any) -> Any:
    return (np.empty(group.group_len), np.empty(group.group_len, dtype=np.int64))


@numba.njit
def _past(segment: Any, target: Any, width: float) -> bool:
    """Is some weight past its band? Also values the assets at today's close."""
    wealth = segment.last_cash[segment.group]
    for column in range(segment.from_col, segment.to_col):
        segment.last_val_price[column] = segment.close[segment.i, column]
        wealth += segment.last_position[column] * segment.close[segment.i, column]
    for column in range(segment.from_col, segment.to_col):
        weight = segment.last_position[column] * segment.close[segment.i, column] / wealth
        if abs(weight - target[column]) > width:
            return True
    return segment.i == 0


@numba.njit
def _sort_when_past(segment: Any, value: Any, order: Any, target: Any, width: float, size_type: Any, way: Any) -> Any:
    past = _past(segment, target, width)
    if past:
        nb.sort_call_seq_nb(segment, target, size_type, way, value, False)
    return (past,)


@numba.njit
def _order(context: Any, past: bool, target: Any, rate: float) -> Any:
    if not past:
        return NoOrder
    return nb.order_nb(size=target[context.col], price=np.inf, size_type=SizeType.TargetPercent, fees=rate)


def four_figures(returns: Array) -> tuple[float, ...]:
    """Annual return, volatility, Sharpe ratio and maximum drawdown of returns (T,), by its compiled functions."""
    year = 252.0
    return (
        returns_nb.annualized_return_1d_nb(returns, year),
        returns_nb.annualized_volatility_1d_nb(returns, year),
        returns_nb.sharpe_ratio_1d_nb(returns, year),
        returns_nb.max_drawdown_1d_nb(returns),
    )


# -- the fastest way found -------------------------------------------------------------------------------------------


def flexible(job: Job, close: pd.DataFrame) -> Portfolio:
    """A flexible order function: a day without a trade costs one call, and records have room for the trades alone."""
    days, most, width = True, 200, BAND + SLACK
    if job.days is not None:
        days, most, width = job.days[:, None], int(job.days.sum()), -1.0  # asked on few days, past the band on all
    return Portfolio.from_order_func(
        close, _next_order, job.target, job.rate, flexible=True, segment_mask=days, fill_pos_record=False, max_logs=0,
        max_orders=most * len(job.target), pre_group_func_nb=_room, pre_segment_func_nb=_queue_when_past,
        pre_segment_args=(job.target, width, TO_WEIGHT, LONG), **SHARED,
    )  # fmt: skip


@numba.njit
def _queue_when_past(segment: Any, value: Any, order: Any, target: Any, width: float, size_type: Any, way: Any) -> Any:
    if not _past(segment, target, width):
        return (order, 0)
    for k in range(len(order)):
        order[k] = k
    nb.sort_call_seq_out_nb(segment, target, size_type, way, value, order, False)
    return (order, len(order))


@numba.njit
def _next_order(context: Any, order: Any, count: int, target: Any, rate: float) -> Any:
    if context.call_idx >= count:
        return -1, NoOrder
    column = context.from_col + order[context.call_idx]
    price = context.close[context.i, column]
    return column, nb.order_nb(size=target[column], price=price, size_type=SizeType.TargetPercent, fees=rate)


# -- its compiled loop alone -----------------------------------------------------------------------------------------


def loop_alone(play: Callable[[], Portfolio]) -> Callable[[], object]:
    """The compiled simulation that `play` calls, with the arrays that vectorbt had made ready for it."""
    names = ("simulate_from_orders_nb", "simulate_nb", "flex_simulate_nb")
    ready: dict[str, Any] = {}

    def listener(loop: Callable[..., Any]) -> Callable[..., Any]:
        parameters = list(inspect.signature(loop.py_func).parameters)

        def listen(*values: Any, **named: Any) -> Any:
            arguments = dict(zip(parameters, values, strict=False)) | named
            ready.update(loop=loop, arguments=arguments, order=arguments.get("call_seq", np.empty(0)).copy())
            return loop(**arguments)

        return listen

    with ExitStack() as patches:
        for name in names:
            patches.enter_context(mock.patch.object(nb, name, listener(getattr(nb, name))))
        play()

    def again() -> object:
        if "call_seq" in ready["arguments"]:
            ready["arguments"]["call_seq"][:] = ready["order"]  # the last call sorted it in place
        return ready["loop"](**ready["arguments"])

    return again
