"""Playing one policy through history: the loop over days, compiled where the policy is a corridor, in Python where not.

What a trade is and what a day is stand in `research.accounting`; when to trade stands in the policy; this file keeps time.
"""

import numpy as np
import pandas as pd

from backtests.backtest import NO_LINE, Backtest, Ledger
from research.accounting import Costs, Hold, Policy, Trade, View, Why
from research.accounting.kernel import BOOKED, REFUSED, book, wealth, weigh
from research.accounting.view import check_trade
from research.allocation import TargetPath, target_path
from research.compiled import compiled
from research.errors import ConfigError, PolicyError
from research.market import Market
from research.market.market import Array, frozen
from research.rules.corridor import Corridor, ask, reason


def backtest(
    market: Market,
    policy: Policy,
    costs: Costs,
    *,
    start: str | pd.Timestamp | None = None,
    nav: float = 1.0,
    lag: int = 1,
    start_weights: Array | None = None,
    targets: TargetPath | None = None,
    leverage_limit: float = 1.0,
    name: str = "",
) -> Backtest:
    """Play `policy` on `market` from the close before `start` to the last row.

    start : first date of the test (default: the day after the allocation's first target).
    nav : wealth before the opening trade, currency.  lag : sessions from a decision to its booking; 0 only to match a
    peer or a closed form.  start_weights : (n,) to open in, instead of the first target.
    targets : the allocation's target path on this market, when it is at hand; computed otherwise.
    leverage_limit : the most that the absolute weights of a target or a box may sum to.
    Raises : ConfigError for a start outside the data, costs of another size, a wealth that is not positive; PolicyError,
    naming the date, for weights that cannot be booked.
    """
    name = name or type(policy).__name__
    first = 0 if start is None else _row_before(market, pd.Timestamp(start))
    if targets is None:
        targets = target_path(policy.allocation, market, start=first)
    if start is None:
        first = int(np.argmax(targets.row >= 0))
    _check(market, costs, targets, first, nav, lag, leverage_limit)
    weights = targets.rows[targets.row[first]] if start_weights is None else np.asarray(start_weights, dtype=float)
    ledger = Ledger.empty(len(market.dates) - first, len(market.assets), len(costs.columns))
    cash_units = _open(market, costs, weights, first, nav, ledger)
    if hasattr(policy, "corridor"):
        corridor = policy.corridor(market, targets)
        count = _play_compiled(market, corridor, costs, first, lag, cash_units, ledger, name)
        triggers, holds = (corridor.trigger,) * count, None
    else:
        triggers, holds = _play_daily(
            market, policy, targets, costs, first, lag, cash_units, ledger, name, leverage_limit
        )
    return Backtest(market=market, policy=policy, costs=costs, targets=targets, lag=lag, first=first, wealth=float(nav),
                    name=name, ledger=ledger.cut(len(triggers)), triggers=triggers, holds=holds)  # fmt: skip


def _row_before(market: Market, start: pd.Timestamp) -> int:
    """Row of the last close before the test."""
    row = int(market.dates.searchsorted(start, side="left")) - 1
    if row < 0 or row >= len(market.dates) - 1:
        raise ConfigError(
            f"the test starts on {start:%Y-%m-%d}, but the data runs from {market.dates[0]:%Y-%m-%d} to "
            f"{market.dates[-1]:%Y-%m-%d}: choose a start after the first and not after the last of these dates."
        )
    return row


def _check(market: Market, costs: Costs, targets: TargetPath, first: int, nav: float, lag: int, limit: float) -> None:
    n = len(market.assets)
    if len(costs.total) != n:
        raise ConfigError(f"costs have {len(costs.total)} lines and the market {n}: give one for each line.")
    if not (nav > 0.0 and np.isfinite(nav)):
        raise ConfigError(f"nav is {nav!r}: a portfolio starts with a positive, finite wealth.")
    if lag < 0 or lag != int(lag):
        raise ConfigError(f"lag is {lag!r}: it counts sessions, 0 or more.")
    gross = np.abs(targets.rows).sum(axis=1)
    if (gross > limit + 1e-9).any():
        k = int(np.argmax(gross))
        i = int(np.argmax(np.abs(targets.rows[k])))
        raise PolicyError(
            f"target of {market.dates[targets.seen[k]]:%Y-%m-%d} has gross weights of {gross[k]:.4f}, past the leverage limit "
            f"of {limit:g}; the largest is {market.assets[i]} with {targets.rows[k, i]:.4f}. Lower it or raise the limit."
        )
    if targets.row[first] < 0:
        raise ConfigError(f"no target is in force on {market.dates[first]:%Y-%m-%d}: start the test later.")


