"""Backtest of one policy: finds its first day, books the opening trade, and plays the days that follow.

`refusals` checks what is given. `compiled_loop` runs the days where the policy gives no-trade bands, and `python_loop`
where it does not. What a trade is stands in `research.accounting`; when to trade stands in the policy.
"""

from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.compiled_loop import invest, play
from backtests.engine.inputs import EngineInputs
from backtests.engine.kept import bands_of, is_settled
from backtests.engine.ledger import TRIGGERS, Ledger
from backtests.engine.loop_inputs import EventInputs, LoopInputs
from backtests.engine.python_loop import play_daily
from backtests.engine.refusals import check_bands, check_inputs, check_kinds, check_policy
from backtests.engine.result import Backtest
from backtests.engine.tax_at_end import tax_at_end
from backtests.engine.whole_lots import open_in_lots, unpaid_orders
from foundation.arguments import check_positive, day, floats
from foundation.arrays import Array, kept
from foundation.errors import ConfigError
from foundation.labels import in_order
from research.accounting import Costs, Execution, Flows, Policy, Why
from research.accounting.execution import Dividends
from research.accounting.kernel import REFUSED, Record
from research.allocation import TargetPath, target_path
from research.allocation.allocation import asked_from
from research.allocation.others_code import is_of_others
from research.market import Market
from research.rules.estimates import known_from
from research.rules.protocol import compiled_rule, held_by, short_name, traits

ACCOUNTING_SETTINGS = ("nav", "lag", "execution", "dividends", "flows", "periods_per_year")  # that a desk states
ALL_AT_ONCE = Execution()  # all at once


def backtest(
    market: Market,
    policy: Policy,
    costs: Costs,
    *,
    start: str | pd.Timestamp | None = None,
    nav: float = 1.0,
    lag: int = 1,
    execution: Execution | None = None,
    dividends: Dividends = "reinvest",
    flows: Flows | None = None,
    start_weights: Array | pd.Series | None = None,
    targets: TargetPath | None = None,
    leverage_limit: float = 1.0,
    periods_per_year: float | None = None,
    name: str = "",
) -> Backtest:
    """Backtest `policy` on `market` from the close before `start` to the last row.

    market           : T days of n assets.
    policy           : the policy to backtest.
    costs            : costs of n assets.
    start            : first date of the test (default: the day after the allocation's first target and the rule's first
                       estimate).
    nav              : wealth before the opening trade, currency.
    lag              : sessions from a decision to its booking; 0 only to match a peer or a closed form.
    execution        : execution of decisions; by default all at once, at the close.
    dividends        : "reinvest", in the asset that pays them, on the day and at no cost, as the returns do; or "cash",
                       where they wait for the next trade.
    flows            : deposits and withdrawals.
    start_weights    : (n,) weights to open in instead of the first target, fraction of NAV; in the market's order, or a
                       Series with the name of every asset.
    targets          : the allocation's target path on this market, if it is known already; computed otherwise.
    leverage_limit   : maximum sum of the absolute weights of a target or a box.
    periods_per_year : periods a year of the market, by default from its dates: 252 sessions, 52 weeks, 12 months; it
                       annualises figures, and is that of the policy if the policy uses risk a year.
    name             : name of the backtest; by default the policy's short name.
    Raises           : ConfigError for a start outside the data, costs of another size, a wealth that is not positive,
                       and periods a year that are not the market's; PolicyError, naming the date, for weights that
                       cannot be booked.
    """
    check_kinds(market=market, costs=costs, execution=execution, flows=flows, lag=lag, nav=nav, targets=targets)
    periods_per_year = market.rows_per_year if periods_per_year is None else periods_per_year
    check_positive(leverage_limit=leverage_limit, periods_per_year=periods_per_year)
    check_policy(policy, market, periods_per_year)
    name = name or short_name(policy)
    first = None if start is None else _row_before(market, day("start is", start))
    if targets is None:
        targets = _targets(market, policy, first, name)
    if is_of_others(held_by(policy)):
        targets = targets.capped(leverage_limit)
    if first is None:
        first = _first_known(market, policy, targets)
    opening = targets.rows[targets.row[first]]
    if start_weights is not None:
        opening = in_order("start_weights are", start_weights, market.assets)
        opening = floats("start_weights are", opening, "give finite fractions of NAV, one for each asset.")
    inputs = EngineInputs(
        market, policy, targets, costs, first, lag, execution or ALL_AT_ONCE, dividends, flows, name, leverage_limit
    )
    check_inputs(inputs, nav, opening)
    ledger = Ledger.empty(len(market.dates) - first, len(market.assets), inputs.extra_bookings)
    cash_units = _open(inputs, opening, nav, ledger)
    triggers, holds, unpaid = _play(inputs, cash_units, ledger)
    return Backtest(
        market=market,
        policy=policy,
        costs=costs,
        targets=targets,
        lag=lag,
        execution=inputs.execution,
        dividends=dividends,
        flows=inputs.sessions.flows[first:],
        first=first,
        wealth=float(nav),
        periods_per_year=float(periods_per_year),
        name=name,
        ledger=ledger.cut(len(triggers)),
        triggers=triggers,
        holds=holds,
        unpaid=unpaid,
        tax_at_end=tax_at_end(inputs),
    )


