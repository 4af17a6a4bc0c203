"""Worlds to learn in: resampled training days, many at once, in which money moves by the accounting's own functions."""

from typing import NamedTuple

import numpy as np

from research.accounting.costs import COLUMNS
from research.accounting.kernel import BOOKED, REFUSED, book, wealth, weigh
from research.accounting.tariff import Lots, Scratch, Tariff
from research.compiled import compiled
from research.errors import PolicyError
from research.learning.state import LOOKBACK, SHARED, Floats, Rows, Scales, boxes, observe, strategic_return
from research.learning.training_days import History, TrainingDays
from research.market.market import Array, Mask
from research.risk.resampling import resampled
from research.rules.bands import ask


class State(NamedTuple):
    """W worlds at the close of a day. Where a kernel asks for the row of a market or a box, a world gives its number.

    kind : (W,) row of `Scales`.  target : (W, n) of that row.  drawn : (W, D) the training day that each day repeats.
    strategic : (W, D) return of the strategic portfolio.  today : (W,) column of both.
    units, prices, tradable : (W, n) and cash_units, cash_price, nav : (W,), as the accounting holds them.
    age : (W,) sessions since the last trade.
    """

    kind: Rows
    target: Array
    drawn: Rows
    strategic: Array
    today: Rows
    units: Array
    prices: Array
    tradable: Mask
    cash_units: Array
    cash_price: Array
    nav: Array
    age: Rows

    @classmethod
    def empty(cls, kind: Rows, target: Array, days: int) -> "State":
        """Room for worlds of these kinds, with `days` days each."""
        count, n = target.shape
        return cls(
            kind=kind,
            target=target,
            drawn=np.empty((count, days), np.int64),
            strategic=np.empty((count, days)),
            today=np.empty(count, np.int64),
            units=np.empty((count, n)),
            prices=np.empty((count, n)),
            tradable=np.empty((count, n), np.bool_),
            cash_units=np.empty(count),
            cash_price=np.empty(count),
            nav=np.empty(count),
            age=np.empty(count, np.int64),
        )


class Worlds:
    """W worlds in step: opened in their targets, then played one decision at a time."""

    def __init__(self, days: TrainingDays, kinds: Rows, decisions: int, seed: int | list[int]) -> None:
        """Open a world for each of `kinds` (W,), rows of `days.scales`; each has room for so many decisions.

        seed : of the days that are drawn.
        """
        self.days = days
        self.everyone = np.arange(len(kinds))
        target = np.ascontiguousarray(days.scales.target[kinds])
        self.state = State.empty(kinds, target, LOOKBACK + decisions * days.sessions)
        self._rng = np.random.default_rng(seed)
        self.reopen(self.everyone)

    def __len__(self) -> int:
        return len(self.everyone)

    @property
    def nav(self) -> Array:
        """(W,) wealth at the last close, 1 when a world was opened."""
        return self.state.nav.copy()

    def reopen(self, which: Rows) -> None:
        """Draw other days for the worlds `which`, and open them anew."""
        shape = (len(which), self.state.drawn.shape[1])
        first, stop = self.days.first_row[self.state.kind[which]], self.days.stop_row[self.state.kind[which]]
        self.open_on(which, resampled(self._rng, first, stop, shape, self.days.block))

    def open_on(self, which: Rows, drawn: Rows) -> None:
        """Open the worlds `which` on these training days (·, D), in their targets at the close of day LOOKBACK."""
        _open(self.state, which, drawn, self.days.history)

    def features(self, which: Rows) -> Array:
        """(·, k) what is seen of the worlds `which` at this close, see `observe`."""
        out = np.empty((len(which), len(SHARED) + self.state.units.shape[1]))
        _look(self.state, which, self.days.scales, out)
        return out

    def act(self, actions: Floats) -> Array:
        """(W,) daily terms of J up to the next decision, summed, fraction of NAV, in the boxes of actions (W, n)."""
        lower, upper, cash = np.empty(actions.shape), np.empty(actions.shape), np.empty((len(actions), 4))
        boxes(actions, self.state.kind, self.days.scales, lower, upper, cash)
        return self.play(lower, upper, cash)

    def hold(self) -> Array:
        """(W,) daily terms of J up to the next decision, summed, fraction of NAV, when nothing is traded."""
        endless = np.full(self.state.units.shape, np.inf)
        return self.play(-endless, endless, np.tile([-np.inf, np.inf, 0.0, 0.0], (len(self), 1)))

    def play(self, lower: Array, upper: Array, cash: Array) -> Array:
        """(W,) daily terms of J up to the next decision, summed, fraction of NAV, in boxes as `boxes` writes them."""
        days, terms = self.days, np.empty(len(self))
        n = lower.shape[1]
        lots, trades, charges = Lots.empty(n, 0), np.empty((1, n)), np.empty((1, len(COLUMNS), n))
        room = (trades, charges, np.empty((0, n)))
        pace = (days.g / 2.0, days.sessions, days.lag)
        refused = _play(
            self.state, days.history, lower, upper, cash, days.tariff, lots, Scratch.of(n), *room, *pace, terms
        )
        if refused >= 0:
            raise no_root(refused)
        return terms