def _open(market: Market, costs: Costs, weights: Array, first: int, wealth_before: float, ledger: Ledger) -> float:
    """Invest the wealth in `weights` at the close of row `first`, into the ledger; gives units of cash."""
    n = len(weights)
    cash, price, goal = 1.0 - weights.sum(), market.cash_index[first], frozen(weights[None])
    status, nav, cash_units = book(
        ledger.units[0], market.index, first, wealth_before / price, price, wealth_before, market.tradable, goal, goal, goal, 0,
        cash, cash, 1.0, costs.columns, costs.total, np.empty(n), np.empty(n), np.empty(n, dtype=bool),
        ledger.opening_trades[None], ledger.opening_charges[None], 0,
    )  # fmt: skip
    if status == REFUSED:
        raise PolicyError(
            f"the opening trade on {market.dates[first]:%Y-%m-%d} cannot be paid for: its costs leave no wealth."
        )
    ledger.nav[0], ledger.cash_units[0] = nav, cash_units
    return cash_units


def _refused(market: Market, t: int, name: str) -> PolicyError:
    return PolicyError(
        f"the trade of policy {name!r} on {market.dates[t]:%Y-%m-%d} is refused: its costs would take more than the lines that "
        "trade are worth, or wealth is no longer positive. Lower the costs or the leverage."
    )


def _play_compiled(market: Market, corridor: Corridor, costs: Costs, first: int, lag: int, cash_units: float, ledger: Ledger,
                   name: str) -> int:  # fmt: skip
    """Play a corridor; gives the number of decisions to trade."""
    count, stopped = _play(
        market.index, market.cash_index, market.tradable, corridor.asked, corridor.row, corridor.target, corridor.trigger_lower,
        corridor.trigger_upper, corridor.lower, corridor.upper, corridor.cash, corridor.part, costs.columns, costs.total, first,
        lag, ledger.units[0].copy(), cash_units, ledger,
    )  # fmt: skip
    if stopped >= 0:
        raise _refused(market, stopped, name)
    return count


@compiled
def _play(index, cash_index, tradable, asked, row, target, trigger_lower, trigger_upper, lower, upper, cash, part, rates, cost,
          first, lag, units, cash_units, ledger):  # fmt: skip
    """The days after `first`, in the order of the house; gives (decisions to trade, row of a refused trade or -1)."""
    n = len(units)
    weights, goal, movable = np.empty(n), np.empty(n), np.empty(n, dtype=np.bool_)
    asked_at, nav_path = ledger.asked, ledger.nav
    count, pending, again, due, k, nav = 0, False, False, -1, 0, ledger.nav[0]
    for t in range(first + 1, len(index)):
        nav = wealth(units, index, t, cash_units, cash_index[t])
        for turn in range(2):  # what is due is booked, then the policy looks; with lag 0 the policy looks first
            if (turn == 0) == (lag > 0):
                if pending and t == due:
                    before = nav
                    status, nav, cash_units = book(
                        units, index, t, cash_units, cash_index[t], nav, tradable, lower, upper, target, k, cash[k, 2],
                        cash[k, 3], part, rates, cost, weights, goal, movable, ledger.trades, ledger.charges, count,
                    )  # fmt: skip
                    if status == REFUSED:
                        return count, t
                    _write(ledger, count, t, units, cash_units, before)
                    count, pending = count + 1, False
            elif (asked[t] or again) and not pending:
                k = row[t]
                held = weigh(units, index, t, nav, weights)
                again = ask(weights, held, tradable, t, trigger_lower, trigger_upper, cash, k)
                if again:
                    asked_at[count], due, pending, again = t, t + lag, True, part < 1.0
                    ledger.line[count], ledger.size[count], ledger.allowed[count] = reason(
                        weights, held, tradable, t, target, trigger_lower, trigger_upper, cash, k
                    )
        nav_path[t - first] = nav
    if pending:
        _write_unbooked(ledger, count, units, cash_units, nav)
        count += 1
    return count, -1


