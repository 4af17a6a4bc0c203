"""Playing one policy through history: the loop over days, compiled where the policy is a corridor, in Python where not.

What a trade is and what a day is stand in `research.accounting`; when to trade stands in the policy; this file keeps
time.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.backtest import NO_LINE, Backtest, Ledger
from research.accounting import Costs, Hold, Policy, Trade, View, Why
from research.accounting.kernel import BOOKED, REFUSED, book, wealth, weigh
from research.accounting.view import check_trade
from research.allocation import TargetPath, target_path
from research.compiled import lean
from research.errors import ConfigError, PolicyError
from research.market import Market
from research.market.market import Array, Mask, frozen
from research.rules.corridor import Corridor, ask, near, reason


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
    periods_per_year: float = 252.0,
    name: str = "",
) -> Backtest:
    """Play `policy` on `market` from the close before `start` to the last row.

    start : first date of the test (default: the day after the allocation's first target).
    nav : wealth before the opening trade, currency.  lag : sessions from a decision to its booking; 0 only to match a
    peer or a closed form.  start_weights : (n,) to open in, instead of the first target.
    targets : the allocation's target path on this market, when it is at hand; computed otherwise.
    leverage_limit : the most that the absolute weights of a target or a box may sum to.
    periods_per_year : of the market: 252 sessions, 52 weeks, 12 months; it only annualises figures.
    Raises : ConfigError for a start outside the data, costs of another size, a wealth that is not positive;
    PolicyError, naming the date, for weights that cannot be booked.
    """
    name = name or type(policy).__name__
    first = None if start is None else _row_before(market, pd.Timestamp(start))
    if targets is None:
        targets = _targets(market, policy, first, name)
    if first is None:
        first = int(np.argmax(targets.row >= 0))
    opening = targets.rows[targets.row[first]] if start_weights is None else np.asarray(start_weights, dtype=float)
    game = _Game(market, policy, targets, costs, first, lag, name, leverage_limit)
    _check(game, nav, opening)
    ledger = Ledger.empty(len(market.dates) - first, len(market.assets), len(costs.columns))
    cash_units = _open(game, opening, nav, ledger)
    triggers: tuple[str, ...]
    holds: dict[int, Why] | None
    if _is_corridor(policy):
        corridor = policy.corridor(market, targets)  # type: ignore[attr-defined]
        _check_corridor(game, corridor)
        triggers, holds = _play_compiled(game, corridor, cash_units, ledger), None
    else:
        triggers, holds = _play_daily(game, cash_units, ledger)
    return Backtest(
        market=market,
        policy=policy,
        costs=costs,
        targets=targets,
        lag=lag,
        first=first,
        wealth=float(nav),
        periods_per_year=float(periods_per_year),
        name=name,
        ledger=ledger.cut(len(triggers)),
        triggers=triggers,
        holds=holds,
    )


class _Game(NamedTuple):
    """What is played, and by which rules."""

    market: Market
    policy: Policy
    targets: TargetPath
    costs: Costs
    first: int  # row of the opening trade
    lag: int
    name: str
    leverage_limit: float


# -- before the first day --------------------------------------------------------------------------------------------


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
    allocation = getattr(policy, "allocation", None)
    if allocation is None:
        raise ConfigError(f"policy {name!r} has no allocation: give `targets`, the path of what it should hold.")
    if first is None and allocation.window > 0:
        first = min(int(np.argmax(market.listed.any(axis=1))) + allocation.window, len(market.dates) - 1)
    return target_path(allocation, market, start=first or 0)


def _is_corridor(policy: Policy) -> bool:
    """Is the policy a corridor? A class that overrides `decide` alone is played as it decides, day by day."""
    owners = [next((c for c in type(policy).__mro__ if name in vars(c)), None) for name in ("corridor", "decide")]
    return owners[0] is not None and owners[0] is owners[1]


def _check_corridor(game: _Game, corridor: Corridor) -> None:
    """Refuse a corridor for other lines, or one whose boxes ask for more than the leverage limit at least."""
    if corridor.lower.shape[1] != len(game.market.assets) or len(corridor.asked) != len(game.market.dates):
        raise PolicyError(
            f"policy {game.name!r} has a corridor for {corridor.lower.shape[1]} lines and {len(corridor.asked)} days, "
            f"the market {len(game.market.assets)} and {len(game.market.dates)}: make it for this market."
        )
    least = np.maximum(np.where(np.isinf(corridor.lower), 0.0, corridor.lower), 0.0)
    least = least - np.minimum(np.where(np.isinf(corridor.upper), 0.0, corridor.upper), 0.0)
    k = int(np.argmax(least.sum(axis=1)))
    if least[k].sum() > game.leverage_limit + 1e-9:
        i = int(np.argmax(least[k]))
        raise PolicyError(
            f"policy {game.name!r} has a box (row {k}) that asks for gross weights of {least[k].sum():.4f} at least, "
            f"past the leverage limit of {game.leverage_limit:g}; the largest is {game.market.assets[i]} with "
            f"{least[k, i]:.4f}. Lower the weights or raise the limit."
        )


def _check(game: _Game, nav: float, opening: Array) -> None:
    """Refuse what cannot be played."""
    market, targets, n = game.market, game.targets, len(game.market.assets)
    if not hasattr(game.policy, "decide"):
        raise ConfigError(f"policy {game.name!r} cannot decide: a rule that is still to be tuned is tuned first.")
    if len(game.costs.total) != n:
        raise ConfigError(f"costs have {len(game.costs.total)} lines and the market {n}: give one for each line.")
    if not (nav > 0.0 and np.isfinite(nav)):
        raise ConfigError(f"nav is {nav!r}: a portfolio starts with a positive, finite wealth.")
    if game.lag < 0 or game.lag != int(game.lag):
        raise ConfigError(f"lag is {game.lag!r}: it counts sessions, 0 or more.")
    if targets.assets != market.assets or len(targets.row) != len(market.dates):
        raise ConfigError(
            f"targets of {targets.allocation} are for {len(targets.assets)} lines and {len(targets.row)} dates, the "
            f"market has {n} and {len(market.dates)}, or others: give the path of targets on this market."
        )
    seen = getattr(game.policy, "seen", None)
    if seen is not None and market.dates[game.first] < seen:
        raise PolicyError(
            f"policy {game.name!r} saw data up to {seen:%Y-%m-%d}, and is to be played from "
            f"{market.dates[game.first]:%Y-%m-%d}: it knows what comes after. Start the test later, or fit it on "
            "fewer days."
        )
    if targets.row[game.first] < 0:
        raise ConfigError(f"no target is in force on {market.dates[game.first]:%Y-%m-%d}: start the test later.")
    if opening.shape != (n,) or not np.isfinite(opening).all():
        raise ConfigError(f"start_weights are {opening!r}: give {n} finite fractions of NAV, one for each line.")
    gross = np.abs(np.vstack([targets.rows, opening])).sum(axis=1)
    k = int(np.argmax(gross))
    if gross[k] > game.leverage_limit + 1e-9:
        weights, seen = (opening, game.first) if k == len(targets.rows) else (targets.rows[k], int(targets.seen[k]))
        i = int(np.argmax(np.abs(weights)))
        raise PolicyError(
            f"policy {game.name!r} is to hold gross weights of {gross[k]:.4f} on {market.dates[seen]:%Y-%m-%d}, past "
            f"the leverage limit of {game.leverage_limit:g}; the largest is {market.assets[i]} with {weights[i]:.4f}. "
            "Lower it or raise the limit."
        )


def _open(game: _Game, weights: Array, before: float, ledger: Ledger) -> float:
    """Invest the wealth in `weights` at the close of the first row, into the ledger; gives units of cash."""
    market, t, n = game.market, game.first, len(weights)
    cash, price, goal = 1.0 - weights.sum(), market.cash_index[t], frozen(weights[None])
    state = (ledger.units[0], market.index, t, before / price, price, before, market.tradable)
    record = (ledger.opening_trades[None], ledger.opening_charges[None], 0)
    status, nav, cash_units = book(
        *state, goal, goal, goal, 0, cash, cash, 1.0, *_rates_and_room(game.costs, n), *record
    )
    if status == REFUSED:
        raise _refused(game, t)
    ledger.nav[0], ledger.cash_units[0] = nav, cash_units
    return cash_units


def _rates_and_room(costs: Costs, n: int) -> tuple[Array, Array, Array, Array, Mask]:
    """What `book` takes besides state and box: the rates, their totals, and scratch for n lines."""
    return costs.columns, costs.total, np.empty(n), np.empty(n), np.empty(n, dtype=bool)


def _refused(game: _Game, t: int) -> PolicyError:
    weights, dates = game.targets.at(t), game.market.dates
    i = int(np.argmax(np.abs(weights) * game.costs.total))
    return PolicyError(
        f"policy {game.name!r} cannot go on at {dates[t]:%Y-%m-%d}: wealth is no longer positive, or the costs of its "
        "trade would take more than the lines that trade are worth. The costliest line of its target is "
        f"{game.market.assets[i]}: {game.costs.total[i]:.2%} of a weight of {weights[i]:.4f}. Lower the costs or the "
        "leverage."
    )


# -- a corridor, compiled --------------------------------------------------------------------------------------------


def _play_compiled(game: _Game, corridor: Corridor, cash_units: float, ledger: Ledger) -> tuple[str, ...]:
    """Play a corridor; gives the trigger of each decision to trade."""
    market, costs = game.market, game.costs
    units, first, lag = ledger.units[0].copy(), game.first, game.lag
    rates = (corridor.part, *_rates_and_room(costs, len(units)))
    count, stopped = _play(
        market.index,
        market.cash_index,
        market.tradable,
        *corridor.arrays,
        *rates,
        first,
        lag,
        units,
        cash_units,
        ledger,
    )
    if stopped >= 0:
        raise _refused(game, stopped)
    return (corridor.trigger,) * count


@lean
def _play(
    index: Array,
    cash_index: Array,
    tradable: Mask,
    asked: Mask,
    row: NDArray[np.int64],
    target: Array,
    trigger_lower: Array,
    trigger_upper: Array,
    lower: Array,
    upper: Array,
    cash: Array,
    part: float,
    rates: Array,
    cost: Array,
    weights: Array,
    goal: Array,
    movable: Mask,
    first: int,
    lag: int,
    units: Array,
    cash_units: float,
    ledger: Ledger,
) -> tuple[int, int]:
    """The days after `first`, in the order of the house; gives (decisions, row that cannot be booked or -1)."""
    asked_at, nav_path = ledger.asked, ledger.nav
    count, pending, again, due, k, nav = 0, False, False, -1, 0, ledger.nav[0]
    for t in range(first + 1, len(index)):
        nav = wealth(units, index, t, cash_units, cash_index[t])
        if not nav > 0.0:
            return count, t
        cash_value = cash_units * cash_index[t]
        looks = again or (
            asked[t] and (pending or near(units, index, t, nav, cash_value, trigger_lower, trigger_upper, cash, row[t]))
        )
        turns = 2 if pending or looks else 0  # none on most days
        for turn in range(turns):  # what is due is booked, then the policy looks; with lag 0 the policy looks first
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
            elif looks and not pending:
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


@lean
def _write(ledger: Ledger, j: int, booked: int, units: Array, cash_units: float, nav_before: float) -> None:
    """Write the state after decision j was booked."""
    ledger.booked[j] = booked
    for i in range(len(units)):
        ledger.units[j + 1, i] = units[i]
    ledger.cash_units[j + 1] = cash_units
    ledger.nav_before[j] = nav_before


@lean
def _write_unbooked(ledger: Ledger, j: int, units: Array, cash_units: float, nav: float) -> None:
    """Decision j was asked on one of the last days, and the data ended before it could be booked."""
    for i in range(len(units)):
        ledger.trades[j, i] = 0.0
        for c in range(ledger.charges.shape[1]):
            ledger.charges[j, c, i] = 0.0
    _write(ledger, j, -1, units, cash_units, nav)


# -- any other policy, day by day ------------------------------------------------------------------------------------


def _play_daily(game: _Game, cash_units: float, ledger: Ledger) -> tuple[tuple[str, ...], dict[int, Why]]:
    """Play a policy that has no corridor; gives the trigger of each decision to trade, and the reasons to hold."""
    market, first, lag = game.market, game.first, game.lag
    n, units = len(market.assets), ledger.units[0].copy()
    work = (*_rates_and_room(game.costs, n), ledger.trades, ledger.charges)
    triggers: list[str] = []
    holds: dict[int, Why] = {}
    box: _Box | None = None
    due, last_booked, unfinished = -1, first, False
    for t in range(first + 1, len(market.dates)):
        price = market.cash_index[t]
        nav = wealth(units, market.index, t, cash_units, price)
        if not nav > 0.0:
            raise _refused(game, t)
        for turn in ("book", "look") if lag > 0 else ("look", "book"):
            if turn == "book" and t == due and box is not None:
                state, before, j = (
                    (units, market.index, t, cash_units, price, nav, market.tradable),
                    nav,
                    len(triggers) - 1,
                )
                status, nav, cash_units = book(*state, *box, *work, j)
                if status == REFUSED:
                    raise _refused(game, t)
                _write(ledger, j, t, units, cash_units, before)
                last_booked = t if status == BOOKED else last_booked
            elif turn == "look" and due <= t:
                ledger.nav[t - first] = nav
                view = _view(game, t, units, ledger.nav[: t - first + 1], t - last_booked, unfinished)
                answer = game.policy.decide(view)
                unfinished = isinstance(answer, Trade) and answer.part < 1.0
                if isinstance(answer, Hold):
                    holds[t] = answer.why
                    continue
                if not isinstance(answer, Trade):
                    raise PolicyError(
                        f"policy {game.name!r} answered {answer!r} on {market.dates[t]:%Y-%m-%d}: a policy answers "
                        "Hold or Trade."
                    )
                check_trade(answer, n, game.name, market.dates[t], market.assets, game.leverage_limit)
                box, due = _box(answer, view.target), t + lag
                _write_asked(ledger, len(triggers), t, answer.why)
                triggers.append(answer.why.trigger)
        ledger.nav[t - first] = nav
    if due >= len(market.dates):
        _write_unbooked(ledger, len(triggers) - 1, units, cash_units, ledger.nav[-1])
    return tuple(triggers), holds


def _view(game: _Game, t: int, units: Array, history: Array, since: int, unfinished: bool) -> View:
    """What the policy sees at the close of row t; its arrays are its own, or read-only."""
    weights, history, target = np.empty(len(units)), history.view(), game.targets.rows[game.targets.row[t]]
    nav = float(history[-1])
    cash_weight = weigh(units, game.market.index, t, nav, weights)
    history.flags.writeable = False
    return View(game.market.past(t), target, weights, cash_weight, nav, history, since, game.costs, unfinished)


_Box = tuple[Array, Array, Array, int, float, float, float]


def _box(trade: Trade, target: Array) -> _Box:
    """A box as `book` takes it: (lower, upper, target, row, cash_lower, cash_upper, part)."""
    lower, upper, target = (frozen(np.array(row, dtype=float)[None]) for row in (trade.lower, trade.upper, target))
    return lower, upper, target, 0, float(trade.cash_lower), float(trade.cash_upper), float(trade.part)


def _write_asked(ledger: Ledger, j: int, t: int, why: Why) -> None:
    ledger.asked[j], ledger.size[j], ledger.allowed[j] = t, why.size, why.allowed
    ledger.line[j] = NO_LINE if why.line is None else why.line