def no_root(world: int) -> PolicyError:
    """Why a world cannot go on, in words."""
    return PolicyError(
        f"world {world} cannot go on: the costs of its trade would take more than the lines that trade are worth. "
        "Lower the costs."
    )


@compiled
def _open(state: State, which: Rows, drawn: Rows, history: History) -> None:
    """Give the worlds `which` the training days drawn (·, D), and invest a wealth of one in their targets."""
    for j in range(len(which)):
        w = which[j]
        state.drawn[w] = drawn[j]
        for d in range(drawn.shape[1]):
            state.strategic[w, d] = strategic_return(state.target, w, history.returns, history.cash, drawn[j, d])
        cash = 1.0
        for i in range(state.units.shape[1]):
            state.prices[w, i] = 1.0
            state.units[w, i] = state.target[w, i]
            state.tradable[w, i] = history.tradable[drawn[j, LOOKBACK - 1], i]
            cash -= state.target[w, i]
        state.cash_units[w], state.cash_price[w] = cash, 1.0
        state.nav[w] = wealth(state.units[w], state.prices, w, cash, 1.0)
        state.today[w], state.age[w] = LOOKBACK - 1, 0


@compiled
def _look(state: State, which: Rows, scales: Scales, out: Array) -> None:
    """Write what is seen of the worlds `which`, one a row of `out`."""
    weights = np.empty(state.units.shape[1])
    for j in range(len(which)):
        w = which[j]
        weigh(state.units[w], state.prices, w, state.nav[w], weights)
        until = state.today[w] + 1
        recent = state.strategic[w, until - LOOKBACK : until]
        observe(weights, recent, state.age[w], scales, state.kind[w], out[j])


@compiled
def _play(
    state: State,
    history: History,
    lower: Array,
    upper: Array,
    cash: Array,
    tariff: Tariff,
    lots: Lots,
    scratch: Scratch,
    trades: Array,
    charges: Array,
    most: Array,
    half_g: float,
    sessions: int,
    lag: int,
    terms: Array,
) -> int:
    """Ask every world's box at this close, go on for `sessions` days, and book on day `lag` of them what was asked.

    A lag of 0 books at the close that was seen, as closed forms do.

    Writes terms (W,): cost + g/2 x active^2, summed over the days. Gives the number of a world whose trade was refused,
    or -1.
    """
    for w in range(len(terms)):
        held = weigh(state.units[w], state.prices, w, state.nav[w], scratch.weights)
        due = lag if ask(scratch.weights, held, state.tradable, w, lower, upper, cash, w) else -1
        terms[w], nav = 0.0, state.nav[w]
        for day in range(sessions + 1):
            if day > 0:
                nav = _earn(state, w, history)
                active = nav / state.nav[w] - 1.0 - state.strategic[w, state.today[w]]
                terms[w] += half_g * active * active
                state.nav[w] = nav
            if day == due:
                status, state.nav[w], state.cash_units[w], paid, _ = book(
                    state.units[w], state.prices, w, state.cash_units[w], state.cash_price[w], nav, state.tradable,
                    lower, upper, state.target, w, cash[w, 2], cash[w, 3], 1.0, tariff, 0, lots, most, 1.0, scratch,
                    trades, charges, 0,
                )  # fmt: skip
                if status == REFUSED:
                    return w
                if status == BOOKED:
                    state.age[w] = 0
                    terms[w] += paid / nav
    return -1


@compiled
def _earn(state: State, w: int, history: History) -> float:
    """Let a day pass in world w; gives the wealth at its close."""
    state.today[w] += 1
    state.age[w] += 1
    t = state.drawn[w, state.today[w]]
    for i in range(state.units.shape[1]):
        state.prices[w, i] *= 1.0 + history.returns[t, i]
        state.tradable[w, i] = history.tradable[t, i]
    state.cash_price[w] *= 1.0 + history.cash[t]
    return wealth(state.units[w], state.prices, w, state.cash_units[w], state.cash_price[w])