@compiled
def _write(ledger, j, booked, units, cash_units, nav_before):
    """Write the state after decision j was booked."""
    ledger.booked[j] = booked
    ledger.units[j + 1] = units
    ledger.cash_units[j + 1] = cash_units
    ledger.nav_before[j] = nav_before


@compiled
def _write_unbooked(ledger, j, units, cash_units, nav):
    """Decision j was asked on one of the last days, and the data ended before it could be booked."""
    ledger.trades[j] = 0.0
    ledger.charges[j] = 0.0
    _write(ledger, j, -1, units, cash_units, nav)


def _play_daily(market: Market, policy: Policy, targets: TargetPath, costs: Costs, first: int, lag: int, cash_units: float,
                ledger: Ledger, name: str, leverage_limit: float) -> tuple[tuple[str, ...], dict[int, Why]]:  # fmt: skip
    """Play a policy that has no corridor, day by day; gives the trigger of each decision to trade, and the reasons to hold."""
    n, units = len(market.assets), ledger.units[0].copy()
    work = (
        costs.columns,
        costs.total,
        np.empty(n),
        np.empty(n),
        np.empty(n, dtype=bool),
        ledger.trades,
        ledger.charges,
    )
    triggers: list[str] = []
    holds: dict[int, Why] = {}
    box: tuple[object, ...] = ()
    due, last_booked, unfinished = -1, first, False
    for t in range(first + 1, len(market.dates)):
        price = market.cash_index[t]
        nav = wealth(units, market.index, t, cash_units, price)
        for turn in ("book", "look") if lag > 0 else ("look", "book"):
            if turn == "book" and t == due:
                before = nav
                status, nav, cash_units = book(units, market.index, t, cash_units, price, nav, market.tradable, *box, *work,
                                               len(triggers) - 1)  # fmt: skip
                if status == REFUSED:
                    raise _refused(market, t, name)
                _write(ledger, len(triggers) - 1, t, units, cash_units, before)
                last_booked = t if status == BOOKED else last_booked
            elif turn == "look" and due <= t:
                ledger.nav[t - first] = nav
                target = targets.rows[targets.row[t]]
                view = _view(
                    market, t, units, nav, ledger.nav[: t - first + 1], target, t - last_booked, costs, unfinished
                )
                answer = policy.decide(view)
                unfinished = isinstance(answer, Trade) and answer.part < 1.0
                if isinstance(answer, Hold):
                    holds[t] = answer.why
                    continue
                check_trade(answer, n, name, market.dates[t], market.assets, leverage_limit)
                box, due = _box(answer, target), t + lag
                _write_asked(ledger, len(triggers), t, answer.why)
                triggers.append(answer.why.trigger)
        ledger.nav[t - first] = nav
    if due >= len(market.dates):
        _write_unbooked(ledger, len(triggers) - 1, units, cash_units, ledger.nav[-1])
    return tuple(triggers), holds


def _view(market: Market, t: int, units: Array, nav: float, history: Array, target: Array, since: int, costs: Costs,
          unfinished: bool) -> View:  # fmt: skip
    """What the policy sees at the close of row t; its arrays are its own, or read-only."""
    weights, history = np.empty(len(units)), history.view()
    cash_weight = weigh(units, market.index, t, nav, weights)
    history.flags.writeable = False
    return View(market.past(t), target, weights, cash_weight, nav, history, since, costs, unfinished)


def _box(trade: Trade, target: Array) -> tuple[object, ...]:
    """A box as `book` takes it: (lower, upper, target, row, cash_lower, cash_upper, part)."""
    lower, upper, target = (frozen(np.array(row, dtype=float)[None]) for row in (trade.lower, trade.upper, target))
    return lower, upper, target, 0, float(trade.cash_lower), float(trade.cash_upper), float(trade.part)


def _write_asked(ledger: Ledger, j: int, t: int, why: Why) -> None:
    ledger.asked[j], ledger.size[j], ledger.allowed[j] = t, why.size, why.allowed
    ledger.line[j] = NO_LINE if why.line is None else why.line