def conditions(desk: Any, **others: Any) -> dict[str, Any]:
    """Arguments of `backtest`, by name: the conditions that a portfolio, or a setup of a sweep, states.

    desk   : the portfolio or setup.
    others : arguments that replace these, or come besides.
    """
    return {name: getattr(desk, name) for name in ACCOUNTING_SETTINGS} | others


# -- before the first day --------------------------------------------------------------------------------------------


def _first_known(market: Market, policy: Policy, targets: TargetPath) -> int:
    """The first row at which there is a target, and a covariance for a rule that goes by one that will be known."""
    first, window = targets.first, traits(policy).window
    known = known_from(market, window) if window > 0 else first
    return max(first, known) if known < len(market.dates) - 1 else first


def _row_before(market: Market, start: pd.Timestamp) -> int:
    """Row of the last close before the test."""
    row = int(market.dates.searchsorted(start, side="left")) - 1
    if row < 0 or row >= len(market.dates) - 1:
        raise ConfigError(
            f"the test starts on {start:%Y-%m-%d}, but the data runs from {market.dates[0]:%Y-%m-%d} to "
            f"{market.dates[-1]:%Y-%m-%d}: choose a start after the first and not after the last of these dates."
        )
    return row


def _targets(market: Market, policy: Policy, first: int | None, name: str) -> TargetPath:
    """The path of the policy's allocation; without a first row, from the first complete window on."""
    allocation = held_by(policy)
    if allocation is None:
        raise ConfigError(f"policy {name!r} has no allocation: give `targets`, the path of what it should hold.")
    if first is None and allocation.window > 0:
        first = min(int(np.argmax(market.listed.any(axis=1))) + allocation.window, len(market.dates) - 1)
    start = asked_from(allocation, market, first or 0)
    if not is_settled(policy):
        return target_path(allocation, market, start)
    return kept(market, ("targets", allocation, start), lambda: target_path(allocation, market, start))


def _open(inputs: EngineInputs, weights: Array, before: float, ledger: Ledger) -> float:
    """Invest the wealth in `weights` at the close of the first row, into the ledger; gives units of cash."""
    sessions, desk, t = inputs.sessions, inputs.desk, inputs.first
    if inputs.execution.sizing == "units":
        price = sessions.cash_index[t]
        nav, cash_units, paid = open_in_lots(inputs, weights, before, ledger)
        ledger.nav[0], ledger.cash_units[0], ledger.cash[0] = nav, cash_units, cash_units * price
        ledger.residual[0] = abs(nav + paid - before) / before
        return float(cash_units)
    if desk.at_close.minimum_trade > 0.0:
        desk = desk._replace(at_close=desk.at_close._replace(minimum_trade=0.0))  # whatever is small is opened too
    status, cash_units = invest(
        EventInputs(sessions, desk, inputs.scratch, ledger), t, np.array(weights[None]), float(1.0 - weights.sum()),
        float(before), Record(ledger.opening_trades[None], ledger.opening_charges[None], 0),
    )  # fmt: skip
    if status == REFUSED:
        raise inputs.refused(t, before)
    return float(cash_units)


def _play(
    inputs: EngineInputs, cash_units: float, ledger: Ledger
) -> tuple[tuple[str, ...], dict[int, Why] | None, dict[int, Array]]:
    """Run all days, compiled or day by day; gives triggers, reasons to hold, and unpaid orders.

    Returns : the trigger of each booking; the reasons why a rule that was asked held; the orders that cash could
              not pay.
    """
    rule = compiled_rule(inputs.policy)
    if rule is None:
        return play_daily(inputs, cash_units, ledger)
    bands = bands_of(rule, inputs.market, inputs.targets, inputs.first, inputs.costs)
    check_bands(inputs, bands)
    given = inputs.loop(bands.compiled, bands.options, ledger)
    count = play_compiled(inputs, given, cash_units, inputs.first)
    triggers, parts = [bands.trigger] * count, ledger.part_of[:count]
    for j in np.flatnonzero(parts < 0).tolist():
        triggers[j] = TRIGGERS[int(parts[j])]
    return tuple(triggers), None, unpaid_orders(given.lots, count)


def play_compiled(inputs: EngineInputs, given: LoopInputs, cash_units: float, booked: int) -> int:
    """Play no-trade bands from the units and cash of the ledger's first row; gives the number of bookings.

    given  : inputs of the loop.
    booked : row of the last trade.
    Raises : PolicyError, with the date, where the policy cannot go on.
    """
    ledger = given.ledger
    count, stopped = play(given, inputs.first, ledger.units[0].copy(), cash_units, booked)
    if stopped >= 0:
        raise inputs.refused(stopped, float(ledger.nav[stopped - inputs.first]))
    return int(count)
